/**
 * The store itself: one database, the chain's head, signed heads. It runs in the Worker, one call at a time,
 * and knows no clock: whoever calls says what time it is.
 */
import { emptyChain, type Head, next } from "../audit/chain.ts";
import { approvalWithdrawn, sessionEnded } from "../audit/events.ts";
import { headSchema, keyRing, signatureFault, type SignedHead, type Signer, signer } from "../audit/heads.ts";
import { PosternError } from "../errors.ts";
import type { EventDraft } from "../types.ts";
import type { Database, Row, Statement } from "./database.ts";
import { chainLock, migrate } from "./migrations.ts";
import { encode, type Encoded, seal, type Sealed, statementsFor } from "./projection.ts";
import { readApproval, readEvents } from "./queries.ts";

/** After so much content the database tidies up, which takes some tenths of a second. */
const UPKEEP_CHARS = 32 * 1024 * 1024;

/** Why sessions that a crash left open have ended. */
export const STOPPED_WITHOUT_NOTICE = "Postern stopped without notice";

export interface EngineOptions {
  /** Who runs the sessions that start here; several nodes may share a database, each with its own. */
  readonly node: string;
  /** The private key that signs heads, PEM. */
  readonly key: string;
}

/** Where a batch went: the first's `previous`, and each one's hash. */
export interface Appended {
  readonly first: number;
  readonly previous: string;
  readonly hashes: readonly string[];
}

const HEAD: Statement = {
  text: "SELECT sequence::text, hash FROM events ORDER BY events.sequence DESC LIMIT 1",
  values: [],
};

/** Held to the transaction's end, so that nodes on one database append one after the other. */
const LOCK: Statement = { text: `SELECT pg_advisory_xact_lock(${chainLock})`, values: [] };

const headOf = (row: Row | undefined): Head =>
  row === undefined ? emptyChain : { sequence: Number(row[0]), hash: row[1]! };

export class Engine {
  readonly #signer: Signer;
  /** Known as long as nobody else can write and nothing failed since. */
  #head: Head | null = null;
  #charsSinceUpkeep = 0;

  private constructor(readonly db: Database, readonly options: EngineOptions) {
    this.#signer = signer(options.key);
  }

  /**
   * Brings the schema up to date and checks the newest part of the chain. Rejects with StoreFailed for a store
   * of a newer Postern, and for one that was changed from outside.
   */
  static async open(db: Database, options: EngineOptions): Promise<Engine> {
    const engine = new Engine(db, options);
    await migrate(db);
    await db.query({
      text: "INSERT INTO public_keys (key, pem) VALUES ($1::text, $2::text) ON CONFLICT DO NOTHING",
      values: [engine.#signer.key, engine.#signer.publicPem],
    });
    await engine.#checkTail();
    return engine;
  }

  /** One transaction for all of them. Rejects with what the database said, and then none of them is there. */
  async append(events: readonly Encoded[]): Promise<Appended> {
    if (events.length === 0) throw new RangeError("an empty batch has no place in the chain");
    const { db } = this;
    let sealed: Sealed | undefined;
    const build = (head: Head) => {
      sealed = seal(head, events);
      return statementsFor(sealed, this.options.node);
    };
    const known = this.#head;
    this.#head = null;
    if (db.exclusive) {
      const head = known ?? headOf((await db.query(HEAD))[0]);
      await db.transaction([], () => build(head));
    } else {
      await db.transaction([LOCK, HEAD], ([row]) => build(headOf(row)));
    }
    const { first, links, head } = sealed!;
    if (db.exclusive) this.#head = head;
    for (const { content } of events) this.#charsSinceUpkeep += content.length;
    return { first, previous: links[0]!.previous, hashes: links.map((link) => link.hash) };
  }

  /** Signs the chain's head and keeps the signature; the one it has where nothing came since. */
  async sign(at: number): Promise<SignedHead> {
    const head = this.#head ?? headOf((await this.db.query(HEAD))[0]);
    const last = await this.#lastSigned();
    if (last?.sequence === head.sequence && last.hash === head.hash && last.key === this.#signer.key) {
      return last;
    }
    const signed = this.#signer.sign(
      {
        kind: "postern-head/1",
        at,
        sequence: head.sequence,
        hash: head.hash,
      } as const,
    );
    await this.db.query({
      text: `INSERT INTO signed_heads (sequence, key, body) VALUES ($1::int8, $2::text, $3::text)
             ON CONFLICT (sequence, key) DO UPDATE SET body = excluded.body`,
      values: [String(signed.sequence), signed.key, JSON.stringify(signed)],
    });
    return signed;
  }

  /** Signs a statement of the exporter's. */
  signStatement(statement: Record<string, string | number>): Record<string, string | number> {
    return this.#signer.sign(statement);
  }

  /** Signed heads in (after, to], in order. */
  async heads(after: number, to: number): Promise<SignedHead[]> {
    const rows = await this.db.query({
      text: `SELECT body FROM signed_heads WHERE sequence > $1::int8 AND sequence <= $2::int8
             ORDER BY sequence, key LIMIT 1000`,
      values: [String(after), String(to)],
    });
    return rows.map(([body]) => headSchema.parse(JSON.parse(body!)));
  }

  /** The public keys of all nodes that ever wrote here, PEM. */
  async publicKeys(): Promise<string> {
    const rows = await this.db.query({ text: "SELECT pem FROM public_keys ORDER BY key", values: [] });
    return rows.map(([pem]) => pem).join("");
  }

  /** What is due after appends; keep it out of the way of callers who wait. */
  async upkeep(): Promise<void> {
    if (this.#charsSinceUpkeep < UPKEEP_CHARS) return;
    this.#charsSinceUpkeep = 0;
    await this.db.upkeep();
  }

  /** Ends what a crash of this node left open: pending requests are withdrawn, sessions ended. Counts both. */
  async recover(at: number): Promise<{ sessions: number; approvals: number }> {
    const { node } = this.options;
    const pending = await this.db.query({
      text: `SELECT approvals.id FROM approvals LEFT JOIN sessions ON sessions.id = approvals.session
             WHERE approvals.state = 'pending' AND coalesce(sessions.node, $1::text) = $1::text`,
      values: [node],
    });
    const drafts: EventDraft[] = [];
    for (const [id] of pending) {
      const request = await readApproval(this.db, id!);
      if (request === null) continue;
      drafts.push(approvalWithdrawn({ ...request, state: "withdrawn", outcome: STOPPED_WITHOUT_NOTICE }));
    }
    const open = await this.db.query({
      text: `SELECT id, person, target FROM sessions WHERE ended_at IS NULL AND node = $1::text
             ORDER BY started_at`,
      values: [node],
    });
    for (const [session, person, target] of open) {
      drafts.push(sessionEnded({ session, person, target }, STOPPED_WITHOUT_NOTICE));
    }
    if (drafts.length > 0) await this.append(drafts.map((draft) => encode(draft, at)));
    return { sessions: open.length, approvals: pending.length };
  }

  async close(): Promise<void> {
    await this.db.close();
  }

  async #lastSigned(): Promise<SignedHead | null> {
    const [row] = await this.db.query({
      text: "SELECT body FROM signed_heads ORDER BY sequence DESC, key LIMIT 1",
      values: [],
    });
    return row === undefined ? null : headSchema.parse(JSON.parse(row[0]!));
  }

  /** From the last signed head to the end, so that a change made while Postern was down is not built upon. */
  async #checkTail(): Promise<void> {
    const signed = await this.#lastSigned();
    if (
      signed?.key === this.#signer.key && signatureFault(signed, keyRing(this.#signer.publicPem)) !== null
    ) {
      throw tampered(`the signature of its head at event ${signed.sequence} is wrong`);
    }
    let head: Head = signed === null || signed.sequence === 0
      ? emptyChain
      : { sequence: signed.sequence - 1, hash: "" };
    for (;;) {
      const page = await readEvents(this.db, {}, head.sequence, Infinity);
      for (const event of page.events) {
        const before = head.hash === "" ? { ...head, hash: event.previous } : head;
        head = next(before, event);
        const fits = event.sequence === head.sequence && event.previous === before.hash &&
          event.hash === head.hash && (event.sequence !== signed?.sequence || event.hash === signed.hash);
        if (!fits) throw tampered(`event ${event.sequence} does not follow from the one before it`);
      }
      if (page.next === null) break;
    }
    if (signed !== null && head.sequence < signed.sequence) {
      throw tampered(`it ends at event ${head.sequence}, but event ${signed.sequence} was signed`);
    }
  }
}

const tampered = (what: string) =>
  new PosternError("StoreFailed", `the record was changed outside Postern: ${what}`, {
    hint: "keep the data folder as it is, for whoever investigates, and start Postern with another one",
  });
