//! CREATE INDEX: hnsw and ivfflat, on a column or an expression of one, as pgvector takes them.
//!
//! A plain btree index on another column is recorded and shown in the catalog, since every schema
//! written for Postgres has some. Nothing reads it: keys and times are looked up without one, and
//! conditions on other columns are checked by scans.

use super::{DdlPlan, index_options};
use crate::bind::{ident_name, object_name};
use crate::plan::StatementCx;
use crate::types::resolve_type;
use cvx_core::Metric;
use cvx_engine::{CatalogChange, IndexDef, Table};
use cvx_types::{PgType, Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{
    CreateIndex, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, IndexType,
};

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
    let indexed = Indexed::of(&table, &column.column.expr)?;
    let name = create.name.as_ref().and_then(|name| object_name(name).pop());
    let name = name.unwrap_or_else(|| free_name(cx, &table, &indexed.label));
    if create.if_not_exists && cx.catalog.index(&table.schema, &name).is_some() {
        let notice = format!("relation \"{name}\" already exists, skipping");
        return Ok(DdlPlan::new(TAG).notice(notice));
    }
    let index = if method == "btree" {
        plain(create, indexed, name)?
    } else {
        let opclass = column.operator_class.as_ref().and_then(|name| object_name(name).pop());
        nearest(create, indexed, name, method, opclass)?
    };
    Ok(DdlPlan::change(TAG, CatalogChange::CreateIndex { oid: table.oid, index }))
}

/// An index that answers searches.
fn nearest(
    create: &CreateIndex,
    indexed: Indexed,
    name: String,
    method: String,
    opclass: Option<String>,
) -> Result<IndexDef> {
    let opclass = opclass_of(&method, &indexed, opclass)?;
    if indexed.typmod < 1 {
        return Err(invalid("column does not have dimensions"));
    }
    let index = IndexDef {
        oid: 0,
        name,
        column: indexed.column,
        expression: indexed.expression,
        options: index_options::read(create, &method)?,
        method,
        opclass: opclass.name.to_owned(),
        metric: opclass.metric,
    };
    index_options::check(&index)?;
    Ok(index)
}

/// An index on a column that is no vector: recorded.
fn plain(create: &CreateIndex, indexed: Indexed, name: String) -> Result<IndexDef> {
    if let Some(option) = create.with.first() {
        return Err(SqlError::unsupported(format!("index option {option}")));
    }
    if indexed.expression.is_some() {
        return Err(SqlError::unsupported("a btree index on an expression"));
    }
    if CLASSES.iter().any(|class| class.ty == indexed.ty) {
        let type_name = indexed.ty.sql_name();
        return Err(SqlError::unsupported(format!("a btree index on type {type_name}"))
            .hint("Vector columns take USING hnsw; keys are indexed by themselves."));
    }
    Ok(IndexDef {
        oid: 0,
        name,
        column: indexed.column,
        expression: None,
        method: "btree".to_owned(),
        opclass: String::new(),
        metric: None,
        options: Vec::new(),
    })
}

fn method(create: &CreateIndex) -> Result<String> {
    let method = match &create.using {
        Some(IndexType::Custom(ident)) => ident_name(ident),
        Some(other) => other.to_string().to_lowercase(),
        None => "btree".to_owned(),
    };
    match method.as_str() {
        "hnsw" | "ivfflat" | "btree" => Ok(method),
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

/// What an index is on.
struct Indexed {
    /// The column, or the one the expression is computed from.
    column: u16,
    /// The expression as Postgres prints it.
    expression: Option<String>,
    /// What an index without a name is named after.
    label: String,
    ty: PgType,
    typmod: i32,
}

impl Indexed {
    fn of(table: &Table, expr: &Expr) -> Result<Self> {
        match expr {
            Expr::Nested(inner) => Self::of(table, inner),
            Expr::Identifier(ident) => {
                let def = crate::dml::column(table, &ident_name(ident))?;
                let (label, ty) = (def.name.clone(), def.ty.clone());
                Ok(Self { column: def.id, expression: None, label, ty, typmod: def.typmod })
            }
            Expr::Cast { expr, data_type, .. } => {
                let inner = Self::of(table, expr)?;
                let (ty, typmod) = resolve_type(data_type)?;
                let text = format!("({})::{}", inner.text(), ty.display_name(typmod));
                Ok(Self { expression: Some(text), ty, typmod, ..inner })
            }
            Expr::Function(function) => Self::of_call(table, function),
            other => Err(SqlError::unsupported(format!("an index on the expression {other}"))),
        }
    }

    /// A function of one column that clients index by.
    fn of_call(table: &Table, function: &Function) -> Result<Self> {
        let unsupported =
            || SqlError::unsupported(format!("an index on the expression {function}"));
        let name = object_name(&function.name).pop().unwrap_or_default();
        let FunctionArguments::List(list) = &function.args else { return Err(unsupported()) };
        let args = list.args.iter().map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        });
        let args: Vec<&Expr> = args.collect::<Option<_>>().ok_or_else(unsupported)?;
        let Some((first, rest)) = args.split_first() else { return Err(unsupported()) };
        let inner = Self::of(table, first)?;
        let (ty, typmod) = match (name.as_str(), rest.len()) {
            ("binary_quantize", 0) => (PgType::Bit, -1),
            ("subvector", 2) => (inner.ty.clone(), -1),
            ("l2_normalize", 0) => (inner.ty.clone(), inner.typmod),
            _ => return Err(unsupported()),
        };
        let rest: String = rest.iter().map(|arg| format!(", {arg}")).collect();
        let text = format!("{name}({}{rest})", inner.text());
        Ok(Self { expression: Some(text), label: name, ty, typmod, ..inner })
    }

    fn text(&self) -> String {
        let column = || crate::pg_catalog::quote_ident(&self.label);
        self.expression.clone().unwrap_or_else(column)
    }
}

/// An operator class of a type of vectors or bits.
struct OpClass {
    name: &'static str,
    ty: PgType,
    metric: Option<Metric>,
    ivfflat: bool,
}

const fn class(name: &'static str, ty: PgType, metric: Option<Metric>, ivfflat: bool) -> OpClass {
    OpClass { name, ty, metric, ivfflat }
}

/// pgvector's, as its vector.sql declares them, and those of Poincaré's distance.
static CLASSES: [OpClass; 16] = [
    class("vector_l2_ops", PgType::Vector, Some(Metric::L2), true),
    class("vector_ip_ops", PgType::Vector, Some(Metric::InnerProduct), true),
    class("vector_cosine_ops", PgType::Vector, Some(Metric::Cosine), true),
    class("vector_l1_ops", PgType::Vector, Some(Metric::L1), false),
    class("halfvec_l2_ops", PgType::Halfvec, Some(Metric::L2), true),
    class("halfvec_ip_ops", PgType::Halfvec, Some(Metric::InnerProduct), true),
    class("halfvec_cosine_ops", PgType::Halfvec, Some(Metric::Cosine), true),
    class("halfvec_l1_ops", PgType::Halfvec, Some(Metric::L1), false),
    class("vector_poincare_ops", PgType::Vector, Some(Metric::Poincare), false),
    class("halfvec_poincare_ops", PgType::Halfvec, Some(Metric::Poincare), false),
    class("bit_hamming_ops", PgType::Bit, None, true),
    class("bit_jaccard_ops", PgType::Bit, None, false),
    class("sparsevec_l2_ops", PgType::Sparsevec, Some(Metric::L2), false),
    class("sparsevec_ip_ops", PgType::Sparsevec, Some(Metric::InnerProduct), false),
    class("sparsevec_cosine_ops", PgType::Sparsevec, Some(Metric::Cosine), false),
    class("sparsevec_l1_ops", PgType::Sparsevec, Some(Metric::L1), false),
];

/// The operator class named, or the default of the method for the type. pgvector has no default
/// under hnsw; `vector` has one here.
fn opclass_of(method: &str, indexed: &Indexed, named: Option<String>) -> Result<&'static OpClass> {
    let ty = &indexed.ty;
    let Some(name) = named else {
        let default = match (method, ty) {
            (_, PgType::Vector) => "vector_l2_ops",
            ("ivfflat", PgType::Bit) => "bit_hamming_ops",
            _ => "",
        };
        let default = CLASSES.iter().find(|class| class.name == default);
        return default.ok_or_else(|| {
            let name = ty.sql_name();
            let message = format!(
                "data type {name} has no default operator class for access method \"{method}\""
            );
            SqlError::new(SqlState::UNDEFINED_OBJECT, message).hint(
                "You must specify an operator class for the index or define a default \
                 operator class for the data type.",
            )
        });
    };
    let known = CLASSES.iter().find(|class| class.name == name);
    let known = known.filter(|class| method == "hnsw" || class.ivfflat).ok_or_else(|| {
        let message =
            format!("operator class \"{name}\" does not exist for access method \"{method}\"");
        SqlError::new(SqlState::UNDEFINED_OBJECT, message)
    })?;
    if known.ty != *ty {
        let message =
            format!("operator class \"{name}\" does not accept data type {}", ty.sql_name());
        return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message));
    }
    Ok(known)
}

fn free_name(cx: &StatementCx<'_>, table: &Table, label: &str) -> String {
    let base = format!("{}_{label}_idx", table.name);
    let taken = |name: &str| cx.catalog.index(&table.schema, name).is_some();
    if !taken(&base) {
        return base;
    }
    (1..).map(|n| format!("{base}{n}")).find(|name| !taken(name)).unwrap_or(base)
}

pub(super) fn invalid(message: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER, message)
}
