//! The functions that go with the catalog: they read the model, and run row by row.
//!
//! A function is a line of a table: its name, what it takes, what it gives, and a body over one
//! row's values. Arguments are OIDs, names, integers, booleans or anything; NULL in, NULL out,
//! unless the line says otherwise.

mod arrays;
mod call;
mod describe;
mod keywords;
mod privileges;
mod regs;
mod session;
mod sizes;
mod text;

use crate::pg_catalog::model::SystemCatalog;
use arrow::array::{ArrayRef, new_empty_array};
use arrow::datatypes::{DataType, Field, FieldRef};
use call::{Call, Spec};
use cvx_types::PgType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// All functions, over this model.
#[must_use]
pub fn functions(model: &Arc<SystemCatalog>) -> Vec<ScalarUDF> {
    specs().map(|spec| udf(spec, model)).collect()
}

/// The function of this (lower-case, unqualified) name, over this model.
#[must_use]
pub fn function(model: &Arc<SystemCatalog>, name: &str) -> Option<ScalarUDF> {
    specs().find(|spec| spec.name == name).map(|spec| udf(spec, model))
}

/// Names of all functions.
pub fn names() -> impl Iterator<Item = &'static str> {
    specs().map(|spec| spec.name)
}

/// What types the arguments of a call have where nothing says so (`$1`); `None` for a name that
/// is not ours.
#[must_use]
pub fn argument_types(name: &str, arguments: usize) -> Option<Vec<PgType>> {
    let spec = specs().find(|spec| spec.name == name)?;
    Some((0..arguments).map(|at| spec.argument(at).unsaid()).collect())
}

fn specs() -> impl Iterator<Item = &'static Spec> {
    let groups = [
        describe::FUNCTIONS,
        privileges::FUNCTIONS,
        regs::FUNCTIONS,
        session::FUNCTIONS,
        sizes::FUNCTIONS,
        arrays::FUNCTIONS,
        keywords::FUNCTIONS,
        text::FUNCTIONS,
    ];
    groups.into_iter().flatten()
}

fn udf(spec: &'static Spec, model: &Arc<SystemCatalog>) -> ScalarUDF {
    let signature = Signature::user_defined(Volatility::Stable);
    ScalarUDF::from(CatalogFunction { spec, signature, model: Arc::clone(model) })
}

/// One of the functions, bound to a model.
#[derive(Debug)]
struct CatalogFunction {
    spec: &'static Spec,
    signature: Signature,
    model: Arc<SystemCatalog>,
}

impl PartialEq for CatalogFunction {
    fn eq(&self, other: &Self) -> bool {
        self.spec.name == other.spec.name && Arc::ptr_eq(&self.model, &other.model)
    }
}

impl Eq for CatalogFunction {}

impl Hash for CatalogFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.spec.name.hash(state);
    }
}

impl ScalarUDFImpl for CatalogFunction {
    fn name(&self) -> &str {
        self.spec.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        plan_err!("{} has a return field", self.spec.name)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let field: Field = (self.spec.returns)(args.arg_fields)?;
        Ok(Arc::new(field.with_name(self.spec.name).with_nullable(true)))
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        self.spec.check_count(given.len())?;
        let coerced = given.iter().enumerate().map(|(at, ty)| self.spec.argument(at).coerce(ty));
        coerced
            .collect::<Option<Vec<_>>>()
            .map_or_else(|| plan_err!("{} does not take {given:?}", self.spec.name), Ok)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        if constant {
            return Ok(ColumnarValue::Scalar(self.run(&args, 0)?));
        }
        let rows = 0..args.number_rows;
        let results = rows.map(|row| self.run(&args, row)).collect::<Result<Vec<_>>>()?;
        Ok(ColumnarValue::Array(column(results, args.return_field.data_type())?))
    }
}

impl CatalogFunction {
    fn run(&self, args: &ScalarFunctionArgs, row: usize) -> Result<ScalarValue> {
        let value = |arg: &ColumnarValue| match arg {
            ColumnarValue::Scalar(value) => Ok(value.clone()),
            ColumnarValue::Array(array) => ScalarValue::try_from_array(array, row),
        };
        let values = args.args.iter().map(value).collect::<Result<Vec<_>>>()?;
        let null = ScalarValue::try_from(args.return_field.data_type())?;
        if self.spec.strict && values.iter().any(ScalarValue::is_null) {
            return Ok(null);
        }
        let call = Call { model: &self.model, values, fields: &args.arg_fields, null };
        (self.spec.body)(&call)
    }
}

/// One value a row as an array.
fn column(values: Vec<ScalarValue>, ty: &DataType) -> Result<ArrayRef> {
    if values.is_empty() { Ok(new_empty_array(ty)) } else { ScalarValue::iter_to_array(values) }
}
