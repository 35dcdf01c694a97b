//! The engine in figures.

use crate::engine::Engine;
use crate::{Result, Table};
use cvx_core::CommitSeq;
use cvx_storage::{DeltaStats, StoreStats};
use std::sync::Arc;

/// The engine in figures.
#[derive(Clone, Debug)]
pub struct EngineStats {
    pub last_commit: CommitSeq,
    pub tables: Vec<TableStats>,
    pub store: StoreStats,
}

/// A table in figures. Bytes in memory are those that stay whatever is read; `mapped_bytes` are
/// the operating system's to keep or drop.
#[derive(Clone, Debug)]
pub struct TableStats {
    pub table: Arc<Table>,
    /// Row versions, closed ones included.
    pub rows: usize,
    pub closed_rows: usize,
    pub sealed_segments: usize,
    pub sealed_rows: usize,
    pub mapped_bytes: usize,
    /// Runs in memory, their rows and bytes.
    pub tail_runs: usize,
    pub tail_rows: usize,
    pub tail_bytes: usize,
    pub closure_bytes: usize,
    pub entities: usize,
    pub versions: usize,
    pub timeline_bytes: usize,
    pub dictionary_keys: usize,
    pub dictionary_bytes: usize,
    pub deltas: DeltaStats,
}

impl Engine {
    /// What the database holds and has written.
    pub fn stats(&self) -> Result<EngineStats> {
        let published = self.core().published.load_full();
        let tables = published.catalog.all_tables();
        Ok(EngineStats {
            last_commit: CommitSeq(published.seq),
            tables: tables.map(|table| self.table_stats(table)).collect::<Result<_>>()?,
            store: self.core().store.stats()?,
        })
    }

    fn table_stats(&self, table: &Arc<Table>) -> Result<TableStats> {
        let published = self.core().published.load_full();
        let store = published.store(table.space)?;
        let list = store.list.load();
        let (lines, (keys, key_bytes)) = (store.lines.sizes(), store.dictionary.sizes());
        let runs = || list.frozen.iter().chain(&list.tail);
        Ok(TableStats {
            table: Arc::clone(table),
            rows: list.iter().map(|segment| segment.rows()).sum(),
            closed_rows: list.iter().map(|segment| segment.closures.closed()).sum(),
            sealed_segments: list.sealed.len(),
            sealed_rows: list.sealed.iter().map(|segment| segment.rows()).sum(),
            mapped_bytes: list.sealed.iter().map(|segment| segment.bytes()).sum(),
            tail_runs: runs().count(),
            tail_rows: runs().map(|run| run.rows()).sum(),
            tail_bytes: runs().map(|run| run.bytes()).sum(),
            closure_bytes: list.iter().map(|segment| segment.closing_bytes()).sum(),
            entities: lines.entities,
            versions: lines.versions,
            timeline_bytes: lines.bytes,
            dictionary_keys: keys,
            dictionary_bytes: key_bytes,
            deltas: self.core().store.delta_stats(table.space)?,
        })
    }
}
