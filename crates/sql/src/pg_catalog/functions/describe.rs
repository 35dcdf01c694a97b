//! Objects in words: types, indexes, views, constraints, defaults, comments, functions.

use super::call::{Arg, BOOL, Call, INT, NAME, Spec, TEXT, error, text, undefined_table};
use crate::pg_catalog::relation::Body;
use crate::pg_catalog::tables::{Comment, comments};
use crate::pg_catalog::{definition, oid, procs, quote, roles};
use cvx_types::SqlState;
use datafusion::common::{Result, ScalarValue};

pub const FUNCTIONS: &[Spec] = &[
    Spec::new("format_type", &[Arg::Oid, Arg::Int], TEXT, format_type).lenient(),
    Spec::new("pg_get_indexdef", &[Arg::Relation, Arg::Int, Arg::Bool], TEXT, index).optional(1),
    Spec::new("pg_get_viewdef", &[Arg::Relation, Arg::Any], TEXT, view).optional(1),
    Spec::new("pg_get_constraintdef", &[Arg::Oid, Arg::Bool], TEXT, constraint).optional(1),
    Spec::new("pg_get_expr", &[Arg::Text, Arg::Oid, Arg::Bool], TEXT, expression).optional(2),
    Spec::new("pg_get_userbyid", &[Arg::Oid], NAME, user),
    Spec::new("pg_get_serial_sequence", &[Arg::Text, Arg::Text], TEXT, serial_sequence),
    Spec::new("obj_description", &[Arg::Oid, Arg::Text], TEXT, object_comment).optional(1),
    Spec::new("shobj_description", &[Arg::Oid, Arg::Text], TEXT, object_comment),
    Spec::new("col_description", &[Arg::Oid, Arg::Int], TEXT, column_comment),
    Spec::new("pg_get_function_arguments", &[Arg::Oid], TEXT, function_arguments),
    Spec::new("pg_get_function_identity_arguments", &[Arg::Oid], TEXT, function_arguments),
    Spec::new("pg_get_function_result", &[Arg::Oid], TEXT, function_result),
    Spec::new("pg_get_function_sqlbody", &[Arg::Oid], TEXT, nothing),
    Spec::new("pg_get_ruledef", &[Arg::Oid, Arg::Bool], TEXT, rule).optional(1),
    Spec::new("pg_get_partkeydef", &[Arg::Oid], TEXT, nothing),
    Spec::new("pg_get_partition_constraintdef", &[Arg::Oid], TEXT, nothing),
    Spec::new("pg_get_triggerdef", &[Arg::Oid, Arg::Bool], TEXT, nothing).optional(1),
    Spec::new("pg_get_statisticsobjdef_columns", &[Arg::Oid], TEXT, nothing),
    Spec::new("pg_tablespace_location", &[Arg::Oid], TEXT, |_| Ok(text(""))),
    Spec::new("pg_encoding_to_char", &[Arg::Int], NAME, encoding_name),
    Spec::new("pg_char_to_encoding", &[Arg::Text], INT, encoding_number),
    Spec::new("getdatabaseencoding", &[], NAME, |_| Ok(text("UTF8"))),
    Spec::new(
        "pg_index_column_has_property",
        &[Arg::Relation, Arg::Int, Arg::Text],
        BOOL,
        property,
    ),
];

fn format_type(call: &Call<'_>) -> Result<ScalarValue> {
    if call.values.first().is_none_or(ScalarValue::is_null) {
        return Ok(call.null.clone());
    }
    let oid = call.oid(0)?;
    let typmod = call.int(1).and_then(|typmod| i32::try_from(typmod).ok());
    let name = call.model.format_type(oid, typmod);
    Ok(text(match (oid, name) {
        (0, _) => "-".to_owned(),
        (_, Some(name)) => name,
        (_, None) => "???".to_owned(),
    }))
}

fn index(call: &Call<'_>) -> Result<ScalarValue> {
    let column = call.int(1).unwrap_or(0);
    let found = call.relation(0)?;
    let visible = |table: &str, oid: u32| {
        call.model.visible_relation(table).is_some_and(|seen| seen.oid == oid)
    };
    call.text_or_null(found.and_then(|index| {
        let table = index.indexed()?;
        let bare = call.bool(2) == Some(true) && visible(&table.name, table.oid);
        definition::index(index, column, bare)
    }))
}

fn view(call: &Call<'_>) -> Result<ScalarValue> {
    let found = call.relation(0)?;
    call.text_or_null(found.and_then(|r| r.view()).map(|view| definition::view(&view.sql)))
}

fn constraint(call: &Call<'_>) -> Result<ScalarValue> {
    let oid = call.oid(0)?;
    let keyed = call.model.relations().iter().find_map(|r| match &r.body {
        Body::Key(table) if oid::of_constraint(r.oid) == oid => Some(table),
        _ => None,
    });
    call.text_or_null(keyed.map(|table| definition::primary_key(table)))
}

/// Stored expressions are SQL already.
fn expression(call: &Call<'_>) -> Result<ScalarValue> {
    call.text_or_null(call.text(0))
}

fn user(call: &Call<'_>) -> Result<ScalarValue> {
    let oid = call.oid(0)?;
    let unknown = || format!("unknown (OID={oid})");
    Ok(text(roles::name_of(call.model, oid).unwrap_or_else(unknown)))
}

fn serial_sequence(call: &Call<'_>) -> Result<ScalarValue> {
    let (table, column) = (call.text(0).unwrap_or_default(), call.text(1).unwrap_or_default());
    let relation = call.model.relation_named(table).ok_or_else(|| undefined_table(table))?;
    if !relation.attributes.iter().any(|a| a.name == column) {
        let name = &relation.name;
        let message = format!("column \"{column}\" of relation \"{name}\" does not exist");
        return Err(error(SqlState::UNDEFINED_COLUMN, message));
    }
    let sequence = call.model.relations().iter().find(|r| match &r.body {
        Body::Sequence(owner, of) => owner.oid == relation.oid && of.name == column,
        _ => false,
    });
    call.text_or_null(sequence.map(|r| quote::qualified(&r.schema, &r.name)))
}

fn object_comment(call: &Call<'_>) -> Result<ScalarValue> {
    let on = call.oid(0)?;
    let within = match call.text(1) {
        Some(name) => match call.model.relation_in("pg_catalog", name) {
            Some(catalog) => Some(catalog.oid),
            None => return Ok(call.null.clone()),
        },
        None => None,
    };
    let here = |class: u32| within.is_none_or(|within| within == class);
    let mut found = comments(call.model).into_iter();
    let is_it = |c: &Comment| c.on == on && c.column == 0 && here(c.class);
    call.text_or_null(found.find(is_it).map(|comment| comment.text))
}

fn column_comment(call: &Call<'_>) -> Result<ScalarValue> {
    let (on, column) = (call.oid(0)?, call.int(1));
    let mut found = comments(call.model).into_iter();
    let is_it =
        |c: &Comment| c.on == on && c.class == oid::PG_CLASS && Some(i64::from(c.column)) == column;
    call.text_or_null(found.find(is_it).map(|comment| comment.text))
}

/// There is nothing of the kind to describe.
fn nothing(call: &Call<'_>) -> Result<ScalarValue> {
    Ok(call.null.clone())
}

fn function_arguments(call: &Call<'_>) -> Result<ScalarValue> {
    call.text_or_null(procs::proc_of(call.oid(0)?).map(procs::Proc::argument_list))
}

fn function_result(call: &Call<'_>) -> Result<ScalarValue> {
    call.text_or_null(procs::proc_of(call.oid(0)?).map(procs::Proc::result))
}

fn rule(call: &Call<'_>) -> Result<ScalarValue> {
    let oid = call.oid(0)?;
    let mut relations = call.model.relations().iter();
    let view = relations.find(|r| r.view().is_some() && oid::of_rule(r.oid) == oid);
    call.text_or_null(view.and_then(|r| {
        let name = quote::qualified(&r.schema, &r.name);
        let sql = definition::view(&r.view()?.sql);
        Some(format!("CREATE RULE \"_RETURN\" AS\n    ON SELECT TO {name} DO INSTEAD {sql}"))
    }))
}

fn encoding_name(call: &Call<'_>) -> Result<ScalarValue> {
    Ok(text(if call.int(0) == Some(6) { "UTF8" } else { "" }))
}

fn encoding_number(call: &Call<'_>) -> Result<ScalarValue> {
    let name = call.text(0).unwrap_or_default().to_lowercase();
    let utf8 = matches!(name.as_str(), "utf8" | "utf-8" | "unicode");
    Ok(ScalarValue::Int32(Some(if utf8 { 6 } else { -1 })))
}

/// Key columns of a btree ascend, NULLs last; an hnsw index has no order of its own.
fn property(call: &Call<'_>) -> Result<ScalarValue> {
    let Some(index) = call.relation(0)? else { return Ok(call.null.clone()) };
    let btree = matches!(index.body, Body::Key(_));
    let answer = match call.text(2).unwrap_or_default() {
        "asc" | "nulls_last" | "orderable" | "search_array" | "search_nulls" | "returnable" => {
            btree
        }
        "desc" | "nulls_first" => false,
        "distance_orderable" => !btree,
        _ => return Ok(call.null.clone()),
    };
    Ok(super::call::bool(answer))
}
