/**
 * Queries that a session keeps by name: what SQL's PREPARE and DECLARE made, and what the client made with Parse and
 * Bind. EXECUTE and FETCH are judged by the query that they mean, and their results masked like that query's.
 */
import { PosternError } from "../../policy/errors.ts";
import { limitReached } from "../../policy/limits.ts";
import type { Session } from "../../policy/ports.ts";
import { shortTextMax } from "../../policy/ahead.ts";
import type { KeptQuery } from "../../policy/answer_masks.ts";
import type { JudgedStatement, Judgement, SqlState, StatementFacts } from "../../policy/types.ts";
import type { Conversation, Outgoing } from "./conversation.ts";
import type { Place, Step } from "./steps.ts";

/** A message's text, which of its statements it was, and the state that it was judged by. */
export interface Kept {
  readonly text: string;
  readonly state: SqlState;
  readonly index: number;
  readonly lasts: boolean;
}

export type KeptQueries = Map<string, Kept>;

export function keyOf(what: KeptQuery["what"], name: string): string {
  return `${what} ${name}`;
}

/** What a statement takes away, once it is complete. */
export function forgetKept({ verb, refers }: StatementFacts, kept: KeptQueries): void {
  const forget = (what: KeptQuery["what"], names: readonly string[]): void => {
    if (names.length > 0) { for (const name of names) kept.delete(keyOf(what, name)); }
    else for (const key of kept.keys()) if (key.startsWith(keyOf(what, ""))) kept.delete(key);
  };
  if (verb === "DEALLOCATE") forget("statement", refers.statements);
  if (verb === "CLOSE") forget("cursor", refers.cursors);
  if (verb === "DISCARD ALL") kept.clear();
}

/** The judgement of a message with what its EXECUTE and FETCH mean in it; or why it cannot be had, or not yet. */
export type Followed =
  | { readonly judgement: Judgement }
  | { readonly problem: PosternError }
  | { readonly wait: Step };

export interface FollowInput {
  readonly session: Pick<Session, "judge" | "ahead">;
  readonly c: Conversation;
  readonly text: string;
  readonly place: Place;
  /** The Bind that may wait while everything before it is answered. */
  readonly kept: Outgoing | null;
  /** How many queries a connection may keep. */
  readonly most: number;
}

/** Verbs that run nothing. */
const idleVerbs: ReadonlySet<string> = new Set(["DEALLOCATE", "CLOSE"]);
/** Verbs whose result is that of the query that they name. */
const giving: ReadonlySet<string> = new Set(["EXECUTE", "FETCH", "MOVE"]);

export function follow(judgement: Judgement, input: FollowInput): Followed {
  const { statements } = judgement;
  if (!statements.some(({ facts, keeps }) => keeps !== undefined || refersTo(facts))) return { judgement };
  return new Follower(judgement, input).followed();
}

function refersTo({ verb, refers }: StatementFacts): boolean {
  return !idleVerbs.has(verb) && refers.statements.length + refers.cursors.length > 0;
}

class Follower {
  /** Kept by earlier statements of the same message. */
  readonly #here: KeptQueries = new Map();
  readonly #long = new Set<string>();
  #strictest: JudgedStatement | null = null;

  constructor(private readonly judgement: Judgement, private readonly input: FollowInput) {
    if (input.text.length > shortTextMax) this.#long.add(input.text);
  }

  followed(): Followed {
    const { c, text, most } = this.input;
    const statements: JudgedStatement[] = [];
    for (const [index, statement] of this.judgement.statements.entries()) {
      const { facts, keeps } = statement;
      let one: JudgedStatement | PosternError | Step = statement;
      if (refersTo(facts)) {
        for (const what of ["statement", "cursor"] as const) {
          for (const name of facts.refers[`${what}s`]) {
            one = this.#with(one, what, name);
            if (one instanceof PosternError) return { problem: one };
            if ("kind" in one) return { wait: one };
          }
        }
      }
      statements.push(one);
      forgetKept(facts, this.#here);
      if (keeps === undefined) continue;
      const key = keyOf(keeps.what, keeps.name);
      if (!c.kept.has(key) && c.kept.size + this.#here.size >= most) return { problem: tooManyKept(most) };
      this.#here.set(key, { text, state: c.state, index, lasts: keeps.lasts });
    }
    return this.#merged(statements);
  }

  /** `statement` with what the query of that name makes of it. */
  #with(
    statement: JudgedStatement,
    what: KeptQuery["what"],
    name: string,
  ): JudgedStatement | PosternError | Step {
    const { c, kept: bind, session, place } = this.input;
    const key = keyOf(what, name);
    let kept = this.#here.get(key);
    if (kept === undefined) {
      // What is under way may make it, or take it away.
      if (!c.drained(bind)) return { kind: "wait", until: "drained" };
      kept = c.kept.get(key) ?? madeByMessages(c, what, name);
    }
    if (kept === undefined) {
      return giving.has(statement.facts.verb) ? statement : detour(what, name, "is not known to Postern");
    }
    // A prepared statement is planned anew where names mean something else by now; a cursor is what it was.
    const state = what === "statement" ? c.state : kept.state;
    const { text } = kept;
    if (text.length > shortTextMax && this.#long.add(text).size > 1) {
      return detour(what, name, "and this message are too long to be read together");
    }
    const ahead = session.ahead?.(text, state) ?? null;
    if (ahead !== null) return { kind: "wait", until: "ready", ahead, place };
    const judged = session.judge(text, state);
    const query = judged.statements[kept.index];
    if (query === undefined || query.verdict === "deny") {
      const { reason, rule, hint } = query ?? judged;
      return new PosternError("PolicyDenied", reason, { rule, hint });
    }
    return this.#given(statement, query, what, name);
  }

  #given(
    statement: JudgedStatement,
    query: JudgedStatement,
    what: KeptQuery["what"],
    name: string,
  ): JudgedStatement | PosternError {
    const { facts } = statement;
    const result = query.keeps?.result ?? query.result;
    const harmless = result.kind === "clean" && !query.tainted && query.verdict === "allow";
    // The protocol's own portals and statements have a way of their own, with its approvals.
    if (!harmless && query.keeps === undefined) {
      return detour(what, name, "was made by the protocol's own messages and cannot be used by SQL here");
    }
    if (!harmless && !giving.has(facts.verb)) {
      return detour(what, name, "cannot be used this way, since it gives masked values or needs approval");
    }
    if (what === "statement" && query.verdict === "approve") this.#strictest = query;
    const masked = [...new Set([...facts.masked, ...query.facts.masked])];
    return { ...statement, result, tainted: statement.tainted || query.tainted, facts: { ...facts, masked } };
  }

  #merged(statements: readonly JudgedStatement[]): Followed {
    const { judgement } = this;
    const tainted = statements.some((one) => one.tainted);
    const strictest = this.#strictest;
    if (strictest === null || judgement.rule === strictest.rule) {
      return { judgement: { ...judgement, statements, tainted } };
    }
    if (judgement.verdict !== "allow") {
      return {
        problem: new PosternError("PolicyDenied", "Its statements need approval by different rules", {
          rule: strictest.rule,
          hint: "Send them one by one",
        }),
      };
    }
    const { verdict, rule, reason, hint, terms } = strictest;
    return { judgement: { ...judgement, verdict, rule, reason, hint, terms, statements, tainted } };
  }
}

/** What Parse and Bind made; the whole text is one statement. */
function madeByMessages(c: Conversation, what: KeptQuery["what"], name: string): Kept | undefined {
  const text = what === "statement" ? c.statements.get(name)?.text : c.portals.get(name)?.statement.text;
  return text === undefined ? undefined : { text, state: c.state, index: 0, lasts: true };
}

function detour(what: KeptQuery["what"], name: string, problem: string): PosternError {
  const called = what === "statement" ? "prepared statement" : "cursor";
  return new PosternError("PolicyDenied", `The ${called} "${name}" ${problem}`, {
    rule: "one way to run a statement",
    hint: "Use it the way it was made, or send its text",
  });
}

function tooManyKept(most: number): PosternError {
  return limitReached(
    "listen.limits.preparedStatements",
    `This connection keeps ${most} prepared statements and cursors already (listen.limits.preparedStatements)`,
    "Deallocate and close those that are no longer needed",
  );
}
