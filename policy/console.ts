/**
 * Statements from the dashboard, through the very path that any client takes: the data path offers a client of its own
 * protocol that connects to Postern's listener with a one-time password of the person who is signed in. Nothing here
 * judges, records or masks anything: the session behind the listener does.
 */

/** What comes back, in order. `rows` stops after the limit; `done` counts all of them. */
export type ConsoleEvent =
  | { readonly kind: "columns"; readonly names: readonly string[] }
  /** Values as text, each cut to `VALUE_LENGTH_MAX`; null for SQL NULL. */
  | { readonly kind: "rows"; readonly rows: readonly (readonly (string | null)[])[] }
  | { readonly kind: "notice"; readonly message: string; readonly detail: string; readonly hint: string }
  | { readonly kind: "tag"; readonly tag: string; readonly rows: number }
  | {
    readonly kind: "error";
    readonly code: string;
    readonly message: string;
    readonly detail: string;
    readonly hint: string;
  }
  | { readonly kind: "end" };

/** Rows of one statement that are kept; the rest is counted. */
export const ROWS_MAX = 1000;
/** Characters of a value that are kept. */
export const VALUE_LENGTH_MAX = 10_000;
/** Characters of all values of a run that are kept. */
export const RUN_LENGTH_MAX = 4_000_000;

export interface ConsoleAsk {
  readonly target: { readonly name: string; readonly protocol: string };
  readonly user: string;
  readonly password: string;
  readonly text: string;
  /** Aborted to cancel: as a client cancels, so that a hold is withdrawn and a running statement interrupted. */
  readonly signal: AbortSignal;
}

/** Offered by the data path. */
export interface ConsoleClient {
  /** Whether statements for targets of this protocol can be run so. */
  speaks(protocol: string): boolean;
  /** A session of its own for each text. Rejects with TargetUnavailable where it does not come to one. */
  run(ask: ConsoleAsk): AsyncIterable<ConsoleEvent>;
}
