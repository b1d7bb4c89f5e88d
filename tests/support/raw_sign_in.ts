/** A raw client of PostgreSQL, signed in by the link that it is told. */
import type { DashboardUser } from "./gateway.ts";
import { fieldsOf, RawPostgres, startup } from "./raw_postgres.ts";

export async function signedIn(port: number, target: string, user: DashboardUser): Promise<RawPostgres> {
  const client = await RawPostgres.open(port);
  await client.send(startup({ user: "me", database: target }));
  for (;;) {
    const message = await client.next();
    if (message === null || message.type === "E") throw new Error(`not signed in to ${target}`);
    if (message.type === "Z") return client;
    if (message.type === "K") {
      client.pid = new DataView(message.body.buffer, message.body.byteOffset).getInt32(0);
      client.secret = message.body.slice(4);
    }
    const link = message.type === "N"
      ? /https?:\/\/\S+\/connect\/\S+/.exec(fieldsOf(message)["D"] ?? "")
      : null;
    if (link !== null) await user.confirm(link[0]);
  }
}
