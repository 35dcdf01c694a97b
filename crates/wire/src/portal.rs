//! Portals of one connection: statements bound to parameters, and how far they have run.

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

/// Portals by name; the unnamed one is the empty name.
pub(crate) struct Portals {
    items: HashMap<String, Portal>,
    named_max: usize,
}

impl Portals {
    pub(crate) fn new(named_max: usize) -> Self {
        Self { items: HashMap::new(), named_max }
    }

    /// Whether the name is free. The unnamed one is always replaced.
    pub(crate) fn check_free(&self, name: &str) -> Result<()> {
        if name.is_empty() {
            return Ok(());
        }
        if self.items.contains_key(name) {
            let message = format!("portal \"{name}\" already exists");
            return Err(SqlError::new(SqlState::DUPLICATE_CURSOR, message));
        }
        if self.items.len() > self.named_max {
            let message = format!("more than {} portals", self.named_max);
            return Err(SqlError::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, message));
        }
        Ok(())
    }

    pub(crate) fn insert(&mut self, name: String, item: Portal) {
        self.items.insert(name, item);
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Portal> {
        self.items.remove(name)
    }

    pub(crate) fn clear(&mut self) {
        self.items.clear();
    }

    pub(crate) fn get(&self, name: &str) -> Result<&Portal> {
        self.items.get(name).ok_or_else(|| self.unknown(name))
    }

    pub(crate) fn take(&mut self, name: &str) -> Result<Portal> {
        self.items.remove(name).ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> SqlError {
        let message = format!("portal \"{name}\" does not exist");
        SqlError::new(SqlState::INVALID_CURSOR_NAME, message)
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
