/** One client from its first byte to its last: negotiate, sign in, admit, connect the target, relay. */
import type { Socket } from "node:net";
import { asPosternError, PosternError } from "../../policy/errors.ts";
import { limitReached } from "../../policy/limits.ts";
import type { ConnectionAttempt, Session } from "../../policy/ports.ts";
import type { Identity, SqlState } from "../../policy/types.ts";
import type { ConnectionDeps, Stream } from "../protocol.ts";
import type { HandshakeReader } from "../wire/handshake_reader.ts";
import { grantedAt } from "./access_wait.ts";
import { CancelKeys } from "./cancel.ts";
import { backendKeyData, negotiateProtocolVersion, parameterStatus, readyForQuery } from "./encode.ts";
import { sqlState, toClient } from "./errors.ts";
import { idle } from "./frames.ts";
import { type Negotiated, Negotiation } from "./negotiate.ts";
import { runOn } from "./query.ts";
import { Relay } from "./relay.ts";
import { signIn } from "./sign_in.ts";
import { checkStartup, searchPath, type Startup } from "./startup.ts";
import { connectTarget, type TargetLink } from "./target.ts";

/** A CancelRequest comes over a connection of its own, so keys are known to all of them. */
const cancelKeys = new CancelKeys();

/** Largest message of a target's during its start-up. */
const targetStartupBytesMax = 65_536;
/** PostgreSQL cuts application_name there (NAMEDATALEN - 1). */
const applicationNameBytesMax = 63;
const farewellMs = 1_000;
/** Protocol 3.2, towards clients: it differs from 3.0 by longer cancel keys. Targets are spoken to in 3.0. */
const newestMinor = 2;

/** There is no 3.1. */
const agreedMinor = ({ minor }: Startup): number => minor >= newestMinor ? newestMinor : 0;

export async function serve(client: Socket, deps: ConnectionDeps): Promise<void> {
  const negotiation = new Negotiation(client, deps);
  const timer = setTimeout(
    () =>
      negotiation.fail(
        limitReached(
          "listen.limits.startup",
          `The client took too long to say what it wants (listen.limits.startup: ${
            deps.limits.startupTimeoutMs / 1000
          } s)`,
          "Connect again",
        ),
      ),
    deps.limits.startupTimeoutMs,
  );
  const onStop = (): void => negotiation.fail(asPosternError(deps.stopping.reason));
  deps.stopping.addEventListener("abort", onStop, { once: true });
  try {
    const negotiated = await negotiation.run();
    clearTimeout(timer);
    await served(negotiated, negotiation, deps);
  } catch (thrown) {
    farewell(negotiation, asPosternError(thrown), client, deps);
  } finally {
    clearTimeout(timer);
    deps.stopping.removeEventListener("abort", onStop);
    closeSoon(negotiation.stream);
  }
}

async function served(negotiated: Negotiated, negotiation: Negotiation, deps: ConnectionDeps): Promise<void> {
  if (negotiated.kind === "gone") return;
  // Neither answered nor logged: whether a key exists is nobody's business.
  if (negotiated.kind === "cancel") return await cancelKeys.cancel(negotiated.pid, negotiated.secret);
  const { reader, tls, client } = negotiation;
  const { startup } = negotiated;
  if (deps.tlsRequired && tls === null) {
    throw new PosternError("AuthFailed", "This listener takes encrypted connections only", {
      rule: "listen.tls.required",
      hint: "Connect with sslmode=require (or verify-full, with Postern's CA)",
    });
  }
  checkStartup(startup);
  if (startup.minor > newestMinor || startup.unknownOptions.length > 0) {
    reader.stream.write(negotiateProtocolVersion(agreedMinor(startup), startup.unknownOptions));
  }
  const attempt: ConnectionAttempt = {
    protocol: "postgresql",
    database: startup.database,
    client: {
      address: client.remoteAddress ?? "",
      port: client.remotePort ?? 0,
      application: startup.settings.get("application_name") ?? "",
      user: startup.user,
      tls,
    },
  };
  const { target } = deps.gatekeeper.resolve(attempt);
  const identity = await signIn(reader, attempt, target.name, deps);
  if (identity === null) return;
  await admitted(reader, attempt, identity, startup, deps);
}

async function admitted(
  reader: HandshakeReader,
  attempt: ConnectionAttempt,
  identity: Identity,
  startup: Startup,
  deps: ConnectionDeps,
): Promise<void> {
  const wait = deps.gatekeeper.access?.(attempt, identity) ?? null;
  if (wait !== null && !await grantedAt(wait, reader, deps)) return;
  const session = await deps.gatekeeper.admit(attempt, identity);
  let link: TargetLink | null = null;
  try {
    link = await connected(reader, session, attempt, startup, deps);
    if (link !== null) await relayed(reader, link, session, agreedMinor(startup), deps);
    session.close("the client disconnected");
  } catch (error) {
    session.close(asPosternError(error).message);
    throw error;
  } finally {
    if (link !== null) closeSoon(link.stream);
  }
}

/** The target's connection for this session; null where the client went meanwhile. */
async function connected(
  reader: HandshakeReader,
  session: Session,
  attempt: ConnectionAttempt,
  startup: Startup,
  deps: ConnectionDeps,
): Promise<TargetLink | null> {
  const gone = new AbortController();
  reader.onEnd(() => gone.abort());
  const parameters = Object.fromEntries(startup.settings);
  checkSearchPath(session, startup);
  parameters.client_encoding = "UTF8";
  parameters.application_name = applicationName(
    attempt.client.application,
    session.identity.name,
    session.id,
  );
  if (session.readOnly) parameters.options = "-c default_transaction_read_only=on";
  try {
    return await connectTarget(session.target, session.database, {
      timeoutMs: deps.limits.targetConnectTimeoutMs,
      frameBytesMax: targetStartupBytesMax,
      parameters,
      signal: AbortSignal.any([gone.signal, session.ended, deps.stopping]),
    });
  } catch (error) {
    if (reader.ended) return null;
    throw error;
  }
}

/**
 * A search_path of the start-up's counts as `set_config()` of it would: names that it could turn elsewhere are
 * refused. Throws PolicyDenied, also where somebody would have to approve: nobody can be asked before the session.
 */
function checkSearchPath(session: Session, { settings }: Startup): void {
  const path = settings.get(searchPath);
  if (path === undefined) return;
  const text = `SELECT set_config('search_path', '${path.replaceAll("'", "''")}', false)`;
  const judgement = session.judge(text, {
    client_encoding: "UTF8",
    search_path: '"$user", public',
    standard_conforming_strings: "on",
  });
  if (judgement.verdict === "allow") return;
  throw new PosternError(
    "PolicyDenied",
    `The start-up setting "search_path" is refused: ${judgement.reason}`,
    {
      rule: judgement.rule,
      hint: judgement.hint ??
        'Leave "search_path" out of the connection\'s options, and name schemas instead',
    },
  );
}

async function relayed(
  reader: HandshakeReader,
  link: TargetLink,
  session: Session,
  minor: number,
  deps: ConnectionDeps,
): Promise<void> {
  const state = await stateOf(link, session);
  const { stream: client } = reader;
  let relay: Relay | null = null;
  const key = cancelKeys.register(link.pid, minor, async () => await relay?.cancel());
  try {
    const told = [...link.parameters].map(([name, value]) => parameterStatus(name, value));
    client.write(Buffer.concat([...told, backendKeyData(link.pid, key.secret), readyForQuery(idle)]));
    relay = new Relay({
      client,
      target: link.stream,
      key: link,
      session,
      state,
      stateReported: link.parameters.has("search_path"),
      early: { client: reader.release(), target: link.reader.release() },
      deps,
    });
    await relay.run();
  } finally {
    key.release();
  }
}

/** What texts mean at the session's start. Targets before PostgreSQL 18 do not report search_path: they are asked. */
async function stateOf(link: TargetLink, session: Session): Promise<SqlState> {
  const { parameters } = link;
  let searchPath = parameters.get("search_path");
  if (searchPath === undefined) {
    searchPath = (await runOn(link, session.target, "SHOW search_path"))[0]?.[0] ?? "";
  }
  return {
    client_encoding: "UTF8",
    search_path: searchPath,
    standard_conforming_strings: parameters.get("standard_conforming_strings") ?? "on",
  };
}

/**
 * `psql devin@example.test 0123456789abcdef`: who is there, by which session of the record, for the target's own
 * log and pg_stat_activity. What is too long loses its beginning's end: the client's name first, then the person's.
 */
export function applicationName(application: string, person: string, session: string): string {
  const whole = cut(person, applicationNameBytesMax - session.length - 1);
  const left = applicationNameBytesMax - session.length - 2 - new TextEncoder().encode(whole).length;
  return [cut(application, left), whole, session].filter((part) => part !== "").join(" ");
}

/** At most so many bytes; a character that would be cut in two is left out. */
function cut(text: string, bytesMax: number): string {
  const bytes = new TextEncoder().encode(text.trim()).subarray(0, Math.max(0, bytesMax));
  return new TextDecoder().decode(bytes).replace(/\ufffd$/, "").trim();
}

/** Tells the client why, as far as it has said anything: port scans and health checks get no answer. */
function farewell(negotiation: Negotiation, error: PosternError, client: Socket, deps: ConnectionDeps): void {
  const { stream } = negotiation;
  const level = error.code === "Internal" ? "error" : "info";
  deps.log(level, "a connection was refused", {
    address: client.remoteAddress ?? "",
    code: error.code,
    problem: error.cause === undefined ? error.message : `${error.message} (${error.cause})`,
  });
  if (stream.destroyed || !negotiation.heard) return;
  stream.write(toClient(error, { fatal: true, ...farewellState(error) }));
}

function farewellState({ code, rule }: PosternError): { sqlState?: string } {
  if (code === "PolicyDenied") return { sqlState: sqlState.invalidAuthorization };
  // What pools know as "come back later".
  return rule === "limits.sessionsPerPerson" ? { sqlState: sqlState.tooManyConnections } : {};
}

/** Ends the stream, and cuts it where the other end does not close too. */
export function closeSoon(stream: Stream): void {
  if (stream.closed) return;
  const timer = setTimeout(() => stream.destroy(), farewellMs);
  stream.once("close", () => clearTimeout(timer));
  stream.resume();
  stream.end();
}
