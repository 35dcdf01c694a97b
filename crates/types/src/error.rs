//! The one error a client sees: a SQLSTATE, a sentence, and what to do about it.

/// Five characters, as in Postgres' appendix A; ours begin with `CV`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SqlState(pub &'static str);

macro_rules! states {
    ($($name:ident = $code:literal),* $(,)?) => {
        impl SqlState { $(pub const $name: Self = Self($code);)* }
    };
}

states! {
    CONNECTION_FAILURE = "08006",
    PROTOCOL_VIOLATION = "08P01",
    FEATURE_NOT_SUPPORTED = "0A000",
    CARDINALITY_VIOLATION = "21000",
    DATA_EXCEPTION = "22000",
    STRING_TOO_LONG = "22001",
    NUMERIC_OUT_OF_RANGE = "22003",
    INVALID_DATETIME = "22007",
    INVALID_TIME_ZONE_DISPLACEMENT = "22009",
    DATETIME_OVERFLOW = "22008",
    DIVISION_BY_ZERO = "22012",
    INVALID_PARAMETER = "22023",
    CHARACTER_NOT_IN_REPERTOIRE = "22021",
    INVALID_TEXT = "22P02",
    INVALID_BINARY = "22P03",
    BAD_COPY = "22P04",
    UNTRANSLATABLE_CHARACTER = "22P05",
    NOT_NULL_VIOLATION = "23502",
    UNIQUE_VIOLATION = "23505",
    ACTIVE_TRANSACTION = "25001",
    READ_ONLY_TRANSACTION = "25006",
    NO_ACTIVE_TRANSACTION = "25P01",
    IN_FAILED_TRANSACTION = "25P02",
    INVALID_STATEMENT_NAME = "26000",
    INVALID_AUTHORIZATION = "28000",
    INVALID_CURSOR_NAME = "34000",
    INVALID_SAVEPOINT = "3B001",
    INVALID_CATALOG_NAME = "3D000",
    INVALID_SCHEMA_NAME = "3F000",
    SERIALIZATION_FAILURE = "40001",
    SYNTAX_ERROR = "42601",
    INSUFFICIENT_PRIVILEGE = "42501",
    DUPLICATE_COLUMN = "42701",
    AMBIGUOUS_COLUMN = "42702",
    UNDEFINED_COLUMN = "42703",
    UNDEFINED_OBJECT = "42704",
    DUPLICATE_OBJECT = "42710",
    DATATYPE_MISMATCH = "42804",
    UNDEFINED_FUNCTION = "42883",
    UNDEFINED_TABLE = "42P01",
    UNDEFINED_PARAMETER = "42P02",
    DUPLICATE_CURSOR = "42P03",
    DUPLICATE_PREPARED_STATEMENT = "42P05",
    DUPLICATE_TABLE = "42P07",
    AMBIGUOUS_PARAMETER = "42P08",
    INVALID_COLUMN_REFERENCE = "42P10",
    WRONG_OBJECT_TYPE = "42809",
    INVALID_TABLE_DEFINITION = "42P16",
    INDETERMINATE_DATATYPE = "42P18",
    OUT_OF_MEMORY = "53200",
    DISK_FULL = "53100",
    TOO_MANY_CONNECTIONS = "53300",
    CONFIGURATION_LIMIT_EXCEEDED = "53400",
    PROGRAM_LIMIT_EXCEEDED = "54000",
    STATEMENT_TOO_COMPLEX = "54001",
    OBJECT_NOT_IN_PREREQUISITE_STATE = "55000",
    QUERY_CANCELED = "57014",
    ADMIN_SHUTDOWN = "57P01",
    CANNOT_CONNECT_NOW = "57P03",
    IO_ERROR = "58030",
    SNAPSHOT_TOO_OLD = "72000",
    INTERNAL_ERROR = "XX000",
    DATA_CORRUPTED = "XX001",
    OUT_OF_ORDER = "CV001",
    INSUFFICIENT_DATA = "CV002",
}

pub type Result<T, E = SqlError> = std::result::Result<T, E>;

/// An error as ErrorResponse carries it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message} ({})", state.0)]
pub struct SqlError {
    pub state: SqlState,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// Where in the statement, in characters from 1.
    pub position: Option<u32>,
    /// Where it happened, such as `COPY docs, line 3`.
    pub context: Option<String>,
}

impl SqlError {
    pub fn new(state: SqlState, message: impl Into<String>) -> Self {
        let (detail, hint, position, context) = (None, None, None, None);
        Self { state, message: message.into(), detail, hint, position, context }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.context = Some(context.into());
        self
    }

    #[must_use]
    pub fn at(mut self, position: usize) -> Self {
        self.position = u32::try_from(position).ok();
        self
    }

    /// "0A000: `what` is not supported".
    pub fn unsupported(what: impl std::fmt::Display) -> Self {
        Self::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{what} is not supported"))
    }
}
