/** COM_STMT_*: prepared once, judged at each execution with the values. (MySQL internals: "Prepared Statements".) */
import { PosternError } from "../../policy/errors.ts";
import { asItCame, executeWithout } from "./attributes.ts";
import { has } from "./capabilities.ts";
import { Reader } from "./codec.ts";
import { ErrorCode, Status } from "./constants.ts";
import type { Conversation } from "./conversation.ts";
import type { Packet } from "./packets.ts";
import { decodeExecute, decodeExecuteHead } from "./parameters.ts";
import { Refused } from "./refused.ts";
import { encodeLongData, joinLongData } from "./statements.ts";

/** A text that no rule could ever allow is refused here; any other is judged when its values are known. */
export async function prepareStatement(
  conversation: Conversation,
  packet: Packet,
  text: string,
): Promise<void> {
  const { prepared, state, gate } = conversation;
  prepared.forgetLast();
  prepared.checkRoom(text);
  await conversation.ready(text);
  const judgement = conversation.judge(text);
  // Throws: the refusal is recorded as that of the statement.
  if (judgement.verdict === "deny") await gate.pass(conversation.run(text, judgement));
  const before = state.sql;
  const { answer } = await conversation.exchange(packet.raw, {
    kind: "prepare",
    sequence: packet.sequence,
    tainted: judgement.tainted,
  });
  if (answer.prepared === null) return;
  const { id, parameters } = answer.prepared;
  prepared.add({ id, text, state: before, parameterCount: parameters });
}

export async function executeStatement(conversation: Conversation, packet: Packet): Promise<void> {
  const { prepared } = conversation;
  const statement = prepared.get(decodeExecuteHead(packet.payload).statement);
  const longData = prepared.takeLongData(statement);
  statement.cursor = undefined;
  const { parameterCount, types } = statement;
  const known = { parameterCount, types, longData: joinLongData(longData) };
  const charset = conversation.state.charset ?? "ascii";
  const execution = decodeExecute(packet.payload, known, charset, conversation.attributed);
  statement.types = execution.types;
  const ready = conversation.ready(statement.text, statement.state);
  if (ready !== null) await ready;
  const judgement = conversation.judge(statement.text, statement.state);
  const { parameters } = execution;
  const run = conversation.run(statement.text, judgement, { parameters, state: statement.state });
  const ahead = longData.map((piece) => encodeLongData(statement.id, piece));
  const { bytes, ...numbers } = conversation.strips
    ? executeWithout(packet, execution.parts)
    : asItCame(packet);
  const { answer } = await conversation.execute(run, bytes, { kind: "execute", ...numbers, ahead });
  if (answer.error === null && has(answer.status, Status.cursorExists)) {
    statement.cursor = { rows: answer.rowPlan, tainted: judgement.tainted, sent: { rows: 0, bytes: 0 } };
  }
}

/** The statement was judged and recorded when its cursor was opened. */
export async function fetchRows(conversation: Conversation, packet: Packet): Promise<void> {
  const statement = conversation.prepared.get(new Reader(packet.payload, "a COM_STMT_FETCH", 1).u32le());
  const { cursor } = statement;
  if (cursor === undefined) {
    throw new Refused(
      new PosternError("ProtocolViolation", `the statement ${statement.id} has no open cursor`, {
        hint: "Execute it with a cursor first",
      }),
      ErrorCode.noCursor,
    );
  }
  const { sent } = cursor;
  const { answer, rows, bytes, failure } = await conversation.exchange(packet.raw, {
    kind: "fetch",
    before: sent,
    sequence: packet.sequence,
    rows: cursor.rows,
    tainted: cursor.tainted,
  });
  const over = answer.error !== null || failure !== null || has(answer.status, Status.lastRowSent);
  statement.cursor = over
    ? undefined
    : { ...cursor, sent: { rows: sent.rows + rows, bytes: sent.bytes + bytes } };
}

export async function resetStatement(conversation: Conversation, packet: Packet): Promise<void> {
  const { prepared } = conversation;
  const statement = prepared.get(new Reader(packet.payload, "a COM_STMT_RESET", 1).u32le());
  prepared.dropLongData(statement);
  statement.cursor = undefined;
  await conversation.exchange(packet.raw, { kind: "ok", sequence: packet.sequence });
}
