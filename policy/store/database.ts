/**
 * What the store needs of a database, so that the same schema and statements run on the embedded one and on a
 * PostgreSQL reached by URL. Values and results are text throughout: statements cast what they need, and
 * nothing depends on how a driver maps types.
 */

/** What nodes on one database tell each other of: that there is more of the record, that a question or an answer came. */
export const channels = { record: "postern_record", questions: "postern_questions" } as const;
export type Channel = typeof channels[keyof typeof channels];

export interface Statement {
  /** One SQL statement with `$1`…, prepared once and kept: texts must be few and constant. */
  readonly text: string;
  readonly values: readonly (string | null)[];
}

export type Row = readonly (string | null)[];

export interface Database {
  /** Nobody else can write while it is open: what was read once stays true. */
  readonly exclusive: boolean;
  /**
   * One transaction: runs `first` in order, hands the rows of its last statement to `rest`, runs what that
   * gives, commits. Rejects with what the database said; then nothing of it happened, unless the connection was
   * lost during the commit. A crash may take back the newest ones until `settle()` or `upkeep()` has resolved.
   */
  transaction(
    first: readonly Statement[],
    rest: (rows: readonly Row[]) => readonly Statement[],
  ): Promise<void>;
  query(statement: Statement): Promise<readonly Row[]>;
  /** Waits for nothing that goes on here, where the database can do several things at a time. */
  readonly apart: Pick<Database, "query">;
  /** Resolves when everything that was committed survives a crash. */
  settle(): Promise<void>;
  /** Several statements without parameters or results, in one transaction: for migrations. */
  script(statements: readonly string[]): Promise<void>;
  /** What a database with background processes does by itself, and `settle()`; after each some 10,000 events. */
  upkeep(): Promise<void>;
  /** Copies all of it, as it is now, into a new folder; false where it is not ours to copy. */
  copy(into: string): Promise<boolean>;
  /** Calls `heard` with a channel that another connection told of, and with each one after a time of not hearing. */
  listen(heard: (channel: Channel) => void): Promise<void>;
  /** Room of deleted rows of this table can be used again; `anew`: the table is written anew, without them, if there is room for it. */
  vacuum(table: string, anew: boolean): Promise<void>;
  /** Whether it still answers after a failure; if not it must be opened anew. */
  alive(): Promise<boolean>;
  close(): Promise<void>;
}

export const vacuumText = (table: string, anew: boolean) => `VACUUM ${anew ? "(FULL) " : ""}${table}`;

/** A list of texts as one parameter: canonical JSON and cleaned names hold no line break. See `listOf`. */
export function listValue(values: readonly (string | null)[]): string {
  return values.map((value) => value ?? NULL).join("\n");
}

/** SQL for the list in `$n`. An empty list is an empty array. */
export function listOf(n: number, type: "text" | "int8" = "text"): string {
  const list = `string_to_array($${n}::text, E'\\n', E'\\x01')`;
  return type === "text" ? list : `${list}::${type}[]`;
}

const NULL = "\x01";

/**
 * Text for a column that is searched, not evidence: without control characters, which could not be stored
 * (NUL) or would break a list, and cut to what an index entry can hold.
 */
export function column(value: string | null): string | null {
  // An empty text and none look the same in a list of one, so neither is kept.
  return value === null || value === ""
    ? null
    : value.replace(/\p{Cc}/gu, "\ufffd").slice(0, COLUMN_CHARS_MAX);
}

/** A B-tree entry holds about 2,700 bytes. */
const COLUMN_CHARS_MAX = 500;
