/**
 * The phases of an answer: what its next packet must be, what of it counts, and what the client gets instead.
 * Pure; the packets' borders are response.ts's business.
 */
import { Buffer } from "node:buffer";
import type { ShownRows } from "../../policy/shown_rows.ts";
import type { Watcher } from "../../policy/watch.ts";
import type { MaskRule } from "../../policy/types.ts";
import { violation } from "./answer_errors.ts";
import { has } from "./capabilities.ts";
import { Reader } from "./codec.ts";
import { type Column, decodeColumn } from "./columns.ts";
import { Capability, Extended, Status } from "./constants.ts";
import { withoutText } from "./errors.ts";
import type { ResultPlan } from "./plan.ts";
import {
  decodeEof,
  decodeError,
  decodeOk,
  encodeError,
  encodeOk,
  type ErrorReply,
  type StateChange,
} from "./replies.ts";
import { hides, type Masker, type RowPlan, rowPlan } from "./rows.ts";

/** What kind of answer the command has. `single` is one packet of any content, `fields` COM_FIELD_LIST's. */
export type AnswerKind = "ok" | "query" | "execute" | "prepare" | "fetch" | "fields" | "single";

export interface AnswerOptions {
  readonly kind: AnswerKind;
  /** As agreed with the target, and with the client. They differ in SESSION_TRACK at most. */
  readonly target: number;
  readonly client: number;
  /** MariaDB's, as agreed by all three. */
  readonly extended?: number;
  readonly plan: ResultPlan;
  readonly masker: Masker;
  /** Who reads the texts of rows, where the target's detectors are on. */
  readonly watcher?: Watcher | null;
  /** Where rows are kept for the record; null where they are not. */
  readonly shown?: ShownRows | null;
  /** Masked data is involved: error texts are replaced. */
  readonly tainted: boolean;
  /** For COM_STMT_FETCH: what the rows of the cursor are. */
  readonly rows?: RowPlan | null;
  /** Something of Postern's own to warn of at the answer's end; null where there is nothing. */
  readonly remark?: () => string | null;
  /** Each OK's or EOF's status, and what changed with it. */
  readonly onStatus?: (status: number, change: StateChange | null) => void;
}

export interface PreparedReply {
  readonly id: number;
  readonly columns: number;
  readonly parameters: number;
}

/** What the client gets for a packet: itself, another, or an error and then nothing more of this answer. */
export type Shown =
  | { readonly kind: "same" }
  | { readonly kind: "instead"; readonly payload: Uint8Array }
  | { readonly kind: "refuse"; readonly thrown: unknown }
  | { readonly kind: "file-request" };

const same: Shown = { kind: "same" };

type Phase = "first" | "parameters" | "columns" | "rows" | "fields" | "done";

export class Answer {
  affectedRows = 0n;
  /** There was a result set, if only an empty one. */
  hadRows = false;
  /** Status flags of the last OK or EOF. */
  status = 0;
  /** The target's error, with the text that the client gets. */
  error: ErrorReply | null = null;
  prepared: PreparedReply | null = null;
  /** How the rows of this result set are masked; null where none is. After a cursor was opened: its rows'. */
  rowPlan: RowPlan | null = null;

  #phase: Phase;
  #columns: Column[] = [];
  #definitions = 0;
  #masks: readonly (MaskRule | null)[] = [];
  #eofDue = false;
  readonly #deprecatesEof: boolean;

  constructor(private readonly options: AnswerOptions) {
    this.#phase = options.kind === "fetch" ? "rows" : options.kind === "fields" ? "fields" : "first";
    this.#deprecatesEof = has(options.target, Capability.deprecateEof);
    if (options.kind === "fetch") this.rowPlan = options.rows ?? null;
  }

  get done(): boolean {
    return this.#phase === "done";
  }

  /** Of the result at hand. */
  get columns(): readonly Column[] {
    return this.#columns;
  }

  get inRows(): boolean {
    return this.#phase === "rows";
  }

  /** By the first byte of its payload and its length. */
  isRow(first: number, length: number): boolean {
    if (this.#phase !== "rows" || first === 0xff) return false;
    return first !== 0xfe || length >= (this.#deprecatesEof ? 0xffffff : 9);
  }

  /** A whole packet that is no row. Throws where the target does not keep to the protocol. */
  packet(payload: Uint8Array): Shown {
    const first = payload[0];
    if (first === 0xff) return this.#onError(payload);
    switch (this.#phase) {
      case "first":
        return this.#onFirst(payload, first);
      case "parameters":
      case "columns":
        return this.#onDefinition(payload);
      case "rows":
        return this.#onRowsEnd(payload);
      case "fields":
        return first === 0xfe ? this.#onRowsEnd(payload) : same;
      case "done":
        throw violation("a packet after its answer was over");
    }
  }

  #onError(payload: Uint8Array): Shown {
    // How far the target has come, with names of stages and no data. The answer is still to come.
    const progress = has(this.options.extended ?? 0, Extended.progress);
    if (progress && payload[1] === 0xff && payload[2] === 0xff && this.#phase !== "done") return same;
    const { tainted, watcher, target } = this.options;
    const own = decodeError(payload, target);
    this.#phase = "done";
    const message = watcher?.watch(null, "error text").seeCut(own.message) ?? own.message;
    this.error = tainted ? withoutText(own) : message === own.message ? own : { ...own, message };
    return this.error === own ? same : { kind: "instead", payload: encodeError(this.error) };
  }

  #onFirst(payload: Uint8Array, first: number | undefined): Shown {
    const { kind } = this.options;
    if (kind === "single") {
      this.#phase = "done";
      return same;
    }
    if (kind === "prepare") return this.#onPrepared(payload);
    if (first === 0x00) return this.#onOk(payload, false);
    if (kind === "ok") {
      if (first !== 0xfe) throw violation("something else where an OK must be");
      return this.#onRowsEnd(payload);
    }
    return first === 0xfb ? { kind: "file-request" } : this.#onColumnCount(payload);
  }

  #onColumnCount(payload: Uint8Array): Shown {
    const reader = new Reader(payload, "a column count");
    const count = reader.lenenc();
    reader.end();
    if (count === 0 || count > 65_535) throw violation(`a result of ${count} columns`);
    this.#columns = [];
    this.#masks = [];
    this.#definitions = count;
    this.#eofDue = !this.#deprecatesEof;
    this.#phase = "columns";
    try {
      this.#masks = this.options.plan.start(count);
      return same;
    } catch (thrown) {
      return { kind: "refuse", thrown };
    }
  }

  #onPrepared(payload: Uint8Array): Shown {
    const reader = new Reader(payload, "an answer to COM_STMT_PREPARE");
    if (reader.u8() !== 0) throw violation("something else where COM_STMT_PREPARE's answer must be");
    const id = reader.u32le();
    const columns = reader.u16le();
    const parameters = reader.u16le();
    this.prepared = { id, columns, parameters };
    this.#definitions = parameters > 0 ? parameters : columns;
    this.#phase = parameters > 0 ? "parameters" : columns > 0 ? "columns" : "done";
    this.#eofDue = !this.#deprecatesEof;
    return same;
  }

  #onDefinition(payload: Uint8Array): Shown {
    const { kind } = this.options;
    if (this.#definitions > 0) {
      this.#definitions--;
      if (kind !== "prepare") this.#columns.push(decodeColumn(payload));
    } else {
      if (payload[0] !== 0xfe || payload.length >= 9) throw violation("no EOF after the column definitions");
      this.#eofDue = false;
      const { status } = decodeEof(payload);
      if (kind !== "prepare" && has(status, Status.cursorExists)) {
        this.status = status;
        const shown = this.#startRows();
        // Its rows come by other commands.
        this.options.shown?.skip();
        this.#phase = "done";
        return shown;
      }
    }
    if (this.#definitions > 0 || this.#eofDue) return same;
    if (kind !== "prepare") return this.#startRows();
    const columns = this.prepared?.columns ?? 0;
    const goesOn = this.#phase === "parameters" && columns > 0;
    this.#definitions = columns;
    this.#eofDue = !this.#deprecatesEof;
    this.#phase = goesOn ? "columns" : "done";
    return same;
  }

  #startRows(): Shown {
    this.#phase = "rows";
    this.hadRows = true;
    try {
      const { plan, masker, watcher } = this.options;
      const masks = this.#columns.map((column, index) => this.#masks[index] ?? plan.ofColumn(column));
      this.rowPlan = rowPlan(this.#columns, masks, masker, watcher);
      this.options.shown?.start(
        this.#columns.map(({ name }, index) => ({ name, masked: hides(this.rowPlan?.masked[index]) })),
      );
      return same;
    } catch (thrown) {
      return { kind: "refuse", thrown };
    }
  }

  /** EOF, or the OK that stands for it. */
  #onRowsEnd(payload: Uint8Array): Shown {
    if (this.#deprecatesEof && payload.length >= 7) return this.#onOk(payload, true);
    const { status } = decodeEof(payload);
    this.options.onStatus?.(status, null);
    this.#ended(status, this.#phase === "rows");
    if (this.#remark() === null) return same;
    return { kind: "instead", payload: withOneWarningMore(payload, 1) };
  }

  #onOk(payload: Uint8Array, hadRows: boolean): Shown {
    const { target, client } = this.options;
    const ok = decodeOk(payload, target);
    this.options.onStatus?.(ok.status, ok.change);
    if (!hadRows) this.affectedRows += ok.affectedRows;
    this.#ended(ok.status, hadRows);
    const remark = this.#remark();
    const translate = has(target, Capability.sessionTrack) && !has(client, Capability.sessionTrack);
    if (remark === null) return translate ? { kind: "instead", payload: encodeOk(ok, client) } : same;
    // What an OK tells of a changed state is never written anew.
    if (has(ok.status, Status.sessionStateChanged) && !translate) {
      return { kind: "instead", payload: withOneWarningMore(payload, ok.warningsAt) };
    }
    const text = Buffer.from(ok.info.length === 0 ? remark : `  ${remark}`);
    const said = { ...ok, info: Buffer.concat([ok.info, text]), warnings: oneMore(ok.warnings) };
    return { kind: "instead", payload: encodeOk(said, client) };
  }

  /** What the client is warned of with the answer's last packet, where that is an OK or an EOF. */
  #remark(): string | null {
    const { kind, remark } = this.options;
    if (this.#phase !== "done" || (kind !== "query" && kind !== "execute")) return null;
    return remark?.() ?? null;
  }

  #ended(status: number, hadRows: boolean): void {
    const { kind, plan } = this.options;
    this.status = status;
    plan.end(hadRows);
    const goesOn = has(status, Status.moreResults) && (kind === "query" || kind === "execute");
    this.#phase = goesOn ? "first" : "done";
    if (goesOn) this.rowPlan = null;
  }
}

const oneMore = (warnings: number): number => Math.min(warnings + 1, 0xffff);

/** The same OK or EOF, with its count of warnings, two bytes at `at`, raised. */
function withOneWarningMore(payload: Uint8Array, at: number): Uint8Array {
  const raised = new Uint8Array(payload);
  const view = new DataView(raised.buffer);
  view.setUint16(at, oneMore(view.getUint16(at, true)), true);
  return raised;
}
