//! Readers of what the lifting put into sqlparser's tree.
//!
//! They are the other half of `lift` and the only place that knows how clauses are carried.

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, ObjectNamePart,
    Query, TableAlias, TableFactor, TableVersion, Value,
};

use crate::dialect::CvxDialect;
use crate::lift::{AS_OF, AS_OF_SYSTEM, TIME_FUNCTION};
use crate::limits::Limits;
use crate::{parse, scan};

/// The axis that a trailing AS OF names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrailingAxis {
    /// `AS OF t`: valid time where a table in reach has it, else system time.
    Neutral,
    /// `AS OF SYSTEM TIME t`
    System,
}

/// What a clause says of one axis.
#[derive(Clone, Debug, PartialEq)]
pub enum AxisClause {
    /// `AS OF t`
    AsOf(Expr),
    /// `FROM a TO b`: without `b`.
    FromTo(Expr, Expr),
    /// `BETWEEN a AND b`: with `b`.
    Between(Expr, Expr),
    /// `ALL`
    All,
}

/// The time clauses of one table. Either `neutral` is given, or one or both of the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableTime {
    /// `docs AS OF t` with more of the FROM list behind it: this table's own, axis open.
    pub neutral: Option<Expr>,
    /// `docs FOR VALID_TIME ...`
    pub valid: Option<AxisClause>,
    /// `docs FOR SYSTEM_TIME ...`
    pub system: Option<AxisClause>,
}

/// A version behind a table's name that this crate did not write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown version clause on a table: {0}")]
pub struct TimeClauseError(String);

/// The AS OF at the end of a query, if it has one.
#[must_use]
pub fn trailing_as_of(query: &Query) -> Option<(TrailingAxis, &Expr)> {
    query.settings.as_ref()?.iter().find_map(|setting| match setting.key.value.as_str() {
        AS_OF => Some((TrailingAxis::Neutral, &setting.value)),
        AS_OF_SYSTEM => Some((TrailingAxis::System, &setting.value)),
        _ => None,
    })
}

/// The time clauses in a table's version.
pub fn table_time(version: &TableVersion) -> Result<TableTime, TimeClauseError> {
    let call = match version {
        TableVersion::Function(Expr::Function(call)) => Some(call),
        TableVersion::Function(_)
        | TableVersion::ForSystemTimeAsOf(_)
        | TableVersion::TimestampAsOf(_)
        | TableVersion::VersionAsOf(_)
        | TableVersion::Changes { .. } => None,
    };
    let time = call.filter(|call| is_time_function(&call.name)).and_then(read_call);
    time.ok_or_else(|| TimeClauseError(version.to_string()))
}

fn is_time_function(name: &ObjectName) -> bool {
    matches!(name.0.as_slice(), [ObjectNamePart::Identifier(ident)] if ident.value == TIME_FUNCTION)
}

fn read_call(call: &Function) -> Option<TableTime> {
    let FunctionArguments::List(list) = &call.args else {
        return None;
    };
    let arguments: Option<Vec<(&str, &Expr)>> = list.args.iter().map(named_expression).collect();
    let arguments = arguments?;
    let find = |name: &str| {
        let found = arguments.iter().find(|(given, _)| *given == name);
        found.map(|(_, value)| (*value).clone())
    };
    let axis = |prefix: &str| {
        let pair = |first: &str, second: &str| {
            find(&format!("{prefix}_{first}")).zip(find(&format!("{prefix}_{second}")))
        };
        let as_of = find(&format!("{prefix}_as_of")).map(AxisClause::AsOf);
        let period = pair("from", "to").map(|(from, to)| AxisClause::FromTo(from, to));
        let between = pair("between_from", "between_to");
        let all = find(&format!("{prefix}_all")).map(|_| AxisClause::All);
        as_of.or(period).or(between.map(|(from, to)| AxisClause::Between(from, to))).or(all)
    };
    Some(TableTime { neutral: find("as_of"), valid: axis("valid"), system: axis("system") })
}

fn named_expression(argument: &FunctionArg) -> Option<(&str, &Expr)> {
    match argument {
        FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => {
            Some((name.value.as_str(), value))
        }
        FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } | FunctionArg::Unnamed(_) => None,
    }
}

/// A function called in FROM.
#[derive(Clone, Debug, PartialEq)]
pub struct TableFunction {
    /// Its name as it is written.
    pub name: ObjectName,
    /// Its arguments, with their names in lower case.
    pub args: Vec<(Option<String>, Arg)>,
    /// Its alias, and the names of its columns.
    pub alias: Option<TableAlias>,
    /// Whether LATERAL stood before it. A function in FROM is lateral without the word too.
    pub lateral: bool,
    /// `WITH ORDINALITY`
    pub with_ordinality: bool,
    /// Time clauses behind the call.
    pub time: Option<TableTime>,
}

/// An argument of a function in FROM.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all arguments are expressions")]
pub enum Arg {
    /// A value.
    Expr(Expr),
    /// A SELECT in parentheses.
    Query(Box<Query>),
    /// A table's name, plain or in quotes: the first argument of a temporal function.
    Table(ObjectName),
}

/// The functions whose first argument is a table.
const TEMPORAL_FUNCTIONS: [&str; 14] = [
    "trajectory",
    "history",
    "velocity",
    "drift",
    "changepoints",
    "predict",
    "analogy",
    "divergence",
    "cohort_drift",
    "backtest",
    "similarity",
    "procrustes",
    "anchor_projection",
    "signature",
];

/// Reads a call in FROM, with and without LATERAL; none for anything else.
#[must_use]
pub fn table_function(factor: &TableFactor) -> Option<TableFunction> {
    match factor {
        TableFactor::Table { name, alias, args: Some(args), with_ordinality, .. } => {
            Some(call(name, &args.args, alias.as_ref(), (false, *with_ordinality)))
        }
        TableFactor::Function { lateral, name, args, alias, with_ordinality } => {
            Some(call(name, args, alias.as_ref(), (*lateral, *with_ordinality)))
        }
        _ => None,
    }
}

fn call(
    name: &ObjectName,
    arguments: &[FunctionArg],
    alias: Option<&TableAlias>,
    (lateral, with_ordinality): (bool, bool),
) -> TableFunction {
    let last = name.0.last().and_then(ObjectNamePart::as_ident);
    let temporal = last.is_some_and(|last| {
        TEMPORAL_FUNCTIONS.iter().any(|known| last.value.eq_ignore_ascii_case(known))
    });
    let mut args = Vec::with_capacity(arguments.len());
    let mut time = None;
    for argument in arguments {
        let (name, value) = name_and_value(argument);
        if name.as_deref() == Some(TIME_FUNCTION)
            && let Expr::Function(call) = &value
        {
            time = read_call(call);
            continue;
        }
        let is_table = match &name {
            None => args.is_empty(),
            Some(name) => name == "table",
        };
        args.push((name, arg(value, temporal && is_table)));
    }
    let (name, alias) = (name.clone(), alias.cloned());
    TableFunction { name, args, alias, lateral, with_ordinality, time }
}

fn name_and_value(argument: &FunctionArg) -> (Option<String>, Expr) {
    let (name, value) = match argument {
        FunctionArg::Named { name, arg, .. }
        | FunctionArg::ExprNamed { name: Expr::Identifier(name), arg, .. } => {
            let folded = match name.quote_style {
                Some(_) => name.value.clone(),
                None => name.value.to_lowercase(),
            };
            (Some(folded), arg)
        }
        FunctionArg::ExprNamed { name, arg, .. } => (Some(name.to_string()), arg),
        FunctionArg::Unnamed(arg) => (None, arg),
    };
    let value = match value {
        FunctionArgExpr::Expr(value) => value.clone(),
        FunctionArgExpr::QualifiedWildcard(name) => {
            Expr::QualifiedWildcard(name.clone(), AttachedToken::empty())
        }
        FunctionArgExpr::Wildcard | FunctionArgExpr::WildcardWithOptions(_) => {
            Expr::Wildcard(AttachedToken::empty())
        }
    };
    (name, value)
}

fn arg(value: Expr, is_table: bool) -> Arg {
    match value {
        Expr::Subquery(query) => Arg::Query(query),
        value if is_table => table_name(&value).map_or(Arg::Expr(value), Arg::Table),
        value => Arg::Expr(value),
    }
}

/// The table that an expression names: an identifier, or a string that holds one.
fn table_name(value: &Expr) -> Option<ObjectName> {
    match value {
        Expr::Identifier(ident) => Some(ObjectName::from(ident.clone())),
        Expr::CompoundIdentifier(parts) => Some(ObjectName::from(parts.clone())),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => quoted_name(text),
            _ => None,
        },
        _ => None,
    }
}

/// `'public."Docs"'` names a table as it would without the outer quotes.
fn quoted_name(text: &str) -> Option<ObjectName> {
    let statements = scan::statements(text, &Limits::DEFAULT).ok()?;
    let [tokens] = <[_; 1]>::try_from(statements).ok()?;
    let dialect = CvxDialect::for_tokens(tokens.tokens.len());
    let mut parser = parse::parser(&dialect, tokens.tokens);
    let name = parser.parse_object_name(false).ok()?;
    parse::expect_end(&parser).ok().map(|()| name)
}
