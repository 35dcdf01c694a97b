//! Points given by a parenthesised SELECT of (entity, ts, vector).
//!
//! The sub-query in a call's first argument refers to nothing outside, so it is run once, before
//! the statement; the call in the plan is replaced by one that holds the points. Analyses need an
//! entity's points together and in order, and a join may ask for the entities in any order, so
//! they are kept in memory and counted against `query_memory_bytes`.

use super::call::AnalysisCall;
use super::source::{Gather, Points, Snapshot, each_point, micros, rows_of};
use crate::compute::collected;
use crate::error::from_datafusion;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use cvx_types::{PgType, Result, SqlError, SqlState};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, ScalarUDF, Subquery};
use std::collections::HashMap;
use std::sync::Arc;

/// Rows by entity.
#[derive(Debug)]
pub(super) struct Given {
    entities: ArrayRef,
    times: ArrayRef,
    vectors: ArrayRef,
    /// Rows of each entity in the order of time, by the entity's text.
    rows: HashMap<String, Vec<usize>>,
    _memory: MemoryReservation,
}

impl Given {
    fn new(records: &ArrayRef, pool: &Arc<dyn MemoryPool>) -> Result<Self> {
        let memory = MemoryConsumer::new("given points").register(pool);
        memory.try_grow(records.get_array_memory_size()).map_err(from_datafusion)?;
        let record = records.as_struct();
        let (entities, times, vectors) =
            (record.column(0).clone(), micros(record.column(1))?, record.column(2).clone());
        let mut rows: HashMap<String, Vec<usize>> = HashMap::new();
        let ts = times.as_primitive::<Int64Type>();
        for (row, key) in keys(&entities)?.into_iter().enumerate() {
            if let (Some(key), true) = (key, ts.is_valid(row)) {
                rows.entry(key).or_default().push(row);
            }
        }
        rows.values_mut().for_each(|rows| rows.sort_by_key(|row| ts.value(*row)));
        Ok(Self { entities, times, vectors, rows, _memory: memory })
    }

    /// The points of an entity, or of all rows as of one.
    pub(super) fn trajectory(
        &self,
        key: Option<&ArrayRef>,
        (from, to): (Option<i64>, Option<i64>),
        gather: Gather,
    ) -> Result<Option<Points>> {
        let of_all: Vec<usize>;
        let rows = match key {
            Some(key) => {
                let Some(key) = keys(key)?.pop().flatten() else { return Ok(None) };
                match self.rows.get(&key) {
                    Some(rows) => rows,
                    None => return Ok(None),
                }
            }
            None if self.rows.is_empty() => return Ok(None),
            None => {
                let ts = self.times.as_primitive::<Int64Type>();
                let mut rows: Vec<usize> = self.rows.values().flatten().copied().collect();
                rows.sort_by_key(|row| ts.value(*row));
                of_all = rows;
                &of_all
            }
        };
        self.points_of(&self.within(rows, from, to), gather).map(Some)
    }

    /// Rows of each entity in the order of time, by the entity's text.
    pub(super) fn by_entity(&self) -> impl Iterator<Item = (&String, &Vec<usize>)> {
        self.rows.iter()
    }

    pub(super) fn points_of(&self, rows: &[usize], gather: Gather) -> Result<Points> {
        let mut gather = gather;
        let (times, vectors) = (rows_of(&self.times, rows)?, rows_of(&self.vectors, rows)?);
        each_point(&times, &vectors, &mut gather, |_| {})?;
        Ok(gather.finish())
    }

    /// The last point of each entity that is not after a moment.
    pub(super) fn snapshot(&self, at_us: i64, gather: Gather) -> Result<Snapshot> {
        let last = |rows: &Vec<usize>| self.within(rows, None, Some(at_us)).pop();
        let mut rows: Vec<usize> = self.rows.values().filter_map(last).collect();
        rows.sort_unstable();
        let (times, vectors) = (rows_of(&self.times, &rows)?, rows_of(&self.vectors, &rows)?);
        let (mut gather, mut taken) = (gather, Vec::new());
        each_point(&times, &vectors, &mut gather, |at| taken.push(rows[at]))?;
        Ok(Snapshot { entities: rows_of(&self.entities, &taken)?, points: gather.finish() })
    }

    fn within(&self, rows: &[usize], from: Option<i64>, to: Option<i64>) -> Vec<usize> {
        let ts = self.times.as_primitive::<Int64Type>();
        let inside = |row: &&usize| {
            let at = ts.value(**row);
            from.is_none_or(|from| at >= from) && to.is_none_or(|to| at <= to)
        };
        rows.iter().filter(inside).copied().collect()
    }
}

/// Entities as texts: 7 as an integer is 7 as a bigint.
pub(super) fn keys(entities: &ArrayRef) -> Result<Vec<Option<String>>> {
    let failed = |error| crate::error::from_arrow(&error);
    let options = FormatOptions::default();
    let format = ArrayFormatter::try_new(entities.as_ref(), &options).map_err(failed)?;
    let text = |row| entities.is_valid(row).then(|| format.value(row).to_string());
    Ok((0..entities.len()).map(text).collect())
}

/// The types of a given SELECT's columns: entity, time, the vectors' dimension if they say it.
pub(super) fn types(field: &Field) -> Result<(PgType, PgType, Option<i32>)> {
    let DataType::Struct(fields) = field.data_type() else {
        return Err(wrong_columns());
    };
    let [entity, time, vector] = fields.as_ref() else { return Err(wrong_columns()) };
    let time = match PgType::of_field(time).0 {
        time @ (PgType::Timestamptz | PgType::Timestamp | PgType::Int8) => time,
        PgType::Date => PgType::Timestamp,
        _ => return Err(wrong_columns()),
    };
    let dim = match vector.data_type() {
        DataType::FixedSizeList(_, dim) => Some(*dim),
        DataType::List(_) => None,
        _ => return Err(wrong_columns()),
    };
    Ok((PgType::of_field(entity).0, time, dim))
}

fn wrong_columns() -> SqlError {
    SqlError::new(
        SqlState::DATATYPE_MISMATCH,
        "the SELECT given to an analysis must have an entity, a time and a vector",
    )
}

/// Runs the sub-queries that give points, and puts their points in the calls.
pub(crate) async fn fix_given_points(
    state: &SessionState,
    plan: LogicalPlan,
) -> Result<LogicalPlan> {
    let found = subqueries(&plan).map_err(from_datafusion)?;
    if found.is_empty() {
        return Ok(plan);
    }
    let mut given = Vec::with_capacity(found.len());
    for subquery in found {
        let points = Arc::new(run(state, &subquery).await?);
        given.push((subquery, points));
    }
    plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let replaced = expr.transform_up(|expr| Ok(replace(expr, &given)))?;
            Ok(replaced.update_data(|expr| name.restore(expr)))
        })
    })
    .and_then(|plan| plan.data.recompute_schema())
    .map_err(from_datafusion)
}

fn subqueries(plan: &LogicalPlan) -> datafusion::common::Result<Vec<Subquery>> {
    let mut found: Vec<Subquery> = Vec::new();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Some((_, _, subquery)) = given_call(expr)
                    && !found.contains(subquery)
                {
                    found.push(subquery.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

/// A call whose points come from a sub-query.
fn given_call(expr: &Expr) -> Option<(&ScalarFunction, &AnalysisCall, &Subquery)> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let analysis = AnalysisCall::of(call)?;
    match call.args.first() {
        Some(Expr::ScalarSubquery(subquery)) => Some((call, analysis, subquery)),
        _ => None,
    }
}

fn replace(expr: Expr, given: &[(Subquery, Arc<Given>)]) -> Transformed<Expr> {
    let Some((call, analysis, subquery)) = given_call(&expr) else { return Transformed::no(expr) };
    let Some((_, points)) = given.iter().find(|(known, _)| known == subquery) else {
        return Transformed::no(expr);
    };
    let nothing =
        subquery.subquery.schema().fields().first().map(|field| field.data_type().clone());
    let nothing = nothing.and_then(|ty| ScalarValue::try_from(&ty).ok());
    let mut args = call.args.clone();
    args[0] = Expr::Literal(nothing.unwrap_or(ScalarValue::Null), None);
    let held = Arc::new(ScalarUDF::from(analysis.with_points(Arc::clone(points))));
    Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(held, args)))
}

async fn run(state: &SessionState, subquery: &Subquery) -> Result<Given> {
    let plan = state.create_physical_plan(&subquery.subquery).await.map_err(from_datafusion)?;
    let ty = plan.schema().field(0).data_type().clone();
    let context = Arc::new(TaskContext::from(state));
    let batches = collected(state, plan, context).await?;
    let records: Vec<ArrayRef> = batches.iter().map(|batch| batch.column(0).clone()).collect();
    let records = super::source::all_of(&records, &ty)?;
    Given::new(&records, &state.runtime_env().memory_pool)
}
