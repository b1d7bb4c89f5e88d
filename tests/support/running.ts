/** Waits until a target's own list of sessions shows that a statement runs there: what ends it must not come before. */
interface Server {
  query(sql: string): Promise<unknown>;
}

async function listed(server: Server, sql: string, text: string): Promise<void> {
  for (let tries = 0; tries < 2400; tries++) {
    if ((await server.query(sql) as unknown[]).length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`it does not run at the target: ${text}`);
}

export const runsAtPostgresql = (server: Server, text: string): Promise<void> =>
  listed(server, `SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query = '${text}'`, text);

/** MySQL and MariaDB. */
export const runsAtMysql = (server: Server, text: string): Promise<void> =>
  listed(server, `SELECT 1 FROM information_schema.processlist WHERE info = '${text}'`, text);
