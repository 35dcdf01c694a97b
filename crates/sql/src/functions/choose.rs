//! `coalesce`, `nullif`, `greatest`, `least`: DataFusion's, with constants typed as Postgres does.
//!
//! `coalesce(ts, '2024-01-01')` has no common type in DataFusion's eyes. Here a text beside
//! something else takes the other's type: the promise is made when types are asked for, and kept
//! by [`crate::types::PgRewrite`], which casts the constant (and refuses a text that is none).

use super::failure::{plain_fields, undefined_function};
use super::function::is_text;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::functions::core::{coalesce, greatest, least, nullif};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use std::sync::Arc;

/// Their names, for the rewriting of calls.
pub(crate) const NAMES: [&str; 4] = ["coalesce", "nullif", "greatest", "least"];

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let all = [coalesce(), nullif(), greatest(), least()];
    all.into_iter()
        .map(|inner| {
            let signature = Signature::user_defined(Volatility::Immutable);
            Arc::new(ScalarUDF::new_from_impl(Choosing { inner, signature }))
        })
        .collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Choosing {
    inner: Arc<ScalarUDF>,
    signature: Signature,
}

/// The types with texts taken for the first type that is none.
fn as_if_typed(types: &[DataType]) -> Vec<DataType> {
    let other = types.iter().find(|ty| !is_text(ty) && !ty.is_null());
    let typed = |ty: &DataType| if is_text(ty) { other.unwrap_or(ty).clone() } else { ty.clone() };
    types.iter().map(typed).collect()
}

impl Choosing {
    /// What the built-in casts these to; texts beside other types stay texts for now.
    fn coerced(&self, types: &[DataType]) -> Option<Vec<DataType>> {
        let typed = plain_fields(&as_if_typed(types));
        let coerced = fields_with_udf(&typed, self.inner.as_ref()).ok()?;
        let coerced = types.iter().zip(&coerced).map(|(ty, field)| {
            let waits = is_text(ty) && !is_text(field.data_type());
            if waits { ty.clone() } else { field.data_type().clone() }
        });
        Some(coerced.collect())
    }
}

impl ScalarUDFImpl for Choosing {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(self.coerced(types).unwrap_or_else(|| types.to_vec()))
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let fields = plain_fields(types);
        let constants = vec![None; types.len()];
        let args = ReturnFieldArgs { arg_fields: &fields, scalar_arguments: &constants };
        Ok(self.return_field_from_args(args)?.data_type().clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> =
            args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        if self.coerced(&types).is_none() {
            return Err(undefined_function(self.name(), args.arg_fields));
        }
        let retype = |(field, ty): (&FieldRef, DataType)| {
            Arc::new(field.as_ref().clone().with_data_type(ty))
        };
        let typed = args.arg_fields.iter().zip(as_if_typed(&types)).map(retype);
        let typed: Vec<FieldRef> = typed.collect();
        let typed = fields_with_udf(&typed, self.inner.as_ref())?;
        let scalar_arguments = args.scalar_arguments;
        self.inner.return_field_from_args(ReturnFieldArgs { arg_fields: &typed, scalar_arguments })
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.inner.simplify(args, info)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(args)
    }

    fn conditional_arguments<'a>(
        &self,
        args: &'a [Expr],
    ) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.inner.conditional_arguments(args)
    }

    fn short_circuits(&self) -> bool {
        self.inner.short_circuits()
    }
}
