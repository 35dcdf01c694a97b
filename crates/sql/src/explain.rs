//! EXPLAIN and EXPLAIN ANALYZE: the operators that run, and what they did.

use crate::plan::{Params, StatementCx};
use crate::session::SqlSession;
use crate::session::{explained, physical, plan_query, plan_target_query, run_plan, text_rows};
use cvx_session::Outcome;
use cvx_types::{Result, SqlError};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::sql::sqlparser::ast::{Statement, UtilityOption};
use futures::StreamExt;
use std::sync::Arc;

pub async fn run(
    session: &mut SqlSession,
    statement: &Statement,
    analyze: bool,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let inner = explained(session, statement, params, text).await?;
    let (statement, params) =
        inner.as_ref().map_or((statement, params), |(inner, bound)| (inner, bound));
    let lines = session
        .reading(params, text, async |cx: &StatementCx<'_>| {
            let plan = planned(cx, statement, analyze).await?;
            if analyze {
                let mut rows = run_plan(cx, Arc::clone(&plan))?;
                while let Some(batch) = rows.next().await {
                    batch.map_err(crate::error::from_datafusion)?;
                }
                return Ok(lines_of(&DisplayableExecutionPlan::with_metrics(plan.as_ref())));
            }
            Ok(lines_of(&DisplayableExecutionPlan::new(plan.as_ref())))
        })
        .await?;
    text_rows("QUERY PLAN", lines, "EXPLAIN")
}

/// Whether EXPLAIN's options in parentheses ask for ANALYZE.
pub fn analyzes(options: Option<&[UtilityOption]>) -> bool {
    options.unwrap_or_default().iter().any(|option| {
        let off = matches!(&option.arg, Some(arg)
            if matches!(arg.to_string().to_lowercase().as_str(), "false" | "off" | "0"));
        option.name.value.eq_ignore_ascii_case("analyze") && !off
    })
}

async fn planned(
    cx: &StatementCx<'_>,
    statement: &Statement,
    analyze: bool,
) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = match statement {
        Statement::Query(query) => plan_query(cx, (**query).clone())?,
        Statement::Update(_) | Statement::Delete(_) if analyze => {
            return Err(SqlError::unsupported("EXPLAIN ANALYZE of a statement that changes rows"));
        }
        Statement::Update(update) => {
            let read = crate::dml::UpdateRead::new(cx, update)?;
            plan_target_query(cx, &read.table, read.query)?
        }
        Statement::Delete(delete) => {
            let read = crate::dml::DeleteRead::new(cx, delete)?;
            plan_target_query(cx, &read.table, read.query)?
        }
        _ => return Err(SqlError::unsupported("EXPLAIN of this statement")),
    };
    physical(cx, plan).await
}

fn lines_of(plan: &DisplayableExecutionPlan<'_>) -> Vec<String> {
    plan.indent(true).to_string().lines().map(readable).collect()
}

/// A line in the words of the statement: its LIMIT and OFFSET under those names.
fn readable(line: &str) -> String {
    line.replace("skip=0, ", "")
        .replace("fetch=None", "limit=all")
        .replace("skip=", "offset=")
        .replace("fetch=", "limit=")
}

#[cfg(test)]
mod tests {
    #[test]
    fn limits_are_called_limits() {
        let check = |line, wanted| assert_eq!(super::readable(line), wanted);
        check("  GlobalLimitExec: skip=0, fetch=1", "  GlobalLimitExec: limit=1");
        check("GlobalLimitExec: skip=2, fetch=None", "GlobalLimitExec: offset=2, limit=all");
        check("SortExec: TopK(fetch=9), expr=[a@0]", "SortExec: TopK(limit=9), expr=[a@0]");
    }
}
