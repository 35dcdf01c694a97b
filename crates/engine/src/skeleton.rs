//! Signatures of what comes next, so that callers can be written.
#![expect(clippy::unimplemented, clippy::missing_panics_doc, reason = "bodies follow")]
#![expect(unused_variables, missing_debug_implementations, reason = "bodies follow")]

use crate::{
    Catalog, CatalogChange, Disposition, Durability, InsertMode, KnnAnswer, KnnRequest, Result,
    RowAddr, ScanRequest, Table, TimeSlice,
};
use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use cvx_core::{Clock, CommitSeq, EntityId, ValidTime};
use std::path::Path;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct EngineOptions {
    pub spill_bytes: usize,
    pub seal_rows: usize,
    pub seal_bytes: usize,
    pub write_buffer_bytes: usize,
    pub block_cache_bytes: usize,
}

impl EngineOptions {
    #[must_use]
    pub fn standard() -> Self {
        unimplemented!()
    }
}

pub struct Engine;

/// Bytes and rows, by table and in all.
#[derive(Clone, Debug)]
pub struct EngineStats;
#[derive(Clone, Debug)]
pub struct CompactReport;
/// Something `check` found wrong.
#[derive(Clone, Debug)]
pub struct Finding;

impl Engine {
    pub fn open(dir: &Path, options: EngineOptions, clock: Arc<dyn Clock>) -> Result<Arc<Self>> {
        unimplemented!()
    }
    /// max(wall clock, last commit time).
    pub fn now_us(&self) -> i64 {
        unimplemented!()
    }
    /// Later commits are after `s`, and every commit up to `s` is visible to transactions that
    /// begin after this call (it waits for a commit under way: at most one sync). Call it before
    /// `begin` for a statement that reads AS OF a moment of system time.
    pub fn fence(&self, s: CommitSeq) {
        unimplemented!()
    }
    pub fn catalog(&self) -> Arc<Catalog> {
        unimplemented!()
    }
    pub fn begin(self: &Arc<Self>) -> Txn {
        unimplemented!()
    }
    pub fn stats(&self) -> EngineStats {
        unimplemented!()
    }
    pub fn seal(&self, table: &Table) -> Result<()> {
        unimplemented!()
    }
    pub fn compact(&self, table: &Table) -> Result<CompactReport> {
        unimplemented!()
    }
    pub fn check(&self) -> Vec<Finding> {
        unimplemented!()
    }
    pub fn shutdown(&self) {
        unimplemented!()
    }
    pub fn next_sequence(&self, sequence_id: u32) -> Result<i64> {
        unimplemented!()
    }
}

/// A transaction; dropping it rolls back.
pub struct Txn;

impl Txn {
    pub fn snapshot(&self) -> CommitSeq {
        unimplemented!()
    }
    /// With own staged DDL.
    pub fn catalog(&self) -> Arc<Catalog> {
        unimplemented!()
    }
    /// The order rule compares with the state before the statement.
    pub fn begin_statement(&mut self) {
        unimplemented!()
    }
    pub fn read(&self, table: &Arc<Table>) -> Result<TableRead> {
        unimplemented!()
    }
    pub fn insert(
        &mut self,
        table: &Arc<Table>,
        rows: RecordBatch,
        mode: &InsertMode,
    ) -> Result<Vec<Disposition>> {
        unimplemented!()
    }
    /// `rows` has all table columns in table order; answers which rows changed.
    pub fn update(
        &mut self,
        table: &Arc<Table>,
        old: &[RowAddr],
        rows: RecordBatch,
    ) -> Result<Vec<bool>> {
        unimplemented!()
    }
    pub fn delete(&mut self, table: &Arc<Table>, old: &[RowAddr]) -> Result<u64> {
        unimplemented!()
    }
    /// Counts the points whose validity reached beyond `at`.
    pub fn end(&mut self, table: &Arc<Table>, entities: &[EntityId], at: ValidTime) -> Result<u64> {
        unimplemented!()
    }
    pub fn truncate(&mut self, table: &Arc<Table>) -> Result<()> {
        unimplemented!()
    }
    pub fn ddl(&mut self, change: CatalogChange) -> Result<()> {
        unimplemented!()
    }
    pub fn is_read_only(&self) -> bool {
        unimplemented!()
    }
    pub async fn commit(self, durability: Durability) -> Result<CommitSeq> {
        unimplemented!()
    }
}

/// One table as a transaction sees it at one moment: later writes do not show.
#[derive(Clone)]
pub struct TableRead;

/// An iterator of batches.
pub struct Scan;

impl Iterator for Scan {
    type Item = Result<RecordBatch>;
    fn next(&mut self) -> Option<Self::Item> {
        unimplemented!()
    }
}

impl TableRead {
    pub fn table(&self) -> &Arc<Table> {
        unimplemented!()
    }
    /// User columns in table order, then `_valid_from`, `_valid_to`, `_system_from`, `_system_to`
    /// (Timestamp us UTC, NULL while open), then `_entity` UInt64, `_ts` Int64, `_seq` UInt64.
    /// `_system_from` is NULL for the transaction's own rows.
    pub fn schema(&self) -> SchemaRef {
        unimplemented!()
    }
    /// Key columns (temporal: the entity column only) to entities; `None` for unknown ones.
    pub fn entities_of(&self, key: &[ArrayRef]) -> Result<Vec<Option<EntityId>>> {
        unimplemented!()
    }
    pub fn scan(&self, request: ScanRequest) -> Scan {
        unimplemented!()
    }
    pub fn knn(&self, request: &KnnRequest<'_>) -> Result<KnnAnswer> {
        unimplemented!()
    }
    /// In the order asked.
    pub fn fetch(
        &self,
        rows: &[RowAddr],
        projection: &[usize],
        slice: &TimeSlice,
    ) -> Result<RecordBatch> {
        unimplemented!()
    }
    pub fn row_count_hint(&self) -> usize {
        unimplemented!()
    }
}
