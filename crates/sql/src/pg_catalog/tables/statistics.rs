//! The statistics views that tools look at: what is known, and NULL where nothing is counted.

use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::relation::Relation;
use crate::pg_catalog::rows::{NULL, Row, row};
use crate::pg_catalog::spec::system_table;
use cvx_engine::DatabaseDef;

/// The rows of the views kept here.
pub fn rows(model: &SystemCatalog, name: &str) -> Option<Vec<Row>> {
    let users = || model.relations().iter().filter(|r| !r.is_system());
    Some(match name {
        "pg_stat_user_tables" => {
            users().filter(|r| r.kind() == "r").map(|r| table(model, r)).collect()
        }
        "pg_stat_all_tables" => {
            let all = model.relations().iter().filter(|r| r.kind() == "r");
            all.map(|r| table(model, r)).collect()
        }
        "pg_stat_user_indexes" | "pg_stat_all_indexes" => users().filter_map(index).collect(),
        "pg_statio_user_tables" => users().filter(|r| r.kind() == "r").map(blocks).collect(),
        "pg_stat_activity" => vec![activity(model)],
        "pg_stat_database" => model.catalog.databases.values().map(|d| database(d)).collect(),
        _ => return None,
    })
}

/// A row that begins so and knows nothing else.
fn begin(table: &str, mut known: Row) -> Row {
    let width = system_table("pg_catalog", table).map_or(0, |table| table.columns.len());
    known.resize(width, NULL);
    known
}

fn table(model: &SystemCatalog, r: &Relation) -> Row {
    let mut stats = begin("pg_stat_all_tables", row![r.oid, &r.schema, &r.name]);
    let columns = system_table("pg_catalog", "pg_stat_all_tables").map(|table| &table.columns);
    let place = columns.and_then(|all| all.iter().position(|c| c.name == "n_live_tup"));
    if let Some(live) = place.and_then(|at| stats.get_mut(at)) {
        *live = model.session.sizes.rows(r.oid).into();
    }
    stats
}

fn index(r: &Relation) -> Option<Row> {
    let table = r.indexed()?;
    let known = row![table.oid, r.oid, &r.schema, &table.name, &r.name];
    Some(begin("pg_stat_all_indexes", known))
}

fn blocks(r: &Relation) -> Row {
    begin("pg_statio_user_tables", row![r.oid, &r.schema, &r.name])
}

/// The session that asks; others are not told.
fn activity(model: &SystemCatalog) -> Row {
    let session = &model.session;
    let client = session.client.map(|client| client.ip().to_string());
    let port = session.client.map(|client| i64::from(client.port()));
    let application = model.setting("application_name").unwrap_or_default();
    row![
        model.catalog.here.oid,
        &session.database,
        session.backend_pid,
        NULL,
        model.user_oid(),
        &session.user,
        application,
        client,
        NULL,
        port,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        "active",
        NULL,
        NULL,
        NULL,
        NULL,
        "client backend",
    ]
}

fn database(database: &DatabaseDef) -> Row {
    begin("pg_stat_database", row![database.oid, &database.name])
}
