/** The prepared statements of one connection, by the target's ids. */
import { Buffer } from "node:buffer";
import { PosternError } from "../../policy/errors.ts";
import { limitReached } from "../../policy/limits.ts";
import type { SqlState } from "../../policy/types.ts";
import { Reader, Writer } from "./codec.ts";
import { Command, ErrorCode } from "./constants.ts";
import type { ParameterType } from "./parameters.ts";
import { encodePacket } from "./packets.ts";
import { Refused } from "./refused.ts";
import type { RowPlan } from "./rows.ts";

/** Of all their texts together; one text of the largest size is always kept. */
const textCharsMax = 16 * 1_048_576;
/** Packets that one value comes in. */
const longPiecesMax = 4_096;
/** MariaDB: "the one prepared last", for clients that send EXECUTE without waiting for its id. */
const lastOne = 0xffffffff;

/** One COM_STMT_SEND_LONG_DATA: appended to its parameter. */
export interface LongData {
  readonly parameter: number;
  readonly data: Uint8Array;
}

export interface PreparedStatement {
  readonly id: number;
  readonly text: string;
  /** As it was when the text was parsed: what the text means. */
  readonly state: SqlState;
  readonly parameterCount: number;
  types: readonly ParameterType[] | null;
  /** What came ahead of the next execution. It goes to the target with it, or not at all. */
  longData: LongData[];
  /** More came than Postern keeps: the execution is refused. */
  overflow: boolean;
  /** How the rows of its open cursor are masked; undefined while none is open. */
  cursor: {
    readonly rows: RowPlan | null;
    readonly tainted: boolean;
    /** What was fetched from it. */
    readonly sent: { readonly rows: number; readonly bytes: number };
  } | undefined;
}

export class PreparedStatements {
  readonly #byId = new Map<number, PreparedStatement>();
  #last: PreparedStatement | null = null;
  #longBytes = 0;
  #textChars = 0;

  /** `longBytesMax`: of values that wait for their execution, in all. */
  constructor(private readonly longBytesMax: number, private readonly statementsMax: number) {}

  /** Throws Refused where there are too many, or too much text of them: before the target is asked. */
  checkRoom(text: string): void {
    const room = this.#textChars + text.length <= Math.max(textCharsMax, this.longBytesMax);
    if (this.#byId.size < this.statementsMax && room) return;
    const kept = room ? `${this.statementsMax}` : "too much text in its";
    throw new Refused(
      limitReached(
        "listen.limits.preparedStatements",
        `this connection has ${kept} prepared statements already`,
        "Close those that are no longer needed",
      ),
      ErrorCode.tooManyStatements,
    );
  }

  add(
    statement: Pick<PreparedStatement, "id" | "text" | "state" | "parameterCount">,
  ): void {
    const whole: PreparedStatement = {
      ...statement,
      types: null,
      longData: [],
      overflow: false,
      cursor: undefined,
    };
    this.#byId.set(statement.id, whole);
    this.#textChars += whole.text.length;
    this.#last = whole;
  }

  /** A preparation failed: there is no "last one" to execute. */
  forgetLast(): void {
    this.#last = null;
  }

  /** Throws Refused for an id that is not known here, whatever the target would say. */
  get(id: number): PreparedStatement {
    const found = this.find(id);
    if (found !== null) return found;
    throw new Refused(
      new PosternError("ProtocolViolation", `there is no prepared statement with the id ${id}`, {
        hint: "Prepare it again",
      }),
      ErrorCode.unknownStatement,
    );
  }

  find(id: number): PreparedStatement | null {
    return id === lastOne ? this.#last : this.#byId.get(id) ?? null;
  }

  remove(id: number): void {
    const found = this.find(id);
    if (found === null) return;
    this.dropLongData(found);
    this.#byId.delete(found.id);
    this.#textChars -= found.text.length;
    if (this.#last === found) this.#last = null;
  }

  clear(): void {
    this.#byId.clear();
    this.#last = null;
    this.#longBytes = 0;
    this.#textChars = 0;
  }

  /**
   * `COM_STMT_SEND_LONG_DATA`: statement id (4), parameter (2), data. Nothing answers it, so its faults show at
   * the execution. It goes to the target with that, or not at all.
   */
  keepLongData(payload: Uint8Array): void {
    const reader = new Reader(payload, "a COM_STMT_SEND_LONG_DATA", 1);
    const statement = this.find(reader.u32le());
    const parameter = reader.u16le();
    const data = reader.rest();
    if (statement === null || statement.overflow) return;
    if (this.#longBytes + data.length > this.longBytesMax || statement.longData.length >= longPiecesMax) {
      this.dropLongData(statement);
      statement.overflow = true;
      return;
    }
    this.#longBytes += data.length;
    // A copy: the bytes lie in a buffer of the connection's.
    statement.longData.push({ parameter, data: Buffer.from(data) });
  }

  /** What was kept for the execution that begins now. Throws Refused where more came than is kept. */
  takeLongData(statement: PreparedStatement): readonly LongData[] {
    const { longData, overflow } = statement;
    this.dropLongData(statement);
    if (!overflow) return longData;
    throw new Refused(
      limitReached(
        "listen.limits.statement",
        `the parameters have more than ${this.longBytesMax} bytes (listen.limits.statement)`,
        "Send less at once, or have the limit raised",
      ),
    );
  }

  dropLongData(statement: PreparedStatement): void {
    for (const { data } of statement.longData) this.#longBytes -= data.length;
    statement.longData = [];
    statement.overflow = false;
  }
}

/** By parameter, put together. */
export function joinLongData(pieces: readonly LongData[]): Map<number, Uint8Array> {
  const out = new Map<number, Uint8Array>();
  if (pieces.length === 0) return out;
  for (const parameter of new Set(pieces.map((piece) => piece.parameter))) {
    const own = pieces.filter((piece) => piece.parameter === parameter);
    out.set(parameter, Buffer.concat(own.map(({ data }) => data)));
  }
  return out;
}

export function encodeLongData(statement: number, { parameter, data }: LongData): Uint8Array {
  return encodePacket(
    0,
    new Writer(data.length + 7).u8(Command.statementSendLongData).u32le(statement).u16le(parameter).raw(data)
      .finish(),
  );
}
