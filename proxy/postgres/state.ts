/** What texts mean on a session: settings that a target reports, or has to be asked for. */
import type { Session } from "../../policy/ports.ts";
import type { Judgement } from "../../policy/types.ts";
import { type Conversation, type Outgoing, replyTo } from "./conversation.ts";
import { Execution } from "./execution.ts";
import { decodeTextRow } from "./decode.ts";
import { failedTransaction } from "./frames.ts";
import type { Place, Step } from "./steps.ts";
import { bind, closeNamed, execute, parse, query } from "./encode.ts";

const text = "SHOW search_path";
/** Of Postern's own on the target's session; no client makes one of that name by accident. */
const name = "postern_state";

/** Postern's own queries pass no policy; nothing of them reaches a client. */
const own: Judgement = {
  verdict: "allow",
  rule: "",
  reason: "",
  hint: "",
  terms: null,
  tainted: false,
  statements: [],
};

/**
 * Messages that ask for the settings that the target does not report, and put them into the conversation. In
 * the middle of a pipeline they are the pipeline's kind, since a Query would end its implicit transaction.
 */
function askState(c: Conversation): Outgoing[] {
  const read = (row: Uint8Array): void => c.setState("search_path", decodeTextRow(row)[0] ?? "");
  const execution = new Execution(own, { text, state: c.state });
  execution.settled = true;
  const item = (kind: "query" | "parse" | "bind" | "execute" | "close", frame: Uint8Array): Outgoing => ({
    frame,
    reply: replyTo(c, kind, {
      silent: true,
      ...(kind === "query" || kind === "execute" ? { execution, read } : {}),
    }),
    ready: true,
  });
  if (!c.unsynced) return [item("query", query(text))];
  return [
    item("parse", parse(name, text)),
    item("bind", bind(name, name)),
    item("execute", execute(name)),
    item("close", closeNamed("P", name)),
    item("close", closeNamed("S", name)),
  ];
}

/** null where the next statement may be judged: nothing is under way that could change what it means. */
export function unsettled(c: Conversation): Step | null {
  if (!c.barrier) return null;
  if (!c.drained(null)) return { kind: "wait", until: "drained" };
  // In a failed transaction nothing can be asked, and nothing runs before its end, which is a barrier again.
  if (c.reported || c.asked || c.status === failedTransaction) {
    c.barrier = false;
    c.asked = false;
    return null;
  }
  c.asked = true;
  return { kind: "wait", until: "drained", items: askState(c) };
}

/** null where `text` can be judged now, without keeping others waiting. */
export function unready(
  session: Pick<Session, "ahead">,
  text: string,
  c: Conversation,
  place: Place,
): Step | null {
  const ahead = session.ahead?.(text, c.state) ?? null;
  return ahead === null ? null : { kind: "wait", until: "ready", ahead, place };
}
