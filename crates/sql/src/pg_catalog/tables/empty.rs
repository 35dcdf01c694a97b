//! System tables of which we have no rows, because there is no such thing here.

use crate::pg_catalog::rows::Row;

/// Nothing of the kind exists: no triggers, policies, publications, locks, enums, ...
const NOTHING: &[&str] = &[
    "pg_conversion",
    "pg_db_role_setting",
    "pg_default_acl",
    "pg_enum",
    "pg_event_trigger",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_foreign_table",
    "pg_inherits",
    "pg_init_privs",
    "pg_largeobject_metadata",
    "pg_locks",
    "pg_matviews",
    "pg_partitioned_table",
    "pg_policies",
    "pg_policy",
    "pg_publication",
    "pg_publication_namespace",
    "pg_publication_rel",
    "pg_publication_tables",
    "pg_range",
    "pg_rules",
    "pg_seclabel",
    "pg_shdepend",
    "pg_stat_replication",
    "pg_statistic_ext",
    "pg_transform",
    "pg_trigger",
    "pg_ts_config",
    "pg_user_mapping",
    "pg_user_mappings",
];

/// No rows, where that is the truth.
pub fn rows(name: &str) -> Option<Vec<Row>> {
    NOTHING.contains(&name).then(Vec::new)
}
