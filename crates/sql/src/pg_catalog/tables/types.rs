//! `pg_type` and collations.

use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::oid;
use crate::pg_catalog::rows::{NULL, Row, row};
use crate::pg_catalog::types::TypeFacts;

/// The rows of the tables kept here.
pub fn rows(model: &SystemCatalog, name: &str) -> Option<Vec<Row>> {
    Some(match name {
        "pg_type" => model.types().iter().map(ty).collect(),
        "pg_collation" => collations(),
        _ => return None,
    })
}

fn ty(t: &TypeFacts) -> Row {
    let [input, output, receive, send, typmod_in, typmod_out] = t.procs;
    row![
        t.oid,
        &t.name,
        oid::of_schema(&t.schema),
        oid::SUPERUSER,
        t.len,
        t.by_value,
        &t.kind,
        &t.category,
        t.preferred,
        true,
        ",",
        t.relation,
        t.subscript,
        t.element,
        t.array,
        input,
        output,
        receive,
        send,
        typmod_in,
        typmod_out,
        0,
        &t.align,
        &t.storage,
        false,
        0,
        -1,
        0,
        t.collation,
        NULL,
        NULL,
        NULL,
    ]
}

fn collations() -> Vec<Row> {
    let collation = |oid: u32, name: &str, provider: &str, locale: Option<&str>| {
        let (schema, owner) = (oid::PG_CATALOG, oid::SUPERUSER);
        row![oid, name, schema, owner, provider, true, -1, locale, locale, NULL, NULL, NULL]
    };
    vec![
        collation(oid::COLLATION_DEFAULT, "default", "d", None),
        collation(oid::COLLATION_C, "C", "c", Some("C")),
        collation(951, "POSIX", "c", Some("POSIX")),
    ]
}
