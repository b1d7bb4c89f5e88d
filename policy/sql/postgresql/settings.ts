/**
 * Which settings a session may change. What changes how text is read, who somebody is, or what the session may
 * write stays as it is; what is not listed is refused by name.
 */
import { type CatalogIndex, parsePath } from "./catalog.ts";
import type { UnsafeUse } from "../../types.ts";
import type { Walk } from "./walk.ts";

const harmless = new Set(
  `application_name bytea_output check_function_bodies client_connection_check_interval client_min_messages
  constraint_exclusion cpu_index_tuple_cost cpu_operator_cost cpu_tuple_cost cursor_tuple_fraction datestyle
  debug_parallel_query default_statistics_target default_table_access_method default_tablespace
  default_toast_compression default_transaction_deferrable default_transaction_isolation effective_cache_size
  effective_io_concurrency escape_string_warning extra_float_digits force_parallel_mode from_collapse_limit
  geqo geqo_effort geqo_generations geqo_pool_size geqo_seed geqo_selection_bias geqo_threshold
  gin_fuzzy_search_limit gin_pending_list_limit hash_mem_multiplier idle_in_transaction_session_timeout
  idle_session_timeout intervalstyle jit jit_above_cost jit_inline_above_cost jit_optimize_above_cost
  join_collapse_limit lc_monetary lc_numeric lc_time lock_timeout logical_decoding_work_mem
  maintenance_work_mem max_parallel_maintenance_workers max_parallel_workers max_parallel_workers_per_gather
  min_parallel_index_scan_size min_parallel_table_scan_size parallel_leader_participation
  parallel_setup_cost parallel_tuple_cost password_encryption plan_cache_mode quote_all_identifiers
  random_page_cost recursive_worktable_factor restrict_nonsystem_relation_kind row_security seq_page_cost
  statement_timeout synchronize_seqscans tcp_keepalives_count tcp_keepalives_idle tcp_keepalives_interval
  tcp_user_timeout temp_buffers timezone timezone_abbreviations transaction_deferrable transaction_isolation
  transaction_timeout vacuum_cost_delay vacuum_cost_limit work_mem xmlbinary xmloption`.split(/\s+/),
);

/** What decides by which index rows are found, and so in which order they come where nothing else says. */
const steering =
  /^(?:enable_|cpu_|geqo|(?:seq|random)_page_cost$|parallel_|min_parallel_|max_parallel_|effective_cache_size$|cursor_tuple_fraction$|(?:from|join)_collapse_limit$|plan_cache_mode$|constraint_exclusion$|debug_parallel|force_parallel)/;

const off = /^(off?|false|fals|fal|fa|f|no?|0)$/i;
const on = /^(on|true|tru|tr|t|yes|ye|y|1)$/i;
const utf8 = /^(utf-?8|unicode)$/i;

/** `values` are the constants given, in order; null where one is no constant; undefined for RESET and SET TO DEFAULT. */
export function judgeSetting(
  { catalog, path, masks }: Pick<Walk, "catalog" | "path" | "masks">,
  name: string,
  values: readonly string[] | null | undefined,
): UnsafeUse | null {
  const setting = name.toLowerCase();
  const reset = values === undefined;
  if (masks.any && !reset && steering.test(setting)) {
    return unsafe(setting, "chooses the order in which rows come, which may be that of masked values");
  }
  if (harmless.has(setting) || setting.startsWith("enable_")) return null;
  if (setting === "search_path") return reset ? null : judgePath(catalog, path, values);
  const [value = ""] = values ?? [];
  switch (setting) {
    case "client_encoding":
      return utf8.test(value) ? null : unsafe(setting, "reads the bytes of statements differently", "'UTF8'");
    case "standard_conforming_strings":
      return on.test(value) ? null : unsafe(setting, "reads strings differently", "on");
    case "default_transaction_read_only":
    case "transaction_read_only":
      return on.test(value) ? null : unsafe(setting, "undoes a read-only guard", "on");
    case "session_replication_role":
      return unsafe(setting, "switches triggers and foreign keys off");
    case "role":
    case "session_authorization":
    case "is_superuser":
      return unsafe(setting, "changes who acts on the target");
  }
  return unsafe(setting, "is not known to be harmless");
}

/** BEGIN, START TRANSACTION, SET TRANSACTION and the like. */
export function judgeReadOnly(value: string): UnsafeUse | null {
  return off.test(value) ? unsafe("transaction_read_only", "undoes a read-only guard", "READ ONLY") : null;
}

/**
 * Not every change of the path can be followed (SET LOCAL, ROLLBACK, what is sent ahead). So a name must mean the
 * same under the new one, or nothing. Functions, types and operators of all schemas count wherever they are.
 */
function judgePath(
  catalog: CatalogIndex,
  current: readonly string[],
  values: readonly string[] | null,
): UnsafeUse | null {
  if (values === null) {
    return unsafe("search_path", "is not given as a constant", "a constant list of schemas");
  }
  for (const schema of values) {
    if (schema === "" || schema === "$user" || catalog.schemas.has(schema)) continue;
    return unsafe(
      "search_path",
      `names a schema that the target does not have (${JSON.stringify(schema)})`,
      "schemas that exist",
    );
  }
  const { user } = catalog.data.meta;
  const other = catalog.differing(current, values.map((schema) => schema === "$user" ? user : schema));
  if (other === null) return null;
  return unsafe(
    "search_path",
    `makes ${JSON.stringify(other)} mean another table than now`,
    "a path under which names mean the same; or write schema.table",
  );
}

/** The values that set_config and SET … TO 'a, b' mean, where a list is given as one text. */
export function pathOfText(text: string): readonly string[] {
  return parsePath(text, "$user");
}

function unsafe(setting: string, why: string, allowed?: string): UnsafeUse {
  return {
    code: `setting:${setting}`,
    what: `setting ${setting} ${why}`,
    hint: allowed === undefined
      ? `Leave ${setting} as it is`
      : `Leave ${setting} as it is; allowed is ${allowed}`,
  };
}
