//! A sub-query as a function of the outer columns it uses.

use super::outer_columns;
use arrow::array::{Array, ArrayRef, RecordBatch, new_empty_array};
use arrow::datatypes::{DataType, Field, FieldRef};
use cvx_types::{SqlError, SqlState};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, Result, ScalarValue, internal_err};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::physical_plan::collect;
use std::collections::HashMap;
use std::fmt::{Debug, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::{Builder, Runtime};

/// What is asked of the sub-query's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The one value, NULL where there is no row.
    Value,
    /// All rows, as a list of records.
    Rows,
    Exists {
        negated: bool,
    },
    In {
        negated: bool,
    },
}

/// The function. Its first argument is IN's operand, if that is what it answers.
pub struct SubqueryFunction {
    name: String,
    plan: LogicalPlan,
    outer: Vec<Expr>,
    answer: Answer,
    returns: FieldRef,
    signature: Signature,
    state: Arc<SessionState>,
}

/// Two sub-queries of one shape in one SELECT are two columns: each needs a name of its own.
static NUMBER: AtomicU64 = AtomicU64::new(1);

impl SubqueryFunction {
    pub fn new(
        plan: &LogicalPlan,
        outer: Vec<Expr>,
        answer: Answer,
        state: &Arc<SessionState>,
    ) -> Result<Self> {
        let name = format!("subquery_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let returns = match answer {
            Answer::Value | Answer::In { .. } => match plan.schema().fields().as_ref() {
                [field] if answer == Answer::Value => {
                    field.as_ref().clone().with_name(&name).with_nullable(true)
                }
                [_] => Field::new(&name, DataType::Boolean, true),
                _ => {
                    let message = "subquery must return only one column";
                    return Err(sql_error(SqlState::SYNTAX_ERROR, message));
                }
            },
            Answer::Exists { .. } => Field::new(&name, DataType::Boolean, false),
            Answer::Rows => Field::new(&name, record_list(plan), true),
        };
        let signature = Signature::any(outer.len() + operands(answer), Volatility::Stable);
        let (plan, state) = (plan.clone(), Arc::clone(state));
        Ok(Self { name, plan, outer, answer, returns: Arc::new(returns), signature, state })
    }

    /// The answer for one row of arguments.
    fn answer(&self, arguments: &[ScalarValue], runtime: &Runtime) -> Result<ScalarValue> {
        let (operand, outer) = arguments.split_at(operands(self.answer));
        let plan = bind(self.plan.clone(), &self.outer, outer)?;
        let batches = runtime.block_on(run(&self.state, plan))?;
        match self.answer {
            Answer::Value => self.value(&batches),
            Answer::Rows => self.rows(&batches),
            Answer::Exists { negated } => {
                let any = batches.iter().any(|batch| batch.num_rows() > 0);
                Ok(ScalarValue::Boolean(Some(any != negated)))
            }
            Answer::In { negated } => within(operand, &batches, negated),
        }
    }

    /// The answer for each row, found once for rows that are alike.
    fn answers(
        &self,
        columns: &[ArrayRef],
        rows: usize,
        runtime: &Runtime,
    ) -> Result<Vec<ScalarValue>> {
        let mut known: HashMap<Vec<ScalarValue>, ScalarValue> = HashMap::new();
        let mut answers = Vec::with_capacity(rows);
        for row in 0..rows {
            // Constants come as arrays of one row.
            let value = |column: &ArrayRef| {
                ScalarValue::try_from_array(column, if column.len() == 1 { 0 } else { row })
            };
            let key = columns.iter().map(value).collect::<Result<Vec<_>>>()?;
            let answer = match known.get(&key) {
                Some(answer) => answer.clone(),
                None => self.answer(&key, runtime)?,
            };
            known.insert(key, answer.clone());
            answers.push(answer);
        }
        Ok(answers)
    }

    fn value(&self, batches: &[RecordBatch]) -> Result<ScalarValue> {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if rows > 1 {
            let message = "more than one row returned by a subquery used as an expression";
            return Err(sql_error(SqlState::CARDINALITY_VIOLATION, message));
        }
        match batches.iter().find(|batch| batch.num_rows() == 1) {
            Some(batch) => ScalarValue::try_from_array(batch.column(0), 0),
            None => ScalarValue::try_from(self.returns.data_type()),
        }
    }

    fn rows(&self, batches: &[RecordBatch]) -> Result<ScalarValue> {
        let DataType::List(item) = self.returns.data_type() else {
            return internal_err!("rows are a list");
        };
        let records: Vec<ArrayRef> = batches
            .iter()
            .map(|batch| record_array(batch, item.data_type()))
            .collect::<Result<_>>()?;
        let parts: Vec<&dyn Array> = records.iter().map(AsRef::as_ref).collect();
        // No rows are no list, which unnests to nothing, or to NULLs under a left join.
        if parts.iter().all(|part| part.is_empty()) {
            return ScalarValue::try_from(self.returns.data_type());
        }
        let all = arrow::compute::concat(&parts)?;
        let offsets = arrow::buffer::OffsetBuffer::from_lengths([all.len()]);
        let list = arrow::array::ListArray::try_new(Arc::clone(item), offsets, all, None)?;
        Ok(ScalarValue::List(Arc::new(list)))
    }
}

fn operands(answer: Answer) -> usize {
    usize::from(matches!(answer, Answer::In { .. }))
}

/// `List<Struct>` of a plan's rows; fields are numbered, for names may repeat.
fn record_list(plan: &LogicalPlan) -> DataType {
    let fields = plan.schema().fields().iter().enumerate();
    let numbered = fields
        .map(|(at, field)| field.as_ref().clone().with_name(format!("c{at}")).with_nullable(true));
    let record = DataType::Struct(numbered.collect());
    DataType::List(Arc::new(Field::new("item", record, true)))
}

fn record_array(batch: &RecordBatch, ty: &DataType) -> Result<ArrayRef> {
    let DataType::Struct(fields) = ty else { return internal_err!("a record is a struct") };
    if fields.is_empty() {
        let rows = arrow::array::StructArray::new_empty_fields(batch.num_rows(), None);
        return Ok(Arc::new(rows));
    }
    let columns = batch.columns().to_vec();
    Ok(Arc::new(arrow::array::StructArray::try_new(fields.clone(), columns, None)?))
}

/// SQL's IN: NULL where nothing equals but something is unknown.
fn within(operand: &[ScalarValue], batches: &[RecordBatch], negated: bool) -> Result<ScalarValue> {
    let [operand] = operand else { return internal_err!("IN has one operand") };
    let mut unknown = false;
    let mut rows = false;
    for batch in batches {
        for row in 0..batch.num_rows() {
            rows = true;
            let value = ScalarValue::try_from_array(batch.column(0), row)?;
            if value.is_null() {
                unknown = true;
            } else if value == *operand {
                return Ok(ScalarValue::Boolean(Some(!negated)));
            }
        }
    }
    let unknown = unknown || (rows && operand.is_null());
    Ok(ScalarValue::Boolean((!unknown).then_some(negated)))
}

/// A plan with these values in place of the outer columns.
pub(crate) fn bind(
    plan: LogicalPlan,
    outer: &[Expr],
    values: &[ScalarValue],
) -> Result<LogicalPlan> {
    let value = |expr: Expr| {
        let place = outer.iter().position(|outer| *outer == expr);
        Ok(match place.and_then(|at| values.get(at)) {
            Some(value) => Transformed::yes(Expr::Literal(value.clone(), None)),
            None => Transformed::no(expr),
        })
    };
    let node = |plan: LogicalPlan| {
        let names = datafusion::logical_expr::expr_rewriter::NamePreserver::new(&plan);
        let bound = plan.map_expressions(|expr| {
            let name = names.save(&expr);
            let bound = expr.transform_up(value)?;
            Ok(bound.update_data(|expr| name.restore(expr)))
        })?;
        // LATERAL to the outer query only: nothing is left for it to depend on.
        bound.transform_data(|plan| match plan {
            LogicalPlan::Subquery(query) if outer_columns(&query.subquery)?.is_empty() => {
                Ok(Transformed::yes(Arc::unwrap_or_clone(query.subquery)))
            }
            other => Ok(Transformed::no(other)),
        })
    };
    Ok(plan.transform_up_with_subqueries(node)?.data)
}

async fn run(state: &SessionState, plan: LogicalPlan) -> Result<Vec<RecordBatch>> {
    let plan = state.create_physical_plan(&plan).await?;
    collect(plan, state.task_ctx()).await
}

/// Runs `work` on a thread of its own with a runtime of its own: the caller is a thread of some
/// runtime that cannot be waited on, and what DataFusion spawns needs one that runs.
fn apart<T: Send>(work: impl FnOnce(&Runtime) -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| work(&Builder::new_current_thread().build()?));
        worker.join().unwrap_or_else(|_| internal_err!("a sub-query panicked"))
    })
}

fn sql_error(state: SqlState, message: &str) -> DataFusionError {
    DataFusionError::External(Box::new(SqlError::new(state, message)))
}

impl Debug for SubqueryFunction {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl PartialEq for SubqueryFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for SubqueryFunction {}

impl Hash for SubqueryFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for SubqueryFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.data_type().clone())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(Arc::clone(&self.returns))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let answers = apart(|runtime| self.answers(&columns, args.number_rows, runtime))?;
        Ok(ColumnarValue::Array(match answers.is_empty() {
            true => new_empty_array(self.returns.data_type()),
            false => ScalarValue::iter_to_array(answers)?,
        }))
    }
}
