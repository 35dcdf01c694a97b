//! Giving an expression a Postgres type: a parameter is stamped, anything else cast.

use cvx_types::PgType;
use datafusion::logical_expr::expr::{Alias, Cast, Placeholder};
use datafusion::logical_expr::Expr;
use std::sync::Arc;

/// The expression as a value of this type. A parameter of unknown type becomes one of this type;
/// other expressions get a cast, which [`super::PgRewrite`] gives Postgres' meaning.
#[must_use]
pub fn cast_to(expr: Expr, ty: &PgType, typmod: i32) -> Expr {
    match expr {
        Expr::Placeholder(Placeholder { id, field: None }) => {
            let field = Arc::new(ty.field("", typmod, true));
            Expr::Placeholder(Placeholder { id, field: Some(field) })
        }
        Expr::Alias(alias) => {
            let inner = Box::new(cast_to(*alias.expr, ty, typmod));
            Expr::Alias(Alias { expr: inner, ..alias })
        }
        other => {
            let field = Arc::new(ty.field("", typmod, true));
            Expr::Cast(Cast::new_from_field(Box::new(other), field))
        }
    }
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
