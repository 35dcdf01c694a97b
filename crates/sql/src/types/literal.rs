//! Giving an expression a Postgres type: a parameter is stamped, anything else cast.

use crate::functions::field_of_type;
use arrow::datatypes::Field;
use cvx_types::PgType;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::{Alias, Cast, Placeholder};
use std::sync::Arc;

/// The expression as a value of this type. A parameter of unknown type becomes one of this type;
/// other expressions get a cast, which [`super::PgRewrite`] gives Postgres' meaning.
#[must_use]
pub fn cast_to(expr: Expr, ty: &PgType, typmod: i32) -> Expr {
    match expr {
        Expr::Placeholder(Placeholder { id, field: None }) => {
            let field = Arc::new(target_field(ty, typmod));
            Expr::Placeholder(Placeholder { id, field: Some(field) })
        }
        Expr::Alias(alias) => {
            let inner = Box::new(cast_to(*alias.expr, ty, typmod));
            Expr::Alias(Alias { expr: inner, ..alias })
        }
        other => {
            let field = Arc::new(target_field(ty, typmod));
            Expr::Cast(Cast::new_from_field(Box::new(other), field))
        }
    }
}

/// The name of the field a cast of ours aims at. DataFusion takes a nameless one for a bare Arrow
/// type, and then keeps the metadata of what was cast: `jsonb` would survive `::text`.
const TARGET: &str = "cvx";

/// What a cast to this type aims at.
pub(super) fn target_field(ty: &PgType, typmod: i32) -> Field {
    field_of_type(TARGET, ty, typmod, true)
}

/// True for casts of the user's, which mean what Postgres means; others are DataFusion's own.
pub(super) fn is_target(field: &Field) -> bool {
    field.name() == TARGET
}

/// The type a literal of unknown type takes beside a value of this one; text stays as it is.
pub(super) fn beside(ty: &PgType) -> PgType {
    match ty {
        PgType::Varchar | PgType::Name | PgType::Char | PgType::Unknown => PgType::Text,
        other => other.clone(),
    }
}

/// True where an untyped string already is what it should become.
pub(super) fn is_textual(ty: &PgType) -> bool {
    beside(ty) == PgType::Text
}
