//! Comparing vectors: element by element, then the shorter first (pgvector's `vector_cmp`).
//!
//! Arrow would compare floats by their total order, in which -0 comes before 0; SQL does not
//! tell them apart.

use super::column::{Vectors, any_vector_typing, finish_rows, rows_of};
use super::sparse;
use crate::functions::failure::fail;
use crate::functions::function::Function;
use arrow::array::{BooleanArray, Int32Array};
use cvx_types::{PgType, SqlState};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use std::cmp::Ordering;
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let mut all = vec![
        Function::new("vector_cmp", any_vector_typing::<2>, PgType::Int4, cmp)
            .alias("halfvec_cmp")
            .strict()
            .udf(),
        Function::new("sparsevec_cmp", sparse::typing, PgType::Int4, cmp).strict().udf(),
    ];
    let comparisons: [(&'static str, &'static str, Kernel); 6] = [
        ("vector_eq", "sparsevec_eq", |args| compare(args, Ordering::is_eq)),
        ("vector_ne", "sparsevec_ne", |args| compare(args, Ordering::is_ne)),
        ("vector_lt", "sparsevec_lt", |args| compare(args, Ordering::is_lt)),
        ("vector_le", "sparsevec_le", |args| compare(args, Ordering::is_le)),
        ("vector_gt", "sparsevec_gt", |args| compare(args, Ordering::is_gt)),
        ("vector_ge", "sparsevec_ge", |args| compare(args, Ordering::is_ge)),
    ];
    for (name, sparse_name, kernel) in comparisons {
        let alias = name.replacen("vector", "halfvec", 1);
        let dense = Function::new(name, any_vector_typing::<2>, PgType::Bool, kernel);
        all.push(dense.alias(&alias).strict().udf());
        let sparse = Function::new(sparse_name, sparse::typing, PgType::Bool, kernel);
        all.push(sparse.strict().udf());
    }
    all
}

type Kernel = fn(&ScalarFunctionArgs) -> Result<ColumnarValue>;

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
    if sparse::is_called(args) {
        return sparse::orders(args);
    }
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
