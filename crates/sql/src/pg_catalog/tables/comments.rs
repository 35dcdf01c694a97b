//! `pg_description` and `pg_shdescription`: what is said of things.

use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::rows::{Row, row};
use crate::pg_catalog::{oid, procs};
use cvx_engine::Commented;

/// What is said of one thing.
#[derive(Debug)]
pub struct Comment {
    /// The thing's OID.
    pub on: u32,
    /// The OID of the catalog it is in.
    pub class: u32,
    /// The number of a column, 0 for the thing as a whole.
    pub column: i16,
    pub text: String,
}

/// The rows of the tables kept here.
pub fn rows(model: &SystemCatalog, name: &str) -> Option<Vec<Row>> {
    let shared = match name {
        "pg_description" => false,
        "pg_shdescription" => true,
        _ => return None,
    };
    let own =
        |comment: &Comment| matches!(comment.class, oid::PG_DATABASE | oid::PG_AUTHID) == shared;
    let row = |comment: Comment| {
        let Comment { on, class, column, text } = comment;
        if shared { row![on, class, text] } else { row![on, class, column, text] }
    };
    Some(comments(model).into_iter().filter(own).map(row).collect())
}

/// Every comment there is; users' take the place of built-in ones.
pub fn comments(model: &SystemCatalog) -> Vec<Comment> {
    let mut all = said(model);
    let mut built_in = built_in(model);
    built_in.retain(|own| !all.iter().any(|said| said.on == own.on && said.class == own.class));
    all.append(&mut built_in);
    all
}

/// By users.
fn said(model: &SystemCatalog) -> Vec<Comment> {
    let here = &model.catalog.here;
    let tables = here.tables.values().filter_map(|table| {
        Some(Comment::whole(table.oid, oid::PG_CLASS, table.comment.as_deref()?))
    });
    let known = |oid: u32| model.relation(oid).is_some();
    let others = model.catalog.comments.iter().filter_map(|(on, text)| match on {
        Commented::Relation(on) => known(*on).then(|| Comment::whole(*on, oid::PG_CLASS, text)),
        Commented::Column(on, column) => known(*on)
            .then(|| Comment { column: *column, ..Comment::whole(*on, oid::PG_CLASS, text) }),
        Commented::Schema(database, name) => (*database == here.oid)
            .then(|| Comment::whole(oid::of_schema(name), oid::PG_NAMESPACE, text)),
        Commented::Database(on) => Some(Comment::whole(*on, oid::PG_DATABASE, text)),
        Commented::Role(on) => Some(Comment::whole(*on, oid::PG_AUTHID, text)),
    });
    tables.chain(others).collect()
}

fn built_in(model: &SystemCatalog) -> Vec<Comment> {
    let of_proc = |p: &procs::Proc| Some(Comment::whole(p.oid, oid::PG_PROC, p.description?));
    let functions = procs::procs().filter_map(of_proc);
    let operators =
        procs::operators().map(|o| Comment::whole(o.oid, oid::PG_OPERATOR, o.description));
    let fixed = [
        (oid::PUBLIC, oid::PG_NAMESPACE, "standard public schema"),
        (oid::PG_CATALOG, oid::PG_NAMESPACE, "system catalog schema"),
        (oid::AM_HEAP, oid::PG_AM, "heap table access method"),
        (oid::AM_BTREE, oid::PG_AM, "b-tree index access method"),
        (oid::AM_HNSW, oid::PG_AM, "hnsw index access method"),
        (oid::AM_IVFFLAT, oid::PG_AM, "ivfflat index access method"),
    ];
    let fixed = fixed.into_iter().map(|(on, class, text)| Comment::whole(on, class, text));
    let extension = model.catalog.here.extensions.contains("vector").then(|| {
        let text = "vector data type and ivfflat and hnsw access methods";
        Comment::whole(oid::EXTENSION_VECTOR, oid::PG_EXTENSION, text)
    });
    functions.chain(operators).chain(fixed).chain(extension).collect()
}

impl Comment {
    fn whole(on: u32, class: u32, text: &str) -> Self {
        Self { on, class, column: 0, text: text.to_owned() }
    }
}
