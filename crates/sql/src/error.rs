//! Every error becomes one [`SqlError`]: the exhaustive map from what failed to a SQLSTATE.

use crate::functions::failure::long_name;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use cvx_core::Stop;
use cvx_types::{PgType, SqlError, SqlState};
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;

/// What a client sees of a planner's or operator's failure.
pub fn from_datafusion(error: DataFusionError) -> SqlError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            from_datafusion(*inner)
        }
        DataFusionError::Shared(inner) => from_shared(&inner),
        DataFusionError::Collection(errors) => errors.into_iter().next().map_or_else(
            || SqlError::new(SqlState::INTERNAL_ERROR, "several failures"),
            from_datafusion,
        ),
        DataFusionError::External(inner) => from_external(inner),
        DataFusionError::ArrowError(inner, _) => from_arrow(&inner),
        DataFusionError::SchemaError(inner, _) => from_schema(&inner),
        DataFusionError::NotImplemented(what) => {
            SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, what)
        }
        DataFusionError::ResourcesExhausted(what) => SqlError::new(SqlState::OUT_OF_MEMORY, what)
            .hint("The statement needs more memory than `query_memory_bytes` grants."),
        DataFusionError::Plan(message) => from_plan(message),
        DataFusionError::Execution(message) => from_execution(message),
        DataFusionError::SQL(error, _) => SqlError::new(SqlState::SYNTAX_ERROR, error.to_string()),
        DataFusionError::IoError(error) => SqlError::new(SqlState::IO_ERROR, error.to_string()),
        other => SqlError::new(SqlState::INTERNAL_ERROR, other.to_string()),
    }
}

/// How DataFusion says that a sub-query for one value gave several.
const SEVERAL_ROWS: &str = "Scalar subquery returned more than one row";

/// Wraps an error of ours so that it travels through DataFusion unharmed.
pub fn to_datafusion(error: SqlError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// An engine's error on its way through an operator.
pub fn engine_to_datafusion(error: cvx_engine::Error) -> DataFusionError {
    to_datafusion(from_engine(error))
}

/// An error that several readers were given: what its root says.
fn from_shared(error: &DataFusionError) -> SqlError {
    match error.find_root() {
        DataFusionError::External(inner) => match inner.downcast_ref::<SqlError>() {
            Some(own) => own.clone(),
            None => SqlError::new(SqlState::INTERNAL_ERROR, inner.to_string()),
        },
        DataFusionError::ArrowError(inner, _) => from_arrow(inner),
        DataFusionError::SchemaError(inner, _) => from_schema(inner),
        DataFusionError::Execution(message) => from_execution(message.clone()),
        DataFusionError::Plan(message) => from_plan(message.clone()),
        DataFusionError::ResourcesExhausted(message) => {
            from_datafusion(DataFusionError::ResourcesExhausted(message.clone()))
        }
        _ => SqlError::new(SqlState::DATA_EXCEPTION, error.strip_backtrace()),
    }
}

fn from_execution(message: String) -> SqlError {
    if message.contains(SEVERAL_ROWS) {
        let message = "more than one row returned by a subquery used as an expression";
        return SqlError::new(SqlState::CARDINALITY_VIOLATION, message);
    }
    SqlError::new(SqlState::DATA_EXCEPTION, message)
}

fn from_external(inner: Box<dyn std::error::Error + Send + Sync>) -> SqlError {
    match inner.downcast::<SqlError>() {
        Ok(own) => *own,
        Err(other) => match other.downcast::<DataFusionError>() {
            Ok(nested) => from_datafusion(*nested),
            Err(other) => SqlError::new(SqlState::INTERNAL_ERROR, other.to_string()),
        },
    }
}

/// What a client sees of an Arrow kernel's failure.
pub fn from_arrow(error: &ArrowError) -> SqlError {
    if let ArrowError::ExternalError(inner) = error {
        if let Some(own) = inner.downcast_ref::<SqlError>() {
            return own.clone();
        }
        if let Some(DataFusionError::External(nested)) = inner.downcast_ref::<DataFusionError>()
            && let Some(own) = nested.downcast_ref::<SqlError>()
        {
            return own.clone();
        }
    }
    let state = match error {
        ArrowError::DivideByZero => SqlState::DIVISION_BY_ZERO,
        ArrowError::ArithmeticOverflow(_) => SqlState::NUMERIC_OUT_OF_RANGE,
        ArrowError::CastError(_) | ArrowError::ParseError(_) => SqlState::INVALID_TEXT,
        ArrowError::MemoryError(_) => SqlState::OUT_OF_MEMORY,
        _ => SqlState::DATA_EXCEPTION,
    };
    let message = match error {
        ArrowError::DivideByZero => "division by zero".to_owned(),
        other => other.to_string(),
    };
    SqlError::new(state, message)
}

fn from_schema(error: &SchemaError) -> SqlError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => not_found(field, valid_fields),
        SchemaError::AmbiguousReference { field } => SqlError::new(
            SqlState::AMBIGUOUS_COLUMN,
            format!("column reference \"{}\" is ambiguous", field.flat_name()),
        ),
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => SqlError::new(
            SqlState::DUPLICATE_COLUMN,
            format!("column name \"{name}\" is given twice"),
        ),
    }
}

/// A name that nothing in sight has: its column, or already its table.
fn not_found(field: &Column, valid: &[Column]) -> SqlError {
    let Some(relation) = &field.relation else {
        let message = format!("column \"{}\" does not exist", field.name);
        return SqlError::new(SqlState::UNDEFINED_COLUMN, message);
    };
    let table = relation.table();
    let known = |column: &Column| column.relation.as_ref().is_some_and(|r| r.table() == table);
    if valid.iter().any(known) {
        let message = format!("column {table}.{} does not exist", field.name);
        return SqlError::new(SqlState::UNDEFINED_COLUMN, message);
    }
    let message = format!("missing FROM-clause entry for table \"{table}\"");
    SqlError::new(SqlState::UNDEFINED_TABLE, message)
}

/// What DataFusion's planner says, what it is in Postgres, and Postgres' words for it where they
/// are one sentence.
const SENTENCES: [(&str, SqlState, Option<&str>); 8] = [
    (
        "aggregate functions are not allowed in the where clause",
        SqlState("42803"),
        Some("aggregate functions are not allowed in WHERE"),
    ),
    ("order by column out of bounds", SqlState::INVALID_COLUMN_REFERENCE, None),
    ("cannot find column with position", SqlState::INVALID_COLUMN_REFERENCE, None),
    ("must appear in the group by", SqlState("42803"), None),
    ("not in group by", SqlState("42803"), None),
    (
        "scalar subquery should only return one column",
        SqlState::SYNTAX_ERROR,
        Some("subquery must return only one column"),
    ),
    ("limit must be >= 0", SqlState("2201W"), Some("LIMIT must not be negative")),
    ("offset must be >=0", SqlState("2201X"), Some("OFFSET must not be negative")),
];

/// DataFusion's planner speaks in sentences; these are the ones clients branch on.
fn from_plan(message: String) -> SqlError {
    let lower = message.to_ascii_lowercase();
    if let Some((_, state, words)) = SENTENCES.iter().find(|(said, ..)| lower.contains(said)) {
        return SqlError::new(*state, words.map_or(message, str::to_owned));
    }
    if let Some(error) = condition_not_boolean(&message).or_else(|| no_function(&message)) {
        return error;
    }
    let no_function =
        ["invalid function", "no function matches", "failed to coerce", "cannot infer common"];
    let state = if no_function.iter().any(|words| lower.contains(words)) {
        SqlState::UNDEFINED_FUNCTION
    } else if lower.contains("type") {
        SqlState::DATATYPE_MISMATCH
    } else {
        SqlState::SYNTAX_ERROR
    };
    SqlError::new(state, message)
}

/// `WHERE id`, where id is no boolean.
fn condition_not_boolean(message: &str) -> Option<SqlError> {
    let (_, after) = message.split_once("non-boolean predicate")?;
    let (_, ty) = after.rsplit_once("returning ")?;
    let ty: Option<DataType> = ty.trim().parse().ok();
    let name = ty.map(|ty| long_name(&PgType::of_arrow(&ty).0));
    let name = name.unwrap_or_else(|| "another type".to_owned());
    let message = format!("argument of WHERE must be type boolean, not type {name}");
    Some(SqlError::new(SqlState::DATATYPE_MISMATCH, message))
}

/// A function that nobody registered; DataFusion would guess what was meant.
fn no_function(message: &str) -> Option<SqlError> {
    let (_, after) = message.split_once("Invalid function '")?;
    let (name, _) = after.split_once('\'')?;
    let error =
        SqlError::new(SqlState::UNDEFINED_FUNCTION, format!("function {name} does not exist"));
    Some(error.hint(
        "No function matches the given name and argument types. \
         You might need to add explicit type casts.",
    ))
}

/// Why a statement was stopped, as Postgres words it.
pub fn from_stop(stop: Stop) -> SqlError {
    let reason = match stop {
        Stop::Cancelled => "user request",
        Stop::TimedOut => "statement timeout",
        Stop::OutOfMemory => {
            return SqlError::new(SqlState::OUT_OF_MEMORY, "out of memory")
                .detail("The server is short of memory, and this statement held most of it.");
        }
    };
    SqlError::new(SqlState::QUERY_CANCELED, format!("canceling statement due to {reason}"))
}

/// What a client sees of the engine's refusal.
pub fn from_engine(error: cvx_engine::Error) -> SqlError {
    use cvx_engine::Error;
    let message = error.to_string();
    let new = |state| SqlError::new(state, message.clone());
    match error {
        Error::DuplicateKey { table, key } => SqlError::new(
            SqlState::UNIQUE_VIOLATION,
            format!("duplicate key value violates unique constraint \"{table}_pkey\""),
        )
        .detail(format!("Key {key} already exists with other content.")),
        Error::WrittenTwice { .. } => SqlError::new(
            SqlState::CARDINALITY_VIOLATION,
            "ON CONFLICT DO UPDATE command cannot affect row a second time",
        )
        .detail(message),
        Error::OutOfOrder { .. } => new(SqlState::OUT_OF_ORDER).hint(
            "Late points are taken by tables with out_of_order = 'accept', by ON CONFLICT, and \
             after SET cvx.force = on.",
        ),
        Error::NotNull { .. } => new(SqlState::NOT_NULL_VIOLATION),
        Error::NotFinite { .. } => new(SqlState::DATA_EXCEPTION),
        Error::TimeRange { .. } => new(SqlState::DATETIME_OVERFLOW),
        Error::Conflict => new(SqlState::SERIALIZATION_FAILURE).hint("Run the transaction again."),
        Error::SnapshotTooOld { .. } => new(SqlState::SNAPSHOT_TOO_OLD),
        Error::Cancelled(stop) => from_stop(stop),
        Error::Exists { kind: "table" | "view" | "index", name } => {
            SqlError::new(SqlState::DUPLICATE_TABLE, format!("relation \"{name}\" already exists"))
        }
        Error::Exists { kind: "column", .. } => new(SqlState::DUPLICATE_COLUMN),
        Error::Exists { kind: "schema", .. } => new(SqlState("42P06")),
        Error::Exists { kind: "database", .. } => new(SqlState("42P04")),
        Error::Exists { .. } => new(SqlState::DUPLICATE_OBJECT),
        Error::Missing { kind: "table" | "view", name } => {
            SqlError::new(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"))
        }
        Error::Missing { kind: "column", .. } => new(SqlState::UNDEFINED_COLUMN),
        Error::Missing { kind: "schema", .. } => new(SqlState::INVALID_SCHEMA_NAME),
        Error::Missing { kind: "database", .. } => new(SqlState::INVALID_CATALOG_NAME),
        Error::Missing { .. } => new(SqlState::UNDEFINED_OBJECT),
        Error::Invalid(_) => new(SqlState::FEATURE_NOT_SUPPORTED),
        Error::Dependents(_) => new(SqlState("2BP01")).hint("Use CASCADE to revoke them too."),
        Error::Poisoned(_) => new(SqlState::IO_ERROR),
        Error::ShutDown => new(SqlState::ADMIN_SHUTDOWN),
        Error::Corrupt(_) => new(SqlState::DATA_CORRUPTED),
        Error::Storage(inner) => SqlError::new(storage_state(&inner), message),
        Error::Search(inner) => from_search(inner),
        Error::Arrow(inner) => from_arrow(&inner),
    }
}

fn storage_state(error: &cvx_engine::StorageError) -> SqlState {
    use cvx_engine::StorageError as E;
    match error {
        E::DiskFull { .. } => SqlState::DISK_FULL,
        E::Corrupt { .. } | E::Format { .. } => SqlState::DATA_CORRUPTED,
        E::Unsupported { .. } => SqlState::FEATURE_NOT_SUPPORTED,
        E::Poisoned { .. } | E::Io { .. } | E::Database(_) | E::Locked { .. } => SqlState::IO_ERROR,
        E::Invalid { .. } => SqlState::INTERNAL_ERROR,
        _ => SqlState::INTERNAL_ERROR,
    }
}

/// What a client sees of a kernel's refusal.
pub fn from_analytics(error: cvx_analytics::Error) -> SqlError {
    use cvx_analytics::Error as E;
    let state = match error {
        E::InsufficientData { .. } | E::NothingInForce => SqlState::INSUFFICIENT_DATA,
        E::NotATrajectory(_) | E::Undetermined(_) | E::Distance(_) => SqlState::DATA_EXCEPTION,
        E::Invalid(_) => SqlState::INVALID_PARAMETER,
        E::Stopped(stop) => return from_stop(stop),
        E::NoSuchPoint { .. } | E::State(_) => SqlState::INTERNAL_ERROR,
    };
    SqlError::new(state, error.to_string())
}

/// What a client sees of a prediction's refusal.
pub fn from_predict(error: cvx_predict::Error) -> SqlError {
    use cvx_predict::Error as E;
    let message = error.to_string();
    let state = match error {
        E::InsufficientData { .. } => SqlState::INSUFFICIENT_DATA,
        E::Invalid(_) | E::NotAhead | E::TooFar { .. } => SqlState::INVALID_PARAMETER,
        E::NoModel => SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        E::Unsolved(_) => SqlState::DATA_EXCEPTION,
        E::NotAModel(_) => SqlState::DATA_CORRUPTED,
        E::Stopped(stop) => return from_stop(stop),
        E::Analytics(inner) => return from_analytics(inner),
        _ => SqlState::INTERNAL_ERROR,
    };
    SqlError::new(state, message)
}

fn from_search(error: cvx_engine::SearchError) -> SqlError {
    use cvx_engine::SearchError as E;
    match error {
        E::Distance(inner) => SqlError::new(SqlState::DATA_EXCEPTION, inner.to_string()),
        E::Stopped(stop) => from_stop(stop),
        E::Malformed { .. } => SqlError::new(SqlState::INTERNAL_ERROR, error.to_string()),
    }
}
