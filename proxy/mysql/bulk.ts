/**
 * MariaDB's bulk execution: one prepared statement, many rows of parameters, one answer. It is judged, shown, recorded
 * and approved as one execution with all the values.
 *
 *     u8 0xfa; u32le statement; u16le flags, of which 128 says that types follow
 *     types: type and flags (1 byte each) for each parameter
 *     rows to the packet's end: for each parameter an indicator (0 value, 1 NULL, 2 DEFAULT, 3 IGNORE), and a value after 0
 *
 * (MariaDB: "COM_STMT_BULK_EXECUTE".)
 */
import { PosternError } from "../../policy/errors.ts";
import type { ParameterView } from "../../policy/types.ts";
import { asItCame } from "./attributes.ts";
import { has } from "./capabilities.ts";
import type { Charset } from "./charsets.ts";
import { Reader } from "./codec.ts";
import { ErrorCode, Extended, Type } from "./constants.ts";
import type { Conversation } from "./conversation.ts";
import type { Packet } from "./packets.ts";
import { type ParameterType, type Prepared, readTypes, viewOf } from "./parameters.ts";
import { Refused } from "./refused.ts";
import { takeValue } from "./values.ts";

const typesFollow = 128;
/** All of them are kept for the record, and shown to approvers. */
export const bulkValuesMax = 500_000;

export interface BulkExecution {
  readonly types: readonly ParameterType[];
  /** Row by row. */
  readonly parameters: readonly ParameterView[];
  readonly rows: number;
}

/** Throws ProtocolViolation, and Refused beyond `bulkValuesMax`. */
export function decodeBulk(
  payload: Uint8Array,
  { parameterCount, types: before }: Pick<Prepared, "parameterCount" | "types">,
  charset: Charset,
): BulkExecution {
  const reader = new Reader(payload, "a COM_STMT_BULK_EXECUTE", 5);
  const flags = reader.u16le();
  if ((flags & ~typesFollow) !== 0) throw reader.violation(`has the unknown flags ${flags}`);
  if (parameterCount === 0) throw reader.violation("is for a statement without parameters");
  const types = flags === typesFollow ? readTypes(reader, parameterCount, false) : before;
  if (types === null) throw reader.violation("binds no types, and none were bound");
  const parameters: ParameterView[] = [];
  let rows = 0;
  for (; reader.left > 0; rows++) {
    if (parameters.length + parameterCount > bulkValuesMax) throw tooMany();
    for (const type of types) parameters.push(readValue(reader, type, charset));
  }
  if (rows === 0) throw reader.violation("has no rows");
  return { types, parameters, rows };
}

function readValue(reader: Reader, type: ParameterType, charset: Charset): ParameterView {
  const indicator = reader.u8();
  switch (indicator) {
    case 0:
      return viewOf(type.type === Type.null ? null : takeValue(reader, type.type), type, charset);
    case 1:
      return viewOf(null, type, charset);
    case 2:
      return { text: null, type: "default", bytes: 0 };
    case 3:
      return { text: null, type: "default, or as it was", bytes: 0 };
    default:
      throw reader.violation(`has the unknown indicator ${indicator}`);
  }
}

export async function executeBulk(conversation: Conversation, packet: Packet): Promise<void> {
  const { prepared, parts } = conversation;
  if (!has(parts.link.extended, Extended.bulk)) throw notHere();
  const statement = prepared.get(new Reader(packet.payload, "a COM_STMT_BULK_EXECUTE", 1).u32le());
  prepared.dropLongData(statement);
  statement.cursor = undefined;
  const charset = conversation.state.charset ?? "ascii";
  const { types, parameters, rows } = decodeBulk(packet.payload, statement, charset);
  statement.types = types;
  await conversation.ready(statement.text, statement.state);
  const judgement = conversation.judge(statement.text, statement.state);
  const run = conversation.run(statement.text, judgement, { parameters, rows, state: statement.state });
  const { bytes, ...numbers } = asItCame(packet);
  await conversation.execute(run, bytes, { kind: "execute", ...numbers });
}

function tooMany(): Refused {
  return new Refused(
    new PosternError("LimitExceeded", `a bulk execution of more than ${bulkValuesMax} values`, {
      hint: "Send fewer rows at once",
    }),
    ErrorCode.packetTooLarge,
  );
}

/** The greeting is sent before the target is known: it says what the client's last target had. */
function notHere(): Refused {
  return new Refused(
    new PosternError("ProtocolViolation", "this target has no bulk execution (COM_STMT_BULK_EXECUTE)", {
      hint: "Connect again, or turn bulk execution off in the client",
    }),
    ErrorCode.unknownCommand,
  );
}
