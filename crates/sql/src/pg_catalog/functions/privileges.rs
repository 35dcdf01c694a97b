//! Who may do what (everybody everything, on loopback), and what is seen without its schema.

use super::call::{Arg, BOOL, Call, Spec, bool, undefined_table};
use crate::pg_catalog::procs;
use datafusion::common::{Result, ScalarValue};

/// A privilege on something: `has_x_privilege([user,] thing, privilege)`.
const fn privilege(name: &'static str) -> Spec {
    Spec::new(name, &[Arg::Any, Arg::Any, Arg::Any], BOOL, granted).optional(2)
}

/// A thing of which there is none: unknown OIDs answer NULL in Postgres.
const fn visible(name: &'static str, body: fn(&Call<'_>) -> Result<ScalarValue>) -> Spec {
    Spec::new(name, &[Arg::Oid], BOOL, body)
}

pub const FUNCTIONS: &[Spec] = &[
    privilege("has_any_column_privilege"),
    privilege("has_database_privilege"),
    privilege("has_foreign_data_wrapper_privilege"),
    privilege("has_function_privilege"),
    privilege("has_language_privilege"),
    privilege("has_schema_privilege"),
    privilege("has_sequence_privilege"),
    privilege("has_server_privilege"),
    privilege("has_tablespace_privilege"),
    privilege("has_type_privilege"),
    Spec::new("has_table_privilege", &[Arg::Any, Arg::Any, Arg::Any], BOOL, on_table).optional(2),
    Spec::new("has_column_privilege", &[Arg::Any, Arg::Any, Arg::Any, Arg::Any], BOOL, granted)
        .optional(3),
    Spec::new("pg_has_role", &[Arg::Any, Arg::Any, Arg::Any], BOOL, granted).optional(2),
    Spec::new("row_security_active", &[Arg::Relation], BOOL, |_| Ok(bool(false))),
    Spec::new("pg_relation_is_publishable", &[Arg::Relation], BOOL, publishable),
    visible("pg_table_is_visible", table_is_visible),
    visible("pg_type_is_visible", type_is_visible),
    visible("pg_function_is_visible", function_is_visible),
    visible("pg_operator_is_visible", operator_is_visible),
    visible("pg_opclass_is_visible", opclass_is_visible),
    visible("pg_opfamily_is_visible", opfamily_is_visible),
    visible("pg_collation_is_visible", |call| known(call, [100, 950, 951].contains(&call.oid(0)?))),
    visible("pg_conversion_is_visible", unknown),
    visible("pg_statistics_obj_is_visible", unknown),
    visible("pg_ts_config_is_visible", unknown),
    visible("pg_ts_dict_is_visible", unknown),
    visible("pg_ts_parser_is_visible", unknown),
    visible("pg_ts_template_is_visible", unknown),
];

fn granted(_: &Call<'_>) -> Result<ScalarValue> {
    Ok(bool(true))
}

/// Granted, on a table that must exist if it is named.
fn on_table(call: &Call<'_>) -> Result<ScalarValue> {
    let place = call.values.len().saturating_sub(2);
    match call.text(place) {
        Some(name) if call.model.relation_named(name).is_none() => Err(undefined_table(name)),
        _ => Ok(bool(true)),
    }
}

/// There are no publications to put a table into.
fn publishable(call: &Call<'_>) -> Result<ScalarValue> {
    Ok(match call.relation(0)? {
        Some(_) => bool(false),
        None => call.null.clone(),
    })
}

fn table_is_visible(call: &Call<'_>) -> Result<ScalarValue> {
    let oid = call.oid(0)?;
    Ok(match call.model.relation(oid) {
        Some(r) => bool(call.model.visible_relation(&r.name).is_some_and(|seen| seen.oid == oid)),
        None => call.null.clone(),
    })
}

fn type_is_visible(call: &Call<'_>) -> Result<ScalarValue> {
    let found = call.model.type_of(call.oid(0)?);
    in_path(call, found.as_ref().map(|ty| ty.schema.as_str()))
}

fn function_is_visible(call: &Call<'_>) -> Result<ScalarValue> {
    in_path(call, procs::proc_of(call.oid(0)?).map(|proc| proc.schema))
}

fn operator_is_visible(call: &Call<'_>) -> Result<ScalarValue> {
    let oid = call.oid(0)?;
    in_path(call, procs::operators().find(|o| o.oid == oid).map(|_| "public"))
}

fn opclass_is_visible(call: &Call<'_>) -> Result<ScalarValue> {
    let oid = call.oid(0)?;
    in_path(call, procs::opclasses().find(|c| c.oid == oid).map(|class| class.schema))
}

fn opfamily_is_visible(call: &Call<'_>) -> Result<ScalarValue> {
    let oid = call.oid(0)?;
    in_path(call, procs::opclasses().find(|c| c.family == oid).map(|class| class.schema))
}

/// Whether a schema is searched; NULL where the thing asked for is unknown.
fn in_path(call: &Call<'_>, schema: Option<&str>) -> Result<ScalarValue> {
    Ok(match schema {
        Some(schema) => bool(call.model.path(true).any(|searched| searched == schema)),
        None => call.null.clone(),
    })
}

fn known(call: &Call<'_>, is: bool) -> Result<ScalarValue> {
    Ok(if is { bool(true) } else { call.null.clone() })
}

fn unknown(call: &Call<'_>) -> Result<ScalarValue> {
    Ok(call.null.clone())
}
