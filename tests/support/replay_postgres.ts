/** The relay between two ends in memory: recorded conversations are replayed into it, or what became of them. */
import { Duplex } from "node:stream";
import { setImmediate } from "node:timers";
import { Relay } from "../../proxy/postgres/relay.ts";
import type { ConnectionDeps, Stream } from "../../proxy/protocol.ts";
import recorded from "../vectors/postgres/conversations.json" with { type: "json" };
import type { Conversation } from "./record_postgres.ts";
import { bytesOf } from "./raw_postgres.ts";
import { person, type Script, ScriptedGatekeeper } from "./scripted_gatekeeper.ts";

export const conversations = recorded.conversations as Conversation[];

/** One end of a connection: what the relay writes to it is kept, what the test says is what the relay reads. */
export class MemoryEnd extends Duplex {
  readonly heard: Uint8Array[] = [];

  constructor() {
    super({ allowHalfOpen: true });
    // The other side of a real socket closes too, once it was told.
    this.on("finish", () => this.push(null));
  }

  say(bytes: Uint8Array): void {
    if (!this.destroyed && !this.readableEnded) this.push(bytes);
  }

  hangUp(): void {
    if (!this.destroyed) this.push(null);
  }

  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.heard.push(new Uint8Array(chunk));
    done();
  }

  get bytes(): Uint8Array {
    return bytesOf(...this.heard);
  }
}

export interface Replay {
  readonly client: MemoryEnd;
  readonly target: MemoryEnd;
  readonly gatekeeper: ScriptedGatekeeper;
  /** Logged at `error`: failures of Postern's own. */
  readonly failures: string[];
  readonly done: Promise<string>;
}

export async function startReplay(script: Omit<Script, "target"> = {}): Promise<Replay> {
  const target = {
    name: "demo",
    protocol: "postgresql",
    host: "127.0.0.1",
    // Nobody listens there: a cancel goes nowhere.
    port: 1,
    database: "app",
    environment: "test",
    groups: [],
    tls: { mode: "disable" as const },
    account: { user: "app" },
  };
  const gatekeeper = new ScriptedGatekeeper({ target, ...script });
  const client = { address: "", port: 0, application: "", user: "me", tls: null };
  const attempt = { protocol: "postgresql", database: "demo", client };
  const session = await gatekeeper.admit(attempt, person());
  const failures: string[] = [];
  const ends = { client: new MemoryEnd(), target: new MemoryEnd() };
  const deps: ConnectionDeps = {
    gatekeeper,
    limits: {
      startupFrameBytesMax: 10_000,
      startupTimeoutMs: 1000,
      statementBytesMax: 100_000,
      preparedStatementsMax: 100,
      maskedRowBytesMax: 100_000,
      resultRowsMax: 10_000_000,
      resultBytesMax: 10 * 1024 ** 3,
      idleTimeoutMs: 60_000,
      unreadTimeoutMs: 600_000,
      targetConnectTimeoutMs: 200,
      holdNoticeMs: 60_000,
    },
    tls: null,
    tlsRequired: false,
    maskKey: new Uint8Array(32),
    stopping: new AbortController().signal,
    log: (level, message, fields) => {
      if (level === "error") failures.push(`${message} ${JSON.stringify(fields)}`);
    },
  };
  const relay = new Relay({
    client: ends.client as unknown as Stream,
    target: ends.target as unknown as Stream,
    key: { pid: 1, secret: new Uint8Array(4) },
    session,
    state: { search_path: "public" },
    stateReported: true,
    early: { client: new Uint8Array(0), target: new Uint8Array(0) },
    deps,
  });
  return { ...ends, gatekeeper, failures, done: relay.run() };
}

/** Lets everything run that is ready to. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Whole messages of a client's, as far as they are whole: type and body. */
export function messagesOf(bytes: Uint8Array): { type: string; body: Uint8Array }[] {
  const messages: { type: string; body: Uint8Array }[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 5 <= bytes.length;) {
    const end = at + 1 + view.getInt32(at + 1);
    if (end < at + 5 || end > bytes.length) break;
    messages.push({ type: String.fromCharCode(bytes[at]!), body: bytes.subarray(at + 5, end) });
    at = end;
  }
  return messages;
}
