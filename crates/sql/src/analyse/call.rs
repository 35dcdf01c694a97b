//! A call of an analysis as DataFusion knows it: a scalar function that answers with records.

use super::arguments::Arguments;
use super::given::{self, Given};
use super::population::Population;
use super::record::{Shape, Value, lists};
use super::source::{Gather, Points, Snapshot, Source, TableSource};
use super::{Analysis, call_named};
use crate::bind::BoundTable;
use crate::error::to_datafusion;
use crate::plan::StatementCx;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use cvx_core::{CancelToken, Metric};
use cvx_predict::Predictor;
use cvx_types::{Result, SqlError, SqlState};
use datafusion::common::Result as DfResult;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Arguments before the analysis' own: the given SELECT, and whether all its rows are the
/// entity's.
pub(crate) const OWN_ARGUMENTS: usize = 2;

/// One call in one statement. Its name says which.
#[derive(Clone, Debug)]
pub(crate) struct AnalysisCall {
    name: String,
    analysis: Analysis,
    source: Source,
    cancel: CancelToken,
    pool: Arc<dyn MemoryPool>,
    signature: Signature,
}

impl AnalysisCall {
    /// The function that a name made by the binder stands for in a statement.
    pub(crate) fn named(
        name: &str,
        bound: &[BoundTable],
        cx: &StatementCx<'_>,
    ) -> Option<Arc<ScalarUDF>> {
        let (analysis, place) = call_named(name)?;
        let source = match place {
            Some((table, vector)) => {
                Source::Table(Box::new(TableSource::new(bound.get(table)?, vector)?))
            }
            None => Source::Query,
        };
        let call = Self {
            name: name.to_owned(),
            analysis,
            source,
            cancel: cx.cancel.clone(),
            pool: Arc::clone(&cx.state.runtime_env().memory_pool),
            // Volatile: it is run with the statement, not folded while planning.
            signature: Signature::user_defined(Volatility::Volatile),
        };
        Some(Arc::new(ScalarUDF::from(call)))
    }

    /// The analysis behind a function, if it is one.
    pub(super) fn of(call: &ScalarFunction) -> Option<&Self> {
        call.func.inner().downcast_ref()
    }

    pub(super) fn with_points(&self, points: Arc<Given>) -> Self {
        Self { source: Source::Given(points), ..self.clone() }
    }

    fn shape(&self, fields: &[FieldRef]) -> Result<Shape> {
        match &self.source {
            Source::Table(table) => {
                Ok(Shape { entity: table.entity_type(), time: table.time_type(), dim: table.dim() })
            }
            Source::Query | Source::Given(_) => {
                let record = fields.first().ok_or_else(|| internal("an analysis has a source"))?;
                let (entity, time, dim) = given::types(record)?;
                Ok(Shape { entity, time, dim })
            }
        }
    }

    fn answers(&self, columns: &[ArrayRef], rows: usize) -> Result<Vec<Vec<Vec<Value>>>> {
        let (own, columns) = columns.split_at_checked(OWN_ARGUMENTS).unwrap_or((&[], columns));
        let whole = own.get(1).and_then(|whole| whole.as_boolean_opt());
        (0..rows)
            .map(|row| {
                let arguments = Arguments::new(self.analysis.signature(), columns, row);
                let whole = whole.is_some_and(|whole| whole.is_valid(row) && whole.value(row));
                self.analysis.run(&Asked { call: self, arguments, whole })
            })
            .collect()
    }
}

/// One row's call: its arguments, and the way to the points.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    call: &'a AnalysisCall,
    pub(super) arguments: Arguments<'a>,
    whole: bool,
}

impl Asked<'_> {
    pub(super) fn cancel(&self) -> &CancelToken {
        &self.call.cancel
    }

    /// The metric of the table; cosine, tables' default, for a SELECT.
    pub(super) fn default_metric(&self) -> Metric {
        match &self.call.source {
            Source::Table(table) => table.metric(),
            Source::Query | Source::Given(_) => Metric::Cosine,
        }
    }

    /// The trajectories of all entities, or of as many as there is room for.
    pub(super) fn population(&self) -> Result<Population> {
        match &self.call.source {
            Source::Table(table) => table.whole_population(&self.call.pool, self.cancel()),
            Source::Given(given) => given.population(&self.call.pool),
            Source::Query => Err(not_run()),
        }
    }

    /// The predictor that was trained on the column asked about, if that may answer here.
    pub(super) fn trained(&self) -> Result<Option<Arc<Predictor>>> {
        match &self.call.source {
            Source::Table(table) => table.trained(),
            Source::Query | Source::Given(_) => Ok(None),
        }
    }

    fn gather(&self) -> Gather {
        Gather::new(&self.call.pool)
    }

    /// The points of the entity that an argument names, between two times, both inclusive; none
    /// where nobody is called so.
    pub(super) fn points(
        &self,
        entity: &str,
        span: (Option<i64>, Option<i64>),
    ) -> Result<Option<Points>> {
        let key = self.arguments.single(entity);
        match (&self.call.source, key) {
            (Source::Given(given), _) if self.whole => given.trajectory(None, span, self.gather()),
            (_, None) => Ok(None),
            (Source::Table(table), Some(key)) => {
                table.trajectory(&key, span, self.gather(), self.cancel())
            }
            (Source::Given(given), Some(key)) => given.trajectory(Some(&key), span, self.gather()),
            (Source::Query, Some(_)) => Err(not_run()),
        }
    }

    /// Every entity's point in force at a moment.
    pub(super) fn snapshot(&self, at_us: i64) -> Result<Snapshot> {
        match &self.call.source {
            Source::Table(table) => table.snapshot(at_us, self.gather(), self.cancel()),
            Source::Given(given) => given.snapshot(at_us, self.gather()),
            Source::Query => Err(not_run()),
        }
    }
}

/// Lets other tasks of this thread go on elsewhere: the one that would time the statement out may
/// be among them.
fn apart<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// The sub-query was left in a place where nothing runs it first.
fn not_run() -> SqlError {
    SqlError::unsupported("an analysis of a SELECT in this place")
}

fn internal(message: &str) -> SqlError {
    SqlError::new(SqlState::INTERNAL_ERROR, message)
}

impl PartialEq for AnalysisCall {
    fn eq(&self, other: &Self) -> bool {
        let same_points = match (&self.source, &other.source) {
            (Source::Given(a), Source::Given(b)) => Arc::ptr_eq(a, b),
            (Source::Table(_), Source::Table(_)) | (Source::Query, Source::Query) => true,
            _ => false,
        };
        self.name == other.name && same_points
    }
}

impl Eq for AnalysisCall {}

impl Hash for AnalysisCall {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for AnalysisCall {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The binder has cast them.
    fn coerce_types(&self, types: &[DataType]) -> DfResult<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        let fields = crate::functions::plain_fields(types);
        let shape = self.shape(&fields).map_err(to_datafusion)?;
        Ok(shape.list(self.analysis.columns()))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> DfResult<FieldRef> {
        let shape = self.shape(args.arg_fields).map_err(to_datafusion)?;
        Ok(Arc::new(Field::new(&self.name, shape.list(self.analysis.columns()), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let shape = self.shape(&args.arg_fields).map_err(to_datafusion)?;
        let columns = args
            .args
            .iter()
            .map(|arg| arg.to_array(args.number_rows))
            .collect::<DfResult<Vec<ArrayRef>>>()?;
        let answers = apart(|| self.answers(&columns, args.number_rows)).map_err(to_datafusion)?;
        let list = lists(answers, self.analysis.columns(), &shape).map_err(to_datafusion)?;
        Ok(ColumnarValue::Array(list))
    }
}
