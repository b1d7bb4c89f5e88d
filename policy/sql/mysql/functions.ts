/** The targets' own functions: which are harmless, and which tell nothing by failing. */

const words = (text: string): readonly string[] => text.split(" ");

/**
 * Yield a value for any argument, without an error or a warning that depends on it. An expression over a masked
 * column may be shown (masked as a whole) only if all of it is of these: a failing one would answer questions.
 */
const total = words(
  "any_value ascii bit_length char_length character_length coalesce concat concat_ws count crc32 group_concat " +
    "hex if ifnull isnull json_array json_arrayagg json_quote lcase left length lengthb lower ltrim max md5 mid " +
    "min nvl nvl2 octet_length ord quote replace reverse right rtrim sha sha1 sha2 substr substring " +
    "substring_index to_base64 trim ucase upper",
);

/** Total for numbers only: of a text they warn. */
const totalForNumbers = words("avg round std stddev stddev_pop stddev_samp sum var_pop var_samp variance");

/** Harmless: they read no table, write nothing, wait for nothing, and open nothing. */
const harmless = words(
  // Numbers
  "abs acos asin atan atan2 ceil ceiling conv cos cot crc32c degrees div exp floor greatest least ln log log10 " +
    "log2 mod oct pi pow power radians rand random_bytes sign sin sqrt tan truncate bin bit_count interval " +
    // Texts
    "char chr elt export_set field find_in_set format from_base64 insert instr locate lpad make_set " +
    "natural_sort_key position regexp_instr regexp_like regexp_replace regexp_substr repeat rpad sformat soundex " +
    "space strcmp unhex to_char weight_string charset coercibility collation convert compress uncompress " +
    "uncompressed_length validate_password_strength " +
    // Times
    "adddate addtime add_months convert_tz curdate current_date current_time current_timestamp curtime date " +
    "date_add date_format date_sub datediff day dayname dayofmonth dayofweek dayofyear extract from_days " +
    "from_unixtime get_format hour last_day localtime localtimestamp makedate maketime microsecond minute month " +
    "monthname now period_add period_diff quarter sec_to_time second str_to_date subdate subtime sysdate time " +
    "time_format time_to_sec timediff timestamp timestampadd timestampdiff to_days to_seconds unix_timestamp " +
    "utc_date utc_time utc_timestamp week weekday weekofyear year yearweek " +
    // Documents
    "json_array_append json_array_insert json_compact json_contains json_contains_path json_depth json_detailed " +
    "json_equals json_exists json_extract json_insert json_keys json_length json_loose json_merge " +
    "json_merge_patch json_merge_preserve json_normalize json_object json_objectagg json_overlaps json_pretty " +
    "json_query json_remove json_replace json_schema_valid json_schema_validation_report json_search json_set " +
    "json_storage_free json_storage_size json_type json_unquote json_valid json_value extractvalue updatexml " +
    "column_add column_check column_create column_delete column_exists column_get column_json column_list " +
    // Aggregates and windows
    "bit_and bit_or bit_xor cume_dist dense_rank first_value grouping lag last_value lead median nth_value ntile " +
    "percent_rank percentile_cont percentile_disc rank row_number " +
    // Hashes and keys
    "aes_decrypt aes_encrypt uuid uuid_short uuid_to_bin bin_to_uuid is_uuid sys_guid " +
    // The session and the target
    "connection_id current_role current_user database found_rows icu_version last_insert_id row_count schema " +
    "session_user system_user user version name_const nullif values format_bytes format_pico_time " +
    "ps_current_thread_id roles_graphml binary default " +
    // Addresses
    "inet6_aton inet6_ntoa inet_aton inet_ntoa is_ipv4 is_ipv4_compat is_ipv4_mapped is_ipv6 " +
    // Vectors
    "vec_distance vec_distance_cosine vec_distance_euclidean vec_fromtext vec_totext string_to_vector " +
    "vector_to_string vector_dim password old_password encode decode decode_histogram encrypt des_encrypt des_decrypt",
);

/** Shapes and points: every function of that family is harmless. */
const spatial =
  /^(?:st_[a-z0-9_]+|mbr[a-z]+|point|linestring|polygon|multipoint|multilinestring|multipolygon|geometrycollection)$/;

/** In a block without GROUP BY these make one row, whose value does not depend on the order of the rows. */
const unorderedAggregates = new Set(words("avg bit_and bit_or bit_xor count max min sum"));

/** Their value depends on it, if only in the last digits of floating point. */
const orderedAggregates = new Set(
  words(
    "any_value group_concat json_arrayagg json_objectagg median percentile_cont percentile_disc st_collect std " +
      "stddev stddev_pop stddev_samp var_pop var_samp variance",
  ),
);

const totals = new Set(total);
const numericTotals = new Set(totalForNumbers);
const vouched = new Set([...total, ...totalForNumbers, ...harmless]);

export const isVouched = (name: string): boolean => vouched.has(name) || spatial.test(name);
export const isTotal = (name: string): boolean => totals.has(name);
export const isTotalForNumbers = (name: string): boolean => numericTotals.has(name);
export const isOrderedAggregate = (name: string): boolean => orderedAggregates.has(name);
export const isUnorderedAggregate = (name: string): boolean => unorderedAggregates.has(name);

/** Why one that is not vouched for is refused, where there is more to say than that. */
export const dangers: Readonly<Record<string, string>> = {
  benchmark: "it keeps the target busy",
  get_lock: "it takes locks that other sessions wait for",
  is_free_lock: "it works on locks of other sessions",
  is_used_lock: "it works on locks of other sessions",
  load_file: "it reads files of the target's host",
  master_gtid_wait: "it waits",
  master_pos_wait: "it waits",
  nextval: "it changes a sequence",
  release_all_locks: "it works on locks of other sessions",
  release_lock: "it works on locks of other sessions",
  setval: "it changes a sequence",
  sleep: "it waits",
  source_pos_wait: "it waits",
  wait_for_executed_gtid_set: "it waits",
};

const changing: ReadonlySet<string> = new Set(words(
  "rand random_bytes uuid uuid_short sys_guid sysdate last_insert_id row_count found_rows",
));

/** Another value at each call, or an effect: what nobody vouches for may have any. */
export const isVolatile = (name: string): boolean => changing.has(name) || !isVouched(name);
