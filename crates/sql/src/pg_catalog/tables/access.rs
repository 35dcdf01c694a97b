//! Indexes, primary keys, and how both order: `pg_index`, `pg_constraint`, `pg_am`, `pg_opclass`,
//! `pg_operator`, `pg_cast`.

use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::relation::{Body, Relation};
use crate::pg_catalog::rows::{NULL, Row, row};
use crate::pg_catalog::tables::relations::count;
use crate::pg_catalog::{definition, oid, procs};
use std::collections::BTreeMap;

/// The rows of the tables kept here.
pub fn rows(model: &SystemCatalog, name: &str) -> Option<Vec<Row>> {
    let relations = model.relations().iter();
    Some(match name {
        "pg_index" => relations.filter_map(|r| index(model, r)).collect(),
        "pg_constraint" => relations.filter_map(constraint).collect(),
        "pg_am" => access_methods(),
        "pg_opclass" => opclasses(),
        "pg_opfamily" => opfamilies(),
        "pg_operator" => operators(),
        "pg_cast" => casts(),
        _ => return None,
    })
}

fn index(model: &SystemCatalog, r: &Relation) -> Option<Row> {
    let table = r.indexed()?;
    let primary = matches!(r.body, Body::Key(_));
    let keys = r.key_attnums();
    let (classes, collations) = definition::key_facts(model, r);
    let width = count(keys.len());
    let options = vec![0_i16; keys.len()];
    Some(row![
        r.oid,
        table.oid,
        width,
        width,
        primary,
        false,
        primary,
        false,
        true,
        false,
        true,
        false,
        true,
        true,
        false,
        keys,
        collations,
        classes,
        options,
        r.expression(),
        NULL,
    ])
}

fn constraint(r: &Relation) -> Option<Row> {
    let Body::Key(table) = &r.body else { return None };
    let schema = oid::of_schema(&r.schema);
    Some(row![
        oid::of_constraint(r.oid),
        &r.name,
        schema,
        "p",
        false,
        false,
        true,
        table.oid,
        0,
        r.oid,
        0,
        0,
        " ",
        " ",
        " ",
        true,
        0,
        true,
        r.key_attnums(),
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
    ])
}

fn access_methods() -> Vec<Row> {
    vec![
        row![oid::AM_HEAP, "heap", 3, "t"],
        row![oid::AM_BTREE, "btree", 330, "i"],
        row![oid::AM_HNSW, "hnsw", 0, "i"],
        row![oid::AM_IVFFLAT, "ivfflat", 0, "i"],
    ]
}

fn opclasses() -> Vec<Row> {
    let class = |c: &procs::OpClass| {
        let schema = oid::of_schema(c.schema);
        let owner = oid::SUPERUSER;
        row![c.oid, c.method, c.name, schema, owner, c.family, c.input, c.default, 0]
    };
    procs::opclasses().map(class).collect()
}

fn opfamilies() -> Vec<Row> {
    let families: BTreeMap<u32, &procs::OpClass> =
        procs::opclasses().map(|class| (class.family, class)).collect();
    let family = |(family, c): (u32, &procs::OpClass)| {
        row![family, c.method, c.family_name, oid::of_schema(c.schema), oid::SUPERUSER]
    };
    families.into_iter().map(family).collect()
}

fn operators() -> Vec<Row> {
    let operator = |o: &procs::Operator| {
        let (of, schema, owner) = (o.operand, oid::PUBLIC, oid::SUPERUSER);
        let turned = match o.name {
            "<" => ">",
            ">" => "<",
            "<=" => ">=",
            ">=" => "<=",
            "-" | "||" => "",
            other => other,
        };
        let negated = match o.name {
            "<" => ">=",
            ">=" => "<",
            "<=" => ">",
            ">" => "<=",
            "=" => "<>",
            "<>" => "=",
            _ => "",
        };
        let named = |name| procs::operators().find(|p| p.operand == of && p.name == name);
        let [turned, negated] = [turned, negated].map(|name| named(name).map_or(0, |p| p.oid));
        row![
            o.oid, o.name, schema, owner, "b", false, false, of, of, o.result, turned, negated,
            o.function, 0, 0
        ]
    };
    procs::operators().map(operator).collect()
}

/// Casts have no function of their own here: `castfunc` is 0.
fn casts() -> Vec<Row> {
    procs::casts().map(|c| row![c.oid, c.source, c.target, 0, c.context, "f"]).collect()
}
