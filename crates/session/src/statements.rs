//! Prepared statements by name: the client's (Parse) and those of PREPARE, in one store as in
//! Postgres, so that EXECUTE runs what a driver prepared and DEALLOCATE forgets it.

use crate::Prepared;
use cvx_core::{Clock, SystemClock};
use cvx_types::{Result, SqlError, SqlState};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// A prepared statement under its name.
pub struct Stored {
    pub name: String,
    /// The words it was prepared from.
    pub sql: String,
    pub prepared: Arc<Prepared>,
    /// Whether PREPARE made it, rather than the protocol.
    pub from_sql: bool,
    /// When, in microseconds.
    pub since_us: i64,
}

/// The statements of one session. The empty name is the unnamed statement, which is always
/// replaced, and which SQL cannot see.
pub struct Statements {
    items: HashMap<String, Arc<Stored>>,
    named_max: usize,
    listed: OnceLock<Arc<[Arc<Stored>]>>,
}

impl Statements {
    /// A store of at most so many named statements.
    #[must_use]
    pub fn new(named_max: usize) -> Self {
        Self { items: HashMap::new(), named_max, listed: OnceLock::new() }
    }

    /// Sets how many named statements there may be.
    pub fn limit(&mut self, named_max: usize) {
        self.named_max = named_max;
    }

    /// Whether the name is free: 42P05, or 53400 where there are too many.
    pub fn check_free(&self, name: &str) -> Result<()> {
        if name.is_empty() {
            return Ok(());
        }
        if self.items.contains_key(name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(SqlError::new(SqlState::DUPLICATE_PREPARED_STATEMENT, message));
        }
        if self.items.len() > self.named_max {
            let message = format!("more than {} prepared statements", self.named_max);
            return Err(SqlError::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, message));
        }
        Ok(())
    }

    /// Keeps a statement under its name.
    pub fn insert(&mut self, name: &str, sql: &str, prepared: Prepared, from_sql: bool) {
        let (name, sql) = (name.to_owned(), sql.to_owned());
        let (prepared, since_us) = (Arc::new(prepared), SystemClock.now_us());
        let stored = Stored { name: name.clone(), sql, prepared, from_sql, since_us };
        self.items.insert(name, Arc::new(stored));
        self.listed = OnceLock::new();
    }

    /// The statement of a name, or 26000.
    pub fn get(&self, name: &str) -> Result<&Arc<Stored>> {
        self.items.get(name).ok_or_else(|| {
            let message = match name {
                "" => "unnamed prepared statement does not exist".to_owned(),
                name => format!("prepared statement \"{name}\" does not exist"),
            };
            SqlError::new(SqlState::INVALID_STATEMENT_NAME, message)
        })
    }

    /// Forgets a statement; whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        self.listed = OnceLock::new();
        self.items.remove(name).is_some()
    }

    /// Forgets all named statements.
    pub fn clear(&mut self) {
        self.items.retain(|name, _| name.is_empty());
        self.listed = OnceLock::new();
    }

    /// The named statements, by name.
    pub fn list(&self) -> Arc<[Arc<Stored>]> {
        let list = self.listed.get_or_init(|| {
            let named = self.items.values().filter(|stored| !stored.name.is_empty());
            let mut named: Vec<Arc<Stored>> = named.cloned().collect();
            named.sort_by(|a, b| a.name.cmp(&b.name));
            named.into()
        });
        Arc::clone(list)
    }
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored").field("name", &self.name).finish_non_exhaustive()
    }
}
