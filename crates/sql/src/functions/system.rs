//! What the server says of itself, and `gen_random_uuid`.

use super::function::Function;
use arrow::array::FixedSizeBinaryBuilder;
use arrow::datatypes::DataType;
use cvx_types::PgType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, Volatility};
use std::sync::Arc;

/// The Postgres we answer like; drivers take the number apart.
pub const SERVER_VERSION: &str = "16.6";

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        Function::new("version", none, PgType::Text, version).volatility(Volatility::Stable).udf(),
        Function::new("gen_random_uuid", none, PgType::Uuid, random_uuids)
            .alias("uuid_generate_v4")
            .alias("uuidv4")
            .volatility(Volatility::Volatile)
            .udf(),
    ]
}

fn none(types: &[DataType]) -> Option<Vec<DataType>> {
    types.is_empty().then(Vec::new)
}

/// `PostgreSQL 16.6 (ChronosVector 0.1.0)`: clients look for the first word and the number.
fn version(_: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let own = env!("CARGO_PKG_VERSION");
    let text = format!("PostgreSQL {SERVER_VERSION} (ChronosVector {own})");
    Ok(ColumnarValue::Scalar(ScalarValue::Utf8(Some(text))))
}

/// A new one for each row.
fn random_uuids(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let mut builder = FixedSizeBinaryBuilder::with_capacity(args.number_rows, 16);
    for _ in 0..args.number_rows {
        let uuid = uuid::Builder::from_random_bytes(rand::random()).into_uuid();
        builder.append_value(uuid.as_bytes())?;
    }
    Ok(ColumnarValue::Array(Arc::new(builder.finish())))
}
