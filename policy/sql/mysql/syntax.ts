/** The tree: as much of a statement's shape as lineage and the floor need, and no more. */

export type Expr =
  | { readonly t: "literal"; readonly value: string | number | boolean | null }
  | { readonly t: "param" }
  /** One to three parts: column, table.column, schema.table.column. */
  | { readonly t: "column"; readonly parts: readonly string[]; readonly doubleQuoted: boolean }
  | { readonly t: "variable"; readonly name: string }
  | { readonly t: "setting"; readonly scope: string; readonly name: string }
  | { readonly t: "assign"; readonly name: string; readonly value: Expr }
  | Call
  /** Operators, CASE, CAST and the like: `op` in upper case, and every operand. */
  | { readonly t: "op"; readonly op: string; readonly args: readonly Expr[]; readonly detail: string }
  | { readonly t: "subquery"; readonly query: Query; readonly exists: boolean };

export interface Call {
  readonly t: "call";
  /** The schema of a qualified name; empty for a bare one. */
  readonly schema: string;
  /** As written, but ASCII letters in lower case. */
  readonly name: string;
  readonly args: readonly Expr[];
  readonly distinct: boolean;
  /** ORDER BY inside of an aggregate, PARTITION BY and ORDER BY of a window. */
  readonly order: readonly Expr[];
  readonly window: boolean;
}

export interface SelectItem {
  readonly expr: Expr;
  /** As the alias says, else null. */
  readonly alias: string | null;
}

/** `*`, `t.*`, `s.t.*` */
export interface StarItem {
  readonly star: readonly string[];
}

export interface Select {
  readonly t: "select";
  readonly distinct: boolean;
  readonly items: readonly (SelectItem | StarItem)[];
  /** INTO between the list and FROM. */
  readonly tail: QueryTail;
  readonly from: readonly TableRef[];
  readonly where: Expr | null;
  readonly group: readonly Expr[];
  readonly having: Expr | null;
  /** Expressions in a WINDOW clause. */
  readonly windows: readonly Expr[];
}

export interface SetOperation {
  readonly t: "set";
  readonly op: "UNION" | "EXCEPT" | "INTERSECT";
  readonly all: boolean;
  readonly left: QueryBody;
  readonly right: QueryBody;
}

export type QueryBody =
  | Select
  | SetOperation
  | { readonly t: "values"; readonly rows: readonly (readonly Expr[])[] }
  | { readonly t: "table"; readonly table: TableName }
  | { readonly t: "nested"; readonly query: Query };

export interface Query {
  readonly ctes: readonly Cte[];
  readonly recursive: boolean;
  readonly body: QueryBody;
  readonly order: readonly Expr[];
  readonly limit: readonly Expr[];
  /** What follows the query proper. */
  readonly tail: QueryTail;
}

export interface QueryTail {
  /** INTO OUTFILE or DUMPFILE. */
  readonly file: boolean;
  readonly into: readonly string[];
  /** FOR UPDATE, FOR SHARE, LOCK IN SHARE MODE. */
  readonly lock: "" | "UPDATE" | "SHARE";
}

export interface Cte {
  readonly name: string;
  readonly columns: readonly string[];
  readonly query: Query;
}

export interface TableName {
  readonly schema: string;
  readonly name: string;
}

export type TableRef =
  | {
    readonly t: "base";
    readonly table: TableName;
    readonly alias: string | null;
    /** Indexes of USE INDEX and FORCE INDEX, as written. */
    readonly indexes: readonly string[];
    readonly partition: boolean;
  }
  | {
    readonly t: "derived";
    readonly query: Query;
    readonly alias: string | null;
    readonly columns: readonly string[];
    readonly lateral: boolean;
  }
  | {
    readonly t: "function";
    readonly arg: Expr;
    readonly alias: string;
    readonly columns: readonly string[];
  }
  | Join
  /** Tables in parentheses. */
  | { readonly t: "group"; readonly items: readonly TableRef[] };

export interface Join {
  readonly t: "join";
  readonly left: TableRef;
  readonly right: TableRef;
  readonly side: "inner" | "left" | "right";
  readonly on: Expr | null;
  readonly using: readonly string[];
  readonly natural: boolean;
}

export interface Assignment {
  readonly column: Expr;
  readonly value: Expr;
}

export interface Insert {
  readonly t: "insert";
  readonly verb: "INSERT" | "REPLACE";
  /** Rows that break a constraint are passed over. */
  readonly ignore: boolean;
  readonly table: TableName;
  readonly columns: readonly string[];
  /** Values that are more than literals and parameters; plain rows leave none. */
  readonly values: readonly Expr[];
  /** The reader's place where the rows of VALUES begin; null where there are none. */
  readonly rows: number | null;
  /** The values of SET, one for each of `columns`. */
  readonly set: readonly Expr[];
  readonly query: Query | null;
  readonly update: readonly Assignment[];
  /** `INSERT … AS new(a, b) ON DUPLICATE KEY UPDATE` */
  readonly rowAlias: string | null;
  readonly rowColumns: readonly string[];
  readonly returning: readonly (SelectItem | StarItem)[];
}

export interface Update {
  readonly t: "update";
  readonly ignore: boolean;
  readonly ctes: readonly Cte[];
  readonly recursive: boolean;
  readonly from: readonly TableRef[];
  readonly set: readonly Assignment[];
  readonly where: Expr | null;
  readonly order: readonly Expr[];
  readonly limit: readonly Expr[];
}

export interface Delete {
  readonly t: "delete";
  readonly ctes: readonly Cte[];
  readonly recursive: boolean;
  /** Names or aliases of the tables that lose rows. */
  readonly targets: readonly TableName[];
  readonly from: readonly TableRef[];
  readonly where: Expr | null;
  readonly order: readonly Expr[];
  readonly limit: readonly Expr[];
  readonly returning: readonly (SelectItem | StarItem)[];
}
