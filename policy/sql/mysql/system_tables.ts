/** Tables that the targets keep themselves. */

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "));

/** They tell nothing of other sessions, values or secrets, but for the columns below. */
const harmless: Readonly<Record<string, ReadonlySet<string>>> = {
  information_schema: words(
    "administrable_role_authorizations all_plugins applicable_roles character_sets check_constraints " +
      "collation_character_set_applicability collations column_privileges columns columns_extensions " +
      "enabled_roles engines events files global_status global_variables innodb_ft_default_stopword " +
      "key_caches key_column_usage keywords libraries optimizer_costs parameters partitions plugins " +
      "referential_constraints resource_groups role_column_grants role_routine_grants role_table_grants routines " +
      "schema_privileges schemata schemata_extensions session_status session_variables spatial_ref_sys " +
      "sql_functions st_geometry_columns st_spatial_reference_systems st_units_of_measure statistics " +
      "system_variables table_constraints table_constraints_extensions table_privileges tables tables_extensions " +
      "tablespaces triggers user_privileges view_routine_usage view_table_usage views geometry_columns periods " +
      "key_period_usage",
  ),
  performance_schema: words(
    "global_status global_variables keyword_list session_account_connect_attrs session_status session_variables " +
      "variables_info persisted_variables",
  ),
  mysql: words(
    "help_category help_keyword help_relation help_topic time_zone time_zone_leap_second time_zone_name " +
      "time_zone_transition time_zone_transition_type",
  ),
  sys: words("version"),
};

export function isHarmlessSystemTable(schema: string, name: string): boolean {
  return harmless[schema.toLowerCase()]?.has(name.toLowerCase()) === true;
}

/**
 * What these tell of values: how many distinct ones an index has; checksums over all of them; how many rows a
 * partition has, which is a range of them.
 */
const telling: Readonly<Record<string, ReadonlySet<string>>> = {
  statistics: words("cardinality"),
  tables: words("checksum"),
  partitions: words("table_rows avg_row_length data_length index_length data_free checksum"),
};

/** Columns of information_schema, in any case, that count as masked wherever some table has masked columns. */
export function isTelling(table: string, column: string): boolean {
  const name = table.toLowerCase();
  return Object.hasOwn(telling, name) && telling[name]!.has(column.toLowerCase());
}

/** Do these words, in lower case, name one of the tables with such columns? */
export function namesTelling(words: readonly string[]): boolean {
  return words.includes("information_schema") && words.some((word) => Object.hasOwn(telling, word));
}
