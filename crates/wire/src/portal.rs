//! Prepared statements and portals of one connection.

use crate::failure::violation;
use crate::rows::RowSource;
use cvx_session::Prepared;
use cvx_types::{Datum, Format, Result, SqlError, SqlState};
use std::collections::HashMap;
use std::sync::Arc;

/// A statement bound to its parameters.
pub(crate) struct Portal {
    pub(crate) statement: Arc<Prepared>,
    pub(crate) result_formats: Vec<i16>,
    pub(crate) state: PortalState,
}

pub(crate) enum PortalState {
    Ready(Vec<Datum>),
    /// Some rows were sent; the rest waits for the next Execute.
    Running(Box<RowSource>),
    /// All rows were sent: another Execute finds none.
    Exhausted {
        verb: String,
    },
    /// It ran, and was no query.
    Done,
}

/// Statements or portals by name; the unnamed one is the empty name.
pub(crate) struct Named<T> {
    items: HashMap<String, T>,
    what: &'static str,
    missing: SqlState,
    taken: SqlState,
    named_max: usize,
}

impl<T> Named<T> {
    pub(crate) fn statements(named_max: usize) -> Self {
        let missing = SqlState::INVALID_STATEMENT_NAME;
        let taken = SqlState::DUPLICATE_PREPARED_STATEMENT;
        Self { items: HashMap::new(), what: "prepared statement", missing, taken, named_max }
    }

    pub(crate) fn portals(named_max: usize) -> Self {
        let (missing, taken) = (SqlState::INVALID_CURSOR_NAME, SqlState::DUPLICATE_CURSOR);
        Self { items: HashMap::new(), what: "portal", missing, taken, named_max }
    }

    /// Whether the name is free. The unnamed one is always replaced.
    pub(crate) fn check_free(&self, name: &str) -> Result<()> {
        if name.is_empty() {
            return Ok(());
        }
        if self.items.contains_key(name) {
            let message = format!("{} \"{name}\" already exists", self.what);
            return Err(SqlError::new(self.taken, message));
        }
        if self.items.len() > self.named_max {
            let message = format!("more than {} {}s", self.named_max, self.what);
            return Err(SqlError::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, message));
        }
        Ok(())
    }

    pub(crate) fn insert(&mut self, name: String, item: T) {
        self.items.insert(name, item);
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<T> {
        self.items.remove(name)
    }

    pub(crate) fn clear(&mut self) {
        self.items.clear();
    }

    pub(crate) fn get(&self, name: &str) -> Result<&T> {
        self.items.get(name).ok_or_else(|| self.unknown(name))
    }

    pub(crate) fn take(&mut self, name: &str) -> Result<T> {
        self.items.remove(name).ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> SqlError {
        let message = match (name, self.what) {
            ("", "prepared statement") => "unnamed prepared statement does not exist".to_owned(),
            (name, what) => format!("{what} \"{name}\" does not exist"),
        };
        SqlError::new(self.missing, message)
    }
}

/// A format for each of `count` columns or parameters, from none, one or all of the codes.
pub(crate) fn formats(codes: &[i16], count: usize, what: &str) -> Result<Vec<Format>> {
    let format = |code: &i16| match code {
        0 => Ok(Format::Text),
        1 => Ok(Format::Binary),
        code => {
            let message = format!("unsupported format code: {code}");
            Err(SqlError::new(SqlState::INVALID_PARAMETER, message))
        }
    };
    match codes {
        [] => Ok(vec![Format::Text; count]),
        [code] => Ok(vec![format(code)?; count]),
        codes if codes.len() == count => codes.iter().map(format).collect(),
        codes => Err(violation(format!(
            "bind message has {} {what} formats but there are {count} {what}s",
            codes.len()
        ))),
    }
}
