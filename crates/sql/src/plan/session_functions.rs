//! Functions whose answer belongs to the session or the statement: the time, settings, waiting.

use super::StatementCx;
use crate::error::{from_stop, to_datafusion};
use crate::session::Vars;
use cvx_core::CancelToken;
use cvx_types::{PgType, SqlError, SqlState};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// The statement's own functions by name.
pub(super) fn all(cx: &StatementCx<'_>) -> HashMap<String, Arc<ScalarUDF>> {
    let mut functions = HashMap::new();
    let timestamp = |us: i64| ScalarValue::TimestampMicrosecond(Some(us), Some("UTC".into()));
    let moments = [
        ("now", cx.now_us),
        ("current_timestamp", cx.now_us),
        ("transaction_timestamp", cx.now_us),
        ("statement_timestamp", cx.now_us),
        ("clock_timestamp", cx.engine.now_us()),
    ];
    for (name, us) in moments {
        add(&mut functions, Constant::new(name, PgType::Timestamptz, timestamp(us)));
    }
    let local = ScalarValue::TimestampMicrosecond(Some(cx.now_us), None);
    add(&mut functions, Constant::new("localtimestamp", PgType::Timestamp, local));
    let days = i32::try_from(cx.now_us.div_euclid(86_400_000_000)).unwrap_or(i32::MAX);
    let today = ScalarValue::Date32(Some(days));
    add(&mut functions, Constant::new("current_date", PgType::Date, today.clone()));
    add(&mut functions, Constant::new("today", PgType::Date, today));
    add(&mut functions, Sleep { cancel: cx.cancel.clone(), signature: sleep_signature() });
    add(&mut functions, SetConfig::new(cx));
    add(&mut functions, crate::admin::MeasureRecall::new(cx));
    for function in crate::pg_catalog::functions(cx.system()) {
        functions.insert(function.name().to_owned(), Arc::new(function));
    }
    functions
}

fn add(functions: &mut HashMap<String, Arc<ScalarUDF>>, function: impl ScalarUDFImpl + 'static) {
    functions.insert(function.name().to_owned(), Arc::new(ScalarUDF::from(function)));
}

/// A function without arguments that answers the same all statement long.
#[derive(Debug, PartialEq, Eq)]
struct Constant {
    name: &'static str,
    ty: PgType,
    value: ScalarValue,
    signature: Signature,
}

impl Constant {
    fn new(name: &'static str, ty: PgType, value: ScalarValue) -> Self {
        Self { name, ty, value, signature: Signature::nullary(Volatility::Immutable) }
    }
}

impl Hash for Constant {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.value.hash(state);
    }
}

impl ScalarUDFImpl for Constant {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(self.ty.arrow_type(-1))
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(self.ty.field(self.name, -1, true)))
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.value.clone()))
    }
}

/// `pg_sleep(seconds)`: waits, and stops waiting when the statement is stopped.
#[derive(Debug)]
struct Sleep {
    cancel: CancelToken,
    signature: Signature,
}

fn sleep_signature() -> Signature {
    Signature::exact(vec![DataType::Float64], Volatility::Volatile)
}

impl PartialEq for Sleep {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Sleep {}

impl Hash for Sleep {
    fn hash<H: Hasher>(&self, state: &mut H) {
        "pg_sleep".hash(state);
    }
}

/// `set_config(name, value, is_local)`: checked here, in force from the next statement on.
#[derive(Debug)]
struct SetConfig {
    vars: Vars,
    pending: Pending,
    signature: Signature,
}

/// Settings that functions of a statement made.
pub type Pending = Arc<Mutex<Vec<(String, String, bool)>>>;

impl SetConfig {
    fn new(cx: &StatementCx<'_>) -> Self {
        let types = vec![DataType::Utf8, DataType::Utf8, DataType::Boolean];
        Self {
            vars: cx.vars.clone(),
            pending: Arc::clone(&cx.pending),
            signature: Signature::exact(types, Volatility::Volatile),
        }
    }
}

impl PartialEq for SetConfig {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for SetConfig {}

impl Hash for SetConfig {
    fn hash<H: Hasher>(&self, state: &mut H) {
        "set_config".hash(state);
    }
}

impl ScalarUDFImpl for SetConfig {
    fn name(&self) -> &str {
        "set_config"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [
            ColumnarValue::Scalar(ScalarValue::Utf8(Some(name))),
            ColumnarValue::Scalar(ScalarValue::Utf8(value)),
            ColumnarValue::Scalar(ScalarValue::Boolean(local)),
        ] = args.args.as_slice()
        else {
            let error = SqlError::unsupported("set_config of anything but constants");
            return Err(to_datafusion(error));
        };
        let (value, local) = (value.clone().unwrap_or_default(), local.unwrap_or_default());
        let mut tried = self.vars.clone();
        tried.set(name, &value, local).map_err(to_datafusion)?;
        self.pending.lock().push((name.clone(), value, local));
        Ok(ColumnarValue::Scalar(ScalarValue::Utf8(tried.get(name))))
    }
}

const POLL: Duration = Duration::from_millis(5);

impl Sleep {
    fn wait(&self, seconds: f64) -> Result<()> {
        if !seconds.is_finite() || seconds > 86_400.0 {
            let error = SqlError::new(SqlState::INVALID_PARAMETER, "pg_sleep waits a day at most");
            return Err(to_datafusion(error));
        }
        let mut left = Duration::from_secs_f64(seconds.max(0.0));
        while !left.is_zero() {
            if let Some(stop) = self.cancel.stopped() {
                return Err(to_datafusion(from_stop(stop)));
            }
            let step = left.min(POLL);
            tokio::task::block_in_place(|| std::thread::sleep(step));
            left -= step;
        }
        Ok(())
    }
}

impl ScalarUDFImpl for Sleep {
    fn name(&self) -> &str {
        "pg_sleep"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new("pg_sleep", DataType::Utf8, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let seconds = match args.args.first() {
            Some(ColumnarValue::Scalar(ScalarValue::Float64(Some(seconds)))) => *seconds,
            Some(ColumnarValue::Array(array)) => {
                let seconds =
                    arrow::array::AsArray::as_primitive::<arrow::datatypes::Float64Type>(array);
                seconds.iter().flatten().sum()
            }
            _ => 0.0,
        };
        self.wait(seconds)?;
        Ok(ColumnarValue::Scalar(ScalarValue::Utf8(Some(String::new()))))
    }
}
