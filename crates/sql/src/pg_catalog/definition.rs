//! Indexes, constraints and views as the SQL that would make them again.

use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::quote;
use crate::pg_catalog::relation::{Body, Relation};
use cvx_engine::{IndexDef, Table};

/// As `pg_get_indexdef(oid)`; `column` 0 is the whole, n its n-th column. With `bare` the table
/// goes without its schema.
pub fn index(relation: &Relation, column: i64, bare: bool) -> Option<String> {
    let table = relation.indexed()?;
    if column != 0 {
        let at = usize::try_from(column - 1).ok()?;
        if let Body::Index(_, index) = &relation.body {
            return if at == 0 { indexed(table, index) } else { Some(String::new()) };
        }
        return Some(
            relation.attributes.get(at).map_or_else(String::new, |a| quote::ident(&a.name)),
        );
    }
    let name = quote::ident(&relation.name);
    let on = match bare {
        true => quote::ident(&table.name),
        false => quote::qualified(&table.schema, &table.name),
    };
    Some(match &relation.body {
        Body::Index(_, index) if index.method == "btree" => {
            let column = quote::ident(&table.column_by_id(index.column)?.name);
            format!("CREATE INDEX {name} ON {on} USING btree ({column})")
        }
        Body::Index(_, index) => {
            let (method, opclass) = (quote::ident(&index.method), quote::ident(&index.opclass));
            let indexed = format!("{} {opclass}", indexed(table, index)?);
            format!(
                "CREATE INDEX {name} ON {on} USING {method} ({indexed}){}",
                with(&index.options)
            )
        }
        _ => {
            let (columns, axes) = (key_columns(table), with(&axes(table)));
            format!("CREATE UNIQUE INDEX {name} ON {on} USING btree ({columns}){axes}")
        }
    })
}

/// What an index is on: a column, or an expression; all but calls in parentheses.
fn indexed(table: &Table, index: &IndexDef) -> Option<String> {
    match &index.expression {
        None => Some(quote::ident(&table.column_by_id(index.column)?.name)),
        Some(text) if text.starts_with('(') => Some(format!("({text})")),
        Some(call) => Some(call.clone()),
    }
}

/// What of the key is the entity and what the valid time: so `\d` of psql says that a table has
/// two, which it says of nothing else but indexes.
fn axes(table: &Table) -> Vec<(String, String)> {
    let named = [("entity", table.entity), ("valid_time", table.valid_time)];
    let column = |id: Option<u16>| id.and_then(|id| table.column_by_id(id));
    let columns = named.into_iter().filter_map(|(axis, id)| Some((axis, column(id)?)));
    columns.map(|(axis, column)| (axis.to_owned(), column.name.clone())).collect()
}

fn with(options: &[(String, String)]) -> String {
    let said: Vec<String> = options
        .iter()
        .map(|(name, value)| format!("{}={}", quote::ident(name), quote::literal(value)))
        .collect();
    if said.is_empty() { String::new() } else { format!(" WITH ({})", said.join(", ")) }
}

/// As `pg_get_constraintdef` of a table's primary key.
pub fn primary_key(table: &Table) -> String {
    format!("PRIMARY KEY ({})", key_columns(table))
}

fn key_columns(table: &Table) -> String {
    let columns = table.key.iter().filter_map(|id| table.column_by_id(*id));
    columns.map(|column| quote::ident(&column.name)).collect::<Vec<_>>().join(", ")
}

/// As `pg_get_viewdef`: the view's text as it was written, closed by a semicolon.
pub fn view(sql: &str) -> String {
    format!(" {};", sql.trim().trim_end_matches(';').trim_end())
}

/// The operator class of an index's column, and its collation, as in `pg_index`.
pub fn key_facts(model: &SystemCatalog, relation: &Relation) -> (Vec<u32>, Vec<u32>) {
    use crate::pg_catalog::procs;
    let collation = |ty: u32| model.type_of(ty).map_or(0, |facts| facts.collation);
    let class = |ty: u32| match &relation.body {
        Body::Index(_, index) if index.method != "btree" => {
            procs::opclass_named(procs::method_oid(&index.method), &index.opclass)
        }
        _ => procs::btree_class_for(ty),
    };
    let types: Vec<u32> = relation.attributes.iter().map(|a| a.ty.oid()).collect();
    let classes = types.iter().map(|ty| class(*ty).map_or(0, |class| class.oid)).collect();
    (classes, types.into_iter().map(collation).collect())
}
