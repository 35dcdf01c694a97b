//! Names to OIDs and back: `to_regclass` and its sisters, and the casts of OID aliases.

use super::call::{Arg, Call, Returns, Spec, TEXT, error, oid, text, undefined_table};
use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::procs::{self, Proc};
use crate::pg_catalog::reg::Alias;
use crate::pg_catalog::spec::field;
use crate::pg_catalog::{oid as oids, quote, roles};
use arrow::datatypes::{DataType, FieldRef};
use cvx_types::{PgType, SqlState};
use datafusion::common::{DataFusionError, Result, ScalarValue};

pub const FUNCTIONS: &[Spec] = &[
    Spec::new("to_regclass", &[Arg::Text], CLASS, |call| look_up(call, Alias::Class)),
    Spec::new("to_regtype", &[Arg::Text], TYPE, |call| look_up(call, Alias::Type)),
    Spec::new("to_regproc", &[Arg::Text], PROC, |call| look_up(call, Alias::Proc)),
    Spec::new("to_regnamespace", &[Arg::Text], NAMESPACE, |call| look_up(call, Alias::Namespace)),
    Spec::new("to_regrole", &[Arg::Text], ROLE, |call| look_up(call, Alias::Role)),
    Spec::new("cvx_to_regclass", &[Arg::Any], CLASS, |call| read(call, Alias::Class)),
    Spec::new("cvx_to_regtype", &[Arg::Any], TYPE, |call| read(call, Alias::Type)),
    Spec::new("cvx_to_regproc", &[Arg::Any], PROC, |call| read(call, Alias::Proc)),
    Spec::new("cvx_to_regprocedure", &[Arg::Any], PROCEDURE, |call| read(call, Alias::Procedure)),
    Spec::new("cvx_to_regnamespace", &[Arg::Any], NAMESPACE, |call| read(call, Alias::Namespace)),
    Spec::new("cvx_to_regrole", &[Arg::Any], ROLE, |call| read(call, Alias::Role)),
    Spec::new("cvx_regclass_text", &[Arg::Any], PRINTED, |call| print(call, Alias::Class)),
    Spec::new("cvx_regtype_text", &[Arg::Any], PRINTED, |call| print(call, Alias::Type)),
    Spec::new("cvx_regproc_text", &[Arg::Any], PRINTED, |call| print(call, Alias::Proc)),
    Spec::new("cvx_regprocedure_text", &[Arg::Any], PRINTED, |call| print(call, Alias::Procedure)),
    Spec::new("cvx_regnamespace_text", &[Arg::Any], PRINTED, |call| print(call, Alias::Namespace)),
    Spec::new("cvx_regrole_text", &[Arg::Any], PRINTED, |call| print(call, Alias::Role)),
    Spec::new("pg_typeof", &[Arg::Any], TYPE, type_of_value).lenient(),
];

const CLASS: Returns = |args| Ok(Alias::Class.field(is_list(args)));
const TYPE: Returns = |args| Ok(Alias::Type.field(is_list(args)));
const PROC: Returns = |args| Ok(Alias::Proc.field(is_list(args)));
const PROCEDURE: Returns = |args| Ok(Alias::Procedure.field(is_list(args)));
const NAMESPACE: Returns = |args| Ok(Alias::Namespace.field(is_list(args)));
const ROLE: Returns = |args| Ok(Alias::Role.field(is_list(args)));

/// Text, or a list of texts for a list of OIDs.
const PRINTED: Returns = |args| {
    if is_list(args) { Ok(field("", &PgType::Array(Box::new(PgType::Text)))) } else { TEXT(args) }
};

fn is_list(args: &[FieldRef]) -> bool {
    args.first().is_some_and(|arg| matches!(arg.data_type(), DataType::List(_)))
}

/// `to_reg...`: NULL where there is no such thing.
fn look_up(call: &Call<'_>, alias: Alias) -> Result<ScalarValue> {
    let name = call.text(0).unwrap_or_default();
    Ok(find(call.model, alias, name).ok().map_or_else(|| call.null.clone(), oid))
}

/// `::reg...`: an error where there is no such thing. A number stays what it is, and so does a
/// text of digits; `-` is no thing at all, 0.
fn read(call: &Call<'_>, alias: Alias) -> Result<ScalarValue> {
    if let Some(items) = call.list(0) {
        let items = (0..items.len()).map(|at| {
            let item = ScalarValue::try_from_array(&items, at)?;
            read_one(call, alias, &item)
        });
        let items = items.collect::<Result<Vec<_>>>()?;
        return Ok(list_of(&items, &DataType::Int64));
    }
    let Some(value) = call.values.first() else { return Ok(call.null.clone()) };
    read_one(call, alias, value)
}

fn read_one(call: &Call<'_>, alias: Alias, value: &ScalarValue) -> Result<ScalarValue> {
    match value.cast_to(&DataType::Utf8)? {
        ScalarValue::Utf8(Some(name)) if name == "-" => Ok(oid(0)),
        ScalarValue::Utf8(Some(name)) => match name.trim().parse::<u32>() {
            Ok(number) => Ok(oid(number)),
            Err(_) => find(call.model, alias, &name).map(oid),
        },
        _ => Ok(ScalarValue::Int64(None)),
    }
}

fn list_of(items: &[ScalarValue], ty: &DataType) -> ScalarValue {
    ScalarValue::List(ScalarValue::new_list(items, ty, true))
}

/// The OID that a name means.
fn find(model: &SystemCatalog, alias: Alias, name: &str) -> Result<u32> {
    match alias {
        Alias::Class => {
            model.relation_named(name).map(|r| r.oid).ok_or_else(|| undefined_table(name))
        }
        Alias::Type => model.type_named(name).ok_or_else(|| {
            error(SqlState::UNDEFINED_OBJECT, format!("type \"{name}\" does not exist"))
        }),
        Alias::Proc => the_only(name, named(model, name)),
        Alias::Procedure => procedure(model, name),
        Alias::Namespace => {
            let schema = quote::split(name).and_then(|mut parts| parts.pop());
            let found = schema.filter(|schema| model.schema_exists(schema));
            found.map(|schema| oids::of_schema(&schema)).ok_or_else(|| {
                let message = format!("schema \"{name}\" does not exist");
                error(SqlState::INVALID_SCHEMA_NAME, message)
            })
        }
        Alias::Role => {
            let role = quote::split(name).and_then(|mut parts| parts.pop());
            role.and_then(|role| roles::oid_of(model, &role)).ok_or_else(|| {
                error(SqlState::UNDEFINED_OBJECT, format!("role \"{name}\" does not exist"))
            })
        }
    }
}

/// Functions of a name, with or without its schema.
fn named(model: &SystemCatalog, text: &str) -> Vec<&'static Proc> {
    let parts = quote::split(text).unwrap_or_default();
    match parts.as_slice() {
        [name] => {
            let searched = |proc: &&Proc| model.path(true).any(|schema| schema == proc.schema);
            procs::procs().filter(|proc| proc.name == name).filter(searched).collect()
        }
        [schema, name] => procs::procs_named_in(schema, name),
        _ => Vec::new(),
    }
}

fn the_only(name: &str, found: Vec<&'static Proc>) -> Result<u32> {
    match found.as_slice() {
        [proc] => Ok(proc.oid),
        [] => Err(no_function(name)),
        _ => {
            let message = format!("more than one function named \"{name}\"");
            Err(error(SqlState("42725"), message))
        }
    }
}

fn no_function(name: &str) -> DataFusionError {
    error(SqlState::UNDEFINED_FUNCTION, format!("function \"{name}\" does not exist"))
}

/// `name(type, type)`.
fn procedure(model: &SystemCatalog, text: &str) -> Result<u32> {
    let (name, arguments) = text.split_once('(').ok_or_else(|| no_function(text))?;
    let arguments = arguments.trim_end().strip_suffix(')').ok_or_else(|| no_function(text))?;
    let types: Option<Vec<u32>> = match arguments.trim() {
        "" => Some(Vec::new()),
        list => list.split(',').map(|ty| model.type_named(ty)).collect(),
    };
    let types = types.ok_or_else(|| no_function(text))?;
    let fits = named(model, name).into_iter().filter(|proc| proc.arguments == types).collect();
    the_only(text, fits)
}

/// `::reg...::text`.
fn print(call: &Call<'_>, alias: Alias) -> Result<ScalarValue> {
    let one = |value: &ScalarValue| match value.cast_to(&DataType::Int64)? {
        ScalarValue::Int64(Some(number)) => Ok(text(name_of(call.model, alias, number))),
        _ => Ok(ScalarValue::Utf8(None)),
    };
    if let Some(items) = call.list(0) {
        let items = (0..items.len()).map(|at| one(&ScalarValue::try_from_array(&items, at)?));
        let items = items.collect::<Result<Vec<_>>>()?;
        return Ok(list_of(&items, &DataType::Utf8));
    }
    call.values.first().map_or_else(|| Ok(call.null.clone()), one)
}

/// The name of what has this OID; the number itself where nothing has it.
fn name_of(model: &SystemCatalog, alias: Alias, number: i64) -> String {
    let Ok(oid) = u32::try_from(number) else { return number.to_string() };
    if oid == 0 {
        return "-".to_owned();
    }
    let found = match alias {
        Alias::Class => model.relation(oid).map(|r| {
            let seen = model.visible_relation(&r.name).is_some_and(|seen| seen.oid == oid);
            if seen { quote::ident(&r.name) } else { quote::qualified(&r.schema, &r.name) }
        }),
        Alias::Type => model.format_type(oid, None),
        Alias::Proc => procs::proc_of(oid).map(|proc| proc_name(model, proc)),
        Alias::Procedure => procs::proc_of(oid)
            .map(|proc| format!("{}({})", quote::ident(proc.name), proc.argument_types())),
        Alias::Namespace => model.schema_of(oid).map(quote::ident),
        Alias::Role => roles::name_of(model, oid).map(|name| quote::ident(&name)),
    };
    found.unwrap_or_else(|| number.to_string())
}

/// A function's name, qualified where it alone would not find the function.
fn proc_name(model: &SystemCatalog, proc: &Proc) -> String {
    let alone = the_only(proc.name, named(model, proc.name));
    if alone.is_ok_and(|found| found == proc.oid) {
        quote::ident(proc.name)
    } else {
        quote::qualified(proc.schema, proc.name)
    }
}

fn type_of_value(call: &Call<'_>) -> Result<ScalarValue> {
    let field = call.fields.first();
    let ty = field.map_or(PgType::Unknown, |field| PgType::of_field(field).0);
    Ok(oid(ty.oid()))
}
