/** PostgreSQL on the wire. */
import { runConsole } from "./console.ts";
import type { Protocol } from "../protocol.ts";
import { accounts } from "./accounts.ts";
import { connectLines } from "./connect_lines.ts";
import { sqlState, toClient } from "./errors.ts";
import { forward } from "./forward.ts";
import { launches } from "./launch.ts";
import { targetQuery } from "./query.ts";
import { closeSoon, serve } from "./session.ts";

export const postgresql: Protocol = {
  id: "postgresql",
  defaultPort: 5432,
  directTls: true,
  serve,
  refuse(client, error) {
    client.on("error", () => {});
    client.write(toClient(error, { fatal: true, sqlState: sqlState.tooManyConnections }));
    closeSoon(client);
  },
  query: targetQuery,
  console: runConsole,
  accounts,
  connectLines,
  launches,
  forward,
};
