//! `pg_class`, `pg_attribute` and their kin: relations and what hangs on them.

use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::relation::{Attribute, Body, Relation};
use crate::pg_catalog::rows::{Cell, NULL, Row, row};
use crate::pg_catalog::{definition, oid, roles, types};
use cvx_engine::{OutOfOrder, Securable, Table};

/// The rows of the tables kept here.
pub fn rows(model: &SystemCatalog, name: &str) -> Option<Vec<Row>> {
    let relations = model.relations().iter();
    Some(match name {
        "pg_class" => relations.map(|r| class(model, r)).collect(),
        "pg_attribute" => {
            relations.flat_map(|r| r.attributes.iter().map(|a| attribute(model, r, a))).collect()
        }
        "pg_attrdef" => relations.flat_map(defaults).collect(),
        "pg_depend" => dependencies(model),
        "pg_rewrite" => relations.filter_map(rule).collect(),
        "pg_sequence" => relations.filter_map(sequence).collect(),
        "pg_sequences" => relations.filter_map(|r| sequence_view(model, r)).collect(),
        "pg_tables" => {
            relations.filter(|r| r.kind() == "r").map(|r| table_view(model, r)).collect()
        }
        "pg_views" => relations.filter(|r| r.kind() == "v").map(|r| view_view(model, r)).collect(),
        "pg_indexes" => relations.filter_map(index_view).collect(),
        _ => return None,
    })
}

fn class(model: &SystemCatalog, r: &Relation) -> Row {
    let kind = r.kind();
    let stored = matches!(kind, "r" | "i" | "S");
    let access_method = match &r.body {
        Body::Key(_) => oid::AM_BTREE,
        Body::Index(_, index) => crate::pg_catalog::procs::method_oid(&index.method),
        Body::Table(_) | Body::System(_) if kind == "r" => oid::AM_HEAP,
        _ => 0,
    };
    let indexed = r.table().is_some_and(|t| !t.key.is_empty() || !t.indexes.is_empty());
    // -1 is how Postgres says that it never counted.
    let tuples = model.session.sizes.rows(r.oid).map_or(-1.0, |rows| rows as f32);
    let acl = matches!(r.body, Body::Table(_) | Body::View(_));
    let counted = if matches!(r.body, Body::View(_)) { 0.0 } else { tuples };
    row![
        r.oid,
        &r.name,
        oid::of_schema(&r.schema),
        r.row_type(),
        0,
        roles::owner(model, r),
        access_method,
        if stored { r.oid } else { 0 },
        0,
        0,
        counted,
        0,
        0,
        indexed,
        false,
        "p",
        kind,
        count(r.attributes.len()),
        0,
        r.view().is_some(),
        false,
        false,
        false,
        false,
        true,
        if kind == "r" && !r.is_system() { "d" } else { "n" },
        false,
        0,
        0,
        0,
        roles::securable(r).filter(|_| acl).map_or(NULL, |on| roles::acl(model, &on)),
        options(r),
        NULL,
    ]
}

/// As `pg_class.reloptions`: what WITH said, or would have to say to get the same.
fn options(r: &Relation) -> Cell {
    let said: Vec<String> = match &r.body {
        Body::Table(table) if table.is_temporal() => temporal_options(table),
        Body::Index(_, index) => {
            index.options.iter().map(|(name, value)| format!("{name}={value}")).collect()
        }
        _ => Vec::new(),
    };
    if said.is_empty() { NULL } else { said.into() }
}

fn temporal_options(table: &Table) -> Vec<String> {
    let column = |id: Option<u16>| id.and_then(|id| table.column_by_id(id));
    let named = [("entity", column(table.entity)), ("valid_time", column(table.valid_time))];
    let columns = named.into_iter().filter_map(|(option, column)| Some((option, column?)));
    let mut said: Vec<String> =
        columns.map(|(option, column)| format!("{option}={}", column.name)).collect();
    if table.options.out_of_order == OutOfOrder::Accept {
        said.push("out_of_order=accept".to_owned());
    }
    if table.options.monitor.is_some() {
        said.push("monitor=bocpd".to_owned());
    }
    said
}

fn attribute(model: &SystemCatalog, r: &Relation, a: &Attribute) -> Row {
    let ty = types::type_of(a.ty.oid());
    let array = ty.is_some_and(|ty| ty.category == "A" && ty.element != 0);
    let collation = model.type_of(a.ty.oid()).map_or(0, |ty| ty.collation);
    row![
        r.oid,
        &a.name,
        a.ty.oid(),
        ty.map_or(-1, |ty| ty.len),
        a.attnum,
        -1,
        a.typmod,
        i16::from(array),
        ty.is_some_and(|ty| ty.by_value),
        ty.map_or("i", |ty| &ty.align),
        ty.map_or("p", |ty| &ty.storage),
        "",
        a.not_null,
        a.default.is_some(),
        a.missing,
        "",
        "",
        false,
        true,
        0,
        -1,
        collation,
        roles::acl(model, &Securable::Column(r.oid, a.attnum)),
        NULL,
        NULL,
        NULL,
    ]
}

fn defaults(r: &Relation) -> Vec<Row> {
    let one = |a: &Attribute| {
        let default = a.default.as_ref()?;
        Some(row![oid::of_default(r.oid, a.attnum), r.oid, a.attnum, default])
    };
    r.attributes.iter().filter_map(one).collect()
}

/// Indexes and sequences go with their columns; the extension's members with the extension.
fn dependencies(model: &SystemCatalog) -> Vec<Row> {
    use crate::pg_catalog::procs;
    let of_relation = |r: &Relation| match &r.body {
        Body::Key(table) => {
            let constraint = oid::of_constraint(r.oid);
            let on = |attnum: i16| {
                row![oid::PG_CONSTRAINT, constraint, 0, oid::PG_CLASS, table.oid, attnum, "a"]
            };
            let internal = row![oid::PG_CLASS, r.oid, 0, oid::PG_CONSTRAINT, constraint, 0, "i"];
            r.key_attnums().into_iter().map(on).chain([internal]).collect()
        }
        Body::Index(table, _) => {
            let on = |at: i16| row![oid::PG_CLASS, r.oid, 0, oid::PG_CLASS, table.oid, at, "a"];
            r.key_attnums().into_iter().map(on).collect()
        }
        Body::Sequence(table, column) => {
            vec![row![oid::PG_CLASS, r.oid, 0, oid::PG_CLASS, table.oid, column.attnum, "a"]]
        }
        Body::Table(_) | Body::View(_) | Body::System(_) => Vec::new(),
    };
    let member = |class: u32, member: u32| {
        row![class, member, 0, oid::PG_EXTENSION, oid::EXTENSION_VECTOR, 0, "e"]
    };
    let functions = procs::procs().filter(|proc| proc.schema == "public");
    let members = functions.map(|proc| member(oid::PG_PROC, proc.oid));
    let types = crate::pg_catalog::types::types().filter(|ty| ty.schema == "public");
    let types = types.filter(|ty| ty.category != "A");
    let members = members.chain(types.map(|ty| member(oid::PG_TYPE, ty.oid)));
    let extended = model.catalog.here.extensions.contains("vector");
    let members = members.filter(|_| extended);
    model.relations().iter().flat_map(of_relation).chain(members).collect()
}

fn rule(r: &Relation) -> Option<Row> {
    r.view()?;
    Some(row![oid::of_rule(r.oid), "_RETURN", r.oid, "1", "O", true, NULL, NULL])
}

fn sequence(r: &Relation) -> Option<Row> {
    matches!(r.body, Body::Sequence(..)).then(|| row![r.oid, 20, 1, 1, i64::MAX, 1, 1, false])
}

fn sequence_view(model: &SystemCatalog, r: &Relation) -> Option<Row> {
    matches!(r.body, Body::Sequence(..)).then(|| {
        let owner = roles::owner_name(model, r);
        row![&r.schema, &r.name, owner, 20, 1, 1, i64::MAX, 1, false, 1, NULL]
    })
}

fn table_view(model: &SystemCatalog, r: &Relation) -> Row {
    let indexed = r.table().is_some_and(|t| !t.key.is_empty() || !t.indexes.is_empty());
    let owner = roles::owner_name(model, r);
    row![&r.schema, &r.name, owner, NULL, indexed, false, false, false]
}

fn view_view(model: &SystemCatalog, r: &Relation) -> Row {
    let definition = r.view().map(|view| definition::view(&view.sql));
    row![&r.schema, &r.name, roles::owner_name(model, r), definition]
}

fn index_view(r: &Relation) -> Option<Row> {
    let table = r.indexed()?;
    let definition = definition::index(r, 0, false);
    Some(row![&table.schema, &table.name, &r.name, NULL, definition])
}

/// How many, as Postgres counts columns.
pub fn count(number: usize) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}
