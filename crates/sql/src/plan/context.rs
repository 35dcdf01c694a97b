//! What DataFusion's planner may ask: tables by name, functions, types. One value a statement.

use super::params::placeholder;
use super::relation::BoundRelations;
use super::{StatementCx, session_functions, st_distance, undefined_table};
use crate::access::denied;
use crate::analyse::{AnalysisCall, join_laterally};
use crate::bind::BoundTable;
use crate::error::{from_datafusion, to_datafusion};
use crate::pg_catalog::SystemCatalog;
use crate::types::stamp_parameters;
use cvx_types::{PgType, Result, SqlError, SqlState};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{DFSchema, ParamValues, TableReference};
use datafusion::config::ConfigOptions;
use datafusion::datasource::{TableProvider, cte_worktable::CteWorkTable, provider_as_source};
use datafusion::error::Result as DfResult;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::planner::{
    ContextProvider, ExprPlanner, RelationPlanner, TypePlanner,
};
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF,
};
use datafusion::sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use datafusion::sql::sqlparser::ast;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Plans bound trees of one statement.
pub struct Planner<'a> {
    cx: &'a StatementCx<'a>,
    state: &'a SessionState,
    relations: Vec<Arc<dyn RelationPlanner>>,
    functions: OnceLock<HashMap<String, Arc<ScalarUDF>>>,
    asked: AtomicBool,
    bound: Arc<[BoundTable]>,
}

impl<'a> Planner<'a> {
    /// A planner that knows these bound tables by their marks.
    pub fn new(cx: &'a StatementCx<'a>, bound: Vec<BoundTable>) -> Self {
        let bound: Arc<[BoundTable]> = bound.into();
        let relations = BoundRelations::new(Arc::clone(&bound), cx);
        Self {
            cx,
            state: cx.state,
            relations: vec![Arc::new(relations)],
            functions: OnceLock::new(),
            asked: AtomicBool::new(false),
            bound,
        }
    }

    /// The plan of a bound query, its parameters still placeholders.
    pub fn query(&self, mut query: ast::Query) -> Result<LogicalPlan> {
        self.alike_values(&mut query)?;
        let statement = ast::Statement::Query(Box::new(query));
        let plan = self
            .rel()
            .sql_statement_to_plan_with_context(statement, &mut self.planner_context())
            .map_err(|error| self.refused(from_datafusion(error)))?;
        let plan = stamp_parameters(plan).map_err(from_datafusion)?;
        let plan = st_distance::fill(plan, self.cx.now_us).map_err(from_datafusion)?;
        join_laterally(plan).map_err(from_datafusion)
    }

    /// A column that is there, but not for this user, is not said to be missing.
    fn refused(&self, error: SqlError) -> SqlError {
        if error.state != SqlState::UNDEFINED_COLUMN {
            return error;
        }
        let words = &error.message;
        let named = |name: &str| {
            words.contains(&format!("\"{name}\"")) || words.contains(&format!(".{name} "))
        };
        let hidden = |table: &&BoundTable| {
            let mut columns = table.read.table().columns.iter().enumerate();
            columns.any(|(at, column)| !table.columns.contains(&at) && named(&column.name))
        };
        match self.bound.iter().find(hidden) {
            Some(table) => denied(&format!("table {}", table.read.table().name)),
            None => error,
        }
    }

    /// The same with the bound values in the parameters' places.
    pub fn with_values(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        with_values(self.cx, plan)
    }

    /// Whether what was planned holds for this statement only: it reads the catalog, or calls what
    /// answers for the session and its moment.
    pub fn asked_the_session(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    fn ask<T>(&self, answer: Option<T>) -> Option<T> {
        self.asked.fetch_or(answer.is_some(), Ordering::Relaxed);
        answer
    }

    fn own_functions(&self) -> &HashMap<String, Arc<ScalarUDF>> {
        self.functions.get_or_init(|| session_functions::all(self.cx))
    }

    /// An expression over these columns, parameters replaced where values are bound.
    pub fn expr(&self, mut expr: ast::Expr, schema: &DFSchema) -> Result<Expr> {
        crate::types::lower(&mut expr);
        self.substitute(self.unbound(expr, schema)?)
    }

    /// What is learnt of a parameter where its place in the plan does not show it.
    pub(super) fn learn(&self, parameter: &ast::Expr, ty: &PgType) {
        if let Some(index) = placeholder(parameter) {
            self.cx.hints.lock().push((index, ty.clone()));
        }
    }

    /// An expression over these columns, its parameters still placeholders.
    pub(super) fn unbound(&self, expr: ast::Expr, schema: &DFSchema) -> Result<Expr> {
        let planned = self.rel().sql_to_expr(expr, schema, &mut self.planner_context());
        planned.map_err(from_datafusion)
    }

    fn substitute(&self, expr: Expr) -> Result<Expr> {
        use datafusion::common::tree_node::{Transformed, TreeNode};
        expr.transform(|node| match &node {
            Expr::Placeholder(placeholder) => {
                match self.cx.params.value(&placeholder.id).map_err(to_datafusion)? {
                    Some(datum) => {
                        let scalar =
                            datafusion::common::ScalarValue::try_from_array(&datum.value, 0)?;
                        Ok(Transformed::yes(Expr::Literal(scalar, None)))
                    }
                    None => Ok(Transformed::no(node)),
                }
            }
            _ => Ok(Transformed::no(node)),
        })
        .map(|transformed| transformed.data)
        .map_err(from_datafusion)
    }

    fn rel(&self) -> SqlToRel<'_, Self> {
        let options = ParserOptions::new()
            .with_map_string_types_to_utf8view(false)
            .with_parse_float_as_decimal(true)
            .with_support_varchar_with_length(true);
        SqlToRel::new_with_options(self, options)
    }

    fn planner_context(&self) -> PlannerContext {
        PlannerContext::new().with_prepare_param_data_types(self.cx.params.fields())
    }
}

/// A plan with the statement's values in the parameters' places.
pub fn with_values(cx: &StatementCx<'_>, plan: LogicalPlan) -> Result<LogicalPlan> {
    if cx.params.values.as_ref().is_none_or(Vec::is_empty) {
        return Ok(plan);
    }
    let values = ParamValues::List(cx.params.scalars()?);
    plan.replace_params_with_values(&values).map_err(from_datafusion)
}

impl Planner<'_> {
    /// A function in the place of one that does not exist, to say so with the arguments' types.
    fn undefined(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        // Planned by DataFusion without asking for a function.
        let special = matches!(name, "unnest" | "unnest_outer" | "grouping");
        let known = special
            || self.state.aggregate_functions().contains_key(name)
            || self.state.window_functions().contains_key(name)
            || self.state.higher_order_functions().contains_key(name);
        (!known).then(|| Arc::new(ScalarUDF::from(crate::functions::Undefined::new(name))))
    }
}

/// The system table a name means: `pg_catalog` comes first for names without a schema.
pub fn system_name(system: &Arc<SystemCatalog>, parts: &[String]) -> Option<(String, String)> {
    let known = |schema: &str, name: &str| match schema {
        "cvx" => crate::admin::has_table(name),
        schema => system.table(schema, name).is_some(),
    };
    match parts {
        [name] if known("pg_catalog", name) => Some(("pg_catalog".to_owned(), name.clone())),
        [schema, name] | [_, schema, name] if known(schema, name) => {
            Some((schema.clone(), name.clone()))
        }
        _ => None,
    }
}

fn reference_parts(name: &TableReference) -> Vec<String> {
    match name {
        TableReference::Bare { table } => vec![table.to_string()],
        TableReference::Partial { schema, table } => vec![schema.to_string(), table.to_string()],
        TableReference::Full { schema, table, .. } => vec![schema.to_string(), table.to_string()],
    }
}

impl ContextProvider for Planner<'_> {
    /// Only tables of the system come this way: every other was bound, and planned by its mark.
    fn get_table_source(&self, name: TableReference) -> DfResult<Arc<dyn TableSource>> {
        self.asked.store(true, Ordering::Relaxed);
        let parts = reference_parts(&name);
        let named = system_name(self.cx.system(), &parts);
        if let Some((schema, table)) = &named {
            self.cx.guard.system_table(schema, table).map_err(to_datafusion)?;
        }
        let found: Option<Arc<dyn TableProvider>> = match named {
            Some((schema, table)) if schema == "cvx" => {
                crate::admin::table(self.cx, &table).map_err(to_datafusion)?
            }
            Some((schema, table)) => self.cx.system().table(&schema, &table),
            None => None,
        };
        match found {
            Some(provider) => Ok(provider_as_source(provider)),
            None => Err(to_datafusion(undefined_table(&parts.join(".")))),
        }
    }

    fn get_table_function_source(
        &self,
        name: &str,
        args: Vec<Expr>,
    ) -> DfResult<Arc<dyn TableSource>> {
        self.asked.store(true, Ordering::Relaxed);
        let Some(function) = self.state.table_functions().get(name) else {
            let error = SqlError::new(
                cvx_types::SqlState::UNDEFINED_FUNCTION,
                format!("function {name} does not exist"),
            );
            return Err(to_datafusion(error));
        };
        let args = args
            .into_iter()
            .map(|arg| super::evaluate::folded(self.cx, arg).map_err(to_datafusion))
            .collect::<DfResult<Vec<_>>>()?;
        let args = datafusion::catalog::TableFunctionArgs::new(&args, self.state);
        Ok(provider_as_source(function.create_table_provider_with_args(args)?))
    }

    fn create_cte_work_table(
        &self,
        name: &str,
        schema: SchemaRef,
    ) -> DfResult<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.state.expr_planners()
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        &self.relations
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(crate::types::PgTypePlanner))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.ask(self.own_functions().get(name).cloned())
            .or_else(|| self.state.scalar_functions().get(name).cloned())
            .or_else(|| self.ask(AnalysisCall::named(name, &self.bound, self.cx)))
            .or_else(|| self.undefined(name))
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.state.higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.state.aggregate_functions().get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.state.window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.state.scalar_functions().keys().chain(self.own_functions().keys()).cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.state.higher_order_functions().keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.state.aggregate_functions().keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.state.window_functions().keys().cloned().collect()
    }
}
