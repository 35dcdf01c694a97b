//! The database: what all sessions share.

use crate::error::from_datafusion;
use crate::pg_catalog::CorrelatedSubqueries;
use crate::session::{SqlSession, Vars};
use crate::{functions, optimize::NearestNeighbours, types};
use async_trait::async_trait;
use cvx_engine::Engine;
use cvx_session::{Database, Session};
use cvx_types::{Result, SqlError, SqlState};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::SessionConfig;
use std::path::PathBuf;
use std::sync::Arc;

/// Limits of the SQL layer.
#[derive(Clone, Debug)]
pub struct DbOptions {
    /// Memory for all sorts, joins and aggregates together.
    pub query_memory_bytes: usize,
    /// Where sorts and aggregates spill; the system's temporary folder where unset.
    pub temp_dir: Option<PathBuf>,
    /// `statement_timeout` of new sessions, milliseconds, 0 for none.
    pub statement_timeout_ms: u64,
    /// The folder that `COPY t FROM 'file.parquet'` may read; none where unset.
    pub import_dir: Option<PathBuf>,
}

/// One database, `cvx`, and its superuser of the same name.
pub struct Db {
    pub(crate) engine: Arc<Engine>,
    pub(crate) options: DbOptions,
    state: SessionState,
}

impl Db {
    pub fn new(engine: Arc<Engine>, options: DbOptions) -> Result<Arc<Self>> {
        let runtime = runtime(&options)?;
        let state = base_state(runtime)?;
        Ok(Arc::new(Self { engine, options, state }))
    }

    /// A planner's state of its own for one session.
    pub(crate) fn session_state(&self) -> SessionState {
        self.state.clone()
    }
}

fn runtime(options: &DbOptions) -> Result<Arc<RuntimeEnv>> {
    let mut builder = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(options.query_memory_bytes)));
    if let Some(dir) = &options.temp_dir {
        builder = builder.with_temp_file_path(dir);
    }
    builder.build_arc().map_err(from_datafusion)
}

fn base_state(runtime: Arc<RuntimeEnv>) -> Result<SessionState> {
    let mut config = SessionConfig::new()
        .with_target_partitions(2)
        .with_round_robin_repartition(false)
        .with_information_schema(false);
    let options = config.options_mut();
    options.sql_parser.enable_subquery_sort_elimination = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.time_zone = Some("UTC".to_owned());
    options.sql_parser.default_null_ordering = "nulls_max".to_owned();
    let plain = SessionStateBuilder::new()
        .with_default_features()
        .with_config(config.clone().with_target_partitions(1))
        .build();
    let mut state = SessionStateBuilder::new()
        .with_expr_planners(types::expr_planners())
        .with_default_features()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_analyzer_rule(Arc::new(CorrelatedSubqueries::new(plain)))
        .with_optimizer_rule(Arc::new(NearestNeighbours))
        .build();
    functions::register(&mut state).map_err(from_datafusion)?;
    Ok(state)
}

#[async_trait]
impl Database for Db {
    async fn connect(
        &self,
        user: &str,
        database: &str,
        settings: &[(String, String)],
    ) -> Result<Box<dyn Session>> {
        if database != "cvx" {
            return Err(SqlError::new(
                SqlState::INVALID_CATALOG_NAME,
                format!("database \"{database}\" does not exist"),
            ));
        }
        let mut all = vec![
            ("statement_timeout".to_owned(), self.options.statement_timeout_ms.to_string()),
            ("session_authorization".to_owned(), user.to_owned()),
        ];
        all.extend(settings.iter().cloned());
        let vars = Vars::new(&all)?;
        let session = SqlSession::new(self, user, vars);
        Ok(Box::new(session))
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("options", &self.options).finish_non_exhaustive()
    }
}
