//! A transaction: a snapshot, and writes that nobody else sees until they commit.
//!
//! Writes are decided at once, against the snapshot and the transaction's own earlier writes
//! (product.md, Writing), and kept as an [`OwnTable`] by table. Commit turns them into one
//! request to the writer, which checks that nobody changed the same entities since the snapshot.
//! Dropping the transaction forgets everything.

mod commit;
mod ddl;
mod end;
mod insert;
mod rows;
mod same;
mod savepoint;
mod spill;
mod update;

pub use savepoint::Savepoint;
pub(crate) use spill::{Lot, write_files};

use crate::address::OWN_BASE;
use crate::engine::Engine;
use crate::layout::Layout;
use crate::own::OwnTable;
use crate::published::Published;
use crate::read::{OwnRead, TableRead, View};
use crate::table_store::TableStore;
use crate::{Access, Catalog, Error, Result, Table};
use cvx_core::{CommitSeq, SpaceId};
use cvx_storage::FileId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A transaction; dropping it rolls back.
#[derive(Debug)]
pub struct Txn {
    engine: Arc<Engine>,
    base: Arc<Published>,
    /// The snapshot's catalog, seen from the transaction's database.
    catalog: Arc<Catalog>,
    /// How many writing calls there were: own sequences are `OWN_BASE` plus that.
    calls: u64,
    /// What `calls` was when the statement began.
    statement: u64,
    tables: BTreeMap<SpaceId, Arc<OwnTable>>,
    ddl: Option<ddl::Staged>,
    /// Files written for rows of this transaction, to be removed unless it commits.
    spilled: Vec<FileId>,
}

/// One table's own writes, at one writing call.
pub(crate) struct OwnHandle {
    own: Arc<OwnTable>,
    layout: Arc<Layout>,
    /// The sequence of this call.
    seq: u64,
    /// The last sequence before the statement.
    before: u64,
    /// Bytes of own rows at which they are written out.
    spill_bytes: usize,
}

impl Txn {
    pub(crate) fn new(engine: Arc<Engine>, database: u32) -> Self {
        let base = engine.core().published.load_full();
        Self {
            engine,
            catalog: Catalog::seen_from(&base.catalog, database),
            base,
            calls: 0,
            statement: 0,
            tables: BTreeMap::new(),
            ddl: None,
            spilled: Vec::new(),
        }
    }

    /// The transaction, with a new one of the same engine in its place.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let fresh = Self::new(Arc::clone(&self.engine), self.catalog.here.oid);
        std::mem::replace(self, fresh)
    }

    /// The last commit the transaction sees.
    #[must_use]
    pub fn snapshot(&self) -> CommitSeq {
        CommitSeq(self.base.seq)
    }

    /// The catalog of the snapshot, with own staged changes.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        let staged = self.ddl.as_ref().map(|staged| &staged.catalog);
        Arc::clone(staged.unwrap_or(&self.catalog))
    }

    /// Who may do what now: as last committed, not as of the snapshot, so that what was revoked is
    /// gone for transactions that run too; with own staged changes, if there are any.
    #[must_use]
    pub fn access(&self) -> Arc<Access> {
        match &self.ddl {
            Some(staged) => Arc::clone(&staged.catalog.access),
            None => Arc::clone(&self.engine.catalog().access),
        }
    }

    /// A statement begins: the order rule compares with the state before it.
    pub fn begin_statement(&mut self) {
        self.statement = self.calls;
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.ddl.is_none() && self.tables.values().all(|own| own.state.read().is_empty())
    }

    /// A table as the transaction sees it now.
    pub fn read(&self, table: &Arc<Table>) -> Result<TableRead> {
        let store = self.store(table)?;
        let own = self.tables.get(&table.space).map(|own| OwnRead {
            segments: own.state.read().segments(),
            at: OWN_BASE + self.calls,
            table: Arc::clone(own),
        });
        Ok(TableRead(Arc::new(View {
            core: Arc::clone(self.engine.core()),
            layout: self.layout(&store, table)?,
            // After the snapshot, so that every row the snapshot has is in the list.
            list: store.list.load_full(),
            store,
            snapshot: self.base.seq,
            own,
        })))
    }

    /// The store of a table that is in the transaction's catalog.
    fn store(&self, table: &Table) -> Result<Arc<TableStore>> {
        let created = self.ddl.as_ref().and_then(|staged| staged.created.get(&table.space));
        match created {
            Some(store) => Ok(Arc::clone(store)),
            None => self
                .base
                .store(table.space)
                .cloned()
                .map_err(|_| Error::Missing { kind: "table", name: table.name.clone() }),
        }
    }

    fn layout(&self, store: &TableStore, table: &Arc<Table>) -> Result<Arc<Layout>> {
        let current = store.layout.load_full();
        if Arc::ptr_eq(&current.table, table) {
            return Ok(current);
        }
        Ok(Arc::new(Layout::of(table)?))
    }

    /// Begins a writing call on a table, with the rows of earlier ones out of the way if they have
    /// become many.
    fn write(&mut self, table: &Arc<Table>) -> Result<OwnHandle> {
        self.engine.core().check_poison()?;
        let store = self.store(table)?;
        let layout = self.layout(&store, table)?;
        let snapshot = self.base.seq;
        let own = self.tables.entry(table.space).or_insert_with(|| {
            Arc::new(OwnTable::new(Arc::clone(&layout), Arc::clone(&store), snapshot))
        });
        let own = Arc::clone(own);
        {
            let mut state = own.state.write();
            // A statement planned before ADD COLUMN must not hide the column from later merges.
            if layout.columns().len() >= state.layout.columns().len() {
                state.layout = Arc::clone(&layout);
            }
        }
        self.spill(&own)?;
        self.calls += 1;
        let (seq, before) = (OWN_BASE + self.calls, OWN_BASE + self.statement);
        let spill_bytes = self.engine.core().options.spill_bytes;
        Ok(OwnHandle { own, layout, seq, before, spill_bytes })
    }
}
