/** What Postern knows of the target's session: what changes the meaning of a text, and the transaction. */
import type { SqlState } from "../../policy/types.ts";
import { has } from "./capabilities.ts";
import { type Charset, charsetNamed } from "./charsets.ts";
import { Status } from "./constants.ts";
import type { StateChange } from "./replies.ts";

/** The variables that the target is told to report, besides those it does by itself. */
export const trackedVariables = [
  "autocommit",
  "character_set_client",
  "character_set_connection",
  "character_set_results",
  "sql_mode",
  "time_zone",
] as const;

/** What a session begins with, or goes on with after COM_RESET_CONNECTION. */
export interface StartState {
  readonly sqlMode: string;
  readonly characterSet: string;
  readonly version: string;
  readonly schema: string;
}

export class SessionState {
  #sql: SqlState;
  #charset: Charset | null;
  #status = Status.autocommit as number;

  constructor(start: StartState, private readonly flavour: "mysql" | "mariadb") {
    this.#sql = this.#from(start);
    this.#charset = charsetNamed(start.characterSet);
  }

  /** The same object until something changes: it is a cache key. */
  get sql(): SqlState {
    return this.#sql;
  }

  /** null where the client speaks a character set that Postern does not read. */
  get charset(): Charset | null {
    return this.#charset;
  }

  get status(): number {
    return this.#status;
  }

  get inTransaction(): boolean {
    return has(this.#status, Status.inTransaction);
  }

  restart(start: StartState): void {
    this.#set(this.#from(start));
  }

  /** From each OK and EOF. */
  apply(status: number, change: StateChange | null): void {
    this.#status = status;
    if (change === null) return;
    const next: Record<string, string> = { ...this.#sql };
    for (const name of ["sql_mode", "character_set_client"]) {
      const value = change.variables.get(name);
      if (value !== undefined) next[name] = value;
    }
    if (change.schema !== null) next.schema = change.schema;
    this.#set(next);
  }

  #set(next: SqlState): void {
    if (Object.keys(next).every((name) => next[name] === this.#sql[name])) return;
    this.#sql = next;
    this.#charset = charsetNamed(next.character_set_client ?? "");
  }

  #from(start: StartState): SqlState {
    return {
      sql_mode: start.sqlMode,
      character_set_client: start.characterSet,
      schema: start.schema,
      version: start.version,
      flavour: this.flavour,
    };
  }
}
