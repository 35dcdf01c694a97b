//! How a function says no: a [`SqlError`] carried through DataFusion unharmed.
//!
//! DataFusion wraps errors in contexts but keeps an `External` one whole, so the SQLSTATE a
//! function chose is the SQLSTATE the client reads. Errors out of `coerce_types` are the
//! exception (they are flattened to text), which is why [`super::function::Function`] never
//! fails there and complains while finding its return type instead.

use arrow::datatypes::{DataType, Field, FieldRef};
use cvx_types::{PgType, SqlError, SqlState};
use datafusion::common::DataFusionError;
use std::sync::Arc;

/// A SQLSTATE and a sentence as a DataFusion error.
pub(crate) fn fail(state: SqlState, message: impl Into<String>) -> DataFusionError {
    raise(SqlError::new(state, message))
}

/// A [`SqlError`] as a DataFusion error.
pub(crate) fn raise(error: SqlError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// 42883 as Postgres words it.
pub(crate) fn undefined_function(name: &str, fields: &[FieldRef]) -> DataFusionError {
    let types: Vec<String> = fields.iter().map(|field| type_name(field)).collect();
    let message = format!("function {name}({}) does not exist", types.join(", "));
    raise(SqlError::new(SqlState::UNDEFINED_FUNCTION, message).hint(
        "No function matches the given name and argument types. \
         You might need to add explicit type casts.",
    ))
}

/// Fields of these types alone.
pub(crate) fn plain_fields(types: &[DataType]) -> Vec<FieldRef> {
    types.iter().map(|ty| Arc::new(Field::new("", ty.clone(), true))).collect()
}

/// The type's name as Postgres prints it in messages.
pub(crate) fn type_name(field: &Field) -> String {
    match field.data_type() {
        DataType::Null => "unknown".to_owned(),
        _ => long_name(&PgType::of_field(field).0),
    }
}

/// The type's name with an array's brackets: `bigint`, `text[]`.
pub(crate) fn long_name(ty: &PgType) -> String {
    match ty {
        PgType::Array(element) => format!("{}[]", element.sql_name()),
        other => other.sql_name().to_owned(),
    }
}
