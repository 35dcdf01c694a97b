//! `pg_proc` and the languages functions are in.

use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::oid;
use crate::pg_catalog::procs::{Proc, procs};
use crate::pg_catalog::rows::{NULL, Row, row};
use crate::pg_catalog::tables::relations::count;

/// The rows of the tables kept here.
pub fn rows(_: &SystemCatalog, name: &str) -> Option<Vec<Row>> {
    Some(match name {
        "pg_proc" => procs().map(proc).collect(),
        "pg_language" => languages(),
        _ => return None,
    })
}

fn proc(p: &Proc) -> Row {
    let named = p.named();
    let types = named.as_ref().map(|of| of.iter().map(|of| of.1).collect::<Vec<_>>());
    let modes = named.as_ref().map(|of| of.iter().map(|of| of.2).collect::<Vec<_>>());
    let names = named.as_ref().map(|of| of.iter().map(|of| of.0).collect::<Vec<_>>());
    row![
        p.oid,
        p.name,
        oid::of_schema(p.schema),
        oid::SUPERUSER,
        p.language(),
        1.0_f32,
        if p.set { 100.0_f32 } else { 0.0 },
        0,
        0,
        p.kind,
        false,
        false,
        p.strict,
        p.set,
        p.volatility,
        "s",
        count(p.arguments.len()),
        count(p.defaults()),
        p.returns,
        p.arguments.clone(),
        types,
        modes,
        names,
        NULL,
        NULL,
        p.name,
        NULL,
        NULL,
        NULL,
        NULL,
    ]
}

fn languages() -> Vec<Row> {
    let language = |oid: u32, name: &str, trusted: bool| {
        row![oid, name, oid::SUPERUSER, false, trusted, 0, 0, 0, NULL]
    };
    vec![
        language(oid::LANGUAGE_INTERNAL, "internal", false),
        language(oid::LANGUAGE_C, "c", false),
        language(oid::LANGUAGE_SQL, "sql", true),
    ]
}
