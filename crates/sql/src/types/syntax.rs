//! Spellings DataFusion's planner does not know, said in ones it does.
//!
//! A pass over the syntax tree before planning, one node at a time and without knowing types:
//!
//! | written | planned as |
//! |---|---|
//! | `interval '3 days 02:47'`, `interval '1' day` | `CAST('...' AS interval)` |
//! | `moment AT TIME ZONE zone` | `timezone(zone, moment)` |
//! | `x = ANY ('{1,2}')`, `x <> ALL ($1)` | `cvx_any(x, ...)`, `NOT cvx_any(x, ...)` |
//! | `pg_catalog.version()` | `version()` |
//! | `x COLLATE "C"` | `x` (texts compare by bytes, which is what "C" means) |
//! | `SELECT generate_series(1, 3)` | `SELECT unnest(generate_series(1, 3))` |
//! | `@ x`, `\|/ x`, `~ x` | `abs(x)`, `sqrt(x)`, `x # -1` |
//! | `make_interval(days => 3)` | `make_interval(0, 0, 0, 3)` |
//! | `substring(x from 'regex')` | `regexp_substr(x, 'regex')` |
//! | `B'101'`, `X'1F'` | `CAST('101' AS "bit")`, `CAST('x1F' AS "bit")` |
//! | `x + 1` | `x + 1::int4` |

use super::resolve_type;
use cvx_types::PgType;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, DateTimeField, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, Interval, ObjectName,
    TableAlias, TableAliasColumnDef, TableFactor, UnaryOperator, Value, ValueWithSpan, VisitMut,
    VisitorMut, WindowFrameBound, WindowSpec, WindowType,
};
use std::ops::ControlFlow;

/// Functions of a row that give many: their lists are unnested.
const SET_RETURNING: [&str; 7] = [
    "generate_series",
    "generate_subscripts",
    "jsonb_array_elements",
    "jsonb_array_elements_text",
    "jsonb_object_keys",
    "regexp_split_to_table",
    "string_to_table",
];

/// Whether a function of this name gives many values for a row.
pub fn is_set_returning(name: &str) -> bool {
    SET_RETURNING.contains(&name)
}

/// Lowers every expression of a statement, a query or an expression.
pub fn lower(node: &mut impl VisitMut) {
    // The visitor never breaks.
    let _ = node.visit(&mut Lowering);
}

struct Lowering;

impl VisitorMut for Lowering {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some(lowered) = lowered(expr) {
            *expr = lowered;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        lower_table(factor);
        ControlFlow::Continue(())
    }
}

/// Set-returning functions in FROM: their lists are unnested, and the one column is named after
/// the function or its alias, as in Postgres.
fn lower_table(factor: &mut TableFactor) {
    match factor {
        TableFactor::UNNEST { alias, .. } => name_column(alias, "unnest"),
        TableFactor::Table { name, args: Some(args), alias, .. } => {
            let Some(function) = set_function(name) else { return };
            name_column(alias, &function);
            let expressions = unnamed(&args.args);
            let streamed = function == "generate_series" && expressions.iter().all(is_numeral);
            if !streamed {
                *factor = TableFactor::UNNEST {
                    alias: alias.take(),
                    array_exprs: vec![call(&function, expressions)],
                    with_offset: false,
                    with_offset_alias: None,
                    with_ordinality: false,
                };
            }
        }
        _ => {}
    }
}

/// The set-returning function a name means.
fn set_function(name: &ObjectName) -> Option<String> {
    let parts: Vec<_> = name.0.iter().filter_map(|part| part.as_ident()).collect();
    let last = match parts.as_slice() {
        [last] => last,
        [schema, last] if schema.value == "pg_catalog" => last,
        _ => return None,
    };
    let function = last.value.to_ascii_lowercase();
    SET_RETURNING.contains(&function.as_str()).then_some(function)
}

fn unnamed(args: &[FunctionArg]) -> Vec<Expr> {
    let expression = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))
        | FunctionArg::Named { arg: FunctionArgExpr::Expr(expr), .. } => Some(expr.clone()),
        _ => None,
    };
    args.iter().filter_map(expression).collect()
}

fn is_numeral(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => is_numeral(expr),
        Expr::Cast { expr, data_type, .. } => is_integer(data_type) && is_numeral(expr),
        _ => false,
    }
}

fn is_integer(ty: &DataType) -> bool {
    let whole = |(ty, _)| matches!(ty, PgType::Int2 | PgType::Int4 | PgType::Int8);
    resolve_type(ty).is_ok_and(whole)
}

fn name_column(alias: &mut Option<TableAlias>, function: &str) {
    let alias = alias.get_or_insert_with(|| TableAlias {
        explicit: true,
        name: Ident::new(function),
        columns: vec![],
        at: None,
    });
    if alias.columns.is_empty() {
        let column = TableAliasColumnDef { name: alias.name.clone(), data_type: None };
        alias.columns.push(column);
    }
}

fn lowered(expr: &mut Expr) -> Option<Expr> {
    match expr {
        Expr::Value(value) => bit_literal(&value.value),
        Expr::Interval(interval) => interval_cast(interval),
        Expr::AtTimeZone { timestamp, time_zone } => {
            Some(call("timezone", vec![(**time_zone).clone(), (**timestamp).clone()]))
        }
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => any(left, right),
        Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => {
            let expr = Box::new(any(left, right)?);
            Some(Expr::UnaryOp { op: UnaryOperator::Not, expr })
        }
        Expr::BinaryOp { left, op, right } if is_arithmetic(op) => {
            type_numeral(left);
            type_numeral(right);
            None
        }
        Expr::UnaryOp { op, expr } => lower_unary(*op, expr),
        Expr::Collate { expr, .. } => Some((**expr).clone()),
        Expr::Substring { expr, substring_from: Some(from), substring_for: None, .. } => {
            let pattern = is_string(from).then(|| (**from).clone())?;
            Some(call("regexp_substr", vec![(**expr).clone(), pattern]))
        }
        Expr::Function(function) => lower_function(function),
        _ => None,
    }
}

/// `B'101'` and `X'1F'`: bit strings as long as they are written.
pub(crate) fn bit_literal(value: &Value) -> Option<Expr> {
    let text = match value {
        Value::SingleQuotedByteStringLiteral(text) => format!("b{text}"),
        Value::HexStringLiteral(text) => format!("x{text}"),
        _ => return None,
    };
    let text = Value::SingleQuotedString(text).with_empty_span();
    let name = ObjectName::from(vec![Ident::with_quote('"', "bit")]);
    Some(Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(Expr::Value(text)),
        data_type: DataType::Custom(name, vec![]),
        array: false,
        format: None,
    })
}

fn is_arithmetic(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Divide, Minus, Modulo, Multiply, Plus};
    matches!(op, Plus | Minus | Multiply | Divide | Modulo)
}

/// A whole number is an int4 where it fits, as in Postgres; DataFusion's are int8.
fn type_numeral(operand: &mut Expr) {
    match operand {
        Expr::Nested(inner) => type_numeral(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => {
            type_numeral(expr);
        }
        Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. })
            if text.parse::<i32>().is_ok() =>
        {
            *operand = int4(operand.clone());
        }
        _ => {}
    }
}

fn int4(expr: Expr) -> Expr {
    Expr::Cast {
        kind: CastKind::DoubleColon,
        expr: Box::new(expr),
        data_type: DataType::Integer(None),
        array: false,
        format: None,
    }
}

/// `@ x`, `|/ x`, `||/ x`, `~ x`.
fn lower_unary(op: UnaryOperator, expr: &Expr) -> Option<Expr> {
    let name = match op {
        UnaryOperator::PGAbs => "abs",
        UnaryOperator::PGSquareRoot => "sqrt",
        UnaryOperator::PGCubeRoot => "cbrt",
        UnaryOperator::BitwiseNot => {
            let ones = Value::Number("1".to_owned(), false).with_empty_span();
            let ones =
                Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(Expr::Value(ones)) };
            return Some(Expr::BinaryOp {
                left: Box::new(expr.clone()),
                op: BinaryOperator::PGBitwiseXor,
                right: Box::new(ones),
            });
        }
        _ => return None,
    };
    Some(call(name, vec![expr.clone()]))
}

fn is_string(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Value(ValueWithSpan {
            value: Value::SingleQuotedString(_)
                | Value::EscapedStringLiteral(_)
                | Value::DollarQuotedString(_),
            ..
        })
    )
}

fn is_placeholder(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(ValueWithSpan { value: Value::Placeholder(_), .. }))
}

/// A call of a function by its plain name.
pub fn call(name: &str, args: Vec<Expr>) -> Expr {
    let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)));
    let list =
        FunctionArgumentList { duplicate_treatment: None, args: args.collect(), clauses: vec![] };
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(list),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

/// `interval '...'` of any spelling Postgres reads, with the unit it may have been given.
fn interval_cast(interval: &Interval) -> Option<Expr> {
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), span }) =
        interval.value.as_ref()
    else {
        return None;
    };
    let text = match (&interval.leading_field, &interval.last_field) {
        (None, None) => text.clone(),
        (Some(unit), None) if is_number(text) => format!("{text} {}", unit_name(unit)),
        // Two units say how a clock is written; the text alone is read the same way.
        _ => text.clone(),
    };
    let value = ValueWithSpan { value: Value::SingleQuotedString(text), span: *span };
    Some(Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(Expr::Value(value)),
        data_type: DataType::Interval { fields: None, precision: None },
        array: false,
        format: None,
    })
}

/// The bounds of a frame are read by DataFusion itself, which takes intervals as they are written.
fn keep_frame(spec: &mut WindowSpec) {
    let Some(frame) = &mut spec.window_frame else { return };
    let bounds = [Some(&mut frame.start_bound), frame.end_bound.as_mut()];
    bounds.into_iter().flatten().for_each(keep_bound);
}

fn keep_bound(bound: &mut WindowFrameBound) {
    use WindowFrameBound::{CurrentRow, Following, Preceding};
    let offset = match bound {
        Preceding(Some(offset)) | Following(Some(offset)) => offset,
        Preceding(None) | Following(None) | CurrentRow => return,
    };
    if let Expr::Cast { expr, data_type: DataType::Interval { .. }, .. } = offset.as_ref() {
        **offset = Expr::Interval(Interval {
            value: expr.clone(),
            leading_field: None,
            leading_precision: None,
            last_field: None,
            fractional_seconds_precision: None,
        });
    }
}

fn is_number(text: &str) -> bool {
    text.trim().parse::<f64>().is_ok()
}

fn unit_name(unit: &DateTimeField) -> String {
    unit.to_string().to_lowercase()
}

/// Arrays written as text, or sent as a parameter, take their type from the left side.
fn any(left: &Expr, right: &Expr) -> Option<Expr> {
    let mut inner = right;
    while let Expr::Nested(nested) = inner {
        inner = nested;
    }
    let untyped = is_string(inner) || is_placeholder(inner);
    untyped.then(|| call("cvx_any", vec![left.clone(), inner.clone()]))
}

fn lower_function(function: &mut Function) -> Option<Expr> {
    if let Some(WindowType::WindowSpec(spec)) = &mut function.over {
        keep_frame(spec);
    }
    let parts = &mut function.name.0;
    let schema = parts.first().and_then(|part| part.as_ident()).map(|ident| ident.value.clone());
    if let (Some("pg_catalog" | "public"), 2) = (schema.as_deref(), parts.len()) {
        parts.remove(0);
    }
    let [name] = parts.as_slice() else { return None };
    let name = name.as_ident()?.value.to_ascii_lowercase();
    if name == "make_interval" {
        fill_arguments(function, &["years", "months", "weeks", "days", "hours", "mins", "secs"]);
        return None;
    }
    let set = SET_RETURNING.contains(&name.as_str()) && function.over.is_none();
    set.then(|| call("unnest", vec![Expr::Function(function.clone())]))
}

/// Named arguments in their places, zeros in those between.
fn fill_arguments(function: &mut Function, names: &[&str]) {
    let FunctionArguments::List(list) = &mut function.args else { return };
    let zero = || Expr::Value(Value::Number("0".to_owned(), false).with_empty_span());
    let zero = || FunctionArg::Unnamed(FunctionArgExpr::Expr(zero()));
    let mut filled: Vec<FunctionArg> = Vec::new();
    for arg in std::mem::take(&mut list.args) {
        let name = match &arg {
            FunctionArg::Named { name, .. }
            | FunctionArg::ExprNamed { name: Expr::Identifier(name), .. } => name,
            FunctionArg::Unnamed(_) | FunctionArg::ExprNamed { .. } => {
                filled.push(arg);
                continue;
            }
        };
        let place = names.iter().position(|own| name.value.eq_ignore_ascii_case(own));
        let value = match &arg {
            FunctionArg::Named { arg, .. } | FunctionArg::ExprNamed { arg, .. } => arg.clone(),
            FunctionArg::Unnamed(value) => value.clone(),
        };
        // An unknown name stays, for the planner to complain of.
        let Some(place) = place else {
            filled.push(arg);
            continue;
        };
        filled.resize_with(filled.len().max(place + 1), zero);
        if let Some(slot) = filled.get_mut(place) {
            *slot = FunctionArg::Unnamed(value);
        }
    }
    list.args = filled;
}
