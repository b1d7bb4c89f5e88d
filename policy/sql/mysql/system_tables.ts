/** Tables that the targets keep themselves, and that tell nothing of other sessions, values or secrets. */

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "));

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
