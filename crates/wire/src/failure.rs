//! What ends a message's work, and the words for it.

use cvx_session::Notice;
use cvx_types::{SqlError, SqlState};
use pgwire::messages::response::{ErrorResponse, NoticeResponse};
use std::any::Any;

/// Why a message was not answered as it wished.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The statement failed; the connection goes on.
    Statement(SqlError),
    /// The client is told, then cut off.
    Fatal(SqlError),
    /// There is nobody to tell.
    Gone,
}

pub(crate) type Step<T> = Result<T, Failure>;

impl From<SqlError> for Failure {
    /// A session that says 57P01 has ended.
    fn from(error: SqlError) -> Self {
        if error.state == SqlState::ADMIN_SHUTDOWN {
            return Self::Fatal(error);
        }
        Self::Statement(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(_: std::io::Error) -> Self {
        Self::Gone
    }
}

/// 08P01: the client broke the protocol's rules.
pub(crate) fn violation(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::PROTOCOL_VIOLATION, message)
}

pub(crate) fn shutting_down() -> Failure {
    let message = "terminating connection due to administrator command";
    Failure::Fatal(SqlError::new(SqlState::ADMIN_SHUTDOWN, message))
}

/// A panic as the statement's error.
pub(crate) fn panicked(payload: &(dyn Any + Send)) -> SqlError {
    let words = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned());
    tracing::error!(panic = %words, "a statement panicked");
    SqlError::new(SqlState::INTERNAL_ERROR, "internal error").detail(words)
}

pub(crate) fn error_response(error: &SqlError, severity: &str) -> ErrorResponse {
    let mut fields = response_fields(severity, error.state.0, &error.message);
    let mut add = |code: u8, text: &Option<String>| {
        if let Some(text) = text {
            fields.push((code, without_nul(text)));
        }
    };
    add(b'D', &error.detail);
    add(b'H', &error.hint);
    add(b'P', &error.position.map(|position| position.to_string()));
    add(b'W', &error.context);
    ErrorResponse::new(fields)
}

pub(crate) fn notice_response(notice: &Notice) -> NoticeResponse {
    NoticeResponse::new(response_fields(notice.severity, notice.state, &notice.message))
}

fn response_fields(severity: &str, state: &str, message: &str) -> Vec<(u8, String)> {
    vec![
        (b'S', severity.to_owned()),
        (b'V', severity.to_owned()),
        (b'C', state.to_owned()),
        (b'M', without_nul(message)),
    ]
}

/// A NUL would end the field early and shift all that follow.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
