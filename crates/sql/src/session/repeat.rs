//! What is kept of statements that come again.
//!
//! Of each prepared query, its [`Template`] from the second execution on: the first may be the only
//! one. Of statements by their text, the last few as they were prepared, for clients that send the
//! same words each time without a name. Both hold for as long as catalog and settings stay.

use super::template::{Stamp, Template};
use crate::plan::StatementCx;
use cvx_session::Prepared;
use cvx_types::{PgType, Result};
use datafusion::sql::sqlparser::ast::Query;
use lru::LruCache;
use parking_lot::Mutex;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// What a query keeps from one execution to the next.
#[derive(Default)]
pub struct Repeat(Mutex<State>);

#[derive(Clone, Default)]
enum State {
    #[default]
    New,
    Ran,
    Kept(Arc<Template>),
    /// It is of a kind that no template is made of.
    Unfit,
}

impl Repeat {
    /// The template to run the query by, if it is time for one.
    pub fn template(&self, cx: &StatementCx<'_>, query: &Query) -> Result<Option<Arc<Template>>> {
        let mode = cx.vars.value("cvx.plan_cache");
        let state = self.0.lock().clone();
        match state {
            _ if mode == "off" => Ok(None),
            State::Kept(template) if template.is_of(&cx.stamp()) => Ok(Some(template)),
            State::Unfit => Ok(None),
            State::New if mode != "force" => {
                *self.0.lock() = State::Ran;
                Ok(None)
            }
            State::New | State::Ran | State::Kept(_) => self.make(cx, query),
        }
    }

    fn make(&self, cx: &StatementCx<'_>, query: &Query) -> Result<Option<Arc<Template>>> {
        let template = Template::make(cx, query)?.map(Arc::new);
        *self.0.lock() = template.clone().map_or(State::Unfit, State::Kept);
        Ok(template)
    }
}

/// Statements of a session by their text.
pub struct Repeats {
    kept: LruCache<String, Known>,
}

struct Known {
    stamp: Stamp,
    types: Vec<Option<PgType>>,
    prepared: Prepared,
}

/// Longer statements are values written out, which do not come again.
const TEXT_MAX: usize = 16 << 10;

impl Repeats {
    /// A store of at most so many statements.
    pub fn new(statements_max: NonZeroUsize) -> Self {
        Self { kept: LruCache::new(statements_max) }
    }

    /// The statement as it was prepared from this text with these types.
    pub fn get(&mut self, sql: &str, types: &[Option<PgType>], stamp: &Stamp) -> Option<Prepared> {
        let known = self.kept.get(sql)?;
        let same = known.stamp == *stamp && known.types == types;
        same.then(|| known.prepared.clone())
    }

    /// Keeps a statement for when it comes again.
    pub fn put(&mut self, sql: &str, types: &[Option<PgType>], stamp: Stamp, prepared: &Prepared) {
        if sql.len() <= TEXT_MAX {
            let known = Known { stamp, types: types.to_vec(), prepared: prepared.clone() };
            self.kept.put(sql.to_owned(), known);
        }
    }
}
