//! What operators alone cannot settle: casts, BETWEEN, IN, SIMILAR TO, and our two aggregates.
//!
//! Runs as the first rule of the analyzer, before DataFusion coerces types, on every expression
//! of the plan. A cast Arrow does as Postgres would (widening a number) stays a cast, because
//! DataFusion can look through those; every other becomes a call of `cvx_cast`, the one place
//! where Postgres' text forms, rounding and ranges live.

use super::expr_planner::common_moment;
use super::literal::{beside, cast_to, is_target, is_textual};
use super::side::{Side, field_of, is_unknown};
use crate::functions::any;
use crate::functions::cast::cast_call;
use crate::functions::choose;
use crate::functions::failure::{fail, long_name};
use crate::functions::function::{Function, is_text};
use crate::functions::function_named;
use crate::functions::math::{checked_function, wider_integer};
use crate::functions::vector::VectorFold;
use arrow::datatypes::DataType;
use cvx_types::{PgType, SqlState};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::functions_nested::expr_fn::array_has;
use datafusion::logical_expr::expr::{
    AggregateFunction, Between, BinaryExpr, Cast, InList, ScalarFunction, WindowFunction,
    WindowFunctionDefinition,
};
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{AggregateUDF, Expr, ExprSchemable, Like, Operator};
use std::sync::Arc;

/// Register with `FunctionRegistry::register_function_rewrite`.
#[derive(Debug, Default)]
pub struct PgRewrite;

impl FunctionRewrite for PgRewrite {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn rewrite(
        &self,
        expr: Expr,
        schema: &DFSchema,
        options: &ConfigOptions,
    ) -> Result<Transformed<Expr>> {
        match expr {
            Expr::ScalarFunction(call) if call.func.name() == any::NAME => {
                rewrite_any(call, schema, options)
            }
            Expr::Cast(cast) => Ok(rewrite_cast(cast, schema)),
            Expr::Between(between) => Ok(rewrite_between(between, schema)),
            Expr::InList(list) => Ok(rewrite_in_list(list, schema)),
            Expr::BinaryExpr(binary) => rewrite_binary(binary, schema),
            Expr::Case(case) => rewrite_choice(Expr::Case(case), schema),
            Expr::ScalarFunction(call) if choose::NAMES.contains(&call.func.name()) => {
                rewrite_choice(Expr::ScalarFunction(call), schema)
            }
            Expr::ScalarFunction(call) => Ok(rewrite_call(call, schema)),
            Expr::SimilarTo(like) => rewrite_similar(like),
            Expr::AggregateFunction(call) => rewrite_aggregate(call, schema),
            Expr::WindowFunction(call) => rewrite_window(*call, schema),
            other => Ok(Transformed::no(other)),
        }
    }
}

fn rewrite_cast(cast: Cast, schema: &DFSchema) -> Transformed<Expr> {
    let Some(source) = field_of(&cast.expr, schema) else {
        return Transformed::no(Expr::Cast(cast));
    };
    let (from, to) = (PgType::of_field(&source), PgType::of_field(&cast.field));
    let done_by_arrow = source.data_type() == &DataType::Null
        || from == to && source.data_type() == cast.field.data_type()
        || widens(&from.0, &to);
    if !is_target(&cast.field) || done_by_arrow {
        return Transformed::no(Expr::Cast(cast));
    }
    Transformed::yes(cast_call(*cast.expr, &to.0, to.1))
}

/// Casts in which nothing is lost, rounded, checked or written.
fn widens(from: &PgType, (to, typmod): &(PgType, i32)) -> bool {
    use PgType::{Float4, Float8, Int2, Int4, Int8};
    let numbers = matches!(
        (from, to),
        (Int2, Int4 | Int8 | Float4 | Float8) | (Int4, Int8 | Float8) | (Int8 | Float4, Float8)
    );
    numbers || *typmod < 0 && is_textual(from) && is_textual(to)
}

/// An operand of unknown type as this one; others as they are.
fn like(expr: Expr, side: &Side, ty: Option<&PgType>) -> Expr {
    match ty.map(beside) {
        Some(ty) if side.is_unknown() && !is_textual(&ty) && !is_null(&expr) => {
            cast_call(expr, &ty, -1)
        }
        _ => expr,
    }
}

/// A date beside a timestamp as its midnight; anything else as it is.
fn as_moment(expr: Expr, side: &Side, common: Option<&PgType>) -> Expr {
    match (side.ty(), common) {
        (Some(own), Some(common)) if own != common && common_moment(own, common).is_some() => {
            cast_call(expr, common, -1)
        }
        _ => expr,
    }
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(value, _) if value.is_null())
}

fn rewrite_between(between: Between, schema: &DFSchema) -> Transformed<Expr> {
    let Between { expr, negated, low, high } = between;
    let [expr, low, high] = beside_floats([*expr, *low, *high], schema).map(Box::new);
    let sides = [&expr, &low, &high].map(|expr| Side::of(expr, schema));
    let ty = sides.iter().find_map(Side::ty);
    let [expr_side, low_side, high_side] = &sides;
    let common = sides
        .iter()
        .filter_map(Side::ty)
        .cloned()
        .reduce(|left, right| common_moment(&left, &right).unwrap_or(left));
    let typed = |expr, side| Box::new(as_moment(like(expr, side, ty), side, common.as_ref()));
    let typed = Between {
        expr: typed(*expr, expr_side),
        negated,
        low: typed(*low, low_side),
        high: typed(*high, high_side),
    };
    Transformed::yes(Expr::Between(typed))
}

fn rewrite_in_list(list: InList, schema: &DFSchema) -> Transformed<Expr> {
    let list = in_floats(list, schema);
    let side = Side::of(&list.expr, schema);
    let sides: Vec<Side> = list.list.iter().map(|expr| Side::of(expr, schema)).collect();
    let ty = side.ty().or_else(|| sides.iter().find_map(Side::ty));
    let typed = list.list.into_iter().zip(&sides).map(|(expr, side)| like(expr, side, ty));
    let typed = typed.collect();
    let expr = Box::new(like(*list.expr, &side, ty));
    Transformed::yes(Expr::InList(InList { expr, list: typed, negated: list.negated }))
}

/// A float's list in floats.
fn in_floats(mut list: InList, schema: &DFSchema) -> InList {
    let of_float = list.expr.get_type(schema).is_ok_and(|ty| ty.is_floating());
    for element in list.list.iter_mut().filter(|_| of_float) {
        if element.get_type(schema).is_ok_and(|ty| ty.is_decimal()) {
            let exact = Box::new(std::mem::take(element));
            *element = Expr::Cast(Cast::new(exact, DataType::Float64));
        }
    }
    list
}

/// `x = ANY (array)`: an IN list where the array is constant.
fn rewrite_any(
    call: ScalarFunction,
    schema: &DFSchema,
    options: &ConfigOptions,
) -> Result<Transformed<Expr>> {
    let Ok([value, array]) = <[Expr; 2]>::try_from(call.args) else {
        return Err(fail(SqlState::INTERNAL_ERROR, "ANY compares one value with one array"));
    };
    let side = Side::of(&value, schema);
    let ty = side.ty().map_or(PgType::Text, beside);
    let Expr::Literal(constant, _) = &array else {
        return Ok(Transformed::yes(array_has(array, value)));
    };
    let Some(elements) = any::elements(constant, &ty, options)? else {
        return Ok(Transformed::yes(Expr::Literal(ScalarValue::Boolean(None), None)));
    };
    let list = elements.into_iter().map(|element| Expr::Literal(element, None)).collect();
    let list = InList { expr: Box::new(value), list, negated: false };
    Ok(Transformed::yes(Expr::InList(list)))
}

/// The expressions a CASE or a choosing function hands back one of.
fn choices(expr: &mut Expr) -> Vec<&mut Expr> {
    match expr {
        Expr::Case(case) => {
            let results = case.when_then_expr.iter_mut().map(|(_, then)| then.as_mut());
            results.chain(case.else_expr.as_deref_mut()).collect()
        }
        Expr::ScalarFunction(call) => call.args.iter_mut().collect(),
        _ => Vec::new(),
    }
}

/// Constants among the choices take the others' type; and where only metadata tells it (a text
/// that is jsonb), which DataFusion would forget here, a cast remembers.
fn rewrite_choice(mut expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let mut choices = choices(&mut expr);
    let sides: Vec<Side> = choices.iter().map(|choice| Side::of(choice, schema)).collect();
    let told = choices.iter().find_map(|choice| told_type(choice, schema));
    let ty = sides.iter().find_map(Side::ty);
    check_alike(&sides)?;
    let floats =
        sides.iter().any(|side| matches!(side.ty(), Some(PgType::Float4 | PgType::Float8)));
    for (choice, side) in choices.iter_mut().zip(&sides) {
        **choice = like(std::mem::take(*choice), side, ty);
        if floats && side.is(&PgType::Numeric) {
            let exact = Box::new(std::mem::take(*choice));
            **choice = Expr::Cast(Cast::new(exact, DataType::Float64));
        }
    }
    let told = told.filter(|(ty, typmod)| {
        expr.get_type(schema).is_ok_and(|own| own == ty.arrow_type(*typmod))
    });
    Ok(Transformed::yes(match told {
        Some((ty, typmod)) => cast_to(expr, &ty, typmod),
        None => expr,
    }))
}

/// 42804 for choices between a text and something that is not kept as text.
fn check_alike(sides: &[Side]) -> Result<()> {
    let text = |ty: &&PgType| ty.arrow_type(-1) == DataType::Utf8;
    let mut types = sides.iter().filter_map(Side::ty);
    let Some(first) = types.next() else { return Ok(()) };
    match types.find(|ty| text(ty) != text(&first)) {
        None => Ok(()),
        Some(other) => {
            let (first, other) = (long_name(first), long_name(other));
            let message = format!("types {first} and {other} cannot be matched");
            Err(fail(SqlState::DATATYPE_MISMATCH, message))
        }
    }
}

/// Constants among a function's arguments are read as what it asks for, as Postgres reads them;
/// DataFusion would leave that to Arrow.
fn rewrite_call(mut call: ScalarFunction, schema: &DFSchema) -> Transformed<Expr> {
    let types: Option<Vec<DataType>> =
        call.args.iter().map(|arg| arg.get_type(schema).ok()).collect();
    let ours = call.func.inner().is::<Function>();
    let wanted = types.filter(|_| ours).and_then(|types| call.func.coerce_types(&types).ok());
    for (arg, wanted) in call.args.iter_mut().zip(wanted.into_iter().flatten()) {
        let constant = matches!(arg, Expr::Literal(..)) && is_unknown(arg) && !is_null(arg);
        if constant && !is_text(&wanted) {
            *arg = cast_call(std::mem::take(arg), &PgType::of_arrow(&wanted).0, -1);
        }
    }
    Transformed::yes(Expr::ScalarFunction(call))
}

/// A type that only metadata tells.
fn told_type(expr: &Expr, schema: &DFSchema) -> Option<(PgType, i32)> {
    let field = field_of(expr, schema)?;
    let told = PgType::of_field(&field);
    (told != PgType::of_arrow(field.data_type())).then_some(told)
}

fn rewrite_binary(binary: BinaryExpr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let BinaryExpr { left, op, right } = binary;
    let [left, right] = beside_floats([*left, *right], schema);
    let binary = BinaryExpr { left: Box::new(left), op, right: Box::new(right) };
    let Some(name) = checked_function(binary.op) else {
        return Ok(rewrite_distinct(binary, schema));
    };
    let ty = |expr: &Expr| expr.get_type(schema).ok();
    let integers = ty(&binary.left).zip(ty(&binary.right));
    if integers.and_then(|(left, right)| wider_integer(&left, &right)).is_none() {
        return Ok(Transformed::yes(Expr::BinaryExpr(binary)));
    }
    let checked = function_named(name)
        .ok_or_else(|| fail(SqlState::INTERNAL_ERROR, format!("{name} is not registered")))?;
    let args = vec![*binary.left, *binary.right];
    Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(checked, args))))
}

/// Numerics beside a float become floats, as in Postgres; DataFusion would do the opposite.
fn beside_floats<const N: usize>(exprs: [Expr; N], schema: &DFSchema) -> [Expr; N] {
    let types: Vec<Option<DataType>> =
        exprs.iter().map(|expr| expr.get_type(schema).ok()).collect();
    if !types.iter().flatten().any(|ty| ty.is_floating()) {
        return exprs;
    }
    let mut types = types.into_iter();
    exprs.map(|expr| match types.next().flatten() {
        Some(ty) if ty.is_decimal() => Expr::Cast(Cast::new(Box::new(expr), DataType::Float64)),
        _ => expr,
    })
}

/// `a IS DISTINCT FROM 'text'`, the one comparison no planner is asked about.
fn rewrite_distinct(binary: BinaryExpr, schema: &DFSchema) -> Transformed<Expr> {
    let BinaryExpr { left, op, right } = binary;
    if !matches!(op, Operator::IsDistinctFrom | Operator::IsNotDistinctFrom) {
        return Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }));
    }
    let (left_side, right_side) = (Side::of(&left, schema), Side::of(&right, schema));
    let left = Box::new(like(*left, &left_side, right_side.ty()));
    let right = Box::new(like(*right, &right_side, left_side.ty()));
    Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
}

/// DataFusion reads the pattern of SIMILAR TO as a regular expression; in SQL it is not one.
fn rewrite_similar(like: Like) -> Result<Transformed<Expr>> {
    let translate = function_named("similar_to_escape")
        .ok_or_else(|| fail(SqlState::INTERNAL_ERROR, "similar_to_escape is not registered"))?;
    let mut args = vec![*like.pattern];
    if let Some(escape) = like.escape_char {
        args.push(Expr::Literal(ScalarValue::Utf8(Some(escape.to_string())), None));
    }
    let pattern = Expr::ScalarFunction(ScalarFunction::new_udf(translate, args));
    let op = if like.negated { Operator::RegexNotMatch } else { Operator::RegexMatch };
    let binary = BinaryExpr { left: like.expr, op, right: Box::new(pattern) };
    Ok(Transformed::yes(Expr::BinaryExpr(binary)))
}

/// The built-in aggregate a call means, where ours only stands in front; its argument, cast to
/// what it should add up.
fn builtin(
    function: &AggregateUDF,
    args: &mut [Expr],
    schema: &DFSchema,
) -> Option<Arc<AggregateUDF>> {
    let fold = function.inner().downcast_ref::<VectorFold>()?;
    let argument = args.first_mut()?;
    let ty = argument.get_type(schema).ok()?;
    let (builtin, wide) = fold.builtin_for(&ty)?;
    if let Some(wide) = wide {
        let narrow = std::mem::take(argument);
        *argument = Expr::Cast(Cast::new(Box::new(narrow), wide));
    }
    Some(Arc::clone(builtin))
}

fn rewrite_aggregate(mut call: AggregateFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Some(function) = builtin(&call.func, &mut call.params.args, schema) else {
        return Ok(Transformed::no(Expr::AggregateFunction(call)));
    };
    call.func = function;
    Ok(Transformed::yes(Expr::AggregateFunction(call)))
}

fn rewrite_window(mut call: WindowFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let function = match &call.fun {
        WindowFunctionDefinition::AggregateUDF(function) => {
            builtin(function, &mut call.params.args, schema)
        }
        WindowFunctionDefinition::WindowUDF(_) => None,
    };
    let Some(function) = function else {
        return Ok(Transformed::no(Expr::from(call)));
    };
    call.fun = WindowFunctionDefinition::AggregateUDF(function);
    Ok(Transformed::yes(Expr::from(call)))
}
