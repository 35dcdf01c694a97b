//! `information_schema`: the same model in the SQL standard's words.

mod columns;
mod constraints;
mod objects;
mod privileges;

use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::rows::Row;

/// There is no such thing here.
const NOTHING: &[&str] = &["domains", "parameters", "referential_constraints", "triggers"];

/// The rows of a view; `None` for a name that has no view.
pub fn rows(model: &SystemCatalog, name: &str) -> Option<Vec<Row>> {
    objects::rows(model, name)
        .or_else(|| columns::rows(model, name))
        .or_else(|| constraints::rows(model, name))
        .or_else(|| privileges::rows(model, name))
        .or_else(|| NOTHING.contains(&name).then(Vec::new))
}
