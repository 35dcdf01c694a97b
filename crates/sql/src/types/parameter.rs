//! Types for parameters that stand alone in a call: `l2_distance(v, $1)`, `x = ANY ($1)`.
//!
//! Operators type their parameters while they are planned; functions are planned without asking
//! anyone. This pass goes over the finished plan and gives untyped arguments of our functions the
//! type Postgres would resolve. What it leaves untyped is text, as in Postgres.

use super::literal::{beside, cast_to};
use super::side::Side;
use crate::functions::any;
use crate::functions::function::Function;
use crate::functions::st_distance;
use cvx_types::PgType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Placeholder, ScalarFunction};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// Stamps the field of every parameter whose place in a call tells its type.
pub fn stamp_parameters(plan: LogicalPlan) -> Result<LogicalPlan> {
    let stamped = plan.transform_up_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        node.map_expressions(|expr| {
            expr.transform_up(|expr| match expr {
                Expr::ScalarFunction(call) => Ok(stamp_call(call, &schema)),
                other => Ok(Transformed::no(other)),
            })
        })
    });
    Ok(stamped?.data)
}

fn stamp_call(mut call: ScalarFunction, schema: &DFSchema) -> Transformed<Expr> {
    let ours = call.func.inner().is::<Function>();
    let untyped = |expr: &Expr| matches!(expr, Expr::Placeholder(Placeholder { field: None, .. }));
    if !ours || !call.args.iter().any(untyped) {
        return Transformed::no(Expr::ScalarFunction(call));
    }
    let sides: Vec<Side> = call.args.iter().map(|arg| Side::of(arg, schema)).collect();
    let name = call.func.name().to_owned();
    for (at, arg) in call.args.iter_mut().enumerate().filter(|(_, arg)| untyped(arg)) {
        if let Some(ty) = argument_type(&name, at, &sides) {
            *arg = cast_to(std::mem::take(arg), &ty, -1);
        }
    }
    Transformed::yes(Expr::ScalarFunction(call))
}

/// What Postgres would resolve an unknown argument to.
fn argument_type(name: &str, at: usize, sides: &[Side]) -> Option<PgType> {
    let texts = || PgType::Array(Box::new(PgType::Text));
    Some(match (name, at) {
        (any::NAME, 1) => match sides.first()? {
            Side::Known(ty) => PgType::Array(Box::new(beside(ty))),
            Side::Unknown => texts(),
            Side::Untold => return None,
        },
        ("st_distance", at) => st_distance::parameter_type(at)?,
        ("subvector", 1 | 2) => PgType::Int4,
        ("hamming_distance" | "jaccard_distance", _) => PgType::Bit,
        (vector, _) if is_vector_function(vector) => {
            let known = sides.iter().filter_map(Side::ty).find(|ty| ty.is_vector());
            known.cloned().unwrap_or(PgType::Vector)
        }
        ("json_get_path" | "json_get_path_text" | "jsonb_delete_path" | "jsonb_set", 1) => texts(),
        ("jsonb_set", 2) => PgType::Jsonb,
        ("jsonb_set", 3) => PgType::Bool,
        (json, 0) if json.starts_with("json") => PgType::Jsonb,
        ("date_trunc" | "date_part" | "timezone", 1) | ("to_char" | "age", 0) => {
            PgType::Timestamptz
        }
        ("generate_series", at) => series_type(at, sides)?,
        ("make_interval" | "make_timestamp" | "make_timestamptz", at) => match at {
            6 => PgType::Float8,
            5 if name != "make_interval" => PgType::Float8,
            _ => PgType::Int4,
        },
        ("make_date", _) => PgType::Int4,
        ("int_add" | "int_sub" | "int_mul" | "mod" | "div", _) => {
            sides.iter().find_map(Side::ty)?.clone()
        }
        _ => return None,
    })
}

fn series_type(at: usize, sides: &[Side]) -> Option<PgType> {
    let known = sides.iter().find_map(|side| side.ty().filter(|ty| **ty != PgType::Interval));
    let moment = known.is_some_and(|ty| ty.arrow_type(-1).is_temporal());
    match at {
        2 if moment => Some(PgType::Interval),
        _ if moment => known.cloned(),
        _ => Some(known.cloned().unwrap_or(PgType::Int8)),
    }
}

fn is_vector_function(name: &str) -> bool {
    let plain = [
        "l2_distance",
        "l1_distance",
        "cosine_distance",
        "poincare_distance",
        "inner_product",
        "l2_normalize",
        "subvector",
        "binary_quantize",
    ];
    plain.contains(&name) || name.starts_with("vector_")
}
