//! A function that does not exist: it knows its arguments' types, and says 42883 with them.

use super::failure::undefined_function;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Undefined {
    name: String,
    signature: Signature,
}

impl Undefined {
    pub(crate) fn new(name: &str) -> Self {
        let signature = Signature::user_defined(Volatility::Volatile);
        Self { name: name.to_owned(), signature }
    }
}

impl ScalarUDFImpl for Undefined {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("a function that does not exist has no type")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        Err(undefined_function(&self.name, args.arg_fields))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("a function that does not exist was called")
    }
}
