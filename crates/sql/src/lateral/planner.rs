//! From the logical node to the operator, and the query planner that knows how.

use super::exec::{Inner, LateralExec};
use super::node::LateralJoin;
use arrow::array::{FixedSizeListArray, Float32Array};
use arrow::datatypes::DataType;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::execution::SessionState;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use std::sync::Arc;

/// DataFusion's physical planner with our node.
#[derive(Debug, Default)]
pub struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(ForLateral)]);
        planner.create_physical_plan(plan, session).await
    }
}

struct ForLateral;

#[async_trait]
impl ExtensionPlanner for ForLateral {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<LateralJoin>() else { return Ok(None) };
        let ([left], [input]) = (logical_inputs, physical_inputs) else {
            return internal_err!("a lateral join has one input");
        };
        let Some(state) = session.as_any().downcast_ref::<SessionState>() else {
            return internal_err!("a lateral join needs a session of ours");
        };
        let arguments = node
            .arguments
            .iter()
            .map(|expr| planner.create_physical_expr(expr, left.schema(), session, context))
            .collect::<Result<Vec<_>>>()?;
        let inner = Inner {
            plan: Arc::clone(&node.inner),
            outer: node.outer.clone(),
            state: Arc::new(state.clone()),
        };
        let shown = inner.physical(&sample(node)?).await?;
        let schema = Arc::new(node.shown().as_arrow().clone());
        let exec = LateralExec::new(Arc::clone(input), shown, arguments, inner, node.kind, schema);
        Ok(Some(Arc::new(exec)))
    }
}

/// Values of the outer columns' types, to show what the inner plan looks like.
fn sample(node: &LateralJoin) -> Result<Vec<ScalarValue>> {
    use datafusion::logical_expr::ExprSchemable;
    let value = |expr: &datafusion::logical_expr::Expr| {
        let ty = expr.get_type(node.left.schema())?;
        match &ty {
            DataType::FixedSizeList(item, dim) if item.data_type() == &DataType::Float32 => {
                let zeros = vec![0.0_f32; usize::try_from(*dim).unwrap_or_default()];
                let zeros = Arc::new(Float32Array::from(zeros));
                let list = FixedSizeListArray::try_new(Arc::clone(item), *dim, zeros, None)?;
                Ok(ScalarValue::FixedSizeList(Arc::new(list)))
            }
            _ => ScalarValue::new_default(&ty).or_else(|_| ScalarValue::try_from(&ty)),
        }
    };
    node.arguments.iter().map(value).collect()
}
