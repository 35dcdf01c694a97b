//! What there is to name, from the catalog: for completion.

use crate::error::Result;
use crate::wire::{Connection, Row};
use std::collections::BTreeMap;

/// Names as the catalog has them, unquoted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// Tables and views with their columns.
    pub relations: BTreeMap<String, Vec<String>>,
    pub functions: Vec<String>,
    pub settings: Vec<String>,
}

const COLUMNS: &str = "SELECT c.relname, a.attname \
     FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 \
     WHERE c.relkind IN ('r', 'v', 'm', 'p') AND NOT a.attisdropped \
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \
     ORDER BY c.relname, a.attnum";

const FUNCTIONS: &str = "SELECT DISTINCT proname FROM pg_catalog.pg_proc ORDER BY proname";

const SETTINGS: &str = "SELECT name FROM pg_catalog.pg_settings ORDER BY name";

impl Names {
    /// Asks the server. Names that it will not tell are left out: completion is no reason to fail.
    pub(crate) fn read(connection: &mut Connection) -> Result<Self> {
        let mut names = Self::default();
        for row in rows(connection, COLUMNS)? {
            if let [Some(relation), Some(column)] = row.as_slice() {
                names.relations.entry(relation.clone()).or_default().push(column.clone());
            }
        }
        names.functions = first_of_each(rows(connection, FUNCTIONS)?);
        names.settings = first_of_each(rows(connection, SETTINGS)?);
        Ok(names)
    }
}

fn rows(connection: &mut Connection, sql: &str) -> Result<Vec<Row>> {
    match connection.rows(sql) {
        Err(error) if !error.is_connection() => Ok(Vec::new()),
        other => other,
    }
}

fn first_of_each(rows: Vec<Row>) -> Vec<String> {
    rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
}
