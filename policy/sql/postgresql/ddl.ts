/** Statements that change definitions or administer: their names, and the tables they are about. */
import type { Node, RangeVar } from "libpg-query";
import { as, kindOf, type NodeKind, strings } from "./ast.ts";
import type { StatementKind } from "../../types.ts";
import type { Relation } from "./catalog.ts";
import { isTainted } from "./taint.ts";
import type { Walk } from "./walk.ts";

type Named = readonly [StatementKind, string];

const ddl: Partial<Record<NodeKind, string>> = {
  AlterCollationStmt: "ALTER COLLATION",
  AlterDatabaseRefreshCollStmt: "ALTER DATABASE",
  AlterDomainStmt: "ALTER DOMAIN",
  AlterEnumStmt: "ALTER TYPE",
  AlterEventTrigStmt: "ALTER EVENT TRIGGER",
  AlterExtensionContentsStmt: "ALTER EXTENSION",
  AlterExtensionStmt: "ALTER EXTENSION",
  AlterFdwStmt: "ALTER FOREIGN DATA WRAPPER",
  AlterForeignServerStmt: "ALTER SERVER",
  AlterFunctionStmt: "ALTER FUNCTION",
  AlterObjectDependsStmt: "ALTER DEPENDS",
  AlterObjectSchemaStmt: "ALTER SET SCHEMA",
  AlterOpFamilyStmt: "ALTER OPERATOR FAMILY",
  AlterOperatorStmt: "ALTER OPERATOR",
  AlterOwnerStmt: "ALTER OWNER",
  AlterPolicyStmt: "ALTER POLICY",
  AlterPublicationStmt: "ALTER PUBLICATION",
  AlterSeqStmt: "ALTER SEQUENCE",
  AlterStatsStmt: "ALTER STATISTICS",
  AlterSubscriptionStmt: "ALTER SUBSCRIPTION",
  AlterTSConfigurationStmt: "ALTER TEXT SEARCH CONFIGURATION",
  AlterTSDictionaryStmt: "ALTER TEXT SEARCH DICTIONARY",
  AlterTableMoveAllStmt: "ALTER TABLE",
  AlterTableSpaceOptionsStmt: "ALTER TABLESPACE",
  AlterTableStmt: "ALTER TABLE",
  AlterTypeStmt: "ALTER TYPE",
  AlterUserMappingStmt: "ALTER USER MAPPING",
  CommentStmt: "COMMENT",
  CompositeTypeStmt: "CREATE TYPE",
  CreateAmStmt: "CREATE ACCESS METHOD",
  CreateCastStmt: "CREATE CAST",
  CreateConversionStmt: "CREATE CONVERSION",
  CreateDomainStmt: "CREATE DOMAIN",
  CreateEnumStmt: "CREATE TYPE",
  CreateEventTrigStmt: "CREATE EVENT TRIGGER",
  CreateExtensionStmt: "CREATE EXTENSION",
  CreateFdwStmt: "CREATE FOREIGN DATA WRAPPER",
  CreateForeignServerStmt: "CREATE SERVER",
  CreateForeignTableStmt: "CREATE FOREIGN TABLE",
  CreateFunctionStmt: "CREATE FUNCTION",
  CreateOpClassStmt: "CREATE OPERATOR CLASS",
  CreateOpFamilyStmt: "CREATE OPERATOR FAMILY",
  CreatePLangStmt: "CREATE LANGUAGE",
  CreatePolicyStmt: "CREATE POLICY",
  CreatePublicationStmt: "CREATE PUBLICATION",
  CreateRangeStmt: "CREATE TYPE",
  CreateSchemaStmt: "CREATE SCHEMA",
  CreateSeqStmt: "CREATE SEQUENCE",
  CreateStatsStmt: "CREATE STATISTICS",
  CreateStmt: "CREATE TABLE",
  CreateSubscriptionStmt: "CREATE SUBSCRIPTION",
  CreateTableSpaceStmt: "CREATE TABLESPACE",
  CreateTransformStmt: "CREATE TRANSFORM",
  CreateTrigStmt: "CREATE TRIGGER",
  CreateUserMappingStmt: "CREATE USER MAPPING",
  CreatedbStmt: "CREATE DATABASE",
  DefineStmt: "CREATE",
  DropStmt: "DROP",
  DropSubscriptionStmt: "DROP SUBSCRIPTION",
  DropTableSpaceStmt: "DROP TABLESPACE",
  DropUserMappingStmt: "DROP USER MAPPING",
  DropdbStmt: "DROP DATABASE",
  ImportForeignSchemaStmt: "IMPORT FOREIGN SCHEMA",
  IndexStmt: "CREATE INDEX",
  RefreshMatViewStmt: "REFRESH MATERIALIZED VIEW",
  RenameStmt: "ALTER RENAME",
  ReplicaIdentityStmt: "ALTER TABLE",
  RuleStmt: "CREATE RULE",
  ViewStmt: "CREATE VIEW",
};

const admin: Partial<Record<NodeKind, string>> = {
  AlterDatabaseSetStmt: "ALTER DATABASE SET",
  AlterDatabaseStmt: "ALTER DATABASE",
  AlterDefaultPrivilegesStmt: "ALTER DEFAULT PRIVILEGES",
  AlterRoleSetStmt: "ALTER ROLE SET",
  AlterRoleStmt: "ALTER ROLE",
  AlterSystemStmt: "ALTER SYSTEM",
  CheckPointStmt: "CHECKPOINT",
  ClusterStmt: "CLUSTER",
  CreateRoleStmt: "CREATE ROLE",
  DropOwnedStmt: "DROP OWNED",
  DropRoleStmt: "DROP ROLE",
  GrantRoleStmt: "GRANT",
  GrantStmt: "GRANT",
  LoadStmt: "LOAD",
  ReassignOwnedStmt: "REASSIGN OWNED",
  ReindexStmt: "REINDEX",
  SecLabelStmt: "SECURITY LABEL",
  VacuumStmt: "VACUUM",
};

/** Kind and verb; undefined where the statement is neither. */
export function definitionChange(node: Node): Named | undefined {
  const kind = kindOf(node);
  const drop = as(node, "DropStmt");
  if (drop !== undefined) {
    const what = (drop.removeType ?? "").replace("OBJECT_", "").replaceAll("_", " ").replace(
      "MATVIEW",
      "MATERIALIZED VIEW",
    );
    return ["ddl", `DROP ${what}`];
  }
  if (as(node, "GrantStmt")?.is_grant === undefined && kind === "GrantStmt") return ["admin", "REVOKE"];
  if (kind === "VacuumStmt" && !as(node, "VacuumStmt")?.is_vacuumcmd) return ["admin", "ANALYZE"];
  const definition = ddl[kind];
  if (definition !== undefined) return ["ddl", definition];
  const administration = admin[kind];
  return administration === undefined ? undefined : ["admin", administration];
}

/** Notes the tables named anywhere in the statement as written, and objects where one has masked columns. */
export function noteDefined(node: Node, kind: StatementKind, walk: Walk): void {
  const relations = new Set<Relation>();
  // It puts rows in the order of an index: all tables' that were, where it names none.
  const orders = as(node, "ClusterStmt");
  if (orders !== undefined && orders.relation === undefined && walk.masks.any) {
    objectOrder("all tables", walk);
  }
  for (const name of namesWithin(node)) {
    const relation = name.schemaname === undefined
      ? walk.catalog.unqualified(name.relname ?? "", walk.path)
      : walk.catalog.relation(name.schemaname, name.relname ?? "");
    if (relation !== undefined) relations.add(relation);
  }
  for (const relation of relations) {
    walk.found.use(relation, "write");
    const full = `${relation.schema}.${relation.name}`;
    const changes = kind === "ddl" || orders !== undefined;
    if (!changes || !isTainted(walk.definitions.relation(relation, walk.found))) continue;
    if (orders !== undefined) objectOrder(full, walk);
    walk.found.murky = true;
    if (kind !== "ddl") continue;
    walk.found.object(
      "masked-ddl",
      `it changes or builds on ${full}, whose masked columns could slip out of sight`,
      "Schema changes of tables with masked columns go through migrations, past Postern",
    );
  }
}

function objectOrder(what: string, walk: Walk): void {
  walk.found.object(
    "masked-order",
    `it puts the rows of ${what} in the order of an index, which may be a masked column's`,
    "Such work on tables with masked columns goes through migrations, past Postern",
  );
}

function namesWithin(node: Node): RangeVar[] {
  const found: RangeVar[] = [];
  const visit = (part: unknown): void => {
    if (Array.isArray(part)) return part.forEach(visit);
    if (part === null || typeof part !== "object") return;
    if ("relname" in part) found.push(part as RangeVar);
    Object.values(part).forEach(visit);
  };
  visit(node);
  for (const object of as(node, "DropStmt")?.objects ?? []) {
    const [name, schema] = strings(as(object, "List")?.items).reverse();
    // Of a column or trigger the table comes before it.
    if (name !== undefined) {
      found.push(schema === undefined ? { relname: name } : { relname: name, schemaname: schema });
    }
    if (schema !== undefined) found.push({ relname: schema });
  }
  return found;
}
