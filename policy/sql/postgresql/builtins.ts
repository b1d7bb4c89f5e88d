/**
 * What is known of PostgreSQL's own functions. Of pg_catalog, what is IMMUTABLE or STABLE is vouched for unless
 * listed here; what is VOLATILE is not, unless listed here. A name with a volatile overload counts as volatile.
 */

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Volatile, and yet they change nothing and tell nothing that is protected. */
export const harmless = words(`
  array_sample array_shuffle clock_timestamp current_query currval gen_random_uuid lastval lo_get
  pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared pg_blocking_pids
  pg_collation_actual_version pg_control_checkpoint pg_control_init pg_control_recovery pg_control_system
  pg_current_logfile pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn
  pg_database_collation_actual_version pg_database_size pg_export_snapshot pg_get_backend_memory_contexts
  pg_get_loaded_modules pg_get_multixact_members pg_get_sequence_data pg_get_wal_replay_pause_state
  pg_get_wait_events pg_indexes_size pg_is_in_recovery pg_is_wal_replay_paused
  pg_isolation_test_session_is_blocked pg_jit_available pg_last_committed_xact pg_last_wal_receive_lsn
  pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_notification_queue_usage pg_partition_ancestors
  pg_partition_tree pg_relation_size pg_replication_origin_progress pg_safe_snapshot_blocking_pids
  pg_sequence_last_value pg_sleep pg_sleep_for pg_sleep_until pg_stat_clear_snapshot
  pg_stat_get_recovery_prefetch pg_stat_get_xact_blocks_fetched pg_stat_get_xact_blocks_hit
  pg_stat_get_xact_function_calls pg_stat_get_xact_function_self_time pg_stat_get_xact_function_total_time
  pg_stat_get_xact_numscans pg_stat_get_xact_tuples_deleted pg_stat_get_xact_tuples_fetched
  pg_stat_get_xact_tuples_hot_updated pg_stat_get_xact_tuples_inserted pg_stat_get_xact_tuples_newpage_updated
  pg_stat_get_xact_tuples_returned pg_stat_get_xact_tuples_updated pg_stat_have_stats pg_table_size
  pg_tablespace_size pg_total_relation_size pg_xact_commit_timestamp pg_xact_commit_timestamp_origin
  pg_xact_status random random_normal setseed timeofday txid_status uuidv4 uuidv7`);

/** They change data, sequences, large objects or locks, or send to other sessions: what they are part of is a write. */
export const writing = words(`
  lo_close lo_creat lo_create lo_from_bytea lo_lseek lo_lseek64 lo_open lo_put lo_tell lo_tell64 lo_truncate
  lo_truncate64 lo_unlink loread lowrite nextval pg_advisory_lock pg_advisory_lock_shared
  pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_notify pg_try_advisory_lock
  pg_try_advisory_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared setval`);

/** IMMUTABLE or STABLE, and yet not vouched for. */
const exposing = words(`
  currtid currtid2 pg_mcv_list_items pg_stat_get_activity pg_stat_get_backend_activity
  pg_stat_get_wal_receiver pg_show_all_file_settings pg_config`);

const runsSqlText = words("ts_stat ts_rewrite cursor_to_xml cursor_to_xmlschema dblink crosstab connectby");

export function isVouchedBuiltin(name: string, steady: boolean): boolean {
  if (steady) return !exposing.has(name) && !/_to_xml/.test(name);
  return harmless.has(name) || writing.has(name);
}

/** Why a function of PostgreSQL's own is not vouched for, for people. */
export function whyNotVouched(name: string): string {
  if (runsSqlText.has(name) || /_to_xml/.test(name)) return "it runs SQL or reads tables given as text";
  if (/^pg_(read|ls|stat_file)|^lo_(im|ex)port$|_file_/.test(name)) return "it reads or writes files";
  if (/^pg_(terminate|cancel)_backend$/.test(name)) return "it ends or stops other sessions";
  if (/activity|wal_receiver/.test(name)) return "it shows other sessions' statements or credentials";
  return "it administers the database, or has effects beyond its result";
}

/**
 * Which arguments may be made of masked values, since the function then still always returns something: an error
 * would tell about the value. `all`; `first`; `second`; `values` of key-value pairs; `constants`: the first,
 * where the others are positive or non-empty constants; `date`: the second, a plain date or time stamp, of which
 * the first names a part; `numbers`: a plain column of an exact number type; `scalars`: of types that are no arrays.
 */
export type Totality = "all" | "first" | "date" | "values" | "constants" | "numbers" | "scalars";

const totalities: Readonly<Record<Totality, ReadonlySet<string>>> = {
  all: words(`
    ascii bit_length bool_and bool_or btrim char_length character_length concat concat_ws count every
    initcap json_agg json_build_array jsonb_agg jsonb_build_array length lower ltrim max md5 min octet_length
    quote_literal quote_nullable replace reverse row_to_json rtrim starts_with string_agg strpos to_json to_jsonb
    translate upper`),
  first: words("first_value lag last_value lead left right"),
  date: words("date_part date_trunc extract"),
  values: words("json_build_object json_object_agg jsonb_build_object jsonb_object_agg"),
  constants: words("split_part substr substring"),
  numbers: words("avg sum"),
  scalars: words("array_agg"),
};

const totalityByName: ReadonlyMap<string, Totality> = new Map(
  Object.entries(totalities).flatMap(([totality, names]) =>
    [...names].map((name): [string, Totality] => [name, totality as Totality])
  ),
);

export function totalityOf(name: string): Totality | undefined {
  return totalityByName.get(name);
}

/** Functions that give text whatever they are given. */
export const givesText = words(`
  btrim concat concat_ws initcap left lower ltrim md5 quote_literal quote_nullable replace reverse right rtrim
  split_part string_agg substr substring translate upper`);

/** What some of the system's set-returning functions give, where it is one row type whatever the arguments. */
export const knownRows: Readonly<Record<string, readonly string[]>> = {
  json_each: ["key", "value"],
  json_each_text: ["key", "value"],
  jsonb_each: ["key", "value"],
  jsonb_each_text: ["key", "value"],
  json_array_elements: ["value"],
  json_array_elements_text: ["value"],
  jsonb_array_elements: ["value"],
  jsonb_array_elements_text: ["value"],
  pg_options_to_table: ["option_name", "option_value"],
};

/** One column, named like the function or its alias. */
export const knownScalars = words(`
  generate_series generate_subscripts string_to_table regexp_split_to_table regexp_matches json_object_keys
  jsonb_object_keys jsonb_path_query unnest now random version current_setting lower upper`);

/** Extensions whose functions written in C are as harmless as built-in ones, where not VOLATILE. */
const vouchedExtensions = words(`
  btree_gin btree_gist citext cube earthdistance fuzzystrmatch hstore intarray isn ltree pg_trgm pgcrypto postgis
  seg unaccent uuid-ossp vector`);
const vouchedVolatile = words(`
  gen_random_bytes gen_random_uuid gen_salt uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4`);

/** Functions of known extensions; whoever may CREATE EXTENSION may do worse. */
export function isVouchedExtension(extension: string, name: string, volatile: boolean): boolean {
  if (!vouchedExtensions.has(extension)) return false;
  if (/estimate|selectivity|stats/.test(name)) return false;
  return !volatile || vouchedVolatile.has(name);
}
