//! The database: what all sessions share.

use crate::access::{may_enter, new_role_secret};
use crate::compute::Threads;
use crate::error::{from_datafusion, from_engine};
use crate::memory::Ledger;
use crate::occupancy::{Occupancy, Seat};
use crate::pg_catalog::CorrelatedSubqueries;
use crate::plan::undefined_database;
use crate::session::{SqlSession, Vars, on_off};
use crate::{functions, optimize::NearestNeighbours, types};
use async_trait::async_trait;
use cvx_auth::Verifier;
use cvx_core::CancelToken;
use cvx_engine::{Access, AccessChange, Catalog, CatalogChange, Durability, Engine, Role};
use cvx_session::{Database, Session};
use cvx_types::{Result, SqlError, SqlState};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionState;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
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
    /// Threads that compute statements; 0 for one each processor.
    pub compute_threads: usize,
}

/// The databases of one engine; their first superuser is `cvx`.
pub struct Db {
    pub(crate) engine: Arc<Engine>,
    pub(crate) options: DbOptions,
    state: SessionState,
    runtime: Arc<RuntimeEnv>,
    _threads: Threads,
    ledger: Ledger,
    pub(crate) occupancy: Occupancy,
    pub(crate) definitions: Arc<tokio::sync::Mutex<()>>,
    /// What logins of unknown roles are derived from while the catalog has nothing for that.
    mock_secret: [u8; 32],
}

impl Db {
    pub fn new(engine: Arc<Engine>, options: DbOptions) -> Result<Arc<Self>> {
        let runtime = runtime(&options)?;
        let mut state = base_state(Arc::clone(&runtime))?;
        let threads = Threads::new(options.compute_threads)?;
        if let Some(compute) = threads.compute() {
            state.config_mut().set_extension(Arc::new(compute));
        }
        let mock_secret = cvx_auth::random()
            .ok_or_else(|| SqlError::new(SqlState::INTERNAL_ERROR, "no randomness"))?;
        Ok(Arc::new(Self {
            engine,
            options,
            state,
            runtime,
            _threads: threads,
            ledger: Ledger::default(),
            occupancy: Occupancy::default(),
            definitions: Arc::default(),
            mock_secret,
        }))
    }

    /// Reads the trained models in the background, and tells the log how many there are.
    pub fn load_models(&self) -> Result<()> {
        crate::train::load_models(&self.engine).map_err(|error| {
            SqlError::new(SqlState::INTERNAL_ERROR, format!("no thread for the models: {error}"))
        })
    }

    /// What a session's queries run in: its memory is counted, and stopped by this token.
    pub(crate) fn session_runtime(&self, cancel: CancelToken) -> Arc<RuntimeEnv> {
        self.ledger.open(&self.runtime, cancel)
    }

    /// Stops the statement that holds most memory; how many bytes, if one holds any.
    pub fn relieve(&self) -> Option<usize> {
        self.ledger.relieve()
    }

    /// Whether anybody has a password to log in with.
    #[must_use]
    pub fn has_password(&self) -> bool {
        let access = &self.engine.catalog().access;
        access.roles.values().any(|role| role.login && role.verifier.is_some())
    }

    /// A seat in the database of this name, and a catalog in which it has that name.
    fn seat(&self, name: &str) -> (Arc<Catalog>, Option<Seat>) {
        let before = self.engine.catalog();
        let seat = before.database(name).and_then(|database| self.occupancy.enter(database.oid));
        // It may have been dropped or renamed before the seat was taken; now it cannot be.
        let catalog = self.engine.catalog();
        let oid = catalog.database(name).map(|database| database.oid);
        (catalog, seat.filter(|seat| oid == Some(seat.database())))
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
        .with_query_planner(Arc::new(crate::lateral::Planner))
        .with_physical_optimizer_rules(physical_rules())
        .with_analyzer_rule(Arc::new(CorrelatedSubqueries::new(plain)))
        .with_analyzer_rule(Arc::new(crate::lateral::Laterals))
        .with_optimizer_rule(Arc::new(NearestNeighbours))
        .build();
    functions::register(&mut state).map_err(from_datafusion)?;
    Ok(state)
}

/// The role that a client may be.
fn admitted<'a>(access: &'a Access, user: &str) -> Result<&'a Role> {
    let refused = |message| SqlError::new(SqlState::INVALID_AUTHORIZATION, message);
    let role = access
        .role_named(user)
        .ok_or_else(|| refused(format!("role \"{user}\" does not exist")))?;
    if !role.login {
        return Err(refused(format!("role \"{user}\" is not permitted to log in")));
    }
    Ok(role)
}

/// Sets a role's password: for `cvx passwd`, on a database that no server has open.
pub async fn set_password(engine: &Arc<Engine>, user: &str, password: &str) -> Result<()> {
    let mut txn = engine.begin();
    let access = txn.access();
    let role = access.role_named(user).ok_or_else(|| {
        SqlError::new(SqlState::UNDEFINED_OBJECT, format!("role \"{user}\" does not exist"))
    })?;
    let verifier = Some(new_role_secret(password)?);
    let change = AccessChange::AlterRole(Role { verifier, ..role.clone() });
    let mock = access.mock_secret.is_none().then(cvx_auth::random).flatten();
    for change in [Some(change), mock.map(AccessChange::SetMockSecret)].into_iter().flatten() {
        txn.ddl(CatalogChange::Access(change)).map_err(from_engine)?;
    }
    txn.commit(Durability::Synced).await.map(drop).map_err(from_engine)
}

/// DataFusion's physical rules but one: ProjectionPushdown moves expressions below conditions, so
/// that `SELECT x, 1 / x .. WHERE x <> 0` divides by zero.
fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    rules.retain(|rule| rule.name() != "ProjectionPushdown");
    rules
}

#[async_trait]
impl Database for Db {
    fn verifier(&self, user: &str) -> Verifier {
        let access = &self.engine.catalog().access;
        let now = self.engine.now_us();
        let valid = |role: &&Role| role.valid_until_us.is_none_or(|until| now < until);
        let kept = access.role_named(user).filter(valid).and_then(|role| role.verifier.as_ref());
        // Made for those who need none, too, so that the time tells nothing.
        let mock = Verifier::mock(user, access.mock_secret.as_ref().unwrap_or(&self.mock_secret));
        kept.and_then(|text| Verifier::parse(&text.0)).unwrap_or(mock)
    }

    async fn connect(
        &self,
        user: &str,
        database: &str,
        settings: &[(String, String)],
    ) -> Result<Box<dyn Session>> {
        let (catalog, seat) = self.seat(database);
        let role = admitted(&catalog.access, user)?;
        let (seat, database) =
            seat.zip(catalog.database(database)).ok_or_else(|| undefined_database(database))?;
        may_enter(&catalog.access, role.oid, database)?;
        let timeout = self.options.statement_timeout_ms.to_string();
        let mut all = vec![("statement_timeout".to_owned(), timeout)];
        all.extend(settings.iter().cloned());
        let mut vars = Vars::new(&all)?;
        vars.set_identity(
            &[
                ("session_authorization", role.name.clone()),
                ("is_superuser", on_off(role.superuser)),
            ],
            false,
        );
        let session = SqlSession::new(self, role.oid, seat, vars);
        Ok(Box::new(session))
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("options", &self.options).finish_non_exhaustive()
    }
}
