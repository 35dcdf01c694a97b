//! What the planner knows of an operand's Postgres type.

use arrow::datatypes::FieldRef;
use cvx_types::PgType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Expr, ExprSchemable};

/// One side of an operator.
#[derive(Debug)]
pub(super) enum Side {
    /// A string constant, a NULL or a parameter nobody has given a type yet.
    Unknown,
    /// Of this type.
    Known(PgType),
    /// A column this schema does not have (an outer one), or an expression that does not type.
    Untold,
}

impl Side {
    pub(super) fn of(expr: &Expr, schema: &DFSchema) -> Self {
        if is_unknown(expr) {
            return Self::Unknown;
        }
        match field_of(expr, schema) {
            Some(field) => Self::Known(PgType::of_field(&field).0),
            None => Self::Untold,
        }
    }

    pub(super) fn ty(&self) -> Option<&PgType> {
        match self {
            Self::Known(ty) => Some(ty),
            Self::Unknown | Self::Untold => None,
        }
    }

    pub(super) fn is(&self, wanted: &PgType) -> bool {
        self.ty() == Some(wanted)
    }

    pub(super) fn is_json(&self) -> bool {
        matches!(self.ty(), Some(PgType::Json | PgType::Jsonb))
    }

    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }
}

/// What Postgres calls a literal of type unknown.
pub(super) fn is_unknown(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(ScalarValue::Null, _) => true,
        Expr::Literal(value, metadata) => is_plain_text(value) && metadata.is_none(),
        Expr::Placeholder(Placeholder { field, .. }) => field.is_none(),
        Expr::Alias(alias) => is_unknown(&alias.expr),
        _ => false,
    }
}

fn is_plain_text(value: &ScalarValue) -> bool {
    matches!(value, ScalarValue::Utf8(_) | ScalarValue::Utf8View(_) | ScalarValue::LargeUtf8(_))
}

/// The expression's field, where this schema can tell.
pub(super) fn field_of(expr: &Expr, schema: &DFSchema) -> Option<FieldRef> {
    expr.to_field(schema).ok().map(|(_, field)| field)
}
