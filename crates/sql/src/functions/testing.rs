//! A session with our functions and planners alone, asked in SQL and answered in text.

use crate::functions::failure::type_name;
use crate::functions::{SessionFormats, register};
use crate::types::{PgExprPlanner, PgTypePlanner, lower, stamp_parameters};
use arrow::datatypes::FieldRef;
use cvx_types::{FormatSettings, PgType, SqlError, TimeZone, format_text};
use datafusion::common::DataFusionError;
use datafusion::common::config::Dialect;
use datafusion::dataframe::DataFrame;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// One session, and a thread to run it on.
pub(crate) struct Database {
    context: SessionContext,
    settings: FormatSettings,
    runtime: Runtime,
}

impl Database {
    pub(crate) fn new() -> Self {
        Self::in_zone("UTC")
    }

    pub(crate) fn in_zone(zone: &str) -> Self {
        let timezone = TimeZone::parse(zone).unwrap();
        let settings = FormatSettings { timezone, ..FormatSettings::default() };
        let mut config = SessionConfig::new().with_target_partitions(2).with_batch_size(3);
        config.options_mut().extensions.insert(SessionFormats(settings.clone()));
        let mut state = SessionStateBuilder::new()
            .with_expr_planners(vec![Arc::new(PgExprPlanner)])
            .with_default_features()
            .with_type_planner(Arc::new(PgTypePlanner))
            .with_config(config)
            .build();
        register(&mut state).unwrap();
        let context = SessionContext::new_with_state(state);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { context, settings, runtime }
    }

    async fn plan(&self, sql: &str) -> Result<DataFrame, DataFusionError> {
        let state = self.context.state();
        let mut statement = state.sql_to_statement(sql, &Dialect::PostgreSQL)?;
        if let Statement::Statement(statement) = &mut statement {
            lower(statement.as_mut());
        }
        let plan = state.statement_to_plan(statement).await?;
        self.context.execute_logical_plan(plan).await
    }

    /// Rows as text, columns joined by `|`; NULL is `NULL`.
    pub(crate) fn try_rows(&self, sql: &str) -> Result<Vec<String>, DataFusionError> {
        let batches = self.runtime.block_on(async { self.plan(sql).await?.collect().await })?;
        let mut rows = Vec::new();
        for batch in &batches {
            let fields = batch.schema().fields().clone();
            for row in 0..batch.num_rows() {
                let texts = batch.columns().iter().zip(&fields).map(|(column, field)| {
                    let (ty, typmod) = PgType::of_field(field);
                    let text = format_text(&ty, typmod, column, row, &self.settings).unwrap();
                    text.unwrap_or_else(|| "NULL".to_owned())
                });
                rows.push(texts.collect::<Vec<_>>().join("|"));
            }
        }
        Ok(rows)
    }

    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        self.try_rows(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The only value of `SELECT expression`.
    pub(crate) fn value(&self, expression: &str) -> String {
        self.rows(&format!("SELECT {expression}")).join("\n")
    }

    /// What a client is told: the error's SQLSTATE and message.
    pub(crate) fn error(&self, sql: &str) -> SqlError {
        match self.try_rows(sql) {
            Ok(rows) => panic!("{sql} answered {rows:?}"),
            Err(error) => sql_error(&error).unwrap_or_else(|| panic!("{sql}: {error:?}")),
        }
    }

    /// The type a column of the answer has for a client.
    pub(crate) fn type_of(&self, expression: &str) -> String {
        let sql = format!("SELECT {expression}");
        let plan = self.runtime.block_on(async { self.plan(&sql).await?.into_optimized_plan() });
        let plan = plan.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let (ty, typmod) = PgType::of_field(plan.schema().field(0));
        ty.display_name(typmod)
    }

    /// The types of `$1..$n` once a statement is planned.
    pub(crate) fn parameter_types(&self, sql: &str) -> Vec<String> {
        let plan = self.runtime.block_on(self.plan(sql)).unwrap_or_else(|e| panic!("{sql}: {e}"));
        let plan = stamp_parameters(plan.into_unoptimized_plan()).unwrap();
        let fields = plan.get_parameter_fields().unwrap();
        let fields: BTreeMap<_, _> = fields.into_iter().collect();
        let name = |field: Option<FieldRef>| {
            field.map_or_else(|| "unknown".to_owned(), |field| type_name(&field))
        };
        fields.into_values().map(name).collect()
    }

    pub(crate) fn check(&self, pairs: &[(&str, &str)]) {
        for (expression, wanted) in pairs {
            assert_eq!(&self.value(expression), wanted, "SELECT {expression}");
        }
    }

    pub(crate) fn check_types(&self, pairs: &[(&str, &str)]) {
        for (expression, wanted) in pairs {
            assert_eq!(&self.type_of(expression), wanted, "SELECT {expression}");
        }
    }

    pub(crate) fn check_errors(&self, pairs: &[(&str, &str, &str)]) {
        for (expression, state, message) in pairs {
            let error = self.error(&format!("SELECT {expression}"));
            assert_eq!((error.state.0, error.message.as_str()), (*state, *message), "{expression}");
        }
    }
}

fn sql_error(error: &DataFusionError) -> Option<SqlError> {
    match error.find_root() {
        DataFusionError::External(inner) => inner.downcast_ref::<SqlError>().cloned(),
        _ => None,
    }
}
