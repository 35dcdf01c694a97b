//! VELOCITY, DRIFT and their sisters: the queries they stand for.
//!
//! A call becomes a sub-query over a function of records ([`crate::analyse`]). Every argument is
//! cast to what the function takes, so literals and parameters get their types as they would in a
//! comparison with the table's column; what was not given is a typed NULL.

use super::names::{self, quote};
use super::rewrite::cast;
use super::table_functions::{
    Call, GIVEN, arguments, entity_and_time, mentions_column, needs_table, no_valid_time,
    select_of, template, wrong,
};
use super::{Binder, Env, Pending, Show};
use crate::analyse::{Analysis, Kind, call_name, field_name};
use crate::plan::{StatementCx, placeholder};
use crate::types::resolve_type;
use cvx_dialect::{Arg, TableFunction};
use cvx_engine::Table;
use cvx_types::{PgType, Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, DataType, ExactNumberInfo, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName, Query, SelectItem,
    TableFactor, TimezoneInfo, Value,
};
use std::sync::Arc;

/// Where a call's points are, and what its arguments are cast to.
struct Place {
    function: String,
    /// The given SELECT, or NULL.
    source: Expr,
    /// Whether all rows of the SELECT are the entity's.
    whole: bool,
    /// None where only the SELECT knows.
    entity: Option<DataType>,
    time: DataType,
}

/// The parameter that names the vector, where a table has several.
const COLUMN: &str = "column";

impl Binder<'_> {
    /// The derived table that an analysis stands for.
    pub(super) fn analysis_query(
        &mut self,
        analysis: Analysis,
        call: &TableFunction,
        env: &Env,
    ) -> Result<TableFactor> {
        let signature = analysis.signature();
        let parameters: Vec<&'static str> =
            signature.parameters.iter().map(|parameter| parameter.name).chain([COLUMN]).collect();
        let mut call_arguments = arguments(signature.name, call, &parameters, signature.required)?;
        for value in call_arguments.named.values_mut() {
            self.bind_expressions(value, env)?;
        }
        let lateral = call_arguments.named.values().any(mentions_column);
        let place = match &call_arguments.source {
            Arg::Query(query) => {
                self.given_place(analysis, query, &call_arguments, lateral, env)?
            }
            source => {
                let table = self.argument_table(source)?;
                match call_arguments.named.remove(COHORT) {
                    Some(cohort) => {
                        self.cohort_place(analysis, &table, &cohort, &call_arguments, env)?
                    }
                    None => self.table_place(analysis, table, &call_arguments, env)?,
                }
            }
        };
        let subquery = records_query(self.cx, analysis, &place, call_arguments)?;
        let alias = call.alias.clone();
        let mut alias = alias.unwrap_or_else(|| names::table_alias(signature.name, &[]));
        if !alias.columns.is_empty() {
            // Names for the first columns; the others keep theirs.
            let rest = analysis.columns().iter().skip(alias.columns.len());
            alias.columns.extend(rest.map(|column| names::alias_column(column.name)));
        }
        Ok(TableFactor::Derived { lateral, subquery, alias: Some(alias), sample: None })
    }

    fn table_place(
        &mut self,
        analysis: Analysis,
        table: Arc<Table>,
        call: &Call,
        env: &Env,
    ) -> Result<Place> {
        let (entity, time) = entity_and_time(&table, false)?;
        let time = time.ok_or_else(|| no_valid_time(&table))?;
        let vector = vector_column(&table, call.named.get(COLUMN))?;
        let number = self.pending.len();
        let type_of = |name: &str| {
            let column = table.columns.iter().find(|column| column.name == name);
            column.map_or(DataType::Text, |column| syntax(&column.ty))
        };
        let (entity, time) = (type_of(&entity), type_of(&time));
        self.pending.push(Pending {
            table,
            own_valid: None,
            own_system: None,
            scopes: env.scopes.clone(),
            show: Show::User { hidden: Arc::default() },
            all_points: true,
            reader: env.reader,
        });
        let function = call_name(analysis, Some((number, vector)));
        Ok(Place { function, source: null(), whole: false, entity: Some(entity), time })
    }

    /// The points of `(SELECT entity, ts, vector ...)`: those of the entity alone where it is no
    /// column of another relation.
    fn given_place(
        &mut self,
        analysis: Analysis,
        query: &Query,
        call: &Call,
        lateral: bool,
        env: &Env,
    ) -> Result<Place> {
        if call.named.contains_key(COHORT) {
            return Err(wrong("cohort => is for tables: a SELECT has a WHERE of its own"));
        }
        if call.named.contains_key(COLUMN) {
            return Err(wrong("column => is for tables: a SELECT gives one vector"));
        }
        let mut inner = Box::new(query.clone());
        self.bind_query(&mut inner, env)?;
        let mut records = template(RECORDS)?;
        let select = select_of(&mut records)?;
        select.from[0].relation = TableFactor::Derived {
            lateral: false,
            subquery: inner,
            alias: Some(names::table_alias("points", &GIVEN)),
            sample: None,
        };
        let entity = call.named.get("entity").filter(|_| !lateral);
        select.selection = entity.map(|value| Expr::BinaryOp {
            left: Box::new(Expr::Identifier(quote(GIVEN[0]))),
            op: BinaryOperator::Eq,
            right: Box::new(Expr::Nested(Box::new(value.clone()))),
        });
        Ok(Place {
            function: call_name(analysis, None),
            source: Expr::Subquery(records),
            whole: entity.is_some(),
            entity: None,
            time: DataType::Timestamp(None, TimezoneInfo::Tz),
        })
    }
}

/// The parameter that narrows a population.
const COHORT: &str = "cohort";

impl Binder<'_> {
    /// The points of the entities that any point of theirs puts into the cohort.
    fn cohort_place(
        &mut self,
        analysis: Analysis,
        table: &Arc<Table>,
        cohort: &Expr,
        call: &Call,
        env: &Env,
    ) -> Result<Place> {
        let (entity, time) = entity_and_time(table, false)?;
        let time = time.ok_or_else(|| no_valid_time(table))?;
        let vector = &table.columns[vector_column(table, call.named.get(COLUMN))?].name;
        let quoted = [&entity, &time, vector].map(|name| quote(name).to_string());
        let [e, t, v] = &quoted;
        let mut records = template(&format!(
            "SELECT named_struct('entity', {e}, 'ts', {t}, 'vector', {v}) FROM points \
             WHERE {e} IN (SELECT {e} FROM points)"
        ))?;
        let select = select_of(&mut records)?;
        self.push_all_points(&mut select.from[0].relation, table, env)?;
        let Some(Expr::InSubquery { subquery, .. }) = &mut select.selection else {
            return Err(needs_table());
        };
        let members = select_of(subquery)?;
        self.push_all_points(&mut members.from[0].relation, table, env)?;
        let mut condition = condition(cohort)?;
        self.bind_expressions(&mut condition, env)?;
        members.selection = Some(condition);
        let time = table.columns.iter().find(|column| column.name == time);
        Ok(Place {
            function: call_name(analysis, None),
            source: Expr::Subquery(records),
            whole: false,
            entity: None,
            time: time.map_or(DataType::Text, |column| syntax(&column.ty)),
        })
    }

    /// A table in FROM whose points up to the moment in force are all read.
    fn push_all_points(
        &mut self,
        factor: &mut TableFactor,
        table: &Arc<Table>,
        env: &Env,
    ) -> Result<()> {
        if let TableFactor::Table { name, .. } = factor {
            *name = ObjectName::from(vec![quote(&table.schema), quote(&table.name)]);
        }
        let pending = Pending {
            table: Arc::clone(table),
            own_valid: None,
            own_system: None,
            scopes: env.scopes.clone(),
            show: Show::User { hidden: Arc::default() },
            all_points: true,
            reader: env.reader,
        };
        self.push(factor, pending)
    }
}

/// A condition given as text.
fn condition(cohort: &Expr) -> Result<Expr> {
    let Expr::Value(value) = cohort else { return Err(wrong("cohort must be a text in quotes")) };
    let Value::SingleQuotedString(text) = &value.value else {
        return Err(wrong("cohort must be a text in quotes"));
    };
    cvx_dialect::parse_expr(text).map_err(crate::limits::from_parse)
}

const RECORDS: &str =
    "SELECT named_struct('entity', \"entity\", 'ts', \"ts\", 'vector', \"vector\") FROM points";

/// `SELECT get_field(r, 'c0') AS ts, ... FROM (SELECT unnest(call) AS r) AS records`
fn records_query(
    cx: &StatementCx<'_>,
    analysis: Analysis,
    place: &Place,
    call: Call,
) -> Result<Box<Query>> {
    let fields: Vec<String> = analysis
        .columns()
        .iter()
        .enumerate()
        .map(|(at, column)| format!("get_field(r, '{}') AS \"{}\"", field_name(at), column.name))
        .collect();
    let sql = format!("SELECT {} FROM (SELECT unnest(r) AS r) AS records", fields.join(", "));
    let mut query = template(&sql)?;
    let TableFactor::Derived { subquery, .. } = &mut select_of(&mut query)?.from[0].relation else {
        return Err(needs_table());
    };
    let Some(SelectItem::ExprWithAlias { expr: Expr::Function(unnest), .. }) =
        select_of(subquery)?.projection.first_mut()
    else {
        return Err(needs_table());
    };
    let (call, hints) = call_of(analysis, place, call);
    cx.hints.lock().extend(hints);
    unnest.args = list(vec![call]);
    Ok(query)
}

/// The call, and the types it tells of parameters.
fn call_of(analysis: Analysis, place: &Place, mut call: Call) -> (Expr, Vec<(usize, PgType)>) {
    let mut hints = Vec::new();
    let mut args = vec![place.source.clone(), Expr::Value(Value::Boolean(place.whole).into())];
    for parameter in analysis.signature().parameters {
        let value = call.named.remove(parameter.name);
        let value = value.filter(|_| !(place.whole && parameter.kind == Kind::Entity));
        let ty = match parameter.kind {
            Kind::Entity => place.entity.clone(),
            Kind::Time => Some(place.time.clone()),
            Kind::Interval => Some(DataType::Interval { fields: None, precision: None }),
            Kind::Text | Kind::Predicate => Some(DataType::Text),
            Kind::Integer => Some(DataType::BigInt(None)),
            Kind::Float => Some(DataType::Double(ExactNumberInfo::None)),
            Kind::Vectors => Some(array_of(vector_type())),
            Kind::Texts => Some(array_of(DataType::Text)),
        };
        let value = value.unwrap_or_else(null);
        if let (Some(index), Some(ty)) = (placeholder(&value), &ty)
            && let Ok((ty, _)) = resolve_type(ty)
        {
            hints.push((index, ty));
        }
        args.push(match ty {
            Some(ty) => cast(Expr::Nested(Box::new(value)), ty),
            None => value,
        });
    }
    let function = Function {
        name: ObjectName::from(vec![Ident::with_quote('"', &place.function)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: list(args),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    };
    (Expr::Function(function), hints)
}

fn array_of(element: DataType) -> DataType {
    DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(element), None))
}

fn vector_type() -> DataType {
    DataType::Custom(ObjectName::from(vec![Ident::new("vector")]), Vec::new())
}

fn list(args: Vec<Expr>) -> FunctionArguments {
    let unnamed = |arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg));
    FunctionArguments::List(FunctionArgumentList {
        duplicate_treatment: None,
        args: args.into_iter().map(unnamed).collect(),
        clauses: Vec::new(),
    })
}

fn null() -> Expr {
    Expr::Value(Value::Null.into())
}

/// The place of the vector column that a call is about.
fn vector_column(table: &Table, named: Option<&Expr>) -> Result<usize> {
    let vectors: Vec<usize> =
        (0..table.columns.len()).filter(|at| table.columns[*at].dimension().is_some()).collect();
    let Some(named) = named else {
        return match vectors.as_slice() {
            [one] => Ok(*one),
            [] => Err(SqlError::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("table \"{}\" has no vector column", table.name),
            )),
            _ => Err(SqlError::new(
                SqlState::AMBIGUOUS_COLUMN,
                format!("table \"{}\" has several vector columns", table.name),
            )
            .hint("Say which by column => 'name'.")),
        };
    };
    let Expr::Value(value) = named else { return Err(wrong("column must be a name in quotes")) };
    let Value::SingleQuotedString(name) = &value.value else {
        return Err(wrong("column must be a name in quotes"));
    };
    let Some(at) = table.columns.iter().position(|column| column.name == *name) else {
        let message = format!("column \"{name}\" does not exist");
        return Err(SqlError::new(SqlState::UNDEFINED_COLUMN, message));
    };
    if !vectors.contains(&at) {
        let message = format!("column \"{name}\" is not a vector");
        return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message));
    }
    Ok(at)
}

/// A key column's type as one writes it.
fn syntax(ty: &PgType) -> DataType {
    match ty {
        PgType::Int2 => DataType::SmallInt(None),
        PgType::Int4 => DataType::Integer(None),
        PgType::Int8 => DataType::BigInt(None),
        PgType::Uuid => DataType::Uuid,
        PgType::Timestamptz => DataType::Timestamp(None, TimezoneInfo::Tz),
        PgType::Timestamp => DataType::Timestamp(None, TimezoneInfo::None),
        _ => DataType::Text,
    }
}
