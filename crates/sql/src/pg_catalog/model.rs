//! The one model that every system table and function is a view of.

use crate::pg_catalog::relation::{Relation, relations};
use crate::pg_catalog::types::{self, TypeFacts};
use crate::pg_catalog::{oid, quote, roles};
use crate::session::Cursor;
use cvx_engine::Catalog;
use cvx_session::Stored;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

/// A session's view of the catalog: one immutable version of it, and who looks.
pub struct SystemCatalog {
    pub catalog: Arc<Catalog>,
    pub session: SessionFacts,
    relations: OnceLock<Relations>,
}

/// In short: functions hold it, plans hold functions, and messages show expressions of plans.
impl std::fmt::Debug for SystemCatalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SystemCatalog").finish_non_exhaustive()
    }
}

/// What system tables and functions say of the session.
#[derive(Clone, Debug)]
pub struct SessionFacts {
    /// Who the session is now.
    pub user: String,
    /// Who it is without SET ROLE.
    pub session_user: String,
    pub database: String,
    pub search_path: Vec<String>,
    pub settings: Arc<dyn Settings>,
    pub statements: Arc<[Arc<Stored>]>,
    pub cursors: Vec<Arc<Cursor>>,
    pub backend_pid: i32,
    /// When the server started, microseconds since 1970.
    pub started_us: i64,
    /// What `txid_current()` answers.
    pub txid: i64,
    pub client: Option<SocketAddr>,
    pub server: Option<SocketAddr>,
    pub sizes: Arc<dyn Sizes>,
}

/// A run-time parameter as `pg_settings` shows it.
#[derive(Clone, Debug)]
pub struct Setting {
    pub name: String,
    pub value: String,
    pub description: String,
}

/// The session's settings; put together only where a statement asks for them.
pub trait Settings: std::fmt::Debug + Send + Sync {
    fn all(&self) -> Vec<Setting>;
}

impl<const N: usize> Settings for [Setting; N] {
    fn all(&self) -> Vec<Setting> {
        self.to_vec()
    }
}

/// How big tables and indexes are; asked only where a statement wants to know.
pub trait Sizes: std::fmt::Debug + Send + Sync {
    /// Rows of the table with this OID, as far as known.
    fn rows(&self, oid: u32) -> Option<i64>;
    /// Bytes on disk of the table, or of the index, with this OID, as far as known.
    fn bytes(&self, oid: u32) -> Option<i64>;
}

/// Nothing is known of sizes.
#[derive(Debug)]
pub struct Unmeasured;

impl Sizes for Unmeasured {
    fn rows(&self, _: u32) -> Option<i64> {
        None
    }

    fn bytes(&self, _: u32) -> Option<i64> {
        None
    }
}

#[derive(Debug)]
struct Relations {
    all: Vec<Relation>,
    by_oid: BTreeMap<u32, usize>,
    by_name: BTreeMap<(String, String), usize>,
}

impl SessionFacts {
    /// A session of `user` in `database` of which nothing else is known.
    #[must_use]
    pub fn new(user: &str, database: &str) -> Self {
        Self {
            user: user.to_owned(),
            session_user: user.to_owned(),
            database: database.to_owned(),
            search_path: vec!["public".to_owned()],
            settings: Arc::<[Setting; 0]>::new([]),
            statements: Arc::new([]),
            cursors: Vec::new(),
            backend_pid: 0,
            started_us: 0,
            txid: 0,
            client: None,
            server: None,
            sizes: Arc::new(Unmeasured),
        }
    }
}

impl SystemCatalog {
    #[must_use]
    pub fn new(catalog: Arc<Catalog>, session: SessionFacts) -> Self {
        Self { catalog, session, relations: OnceLock::new() }
    }

    fn index(&self) -> &Relations {
        self.relations.get_or_init(|| {
            let all = relations(&self.catalog);
            let by_oid = all.iter().enumerate().map(|(at, r)| (r.oid, at)).collect();
            let name = |r: &Relation| (r.schema.clone(), r.name.clone());
            let by_name = all.iter().enumerate().map(|(at, r)| (name(r), at)).collect();
            Relations { all, by_oid, by_name }
        })
    }

    /// Everything `pg_class` lists.
    pub fn relations(&self) -> &[Relation] {
        &self.index().all
    }

    /// The relation with this OID.
    pub fn relation(&self, oid: u32) -> Option<&Relation> {
        let index = self.index();
        index.by_oid.get(&oid).and_then(|at| index.all.get(*at))
    }

    /// The relation of this name in this schema.
    pub fn relation_in(&self, schema: &str, name: &str) -> Option<&Relation> {
        let index = self.index();
        let key = (schema.to_owned(), name.to_owned());
        index.by_name.get(&key).and_then(|at| index.all.get(*at))
    }

    /// The relation that this name means unqualified.
    pub fn visible_relation(&self, name: &str) -> Option<&Relation> {
        self.path(true).find_map(|schema| self.relation_in(schema, name))
    }

    /// The relation that a text such as `docs`, `public."Docs"` or `16500` names.
    pub fn relation_named(&self, text: &str) -> Option<&Relation> {
        match quote::split(text)?.as_slice() {
            [name] => self.visible_relation(name),
            [schema, name] => self.relation_in(schema, name),
            [database, schema, name] if *database == self.session.database => {
                self.relation_in(schema, name)
            }
            _ => None,
        }
    }

    /// The schemas that unqualified names are looked up in, in order.
    pub fn path(&self, implicit: bool) -> impl Iterator<Item = &str> {
        let said = self.session.search_path.iter().map(String::as_str);
        let there = said.filter(|schema| self.schema_exists(schema));
        let first = implicit && !self.session.search_path.iter().any(|s| s == "pg_catalog");
        first.then_some("pg_catalog").into_iter().chain(there)
    }

    pub fn schema_exists(&self, name: &str) -> bool {
        self.schemas().any(|schema| schema == name)
    }

    /// Names of all schemas, Postgres' own first.
    pub fn schemas(&self) -> impl Iterator<Item = &str> {
        let own = ["pg_catalog", "information_schema"].into_iter();
        let users = self.catalog.here.schemas.iter().map(String::as_str);
        own.chain(users.filter(|name| !["pg_catalog", "information_schema"].contains(name)))
    }

    /// The schema with this OID.
    pub fn schema_of(&self, oid: u32) -> Option<&str> {
        self.schemas().find(|schema| oid::of_schema(schema) == oid)
    }

    /// Every type: built-in ones, `vector`, and those of tables' and views' rows.
    pub fn types(&self) -> Vec<TypeFacts> {
        let with_rows = self.relations().iter().filter(|r| r.row_type() != 0);
        let of_rows = with_rows.flat_map(|r| types::row_types(r.oid, &r.name, &r.schema));
        types::types().cloned().chain(of_rows).collect()
    }

    /// The type with this OID.
    pub fn type_of(&self, oid: u32) -> Option<TypeFacts> {
        let known = types::type_of(oid).cloned();
        known.or_else(|| self.types().into_iter().find(|ty| ty.oid == oid))
    }

    /// As `format_type(oid, typmod)`; `None` for an unknown OID.
    pub fn format_type(&self, oid: u32, typmod: Option<i32>) -> Option<String> {
        types::format_type(oid, typmod).or_else(|| {
            let facts = self.type_of(oid)?;
            if facts.element != 0 {
                return Some(format!("{}[]", self.format_type(facts.element, None)?));
            }
            let visible = self.visible_relation(&facts.name).map(|r| r.oid);
            let hidden = visible != Some(facts.relation);
            Some(if hidden {
                quote::qualified(&facts.schema, &facts.name)
            } else {
                quote::ident(&facts.name)
            })
        })
    }

    /// The OID of the type that a text such as `int4[]`, `vector(3)` or `public.docs` names.
    pub fn type_named(&self, text: &str) -> Option<u32> {
        let text = text.trim();
        if let Some(element) = text.strip_suffix("[]") {
            let element = self.type_named(element)?;
            return self.type_of(element).map(|ty| ty.array).filter(|oid| *oid != 0);
        }
        let unmodified = text.split_once('(').map_or(text, |(name, _)| name.trim_end());
        if let Some(oid) = types::type_named(&unmodified.to_lowercase()) {
            return Some(oid);
        }
        let (schema, name) = match quote::split(unmodified)?.as_slice() {
            [name] => (None, name.clone()),
            [schema, name] => (Some(schema.clone()), name.clone()),
            _ => return None,
        };
        let in_schema = |ty: &TypeFacts| match &schema {
            Some(schema) => ty.schema == *schema,
            None => self.path(true).any(|schema| schema == ty.schema),
        };
        self.types().into_iter().find(|ty| ty.name == name && in_schema(ty)).map(|ty| ty.oid)
    }

    /// The value of a run-time parameter.
    pub fn setting(&self, name: &str) -> Option<String> {
        let same = |setting: &Setting| setting.name.eq_ignore_ascii_case(name);
        self.session.settings.all().into_iter().find(same).map(|setting| setting.value)
    }

    /// The OID of the session's user.
    pub fn user_oid(&self) -> u32 {
        roles::oid_of(self, &self.session.user).unwrap_or(0)
    }
}
