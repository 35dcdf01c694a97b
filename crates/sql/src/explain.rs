//! EXPLAIN and EXPLAIN ANALYZE: the operators that run, and what they did.

use crate::plan::{Params, StatementCx};
use crate::session::{Planned, Repeat, SqlSession, execution};
use crate::session::{physical, plan_again, plan_query, plan_target_query, run_plan, text_rows};
use cvx_session::{Outcome, Prepared};
use cvx_types::{Result, SqlError};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::sql::sqlparser::ast::{Statement, UtilityOption};
use futures::StreamExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub async fn run(
    session: &mut SqlSession,
    statement: &Statement,
    analyze: bool,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let executed = execution(session, statement, params, text).await?;
    let (subject, params) = match &executed {
        Some((stored, bound)) => (Subject::of_prepared(&stored.prepared)?, bound),
        None => (Subject { statement, repeat: None }, params),
    };
    let lines = session
        .reading(params, text, async |cx: &StatementCx<'_>| {
            let began = Instant::now();
            let planned = planned(cx, &subject, analyze).await?;
            let planning = began.elapsed();
            let plan = &planned.plan;
            let mut lines = if analyze {
                let began = Instant::now();
                read_out(cx, Arc::clone(plan)).await?;
                let times = [("Planning", planning), ("Execution", began.elapsed())];
                let mut lines = lines_of(&DisplayableExecutionPlan::with_metrics(plan.as_ref()));
                lines.extend(times.map(|(what, took)| timed(what, took)));
                lines
            } else {
                lines_of(&DisplayableExecutionPlan::new(plan.as_ref()))
            };
            lines.extend(planned.kept.map(|kept| format!("Plan: {kept}")));
            Ok(lines)
        })
        .await?;
    text_rows("QUERY PLAN", lines, "EXPLAIN")
}

/// What is explained, and what it keeps from one execution to the next if it is executed.
struct Subject<'a> {
    statement: &'a Statement,
    repeat: Option<&'a Repeat>,
}

impl<'a> Subject<'a> {
    fn of_prepared(prepared: &'a Prepared) -> Result<Self> {
        let parsed = SqlSession::parsed(prepared)?;
        match &parsed.statement {
            Some(cvx_dialect::Statement::Sql(statement)) => {
                Ok(Self { statement, repeat: Some(&parsed.repeat) })
            }
            _ => Err(SqlError::unsupported("EXPLAIN of this statement")),
        }
    }
}

async fn read_out(cx: &StatementCx<'_>, plan: Arc<dyn ExecutionPlan>) -> Result<()> {
    let mut rows = run_plan(cx, plan)?;
    while let Some(batch) = rows.next().await {
        batch.map_err(crate::error::from_datafusion)?;
    }
    Ok(())
}

/// Whether EXPLAIN's options in parentheses ask for ANALYZE.
pub fn analyzes(options: Option<&[UtilityOption]>) -> bool {
    options.unwrap_or_default().iter().any(|option| {
        let off = matches!(&option.arg, Some(arg)
            if matches!(arg.to_string().to_lowercase().as_str(), "false" | "off" | "0"));
        option.name.value.eq_ignore_ascii_case("analyze") && !off
    })
}

async fn planned(cx: &StatementCx<'_>, subject: &Subject<'_>, analyze: bool) -> Result<Planned> {
    let plan = match subject.statement {
        Statement::Query(query) => match subject.repeat {
            Some(repeat) => return plan_again(cx, query, repeat).await,
            None => plan_query(cx, (**query).clone())?,
        },
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
    Ok(Planned { columns: Vec::new(), plan: physical(cx, plan).await?, kept: None })
}

/// A line as Postgres says it.
fn timed(what: &str, took: Duration) -> String {
    format!("{what} Time: {:.3} ms", took.as_secs_f64() * 1e3)
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
