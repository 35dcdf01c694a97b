//! Plans of statements that run again and again.
//!
//! A template is a query's logical plan, optimized while its parameters are still placeholders:
//! what holds for every value. An execution binds the query anew, which gives its times, its
//! snapshot and its rights; puts its tables and values into the template; and runs only the rules
//! that look at values. What is left of planning is the physical plan; a search alone does without
//! that, too ([`super::shortcut`]).
//!
//! Invariant: a template stands for an execution only if this binds to the very same tree over the
//! same tables, under the same catalog and settings, so that planning from the start would come to
//! the same logical plan. It holds no snapshot.
//!
//! No template is made of queries over system tables, with sub-queries, joins or windows, with
//! functions whose answer is the statement's own (`now()`, `st_distance` without its moment,
//! analyses), or with a text such as 'now' that is read as a time.
//!
//! Rejected: keeping physical plans (they hold the snapshot, and what values decided); placeholders
//! down to the operators (docs/adr/0004).

use super::query::{as_planned, columns};
use super::shortcut::Shortcut;
use crate::access::{Readable, Reader};
use crate::bind::{Binder, BoundTable};
use crate::error::{from_datafusion, from_engine};
use crate::exec::Errand;
use crate::optimize::{ST_DISTANCE, by_values, for_all_values};
use crate::plan::{Planner, StatementCx, VersionedTable, with_values};
use cvx_engine::{Catalog, DatabaseDef, Table, TimeSlice};
use cvx_types::{Column, Result};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::{TableProvider, provider_as_source};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan, TableSource};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::sqlparser::ast::Query;
use std::sync::Arc;

/// What a plan depends on beside its statement and the tables' rows.
#[derive(Clone, Debug)]
pub struct Stamp {
    names: Arc<DatabaseDef>,
    settings: u64,
}

impl Stamp {
    #[must_use]
    pub fn new(catalog: &Catalog, settings: u64) -> Self {
        Self { names: Arc::clone(&catalog.here), settings }
    }
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings && Arc::ptr_eq(&self.names, &other.names)
    }
}

/// A query's plan for every value of its parameters.
#[derive(Debug)]
pub struct Template {
    stamp: Stamp,
    /// The query as it is bound from.
    source: Query,
    /// The query as bound.
    bound: Query,
    tables: Vec<Place>,
    plan: LogicalPlan,
    /// Past planning, where the plan is one search.
    shortcut: Option<Shortcut>,
    /// Whether binding comes to the same whatever the moment and the values: all of one table, read
    /// by the user itself, at present.
    steady: bool,
    pub columns: Vec<Column>,
}

/// A bound table, without its rows.
#[derive(Debug)]
struct Place {
    table: Arc<Table>,
    columns: Vec<usize>,
    /// Scans of the present are named otherwise than those of a past moment.
    present: bool,
}

impl Place {
    fn of(bound: &BoundTable) -> Self {
        let table = Arc::clone(bound.read.table());
        let present = bound.slice == TimeSlice::CURRENT;
        Self { table, columns: bound.columns.clone(), present }
    }

    /// The table as binding gives it at present, where that is all that is read.
    fn bound_now(&self, cx: &StatementCx<'_>) -> Result<BoundTable> {
        Ok(BoundTable {
            read: cx.txn.read(&self.table).map_err(from_engine)?,
            slice: TimeSlice::CURRENT,
            until: None,
            columns: self.columns.clone(),
            reader: Reader::User,
            at_us: cx.now_us,
        })
    }

    fn fits(&self, bound: &BoundTable) -> bool {
        Arc::ptr_eq(&self.table, bound.read.table())
            && self.columns == bound.columns
            && self.present == (bound.slice == TimeSlice::CURRENT)
    }
}

/// Whether a bound table is read in no other way as long as catalog and settings stay, if the user
/// may read all of it. A time clause that could say another moment would have made a slice of it.
fn is_steady(cx: &StatementCx<'_>, bound: &BoundTable) -> bool {
    let readable = cx.guard.readable(bound.reader, bound.read.table());
    bound.reader == Reader::User
        && bound.slice == TimeSlice::CURRENT
        && bound.until.is_none()
        && matches!(readable, Ok(Readable::Whole))
}

impl Template {
    /// The template of a query, if it is one that can have any.
    pub fn make(cx: &StatementCx<'_>, query: &Query) -> Result<Option<Self>> {
        let (source, of_catalog) = as_planned(query.clone());
        if of_catalog {
            return Ok(None);
        }
        let mut bound = source.clone();
        let tables = Binder::new(cx).query(&mut bound)?;
        if reads_a_clock(&bound) {
            return Ok(None);
        }
        let steady = matches!(tables.as_slice(), [bound] if is_steady(cx, bound));
        let places = tables.iter().map(Place::of).collect();
        let planner = Planner::new(cx, tables);
        let plan = planner.query(bound.clone())?;
        if planner.asked_the_session() || !is_plain(&plan) {
            return Ok(None);
        }
        let columns = columns(query, &plan);
        let plan = for_all_values(cx.state, plan).map_err(from_datafusion)?;
        let shortcut = Shortcut::of(&plan);
        let plan = vacated(plan).map_err(from_datafusion)?;
        let stamp = cx.stamp();
        Ok(Some(Self { stamp, source, bound, tables: places, plan, shortcut, steady, columns }))
    }

    /// Whether nothing it depends on has changed.
    pub fn is_of(&self, stamp: &Stamp) -> bool {
        self.stamp == *stamp
    }

    /// The search of this execution, where the way past planning is known.
    pub fn errand(&self, cx: &StatementCx<'_>) -> Result<Option<Errand>> {
        let Some(shortcut) = self.shortcut.as_ref().filter(|shortcut| shortcut.is_known()) else {
            return Ok(None);
        };
        if let (true, [place]) = (self.steady, self.tables.as_slice())
            && let Ok(Readable::Whole) = cx.guard.readable(Reader::User, &place.table)
        {
            return shortcut.errand(cx, &place.bound_now(cx)?);
        }
        match self.tables_now(cx)?.as_deref() {
            Some([bound]) => shortcut.errand(cx, bound),
            _ => Ok(None),
        }
    }

    /// Learns the way past planning from the plan that planning made; says what is kept now.
    pub fn learn(&self, plan: &Arc<dyn ExecutionPlan>) -> &'static str {
        let shortcut = self.shortcut.as_ref().filter(|shortcut| shortcut.learn(plan));
        shortcut.map_or("cached", |_| "cached, runs as a search alone")
    }

    /// This execution's tables; `None` where it is another statement by now.
    fn tables_now(&self, cx: &StatementCx<'_>) -> Result<Option<Vec<BoundTable>>> {
        let mut query = self.source.clone();
        let tables = Binder::new(cx).query(&mut query)?;
        let same = tables.len() == self.tables.len()
            && self.tables.iter().zip(&tables).all(|(place, bound)| place.fits(bound))
            && query == self.bound;
        Ok(same.then_some(tables))
    }

    /// The optimized logical plan of this execution; `None` where it is another statement by now.
    pub fn filled(&self, cx: &StatementCx<'_>) -> Result<Option<LogicalPlan>> {
        let Some(tables) = self.tables_now(cx)? else { return Ok(None) };
        let plan = occupied(self.plan.clone(), cx, &tables).map_err(from_datafusion)?;
        let plan = with_values(cx, plan)?;
        by_values(cx.state, plan).map(Some).map_err(from_datafusion)
    }
}

/// Words that are moments where a text is read as a time.
const CLOCKS: [&str; 4] = ["now", "today", "tomorrow", "yesterday"];

/// Whether a bound query, which has its views' texts in it, holds such a word.
fn reads_a_clock(bound: &Query) -> bool {
    let text = bound.to_string().to_ascii_lowercase();
    CLOCKS.iter().any(|word| text.contains(word))
}

/// Whether a plan is one table's (or none's) rows, chosen, grouped, sorted and limited.
fn is_plain(plan: &LogicalPlan) -> bool {
    let mut plain = true;
    let walked = plan.apply(|node| {
        plain &= match node {
            LogicalPlan::TableScan(scan) => VersionedTable::of(scan).is_some(),
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::EmptyRelation(_) => true,
            _ => false,
        };
        node.apply_expressions(|expr| {
            plain &= !expr.exists(|expr| Ok(is_of_the_moment(expr)))?;
            Ok(TreeNodeRecursion::Continue)
        })
    });
    plain && walked.is_ok()
}

fn is_of_the_moment(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(call) => call.func.name() == ST_DISTANCE,
        Expr::ScalarSubquery(_)
        | Expr::InSubquery(_)
        | Expr::Exists(_)
        | Expr::SetComparison(_)
        | Expr::OuterReferenceColumn(..) => true,
        _ => false,
    }
}

/// Where a bound table goes.
#[derive(Debug)]
struct Seat {
    mark: usize,
    schema: SchemaRef,
}

impl TableSource for Seat {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// The plan with seats for its tables, so that it holds no snapshot.
fn vacated(plan: LogicalPlan) -> DfResult<LogicalPlan> {
    with_sources(plan, |scan| {
        let source = VersionedTable::of(scan)?;
        Some(Arc::new(Seat { mark: source.mark, schema: source.schema() }))
    })
}

/// The plan with these tables in their seats.
fn occupied(
    plan: LogicalPlan,
    cx: &StatementCx<'_>,
    tables: &[BoundTable],
) -> DfResult<LogicalPlan> {
    with_sources(plan, |scan| {
        let seat = scan.source.downcast_ref::<Seat>()?;
        let bound = tables.get(seat.mark)?;
        let source = VersionedTable::new(bound, seat.mark, cx.search_mode(), cx.cancel.clone());
        Some(provider_as_source(Arc::new(source)))
    })
}

fn with_sources(
    plan: LogicalPlan,
    source_of: impl Fn(&TableScan) -> Option<Arc<dyn TableSource>>,
) -> DfResult<LogicalPlan> {
    plan.transform_up(|node| {
        let LogicalPlan::TableScan(mut scan) = node else { return Ok(Transformed::no(node)) };
        let source = source_of(&scan);
        let changed = source.is_some();
        if let Some(source) = source {
            scan.source = source;
        }
        Ok(Transformed::new_transformed(LogicalPlan::TableScan(scan), changed))
    })
    .map(|plan| plan.data)
}
