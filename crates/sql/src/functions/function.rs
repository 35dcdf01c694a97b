//! A scalar function: a name, a typing rule, a result field and a kernel.
//!
//! DataFusion wants a struct with five methods for each function; ours differ in four places
//! only, so there is one struct and the functions are values of it. Two functions are equal when
//! their names are: a name is registered once.

use super::failure::{plain_fields, undefined_function};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use cvx_types::PgType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The types a call's arguments are cast to; `None` where no such function exists.
pub(crate) type Typing = fn(&[DataType]) -> Option<Vec<DataType>>;
/// The result's field, from the (cast) arguments' fields and constants.
pub(crate) type FieldOf = fn(&ReturnFieldArgs) -> Result<FieldRef>;
pub(crate) type Kernel = fn(&ScalarFunctionArgs) -> Result<ColumnarValue>;

/// What a function gives back.
enum Returns {
    Always(PgType),
    By(FieldOf),
}

/// See the module.
pub(crate) struct Function {
    name: &'static str,
    aliases: Vec<String>,
    signature: Signature,
    typing: Typing,
    returns: Returns,
    kernel: Kernel,
    strict: bool,
}

impl Function {
    /// An immutable function with results of one type.
    pub(crate) fn new(name: &'static str, typing: Typing, ty: PgType, kernel: Kernel) -> Self {
        Self::of(name, typing, Returns::Always(ty), kernel)
    }

    /// An immutable function whose result's type depends on the call.
    pub(crate) fn with_field(
        name: &'static str,
        typing: Typing,
        field: FieldOf,
        kernel: Kernel,
    ) -> Self {
        Self::of(name, typing, Returns::By(field), kernel)
    }

    fn of(name: &'static str, typing: Typing, returns: Returns, kernel: Kernel) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { name, aliases: Vec::new(), signature, typing, returns, kernel, strict: false }
    }

    pub(crate) fn alias(mut self, alias: &str) -> Self {
        self.aliases.push(alias.to_owned());
        self
    }

    /// NULL whenever an argument is NULL.
    pub(crate) fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    pub(crate) fn volatility(mut self, volatility: Volatility) -> Self {
        self.signature.volatility = volatility;
        self
    }

    /// Names for `name => value` calls.
    pub(crate) fn parameters(mut self, names: &[&str]) -> Self {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        self.signature.parameter_names = Some(names);
        self
    }

    pub(crate) fn udf(self) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::new_from_impl(self))
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn is_strict(&self) -> bool {
        self.strict
    }

    /// Never fails: DataFusion would flatten the error to text. See [`super::failure`].
    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok((self.typing)(types).unwrap_or_else(|| types.to_vec()))
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
        if (self.typing)(&types).is_none() {
            return Err(undefined_function(self.name, args.arg_fields));
        }
        let field = match &self.returns {
            Returns::Always(ty) => result(ty)?,
            Returns::By(field) => field(&args)?,
        };
        Ok(Arc::new(field.as_ref().clone().with_name(self.name)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        (self.kernel)(&args)
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// The field of a result of this Postgres type.
pub(crate) fn result(ty: &PgType) -> Result<FieldRef> {
    Ok(Arc::new(field_of_type("", ty, -1, true)))
}

/// A field that says its Postgres type where Arrow's does not: DataFusion refuses VALUES whose
/// rows differ in metadata, so `1::bigint` must look like any other Int64.
pub(crate) fn field_of_type(name: &str, ty: &PgType, typmod: i32, nullable: bool) -> Field {
    let field = ty.field(name, typmod, nullable);
    let told_by_arrow = PgType::of_arrow(field.data_type()) == (ty.clone(), typmod);
    if told_by_arrow { field.with_metadata(HashMap::new()) } else { field }
}

/// Runs a kernel over whole columns; a call on constants alone is computed once.
pub(crate) fn by_columns(
    args: &ScalarFunctionArgs,
    kernel: impl FnOnce(&[ArrayRef], usize) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    let constant = !args.args.is_empty()
        && args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
    let rows = if constant { 1 } else { args.number_rows };
    let columns = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
    let column = kernel(&columns, rows)?;
    if constant {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&column, 0)?));
    }
    Ok(ColumnarValue::Array(column))
}

/// True for the three Arrow text types.
pub(crate) fn is_text(ty: &DataType) -> bool {
    matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}
