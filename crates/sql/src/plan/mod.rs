//! From a bound tree to a logical plan.

mod context;
mod evaluate;
mod params;
mod relation;
mod session_functions;
mod source;
mod st_distance;
mod values;

pub use context::{Planner, with_values};
pub use params::{
    Params, ast_hints, index_of as parameter_index, infer as infer_params, placeholder,
};
pub use session_functions::Pending;
pub(crate) use source::metric_name;
pub use source::{DISTANCE, KnnSpec, VersionedTable, Within};
pub(crate) use values::syntax as type_syntax;

use crate::access::Guard;
use crate::bind;
use crate::pg_catalog::{SessionFacts, SystemCatalog};
use crate::session::{Cursor, Stamp, Vars};
use cvx_core::{CancelToken, CommitSeq};
use cvx_engine::{Catalog, Engine, SearchMode, Table, Txn, View};
use cvx_session::{Notice, Stored};
use cvx_types::{FormatSettings, PgType, Result, SqlError, SqlState};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionState;
use datafusion::sql::sqlparser::ast::{Expr, ObjectName};
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock};

/// What one statement stands in: a snapshot, a moment, settings, parameters. Taken once, so that
/// everything the statement reads agrees.
pub struct StatementCx<'a> {
    /// The statement's own words.
    pub text: &'a str,
    pub engine: &'a Arc<Engine>,
    pub txn: &'a Txn,
    pub catalog: Arc<Catalog>,
    /// What its user may do.
    pub guard: Guard,
    /// What system tables say of the session.
    pub(crate) statements: Arc<[Arc<Stored>]>,
    pub(crate) cursors: Vec<Arc<Cursor>>,
    pub(crate) system: OnceLock<Arc<SystemCatalog>>,
    pub state: &'a SessionState,
    /// What its operators run in.
    pub runtime: &'a Arc<RuntimeEnv>,
    pub vars: &'a Vars,
    pub params: &'a Params,
    /// `now()` of the transaction, microseconds.
    pub now_us: i64,
    /// Whether the statement may change nothing.
    pub read_only: bool,
    pub cancel: CancelToken,
    /// How text is read: the session's zone and its now.
    pub settings: Arc<FormatSettings>,
    /// Settings that functions of the statement make.
    pub pending: Pending,
    /// Types learnt of parameters where the planner cannot see them.
    pub hints: Mutex<Vec<(usize, PgType)>>,
    /// What there is to say beside the answer.
    pub notices: Mutex<Vec<Notice>>,
}

/// A time's bounds for those that never begin or end.
const INFINITY: i64 = i64::MAX;

impl StatementCx<'_> {
    /// The schemas an unqualified name is looked for in.
    pub fn search_path(&self) -> Vec<String> {
        search_path(self.vars)
    }

    /// The system's tables as the session sees them; made where a statement asks for them.
    pub fn system(&self) -> &Arc<SystemCatalog> {
        self.system
            .get_or_init(|| Arc::new(SystemCatalog::new(Arc::clone(&self.catalog), self.facts())))
    }

    fn facts(&self) -> SessionFacts {
        let guard = &self.guard;
        let name = |oid| guard.access().role(oid).map_or("", |role| role.name.as_str());
        SessionFacts {
            search_path: self.search_path(),
            settings: Arc::new(self.vars.clone()),
            session_user: name(guard.session_user()).to_owned(),
            statements: Arc::clone(&self.statements),
            cursors: self.cursors.clone(),
            ..SessionFacts::new(name(guard.user()), &self.catalog.here.name)
        }
    }

    /// What plans made now depend on.
    pub fn stamp(&self) -> Stamp {
        Stamp::new(&self.catalog, self.vars.generation())
    }

    /// How the session wants nearest neighbours to be found.
    pub fn search_mode(&self) -> SearchMode {
        let ef = self.vars.value("hnsw.ef_search").parse().unwrap_or(40);
        match self.vars.value("cvx.search") {
            "exact" => SearchMode::Exact,
            "index" => SearchMode::Index { ef },
            _ => SearchMode::Auto { ef },
        }
    }

    /// The table a name means, in the search path where it has no schema.
    pub fn find_table(&self, parts: &[String]) -> Option<Arc<Table>> {
        self.find(parts, |schema, name| self.catalog.table(schema, name).cloned())
    }

    pub fn find_view(&self, parts: &[String]) -> Option<Arc<View>> {
        self.find(parts, |schema, name| self.catalog.view(schema, name).cloned())
    }

    /// The shared value of a table of the catalog.
    pub fn table_by(&self, table: &Table) -> Result<Arc<Table>> {
        let found = self.catalog.table(&table.schema, &table.name).cloned();
        found.ok_or_else(|| undefined_table(&table.name))
    }

    /// The table, or 42P01.
    pub fn table(&self, name: &ObjectName) -> Result<Arc<Table>> {
        let parts = bind::object_name(name);
        self.check_database(&parts)?;
        if let Some(table) = self.find_table(&parts) {
            return Ok(table);
        }
        if self.find_view(&parts).is_some() {
            return Err(SqlError::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("\"{}\" is a view", parts.join(".")),
            ));
        }
        Err(undefined_table(&parts.join(".")))
    }

    fn find<T>(&self, parts: &[String], look: impl Fn(&str, &str) -> Option<T>) -> Option<T> {
        match parts {
            [name] => self.search_path().iter().find_map(|schema| look(schema, name)),
            [schema, name] => look(schema, name),
            [database, schema, name] if *database == self.catalog.here.name => look(schema, name),
            _ => None,
        }
    }

    /// 0A000 where a name of three parts begins with another database.
    pub fn check_database(&self, parts: &[String]) -> Result<()> {
        match parts {
            [database, _, _] if *database != self.catalog.here.name => {
                let name = parts.join(".");
                let message = format!("cross-database references are not implemented: \"{name}\"");
                Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message))
            }
            _ => Ok(()),
        }
    }

    /// 42P01 unless the name is one of the system's own tables.
    pub fn check_system_table(&self, name: &ObjectName) -> Result<()> {
        let parts = bind::object_name(name);
        self.check_database(&parts)?;
        match context::system_name(self.system(), &parts) {
            Some(_) => Ok(()),
            None => Err(undefined_table(&bind::display_name(name))),
        }
    }

    /// The moment that a time expression means, microseconds.
    pub fn moment(&self, expr: &Expr) -> Result<i64> {
        match self.bound(expr)? {
            i64::MIN | INFINITY => {
                Err(SqlError::new(SqlState::DATETIME_OVERFLOW, "AS OF needs a finite timestamp"))
            }
            finite => Ok(finite),
        }
    }

    /// As `moment`, where `infinity`, `-infinity` and NULL stand for no bound.
    pub fn bound(&self, expr: &Expr) -> Result<i64> {
        match evaluate::text_literal(expr).map(|text| text.trim().to_lowercase()).as_deref() {
            Some("infinity") => return Ok(INFINITY),
            Some("-infinity") => return Ok(i64::MIN),
            _ => {}
        }
        if let Some(index) = params::placeholder(expr) {
            self.hints.lock().push((index, PgType::Timestamptz));
        }
        evaluate::timestamp(self, expr)
    }

    /// A session default for one of the time axes.
    pub fn session_moment(&self, var: &'static str) -> Result<Option<i64>> {
        let text = self.vars.value(var);
        if text.trim().is_empty() {
            return Ok(None);
        }
        let expr = cvx_dialect::parse_expr(&format!("'{}'", text.replace('\'', "''")))
            .map_err(crate::limits::from_parse)?;
        self.moment(&expr).map(Some)
    }

    /// The commit that a moment of system time sees; later commits will be larger (22023 where the
    /// moment is still to come).
    pub fn fenced(&self, at_us: i64) -> Result<CommitSeq> {
        if at_us > self.engine.now_us() {
            return Err(SqlError::new(
                SqlState::INVALID_PARAMETER,
                "a system time in the future cannot be read",
            ));
        }
        let seq = CommitSeq::at_us(at_us);
        self.engine.fence(seq);
        Ok(seq)
    }

    /// The value of an expression that reads no rows, as this type.
    pub fn constant(
        &self,
        expr: &Expr,
        ty: &PgType,
        typmod: i32,
    ) -> Result<arrow::array::ArrayRef> {
        evaluate::constant(self, expr, ty, typmod)
    }
}

/// Schemas in the order of `search_path`.
pub fn search_path(vars: &Vars) -> Vec<String> {
    vars.value("search_path")
        .split(',')
        .map(|part| part.trim().trim_matches('"').to_owned())
        .filter(|part| !part.is_empty() && part != "$user")
        .collect()
}

pub fn undefined_database(name: &str) -> SqlError {
    let message = format!("database \"{name}\" does not exist");
    SqlError::new(SqlState::INVALID_CATALOG_NAME, message)
}

pub fn undefined_table(name: &str) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"))
}
