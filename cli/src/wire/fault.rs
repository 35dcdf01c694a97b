//! An error or a notice as the server words it.

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::ErrorFields;
use std::fmt;

/// The fields of an ErrorResponse or NoticeResponse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fault {
    pub severity: String,
    pub sqlstate: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    pub context: Option<String>,
    /// In the statement's characters, from 1.
    pub position: Option<usize>,
}

impl Fault {
    /// Reads the fields; a malformed rest is left out, since half an error is better than none.
    pub(crate) fn read(mut fields: ErrorFields<'_>) -> Self {
        let mut fault = Self::default();
        while let Ok(Some(field)) = fields.next() {
            let text = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'V' => fault.severity = text,
                b'S' if fault.severity.is_empty() => fault.severity = text,
                b'C' => fault.sqlstate = text,
                b'M' => fault.message = text,
                b'D' => fault.detail = Some(text),
                b'H' => fault.hint = Some(text),
                b'W' => fault.context = Some(text),
                b'P' => fault.position = text.parse().ok(),
                _ => {}
            }
        }
        fault
    }

    /// 57014: the statement was cancelled.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.sqlstate == "57014"
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:  {}", self.severity, self.message)
    }
}
