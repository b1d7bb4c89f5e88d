/**
 * The store itself: one database, the chain's head, signed heads. It runs in the Worker, one call at a time,
 * and knows no clock: whoever calls says what time it is.
 */
import { emptyChain, type Head, next } from "../audit/chain.ts";
import { headSchema, keyRing, signatureFault, type SignedHead, type Signer, signer } from "../audit/heads.ts";
import { PosternError } from "../errors.ts";
import type { EventDraft } from "../types.ts";
import { channels, type Database, type Statement } from "./database.ts";
import { chainLock, migrate } from "./migrations.ts";
import { unfinishedOf } from "./nodes.ts";
import { type Encoded, seal, type Sealed, statementsFor } from "./projection.ts";
import { readEvents } from "./queries.ts";
import { beginPart, partOf } from "./parts.ts";
import { HEAD, headAndPosition, headOf, positionOf } from "./head_queries.ts";
import { isBefore, type Position } from "./spool_format.ts";
import { SpoolReader } from "./spool_reader.ts";

/** After so much content the database tidies up, which takes some tenths of a second. */
const UPKEEP_CHARS = 32 * 1024 * 1024;

export interface EngineOptions {
  /** The folder of this node's spool. */
  readonly spool: string;
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

/** What was taken over of the spool: from where to where, and the batch's place; `hashes` where asked for. */
export interface Drained extends Appended {
  readonly from: Position;
  readonly next: Position;
  readonly count: number;
  /** Bytes that a crash had cut off. */
  readonly torn: number;
}

/** The position is another than the one that was read from. */
class Moved extends Error {}

/** Held to the transaction's end, so that nodes on one database append one after the other. */
const LOCK: Statement = { text: `SELECT pg_advisory_xact_lock(${chainLock})`, values: [] };

/** Other nodes read what is new. The payload says nothing: it has a limit, and what is read is never too old. */
const TELL: Statement = { text: "SELECT pg_notify($1::text, '')", values: [channels.record] };

export class Engine {
  readonly #signer: Signer;
  readonly #spool: SpoolReader;
  /** Up to where the spool is in the database; null where that must be asked. */
  #position: Position | null = null;
  /** What the database was last known to say of it: `#position` may be further, past an end without events. */
  #stored: Position = positionOf();
  /** The newest part of the record that is known here; there may be a newer one that another node began. */
  #part = "";
  /** Known as long as nobody else can write and nothing failed since. */
  #head: Head | null = null;
  #charsSinceUpkeep = 0;

  private constructor(readonly db: Database, readonly options: EngineOptions) {
    this.#signer = signer(options.key);
    this.#spool = new SpoolReader(options.spool);
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

  /** The segment that this process writes first: none that ever was. */
  async freshSegment(): Promise<number> {
    const { segment } = await this.#known();
    return Math.max(segment, ...this.#spool.segments()) + 1;
  }

  /**
   * Takes over the next records of the spool, up to `to`: one transaction with the position behind them, so that
   * a crash repeats none and leaves none out. Rejects with what the database said, and then none of them is there,
   * unless the connection was lost during the commit.
   */
  async drain(to: Position, hashes: boolean): Promise<Drained> {
    const from = await this.#known();
    const { events, next, torn } = this.#spool.read(from, to);
    if (events.length === 0) {
      this.#position = next;
      return { from, next, count: 0, torn, first: 0, previous: "", hashes: [] };
    }
    this.#position = null;
    const sealed = await this.#append(events, next).catch((error) => {
      if (error instanceof Moved) return null;
      throw error;
    });
    if (sealed === null) return await this.drain(to, hashes);
    const { first, links } = sealed;
    this.#position = this.#stored = next;
    // A database by URL has it for good; the embedded one from its next checkpoint on.
    if (!this.db.exclusive) this.#spool.removeBefore(next);
    return {
      from,
      next,
      count: events.length,
      torn,
      first,
      previous: links[0]!.previous,
      hashes: hashes ? links.map((link) => link.hash) : [],
    };
  }

  async #append(events: readonly Encoded[], to: Position): Promise<Sealed> {
    const { db } = this;
    const part = partOf(events[0]!.at);
    if (this.#part < part) this.#part = await beginPart(db, part);
    let sealed: Sealed | undefined;
    const build = (head: Head) => {
      sealed = seal(head, events);
      return [...statementsFor(sealed, this.options.node), this.#moveTo(to)];
    };
    const known = this.#head;
    this.#head = null;
    if (db.exclusive) {
      const head = known ?? headOf((await db.query(HEAD))[0]);
      await db.transaction([], () => build(head));
    } else {
      await db.transaction([LOCK, headAndPosition(this.options.node)], ([row]) => {
        const at = positionOf(row?.[2], row?.[3]);
        if (isBefore(this.#stored, at) || isBefore(at, this.#stored)) throw new Moved();
        return [...build(headOf(row)), TELL];
      });
    }
    if (db.exclusive) this.#head = sealed!.head;
    for (const { content } of events) this.#charsSinceUpkeep += content.length;
    return sealed!;
  }

  async #known(): Promise<Position> {
    if (this.#position !== null) return this.#position;
    const [row] = await this.db.query({
      text: "SELECT segment::text, at::text FROM spool_positions WHERE node = $1::text",
      values: [this.options.node],
    });
    return this.#position = this.#stored = positionOf(row?.[0], row?.[1]);
  }

  #moveTo({ segment, offset }: Position): Statement {
    return {
      text: `INSERT INTO spool_positions (node, segment, at) VALUES ($1::text, $2::int8, $3::int8)
             ON CONFLICT (node) DO UPDATE SET segment = excluded.segment, at = excluded.at`,
      values: [this.options.node, String(segment), String(offset)],
    };
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
    // What is signed leaves the house: a crash must not let another record grow in its place.
    await this.db.settle();
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
    await this.#checkpoint();
  }

  async #checkpoint(): Promise<void> {
    const position = await this.#known();
    await this.db.upkeep();
    this.#spool.removeBefore(position);
  }

  /** What ends what a node that is gone left open; this one's own from before it was started, unless told. */
  unfinished(node = this.options.node): Promise<EventDraft[]> {
    return unfinishedOf(this.db, node, this.options.node);
  }

  /** `end`: where the spool ends, which nobody writes any more. */
  async close(end: Position): Promise<void> {
    const position = await this.#known();
    if (this.db.exclusive) await this.db.upkeep();
    this.#spool.removeBefore(
      isBefore(position, end) ? position : { segment: position.segment + 1, offset: 0 },
    );
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
