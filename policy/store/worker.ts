/** The Worker that owns the store's database: takes calls one at a time, answers each. */
/// <reference lib="deno.worker" />
import { getPriority, setPriority } from "node:os";
import { PosternError } from "../errors.ts";
import type { AnswerMessage, CallHandlers, CallMessage, CallName, Failure, NewsMessage } from "./calls.ts";
import { advanceCursor, claimCursor, releaseCursor } from "./cursors.ts";
import type { Database } from "./database.ts";
import { Engine } from "./engine.ts";
import { readGrant, readGrants } from "./grants.ts";
import {
  leftOut,
  readApproval,
  readApprovals,
  unusedApprovals,
  usableApproval,
  useApproval,
} from "./approvals.ts";
import {
  agree,
  answerQuestion,
  beat,
  bury,
  follow,
  leave,
  openElsewhere,
  otherNodes,
  putQuestion,
  readAnswer,
  takeQuestions,
} from "./nodes.ts";
import { readBounds, readEvents, readRange, readSession, readSessions } from "./queries.ts";
import { countDay } from "./overview.ts";
import { reclaim } from "./parts.ts";
import { findRemovable, wipe } from "./removal.ts";
import { searchStatements } from "./search.ts";
import { indexNext } from "./search_index.ts";

declare const self: DedicatedWorkerGlobalScope;

/**
 * Once the store is open the statements of clients go first: they do not wait for this thread, and a scheduler that
 * treats it as their equal lets them wait for it, some milliseconds at each turn. (On Linux a priority is the
 * thread's own.) Not lower, since people at the dashboard do wait for it.
 */
const NICENESS = 5;

let db: Database | undefined;
let engine: Engine | undefined;

function opened(): Engine {
  if (engine === undefined) throw new Error("the store is not open");
  return engine;
}

const handlers: CallHandlers = {
  async open(options) {
    // Loaded on demand: a store by URL needs no WASM, and a folder no driver.
    db = options.url === null
      ? await (await import("./embedded_database.ts")).openEmbedded(options.folder)
      : await (await import("./url_database.ts")).openUrl(options.url, options.leaseMs);
    engine = await Engine.open(db, options);
    await db.listen((news) => self.postMessage({ news } satisfies NewsMessage));
    if (Deno.build.os === "linux" && getPriority(0) < NICENESS) setPriority(0, NICENESS);
    return await engine.freshSegment();
  },
  drain: ({ to, hashes }) => opened().drain(to, hashes),
  unfinished: (node) => opened().unfinished(node ?? undefined),
  follow: (from) => follow(opened().db, from),
  beat: (lease) => beat(opened().db.apart, lease),
  agree: (mine) => agree(opened().db, mine),
  bury: (lost) => bury(opened().db, lost),
  leave: (node) => leave(opened().db, node),
  otherNodes: (node) => otherNodes(opened().db, node),
  putQuestion: (question) => putQuestion(opened().db, question),
  takeQuestions: (node) => takeQuestions(opened().db, node),
  answerQuestion: (answer) => answerQuestion(opened().db, answer),
  readAnswer: (asked) => readAnswer(opened().db, asked),
  openElsewhere: (node) => openElsewhere(opened().db, node),
  sign: (at) => opened().sign(at),
  signStatement: (statement) => Promise.resolve(opened().signStatement(statement)),
  heads: ({ after, to }) => opened().heads(after, to),
  publicKeys: () => opened().publicKeys(),
  events: ({ filter, after, limit }) => readEvents(opened().db, filter, after, limit),
  range: ({ filter, after, to }) => readRange(opened().db, filter, after, to),
  bounds: (filter) => readBounds(opened().db, filter),
  sessions: (filter) => readSessions(opened().db, filter),
  session: (id) => readSession(opened().db, id),
  approval: (id) => readApproval(opened().db, id),
  approvals: (filter) => readApprovals(opened().db, filter),
  claimCursor: (claim) => claimCursor(opened().db, claim),
  advanceCursor: (step) => advanceCursor(opened().db, step),
  releaseCursor: (held) => releaseCursor(opened().db, held),
  overview: (asked) => countDay(opened().db, asked),
  removable: ({ removal, after }) => findRemovable(opened().db, removal, after),
  wipe: (ranges) => wipe(opened().db, ranges),
  reclaim: (wiped) => reclaim(opened().db, wiped),
  search: (wanted) => searchStatements(opened().db, wanted),
  index: (limit) => indexNext(opened().db, limit),
  grant: (id) => readGrant(opened().db, id),
  grants: (filter) => readGrants(opened().db, filter),
  usableApproval: (wanted) => usableApproval(opened().db, wanted),
  leftOut: (wanted) => leftOut(opened().db, wanted),
  unusedApprovals: (wanted) => unusedApprovals(opened().db, wanted),
  useApproval: (use) => useApproval(opened().db, use),
  copy: (into) => opened().db.copy(into),
  async upkeep() {
    await opened().upkeep();
    return null;
  },
  async close(end) {
    await engine?.close(end);
    return null;
  },
};

/** What failed, and whether the database survived it: a full disk may end PGlite for good. */
async function failureOf(name: CallName, error: unknown): Promise<Failure> {
  const fatal = name === "open" || (db !== undefined && !await db.alive());
  const { message, code, hint } = error as { message?: unknown; code?: unknown; hint?: unknown };
  return {
    message: String(message ?? error),
    code: typeof code === "string" ? code : null,
    hint: typeof hint === "string" ? hint : null,
    safe: error instanceof PosternError,
    fatal,
  };
}

async function answer({ id, name, argument }: CallMessage): Promise<void> {
  let message: AnswerMessage;
  try {
    message = { id, ok: true, answer: await (handlers[name] as (argument: unknown) => unknown)(argument) };
  } catch (error) {
    message = { id, ok: false, failure: await failureOf(name, error) };
  }
  self.postMessage(message);
  if (name === "close" || (!message.ok && message.failure.fatal)) self.close();
}

let last: Promise<void> = Promise.resolve();
self.onmessage = (event: MessageEvent<CallMessage>) => {
  // The others take a node for lost that is late with it, whatever it waited for.
  if (event.data.name === "beat" && db?.exclusive === false) return void answer(event.data);
  last = last.then(() => answer(event.data));
};
