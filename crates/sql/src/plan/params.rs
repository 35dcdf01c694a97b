//! Parameters `$1..$n`: their types when a statement is prepared, their values when it runs.

use crate::bind::{ident_name, object_name};
use crate::error::from_datafusion;
use crate::types::resolve_type;
use cvx_types::{Datum, PgType, Result, SqlError, SqlState};
use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::ScalarValue;
use datafusion::common::metadata::{FieldMetadata, ScalarAndMetadata};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::sqlparser::ast::{
    self, FunctionArg, FunctionArgExpr, FunctionArguments, LimitClause, Value, Visit, Visitor,
};
use std::ops::ControlFlow;
use std::sync::Arc;

/// What is known of the parameters.
#[derive(Clone, Debug, Default)]
pub struct Params {
    /// Types said by the client or inferred; `None` where not known yet.
    pub types: Vec<Option<PgType>>,
    /// Values, once bound.
    pub values: Option<Vec<Datum>>,
}

impl Params {
    pub fn typed(types: &[Option<PgType>]) -> Self {
        Self { types: types.to_vec(), values: None }
    }

    pub fn bound(types: &[PgType], values: &[Datum]) -> Self {
        Self { types: types.iter().cloned().map(Some).collect(), values: Some(values.to_vec()) }
    }

    /// The value of `$n` (as `"$1"`), where values are bound.
    pub fn value(&self, placeholder: &str) -> Result<Option<&Datum>> {
        let Some(values) = &self.values else { return Ok(None) };
        let index = index_of(placeholder)?;
        values.get(index).map(Some).ok_or_else(|| missing(placeholder))
    }

    /// Fields of the types that are known, for the planner.
    pub fn fields(&self) -> Vec<Option<FieldRef>> {
        self.types.iter().map(|ty| ty.as_ref().map(|ty| Arc::new(ty.field("", -1, true)))).collect()
    }

    /// The values as DataFusion takes them.
    pub fn scalars(&self) -> Result<Vec<ScalarAndMetadata>> {
        self.values.iter().flatten().map(scalar).collect()
    }
}

fn scalar(datum: &Datum) -> Result<ScalarAndMetadata> {
    let value = ScalarValue::try_from_array(&datum.value, 0).map_err(from_datafusion)?;
    let field = datum.ty.field("", -1, true);
    Ok(ScalarAndMetadata::new(value, Some(FieldMetadata::from(&field))))
}

/// The zero-based index of `$n`.
pub fn index_of(placeholder: &str) -> Result<usize> {
    let number: Option<usize> = placeholder.strip_prefix('$').and_then(|n| n.parse().ok());
    match number {
        Some(number @ 1..=65_535) => Ok(number - 1),
        _ => Err(missing(placeholder)),
    }
}

fn missing(placeholder: &str) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter {placeholder}"))
}

/// Learns parameter types from a plan; the first use of each decides.
pub fn infer(plan: &LogicalPlan, types: &mut Vec<Option<PgType>>) -> Result<()> {
    let mut found: Vec<(String, Option<FieldRef>)> = Vec::new();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::Placeholder(placeholder) = expr {
                    found.push((placeholder.id.clone(), placeholder.field.clone()));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(from_datafusion)?;
    for (id, field) in found {
        let index = index_of(&id)?;
        if types.len() <= index {
            types.resize(index + 1, None);
        }
        if let (None, Some(field)) = (&types[index], field) {
            types[index] = Some(PgType::of_field(&field).0);
        }
    }
    Ok(())
}

/// The parameter that an expression is, and nothing else.
pub fn placeholder(expr: &ast::Expr) -> Option<usize> {
    match expr {
        ast::Expr::Value(value) => match &value.value {
            Value::Placeholder(name) => index_of(name).ok(),
            _ => None,
        },
        ast::Expr::Nested(inner) => placeholder(inner),
        _ => None,
    }
}

/// Types that the text itself says: `$1::type`, LIMIT $1, arguments of distance functions.
pub fn ast_hints<N: Visit>(node: &N) -> Vec<(usize, PgType)> {
    let mut hints = Hints(Vec::new());
    let _: ControlFlow<()> = node.visit(&mut hints);
    hints.0
}

struct Hints(Vec<(usize, PgType)>);

impl Hints {
    fn say(&mut self, expr: &ast::Expr, ty: PgType) {
        if let Some(index) = placeholder(expr) {
            self.0.push((index, ty));
        }
    }

    fn function(&mut self, function: &ast::Function) {
        let name = object_name(&function.name).pop().unwrap_or_default();
        let FunctionArguments::List(list) = &function.args else { return };
        for (position, arg) in list.args.iter().enumerate() {
            let (label, value) = match arg {
                FunctionArg::Unnamed(value) => (None, value),
                FunctionArg::Named { name, arg, .. } => (Some(ident_name(name)), arg),
                FunctionArg::ExprNamed { name: ast::Expr::Identifier(name), arg, .. } => {
                    (Some(ident_name(name)), arg)
                }
                FunctionArg::ExprNamed { .. } => continue,
            };
            if let (FunctionArgExpr::Expr(value), Some(ty)) =
                (value, argument_type(&name, label.as_deref(), position))
            {
                self.say(value, ty);
            }
        }
    }
}

fn argument_type(function: &str, label: Option<&str>, position: usize) -> Option<PgType> {
    match (function, label, position) {
        ("st_distance", None, 0 | 1) => Some(PgType::Vector),
        ("st_distance", Some("alpha"), _) | ("st_distance", None, 2) => Some(PgType::Float8),
        ("st_distance", Some("at" | "ts"), _) => Some(PgType::Timestamptz),
        ("st_distance", Some("tau"), _) => Some(PgType::Interval),
        ("pg_sleep", ..) => Some(PgType::Float8),
        (
            "l2_distance"
            | "cosine_distance"
            | "inner_product"
            | "negative_inner_product"
            | "l1_distance"
            | "poincare_distance"
            | "vector_dims"
            | "vector_norm",
            ..,
        ) => Some(PgType::Vector),
        ("hamming_distance" | "jaccard_distance", ..) => Some(PgType::Bit),
        _ => None,
    }
}

impl Visitor for Hints {
    type Break = ();

    fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
        match &query.limit_clause {
            Some(LimitClause::LimitOffset { limit, offset, .. }) => {
                for expr in limit.iter().chain(offset.iter().map(|offset| &offset.value)) {
                    self.say(expr, PgType::Int8);
                }
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => {
                self.say(offset, PgType::Int8);
                self.say(limit, PgType::Int8);
            }
            None => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &ast::Expr) -> ControlFlow<()> {
        match expr {
            ast::Expr::Cast { expr, data_type, .. } => {
                if let Ok((ty, _)) = resolve_type(data_type) {
                    // The elements of `ARRAY[$1, $2]::vector[]` are vectors.
                    if let (ast::Expr::Array(array), PgType::Array(element)) = (&**expr, &ty) {
                        array.elem.iter().for_each(|item| self.say(item, (**element).clone()));
                    }
                    self.say(expr, ty);
                }
            }
            ast::Expr::Function(function) => self.function(function),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
