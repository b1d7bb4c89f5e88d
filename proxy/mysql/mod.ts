/** The protocol of MySQL and MariaDB. */
import type { Socket } from "node:net";
import type { PosternError } from "../../policy/errors.ts";
import type { Target } from "../../policy/types.ts";
import type { Protocol } from "../protocol.ts";
import { accounts } from "./accounts.ts";
import { connectLines } from "./connect_lines.ts";
import { forward } from "./forward.ts";
import { runConsole } from "./console.ts";
import { launches } from "./launch.ts";
import { Connection, quit, type Shared } from "./connection.ts";
import { ErrorCode } from "./constants.ts";
import { toClient } from "./errors.ts";
import type { Greeting } from "./greeting.ts";
import { type LinkSignInOptions, LinkSignIns } from "./link_sign_ins.ts";
import { LiveConnections } from "./live.ts";
import { encodePacket } from "./packets.ts";
import { PasswordKey } from "./proofs.ts";
import { simpleQuery, type TextRows } from "./simple_query.ts";
import { connectTarget, ownOptions } from "./target_link.ts";
import { Versions } from "./versions.ts";

/** For Postern's own queries, from dialling to the last row. */
const queryTimeoutMs = 30_000;

export interface MysqlOptions {
  readonly links?: LinkSignInOptions;
  /** Met at once. */
  readonly targets?: readonly Target[];
}

export function createMysql(options: MysqlOptions = {}): Protocol {
  const shared: Shared = {
    live: new LiveConnections(),
    links: new LinkSignIns(options.links),
    versions: new Versions(),
    passwordKey: new PasswordKey(),
  };
  shared.versions.meet(options.targets ?? [], greetingOf);
  return {
    id: "mysql",
    defaultPort: 3306,
    compresses: true,
    serve: (client, deps) => new Connection(client, deps, shared).serve(),
    refuse,
    query: (target, database, sql, before) => query(target, database, sql, shared.versions, before),
    console: runConsole,
    accounts,
    connectLines,
    launches,
    forward,
    meet: (targets) => shared.versions.meet(targets, greetingOf),
  };
}

export const mysql: Protocol = createMysql();

/** In place of a greeting: clients read it as the reason why there is none. */
function refuse(client: Socket, error: PosternError): void {
  client.on("error", () => {});
  client.end(encodePacket(0, toClient(error, ErrorCode.connectionLimit)));
  const timer = setTimeout(() => client.destroy(), 2_000);
  client.once("close", () => clearTimeout(timer));
  client.resume();
}

/** By a whole sign-in: a target counts those that are broken off, and closes itself to who makes too many. */
async function greetingOf(target: Target): Promise<Greeting> {
  const { channel, greeting } = await connectTarget(
    target,
    "",
    ownOptions(queryTimeoutMs, "postern-greeting"),
  );
  channel.close(quit);
  return greeting;
}

async function query(
  target: Target,
  database: string,
  sql: string,
  versions: Versions,
  before: readonly string[] = [],
): Promise<TextRows> {
  const link = await connectTarget(target, database, ownOptions(10_000, "postern-catalog"));
  const timer = setTimeout(() => link.channel.close(), queryTimeoutMs);
  try {
    versions.learn("", target.name, link.greeting);
    for (const one of before) await simpleQuery(link.channel, link.capabilities, one);
    return await simpleQuery(link.channel, link.capabilities, sql);
  } finally {
    clearTimeout(timer);
    link.channel.close();
  }
}
