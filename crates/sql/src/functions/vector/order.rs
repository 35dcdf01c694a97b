//! Comparing vectors: element by element, then the shorter first (pgvector's `vector_cmp`).
//!
//! Arrow would compare floats by their total order, in which -0 comes before 0; SQL does not
//! tell them apart.

use super::column::{Vectors, finish_rows, rows_of, vector_typing};
use crate::functions::failure::fail;
use crate::functions::function::Function;
use arrow::array::{BooleanArray, Int32Array};
use cvx_types::{PgType, SqlState};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use std::cmp::Ordering;
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        comparison("vector_eq", |args| compare(args, Ordering::is_eq)),
        comparison("vector_ne", |args| compare(args, Ordering::is_ne)),
        comparison("vector_lt", |args| compare(args, Ordering::is_lt)),
        comparison("vector_le", |args| compare(args, Ordering::is_le)),
        comparison("vector_gt", |args| compare(args, Ordering::is_gt)),
        comparison("vector_ge", |args| compare(args, Ordering::is_ge)),
        Function::new("vector_cmp", vector_typing::<2>, PgType::Int4, cmp).strict().udf(),
    ]
}

type Kernel = fn(&ScalarFunctionArgs) -> Result<ColumnarValue>;

fn comparison(name: &'static str, kernel: Kernel) -> Arc<ScalarUDF> {
    Function::new(name, vector_typing::<2>, PgType::Bool, kernel).strict().udf()
}

fn compare(args: &ScalarFunctionArgs, holds: fn(Ordering) -> bool) -> Result<ColumnarValue> {
    let (orders, constant) = orders(args)?;
    let column: BooleanArray = orders.into_iter().map(|order| order.map(holds)).collect();
    finish_rows(constant, Arc::new(column))
}

fn cmp(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (orders, constant) = orders(args)?;
    let column: Int32Array = orders.into_iter().map(|order| order.map(|o| o as i32)).collect();
    finish_rows(constant, Arc::new(column))
}

fn orders(args: &ScalarFunctionArgs) -> Result<(Vec<Option<Ordering>>, bool)> {
    let [left, right] = args.args.as_slice() else {
        return Err(fail(SqlState::INTERNAL_ERROR, "two vectors are needed"));
    };
    let (left, right) = (Vectors::read(left)?, Vectors::read(right)?);
    let rows = rows_of(&[&left, &right], args.number_rows);
    let orders = (0..rows).map(|row| Some(order(left.get(row)?, right.get(row)?))).collect();
    Ok((orders, left.is_constant() && right.is_constant()))
}

/// Vectors hold no NaN, so that every pair of elements compares.
pub(crate) fn order(a: &[f32], b: &[f32]) -> Ordering {
    a.partial_cmp(b).unwrap_or(Ordering::Equal)
}
