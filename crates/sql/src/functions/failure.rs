//! How a function says no: a [`SqlError`] carried through DataFusion unharmed.
//!
//! DataFusion wraps errors in contexts but keeps an `External` one whole, so the SQLSTATE a
//! function chose is the SQLSTATE the client reads. Errors out of `coerce_types` are the
//! exception (they are flattened to text), which is why [`super::function::Function`] never
//! fails there and complains while finding its return type instead.

use arrow::datatypes::DataType;
use cvx_types::{PgType, SqlError, SqlState};
use datafusion::common::DataFusionError;

/// A SQLSTATE and a sentence as a DataFusion error.
pub(crate) fn fail(state: SqlState, message: impl Into<String>) -> DataFusionError {
    raise(SqlError::new(state, message))
}

/// A [`SqlError`] as a DataFusion error.
pub(crate) fn raise(error: SqlError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// 42883 as Postgres words it.
pub(crate) fn undefined_function(name: &str, types: &[DataType]) -> DataFusionError {
    let types: Vec<String> = types.iter().map(type_name).collect();
    let message = format!("function {name}({}) does not exist", types.join(", "));
    raise(SqlError::new(SqlState::UNDEFINED_FUNCTION, message).hint(
        "No function matches the given name and argument types. \
         You might need to add explicit type casts.",
    ))
}

/// The type's name as Postgres prints it in messages.
pub(crate) fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "unknown".to_owned(),
        other => long_name(&PgType::of_arrow(other).0),
    }
}

/// The type's name with an array's brackets: `bigint`, `text[]`.
pub(crate) fn long_name(ty: &PgType) -> String {
    match ty {
        PgType::Array(element) => format!("{}[]", element.sql_name()),
        other => other.sql_name().to_owned(),
    }
}
