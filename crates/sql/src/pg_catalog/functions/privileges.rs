//! Who may do what, and what is seen without its schema.

use super::call::{Arg, BOOL, Call, Spec, bool, error, undefined_table};
use crate::pg_catalog::relation::Relation;
use crate::pg_catalog::{procs, roles};
use arrow::datatypes::DataType;
use cvx_engine::{Privileges, Securable};
use cvx_types::SqlState;
use datafusion::common::{DataFusionError, Result, ScalarValue};

/// A privilege on something that everybody may use: `has_x_privilege([user,] thing, privilege)`.
const fn privilege(name: &'static str) -> Spec {
    Spec::new(name, &[Arg::Any, Arg::Any, Arg::Any], BOOL, granted).optional(2)
}

/// A privilege on something that has grants.
const fn guarded(name: &'static str, body: fn(&Call<'_>) -> Result<ScalarValue>) -> Spec {
    Spec::new(name, &[Arg::Any, Arg::Any, Arg::Any], BOOL, body).optional(2)
}

/// A thing of which there is none: unknown OIDs answer NULL in Postgres.
const fn visible(name: &'static str, body: fn(&Call<'_>) -> Result<ScalarValue>) -> Spec {
    Spec::new(name, &[Arg::Oid], BOOL, body)
}

pub const FUNCTIONS: &[Spec] = &[
    guarded("has_any_column_privilege", on_any_column),
    guarded("has_database_privilege", on_database),
    privilege("has_foreign_data_wrapper_privilege"),
    privilege("has_function_privilege"),
    privilege("has_language_privilege"),
    guarded("has_schema_privilege", on_schema),
    privilege("has_sequence_privilege"),
    privilege("has_server_privilege"),
    privilege("has_tablespace_privilege"),
    privilege("has_type_privilege"),
    guarded("has_table_privilege", on_table),
    Spec::new("has_column_privilege", &[Arg::Any, Arg::Any, Arg::Any, Arg::Any], BOOL, on_column)
        .optional(3),
    guarded("pg_has_role", has_role),
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

/// Whose right is asked for: the first argument where `things` follow it, else the user's.
fn asker(call: &Call<'_>, things: usize) -> Result<u32> {
    if call.values.len() <= things {
        return Ok(call.model.user_oid());
    }
    role(call, 0)
}

/// A role by name or OID.
fn role(call: &Call<'_>, at: usize) -> Result<u32> {
    let Some(name) = name(call, at) else { return oid(call, at) };
    roles::oid_of(call.model, &name)
        .ok_or_else(|| error(SqlState::UNDEFINED_OBJECT, format!("role \"{name}\" does not exist")))
}

/// An argument as a name; `None` for a number.
fn name(call: &Call<'_>, at: usize) -> Option<String> {
    match call.values.get(at)?.cast_to(&DataType::Utf8) {
        Ok(ScalarValue::Utf8(Some(text))) if text.trim().parse::<i64>().is_err() => Some(text),
        _ => None,
    }
}

fn oid(call: &Call<'_>, at: usize) -> Result<u32> {
    let value = call.values.get(at).map(|value| value.cast_to(&DataType::Int64)).transpose()?;
    match value {
        Some(ScalarValue::Int64(Some(number))) => Ok(u32::try_from(number).unwrap_or(0)),
        _ => Ok(0),
    }
}

/// `SELECT, INSERT WITH GRANT OPTION`: any of them is enough.
fn holds(call: &Call<'_>, role: u32, on: &Securable, all_words: &str) -> Result<ScalarValue> {
    let access = &call.model.catalog.access;
    let mut any = false;
    for words in all_words.split(',') {
        let words = words.trim().to_uppercase();
        let plain = words.strip_suffix(" WITH GRANT OPTION").unwrap_or(&words).trim();
        let known = Privileges::named(plain).filter(|p| Privileges::all_of(on).has(*p));
        let wanted = known.ok_or_else(|| {
            let message = format!("unrecognized privilege type: \"{plain}\"");
            error(SqlState::INVALID_PARAMETER, message)
        })?;
        let held = if plain.len() < words.len() {
            access.grantable(role, on)
        } else {
            access.held(role, on)
        };
        any |= held.has(wanted);
    }
    Ok(bool(any))
}

/// The last argument: the privileges asked for.
fn words<'c>(call: &'c Call<'_>) -> &'c str {
    call.text(call.values.len().saturating_sub(1)).unwrap_or_default()
}

fn on_table(call: &Call<'_>) -> Result<ScalarValue> {
    match relation(call, call.values.len().saturating_sub(2))? {
        Some(relation) => relation_privilege(call, relation, asker(call, 2)?),
        None => Ok(call.null.clone()),
    }
}

/// On the table, or on any of its columns.
fn on_any_column(call: &Call<'_>) -> Result<ScalarValue> {
    let Some(relation) = relation(call, call.values.len().saturating_sub(2))? else {
        return Ok(call.null.clone());
    };
    let role = asker(call, 2)?;
    let mut held = relation_privilege(call, relation, role)?;
    for attribute in &relation.attributes {
        if held == bool(true) || !call.model.catalog.access.has_column_rights(relation.oid) {
            break;
        }
        held = holds(call, role, &Securable::Column(relation.oid, attribute.attnum), words(call))?;
    }
    Ok(held)
}

/// On the table, or on the column, by name or number.
fn on_column(call: &Call<'_>) -> Result<ScalarValue> {
    let at = call.values.len().saturating_sub(3);
    let Some(relation) = relation(call, at)? else { return Ok(call.null.clone()) };
    let role = asker(call, 3)?;
    let held = relation_privilege(call, relation, role)?;
    let column = match name(call, at + 1) {
        Some(name) => relation.attributes.iter().find(|a| a.name == name).map(|a| a.attnum),
        None => i16::try_from(oid(call, at + 1)?).ok(),
    };
    let Some(column) = column else {
        let message = format!("column of relation \"{}\" does not exist", relation.name);
        return Err(error(SqlState::UNDEFINED_COLUMN, message));
    };
    if held == bool(true) {
        return Ok(held);
    }
    holds(call, role, &Securable::Column(relation.oid, column), words(call))
}

fn relation<'c>(call: &Call<'c>, at: usize) -> Result<Option<&'c Relation>> {
    match name(call, at) {
        Some(name) => {
            call.model.relation_named(&name).map(Some).ok_or_else(|| undefined_table(&name))
        }
        None => Ok(call.model.relation(oid(call, at)?)),
    }
}

fn relation_privilege(call: &Call<'_>, relation: &Relation, role: u32) -> Result<ScalarValue> {
    match roles::securable(relation) {
        Some(on) => holds(call, role, &on, words(call)),
        // Everybody reads the catalog, but for the tables of passwords; nobody writes it.
        None => {
            let secret = matches!(relation.name.as_str(), "pg_authid" | "pg_shadow");
            let reads = words(call).to_uppercase().contains("SELECT") && !secret;
            Ok(bool(reads || call.model.catalog.access.is_superuser(role)))
        }
    }
}

fn on_schema(call: &Call<'_>) -> Result<ScalarValue> {
    let (at, role) = (call.values.len().saturating_sub(2), asker(call, 2)?);
    let schema = match name(call, at) {
        Some(name) if call.model.schema_exists(&name) => name,
        Some(name) => {
            let message = format!("schema \"{name}\" does not exist");
            return Err(error(SqlState::INVALID_SCHEMA_NAME, message));
        }
        None => match call.model.schema_of(oid(call, at)?) {
            Some(name) => name.to_owned(),
            None => return Ok(call.null.clone()),
        },
    };
    if matches!(schema.as_str(), "pg_catalog" | "information_schema") {
        let uses = words(call).to_uppercase().contains("USAGE");
        return Ok(bool(uses || call.model.catalog.access.is_superuser(role)));
    }
    holds(call, role, &call.model.catalog.schema(&schema), words(call))
}

fn on_database(call: &Call<'_>) -> Result<ScalarValue> {
    let (at, role) = (call.values.len().saturating_sub(2), asker(call, 2)?);
    let catalog = &call.model.catalog;
    let found = match name(call, at) {
        Some(name) => Some(catalog.database(&name).ok_or_else(|| undefined_database(&name))?),
        None => catalog.databases.get(&oid(call, at)?),
    };
    match found {
        Some(database) => holds(call, role, &Securable::Database(database.oid), words(call)),
        None => Ok(call.null.clone()),
    }
}

fn undefined_database(name: &str) -> DataFusionError {
    let message = format!("database \"{name}\" does not exist");
    error(SqlState::INVALID_CATALOG_NAME, message)
}

/// `pg_has_role([user,] role, 'MEMBER' or 'USAGE' or 'SET')`.
fn has_role(call: &Call<'_>) -> Result<ScalarValue> {
    let user = asker(call, 2)?;
    let of = role(call, call.values.len().saturating_sub(2))?;
    let access = &call.model.catalog.access;
    let kind = words(call).trim().to_uppercase();
    let is = match kind
        .strip_suffix(" WITH ADMIN OPTION")
        .or(kind.strip_suffix(" WITH GRANT OPTION"))
    {
        Some(_) => access.administers(user, of),
        None if kind == "USAGE" => access.inherited(user).contains(&of),
        None if matches!(kind.as_str(), "MEMBER" | "SET") => access.memberships(user).contains(&of),
        None => {
            let message = format!("unrecognized privilege type: \"{kind}\"");
            return Err(error(SqlState::INVALID_PARAMETER, message));
        }
    };
    Ok(bool(is || access.is_superuser(user)))
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
