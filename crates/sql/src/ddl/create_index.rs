//! CREATE INDEX: hnsw on a vector column. Search is exact until the index answers.
//!
//! A plain btree index on another column is recorded and shown in the catalog, since every schema
//! written for Postgres has some. Nothing reads it: keys and times are looked up without one, and
//! conditions on other columns are checked by scans.

use super::DdlPlan;
use crate::bind::{ident_name, object_name};
use crate::plan::StatementCx;
use cvx_core::Metric;
use cvx_engine::{CatalogChange, ColumnDef, IndexDef, Table};
use cvx_types::{PgType, Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{BinaryOperator, CreateIndex, Expr, IndexType};

const TAG: &str = "CREATE INDEX";

pub(super) fn plan(cx: &StatementCx<'_>, create: &CreateIndex) -> Result<DdlPlan> {
    let table = cx.table(&create.table_name)?;
    if create.unique || create.predicate.is_some() || !create.include.is_empty() {
        return Err(SqlError::unsupported("a unique, partial or covering index"));
    }
    let method = method(create)?;
    let [column] = create.columns.as_slice() else {
        return Err(SqlError::unsupported("an index on several columns"));
    };
    let Expr::Identifier(ident) = &column.column.expr else {
        return Err(SqlError::unsupported("an index on an expression"));
    };
    let def = crate::dml::column(&table, &ident_name(ident))?;
    if method == "btree" && def.ty != PgType::Vector {
        return plain(cx, create, &table, def);
    }
    if def.ty != PgType::Vector {
        return Err(SqlError::unsupported(format!("an {method} index on type {}", def.ty.name())));
    }
    let opclass = column
        .operator_class
        .as_ref()
        .map_or_else(|| default_opclass(&method), |name| object_name(name).pop())
        .ok_or_else(|| no_opclass(&method))?;
    let metric = metric_of(&opclass)?;
    let options = options(create, &method)?;
    let name = String::new();
    let index = IndexDef { oid: 0, name, column: def.id, method, opclass, metric, options };
    named(cx, create, &table, index)
}

/// An index on a column that is no vector: recorded.
fn plain(
    cx: &StatementCx<'_>,
    create: &CreateIndex,
    table: &Table,
    column: &ColumnDef,
) -> Result<DdlPlan> {
    if let Some(option) = create.with.first() {
        return Err(SqlError::unsupported(format!("index option {option}")));
    }
    let index = IndexDef {
        oid: 0,
        name: String::new(),
        column: column.id,
        method: "btree".to_owned(),
        opclass: String::new(),
        metric: Metric::L2,
        options: Vec::new(),
    };
    named(cx, create, table, index)
}

/// The index under the name it was given, or one that is free.
fn named(
    cx: &StatementCx<'_>,
    create: &CreateIndex,
    table: &Table,
    mut index: IndexDef,
) -> Result<DdlPlan> {
    let name = create.name.as_ref().and_then(|name| object_name(name).pop());
    let column = table.column_by_id(index.column).map_or("", |column| column.name.as_str());
    index.name = name.unwrap_or_else(|| free_name(cx, table, column));
    if create.if_not_exists && cx.catalog.index(&table.schema, &index.name).is_some() {
        let notice = format!("relation \"{}\" already exists, skipping", index.name);
        return Ok(DdlPlan::new(TAG).notice(notice));
    }
    Ok(DdlPlan::change(TAG, CatalogChange::CreateIndex { oid: table.oid, index }))
}

fn method(create: &CreateIndex) -> Result<String> {
    let method = match &create.using {
        Some(IndexType::Custom(ident)) => ident_name(ident),
        Some(other) => other.to_string().to_lowercase(),
        None => "btree".to_owned(),
    };
    match method.as_str() {
        "hnsw" | "btree" => Ok(method),
        "ivfflat" => Err(SqlError::unsupported("index method ivfflat").hint("Use hnsw.")),
        "hash" | "gist" | "gin" | "brin" | "spgist" => {
            Err(SqlError::unsupported(format!("index method {method}"))
                .hint("Vector columns take USING hnsw; keys are indexed by themselves."))
        }
        other => Err(SqlError::new(
            SqlState::UNDEFINED_OBJECT,
            format!("access method \"{other}\" does not exist"),
        )),
    }
}

fn default_opclass(_method: &str) -> Option<String> {
    Some("vector_l2_ops".to_owned())
}

fn no_opclass(method: &str) -> SqlError {
    SqlError::new(
        SqlState::UNDEFINED_OBJECT,
        format!("data type vector has no default operator class for access method \"{method}\""),
    )
}

fn metric_of(opclass: &str) -> Result<Metric> {
    Ok(match opclass {
        "vector_l2_ops" => Metric::L2,
        "vector_cosine_ops" => Metric::Cosine,
        "vector_ip_ops" => Metric::InnerProduct,
        "vector_l1_ops" => Metric::L1,
        _ => {
            return Err(SqlError::new(
                SqlState::UNDEFINED_OBJECT,
                format!("operator class \"{opclass}\" does not exist for access method \"hnsw\""),
            ));
        }
    })
}

fn free_name(cx: &StatementCx<'_>, table: &Table, column: &str) -> String {
    let base = format!("{}_{column}_idx", table.name);
    let taken = |name: &str| cx.catalog.index(&table.schema, name).is_some();
    if !taken(&base) {
        return base;
    }
    (1..).map(|n| format!("{base}{n}")).find(|name| !taken(name)).unwrap_or(base)
}

/// `m` and `ef_construction`, in pgvector's ranges.
fn options(create: &CreateIndex, method: &str) -> Result<Vec<(String, String)>> {
    let mut options = Vec::new();
    for option in &create.with {
        let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = option else {
            return Err(SqlError::unsupported(format!("index option {option}")));
        };
        let name = super::options::word(left).unwrap_or_default();
        let value = super::options::word(right).unwrap_or_default();
        let (low, high) = match name.as_str() {
            "m" => (2, 100),
            "ef_construction" => (4, 1_000),
            _ => {
                return Err(SqlError::new(
                    SqlState::INVALID_PARAMETER,
                    format!("unrecognized parameter \"{name}\""),
                )
                .hint(format!("An {method} index takes m and ef_construction.")));
            }
        };
        let number: Option<i64> = value.parse().ok();
        if !number.is_some_and(|number| (low..=high).contains(&number)) {
            return Err(SqlError::new(
                SqlState::INVALID_PARAMETER,
                format!("value {value} out of bounds for option \"{name}\""),
            )
            .detail(format!("Valid values are between \"{low}\" and \"{high}\".")));
        }
        options.push((name, value));
    }
    Ok(options)
}
