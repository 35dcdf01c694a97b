//! `jsonb_agg`, `json_agg`, `jsonb_object_agg`, `json_object_agg`.
//!
//! Lists stand on DataFusion's `array_agg`, which knows ORDER BY, DISTINCT and how partial
//! answers of several threads are put together; ours writes what it collected as JSON.

use super::build::{Object, array, json_values, or_null};
use super::texts;
use crate::functions::failure::{fail, plain_fields, undefined_function};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use cvx_types::{FormatSettings, PgType, SqlState};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::array_agg::array_agg_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

pub(crate) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    let list = |name, ty| Arc::new(AggregateUDF::new_from_impl(JsonList::new(name, ty)));
    let object = |name, ty| Arc::new(AggregateUDF::new_from_impl(JsonObject::new(name, ty)));
    vec![
        list("jsonb_agg", PgType::Jsonb),
        list("json_agg", PgType::Json),
        object("jsonb_object_agg", PgType::Jsonb),
        object("json_object_agg", PgType::Json),
    ]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonList {
    name: &'static str,
    ty: PgType,
    signature: Signature,
}

impl JsonList {
    fn new(name: &'static str, ty: PgType) -> Self {
        Self { name, ty, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

fn list_of(field: &Field) -> DataType {
    DataType::List(Arc::new(Field::new("item", field.data_type().clone(), true)))
}

impl AggregateUDFImpl for JsonList {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [_] => Ok(DataType::Utf8),
            _ => Err(undefined_function(self.name, &plain_fields(types))),
        }
    }

    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef> {
        let types: Vec<DataType> = fields.iter().map(|field| field.data_type().clone()).collect();
        self.return_type(&types)?;
        Ok(Arc::new(self.ty.field(self.name, -1, true)))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let Some(field) = args.expr_fields.first() else {
            return Err(fail(SqlState::INTERNAL_ERROR, "jsonb_agg without an argument"));
        };
        let (element, _) = PgType::of_field(field);
        let return_field = Arc::new(Field::new("list", list_of(field), true));
        let inner = array_agg_udaf().accumulator(AccumulatorArgs { return_field, ..args })?;
        Ok(Box::new(Listed { inner, element }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let list = args.input_fields.first().map_or(DataType::Null, |field| list_of(field));
        let return_field = Arc::new(Field::new("list", list, true));
        array_agg_udaf().state_fields(StateFieldsArgs { return_field, ..args })
    }
}

/// `array_agg`, written as JSON at the end.
#[derive(Debug)]
struct Listed {
    inner: Box<dyn Accumulator>,
    element: PgType,
}

impl Accumulator for Listed {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.update_batch(values)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let list = self.inner.evaluate()?.to_array_of_size(1)?;
        let list: &ListArray = list.as_list();
        if list.is_null(0) {
            return Ok(ScalarValue::Utf8(None));
        }
        let values = json_values(&list.value(0), &self.element, &FormatSettings::default())?;
        Ok(ScalarValue::Utf8(Some(array(values.into_iter().map(or_null)))))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.inner.size()
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonObject {
    name: &'static str,
    ty: PgType,
    signature: Signature,
}

impl JsonObject {
    fn new(name: &'static str, ty: PgType) -> Self {
        Self { name, ty, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for JsonObject {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [_, _] => Ok(DataType::Utf8),
            _ => Err(undefined_function(self.name, &plain_fields(types))),
        }
    }

    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef> {
        let types: Vec<DataType> = fields.iter().map(|field| field.data_type().clone()).collect();
        self.return_type(&types)?;
        Ok(Arc::new(self.ty.field(self.name, -1, true)))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let types = args.expr_fields.iter().map(|field| PgType::of_field(field).0).collect();
        Ok(Box::new(Gathered { types, keys: Vec::new(), values: Vec::new() }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let texts = || DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)));
        let field = |what| Arc::new(Field::new(format_state_name(args.name, what), texts(), true));
        Ok(vec![field("keys"), field("values")])
    }
}

/// Members in the order they came; of equal keys the last will win.
#[derive(Debug)]
struct Gathered {
    types: Vec<PgType>,
    keys: Vec<String>,
    values: Vec<String>,
}

impl Gathered {
    fn add(&mut self, keys: Vec<Option<String>>, values: Vec<Option<String>>) -> Result<()> {
        for (key, value) in keys.into_iter().zip(values) {
            let key = key
                .ok_or_else(|| fail(SqlState::INVALID_PARAMETER, "field name must not be null"))?;
            self.keys.push(super::scan::as_text(&key).unwrap_or_default().into_owned());
            self.values.push(or_null(value));
        }
        Ok(())
    }
}

fn text_list(texts: &[String]) -> ScalarValue {
    let texts: Vec<ScalarValue> =
        texts.iter().map(|text| ScalarValue::Utf8(Some(text.clone()))).collect();
    ScalarValue::List(ScalarValue::new_list_nullable(&texts, &DataType::Utf8))
}

impl Accumulator for Gathered {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let ([keys, values], [key, value]) = (values, self.types.as_slice()) else {
            return Err(fail(SqlState::INTERNAL_ERROR, "an object takes keys and values"));
        };
        let settings = FormatSettings::default();
        let keys = json_values(keys, key, &settings)?;
        let values = json_values(values, value, &settings)?;
        self.add(keys, values)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [keys, values] = states else {
            return Err(fail(SqlState::INTERNAL_ERROR, "an object has two states"));
        };
        let own =
            |texts: StringArray| texts.iter().flatten().map(str::to_owned).collect::<Vec<_>>();
        for (keys, values) in keys.as_list::<i32>().iter().zip(values.as_list::<i32>().iter()) {
            if let (Some(keys), Some(values)) = (keys, values) {
                self.keys.extend(own(texts(&keys)?));
                self.values.extend(own(texts(&values)?));
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![text_list(&self.keys), text_list(&self.values)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.keys.is_empty() {
            return Ok(ScalarValue::Utf8(None));
        }
        let mut object = Object::default();
        for (key, value) in self.keys.iter().zip(&self.values) {
            object.set(key, value.clone());
        }
        Ok(ScalarValue::Utf8(Some(object.text())))
    }

    fn size(&self) -> usize {
        let bytes = |texts: &[String]| texts.iter().map(|text| text.capacity() + 24).sum::<usize>();
        size_of::<Self>() + bytes(&self.keys) + bytes(&self.values)
    }
}
