/** What the floor objects to, with the sentences that people read. Codes are stable: config may name them. */
import type { UnsafeUse } from "../../types.ts";
import { dangers } from "./functions.ts";

const use = (code: string, what: string, hint: string): UnsafeUse => ({ code, what, hint });

const nameColumns = "Name the columns you need, without the masked ones";

export const objections = {
  predicate: (where: string) =>
    use(
      "masked-in-predicate",
      `a masked column decides ${where}, which answers questions about its value`,
      "Filter, sort and group by columns that are not masked",
    ),
  expression: () =>
    use(
      "masked-in-expression",
      "an expression computes with a masked column in a way that can fail or compare",
      "Select the column itself; it comes masked",
    ),
  write: () =>
    use(
      "masked-write",
      "it would write the value of a masked column to another place",
      "Write values that are not read from masked columns",
    ),
  variable: () =>
    use(
      "masked-variable",
      "it would keep the value of a masked column in a variable",
      "Select the column itself",
    ),
  order: (table: string) =>
    use(
      "masked-order",
      `the rows of ${table} may come in the order of a masked column, along its index`,
      "Add an ORDER BY the primary key, or select a column that is in no index with a masked one",
    ),
  call: (name: string) =>
    use(
      "masked-call",
      `the procedure ${name} may return masked columns, or cannot be looked into`,
      "Query the tables directly; masked columns come masked",
    ),
  quoting: (name: string) =>
    use(
      "ambiguous-quoting",
      `"${name}" names a masked column only because of the mode ANSI_QUOTES`,
      "Quote the name with backticks, a text with single quotes",
    ),
  unknownRelation: (name: string) =>
    use(
      "unknown-relation",
      `${name} is not in the catalog that Postern read, so what it holds is not known`,
      "Check the name; a table that was made just now is known after the catalog is read again",
    ),
  unknownColumn: (name: string) =>
    use(
      "unknown-column",
      `where the column ${name} comes from is not known, and a table with masked columns is involved`,
      "Write table.column with a table of the FROM clause",
    ),
  forwardReference: (name: string) =>
    use(
      "unknown-lineage",
      `the common table expression ${name} uses one that is defined after it`,
      "Define it before it is used",
    ),
  openStar: () => use("unknown-lineage", "a * over a system table stands beside masked columns", nameColumns),
  opaqueView: (name: string) =>
    use(
      "opaque-view",
      `the view ${name} cannot be looked into, so it may hold masked columns`,
      "Query the tables behind it; or let Postern's account see the view's definition",
    ),
  systemTable: (name: string) =>
    use("system-table", `${name} can hold other people's statements, values or secrets`, "Leave it out"),
  func: (name: string) => {
    const bare = name.slice(name.lastIndexOf(".") + 1);
    const danger = name.includes(".") ? undefined : dangers[bare];
    return use(
      `function:${name}`,
      danger === undefined
        ? `the function ${name} is not one that Postern vouches for`
        : `the function ${name} is called, and ${danger}`,
      "Leave it out, or ask whoever keeps the policy for a rule that names it",
    );
  },
  files: () =>
    use("files", "it reads or writes files of the target's host", "Select the rows to your client"),
  localInfile: () =>
    use(
      "local-infile",
      "LOAD DATA LOCAL lets the target read any file of the client",
      "Insert the rows instead",
    ),
  handler: () => use("handler", "HANDLER reads a table past its masks", "Use SELECT"),
  dynamic: () =>
    use(
      "dynamic-sql",
      "it runs SQL from a string",
      "Send the statement itself, or prepare it with your driver",
    ),
  setting: (name: string, hint = "Leave the setting as it is") =>
    use(`setting:${name}`, `${name} is not a setting that may be changed here`, hint),
  readWrite: () =>
    use("read-write", "it would undo a session's being read-only", "Leave the access mode as it is"),
  locks: () => use("lock-tables", "LOCK TABLES keeps other sessions out", "Use a transaction"),
  processes: () =>
    use("other-sessions", "it shows the statements of other sessions, with their values", "Leave it out"),
  credentials: () => use("credentials", "it shows credentials of accounts", "Leave it out"),
  diagnostics: () =>
    use(
      "diagnostics",
      "it reads error texts, which may hold masked values",
      "Read the message that your client got",
    ),
  explain: () =>
    use(
      "masked-explain",
      "this form of EXPLAIN prints values of rows that the plan looks up, masked columns among them",
      "Use plain EXPLAIN, or leave the masked columns out",
    ),
  hint: () =>
    use(
      "optimizer-hint",
      "an optimizer hint is not one of those that are known to be harmless",
      "Leave it out",
    ),
  checksum: () =>
    use("masked-checksum", "a checksum over masked columns tells of their values", "Leave it out"),
  maskedSchema: () =>
    use(
      "masked-ddl",
      "it would copy or rename masked columns, past their masks",
      "Leave tables with masked columns out; such changes go through migrations",
    ),
  disagreement: () =>
    use(
      "second-opinion",
      "two parsers disagree on which masked columns it touches",
      "Write it in a simpler form",
    ),
};
