//! What belongs to the session that asks: its prepared statements and cursors.

use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::rows::{NULL, Row, row};
use crate::session::Cursor;
use cvx_session::Stored;
use cvx_types::PgType;

/// The rows of the tables kept here.
pub fn rows(model: &SystemCatalog, name: &str) -> Option<Vec<Row>> {
    Some(match name {
        "pg_prepared_statements" => model.session.statements.iter().map(|s| statement(s)).collect(),
        "pg_cursors" => model.session.cursors.iter().map(|c| cursor(c)).collect(),
        _ => return None,
    })
}

fn statement(stored: &Stored) -> Row {
    let oids =
        |types: &mut dyn Iterator<Item = &PgType>| types.map(PgType::oid).collect::<Vec<_>>();
    let params = oids(&mut stored.prepared.params.iter());
    let columns = stored.prepared.columns.as_ref();
    let results = columns.map(|columns| oids(&mut columns.iter().map(|column| &column.ty)));
    // Every run is planned with its values.
    let (generic, custom) = (0, NULL);
    let since = stored.since_us;
    row![&stored.name, &stored.sql, since, params, results, stored.from_sql, generic, custom]
}

fn cursor(cursor: &Cursor) -> Row {
    row![&cursor.name, &cursor.statement, cursor.hold, false, cursor.scroll, cursor.since_us]
}
