//! Delta blocks: an entity's vectors, in order of time, as a keyframe and differences.
//!
//! Blocks are made of sealed rows only and named by row addresses, so they stay true whatever is
//! written later; compacting again makes them anew for entities that have sealed rows no block
//! covers. The row files keep the vectors bit for bit: blocks serve reads of an entity's
//! trajectory, within the table's `delta_epsilon`.

use crate::core::Core;
use crate::engine::Engine;
use crate::segment::Segment;
use crate::table_store::TableStore;
use crate::timeline::Kind;
use crate::{Result, RowAddr, Table};
use arrow::datatypes::DataType;
use cvx_core::{CommitSeq, EntityId, ValidTime};
use cvx_storage::delta::{DeltaBlock, DeltaOptions, encode_blocks};
use cvx_storage::{Batch, DeltaKey};
use hashbrown::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes of blocks written at a time.
const BATCH_BYTES: usize = 4 << 20;

/// What compacting did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompactReport {
    /// Entities whose blocks were made anew.
    pub entities: u64,
    pub vectors: u64,
    pub blocks: u64,
    /// What the vectors take as floats, and as blocks.
    pub raw_bytes: u64,
    pub delta_bytes: u64,
}

/// One compaction of one vector column.
struct Compacting<'a> {
    core: &'a Core,
    store: &'a TableStore,
    sealed: &'a [Arc<Segment>],
    options: DeltaOptions,
    column: u16,
    dim: usize,
    batch: Batch,
    report: CompactReport,
}

impl Engine {
    /// Seals a table's rows and encodes their vectors as delta blocks.
    pub fn compact(&self, table: &Table) -> Result<CompactReport> {
        let published = self.core().published.load_full();
        let store = published.store(table.space)?;
        let _upkeep = store.upkeep.lock();
        self.seal(table)?;
        let list = store.list.load_full();
        let layout = store.layout.load_full();
        let mut report = CompactReport::default();
        let options = DeltaOptions {
            keyframe_interval: table.options.keyframe_interval.max(1),
            epsilon: table.options.delta_epsilon,
        };
        for column in layout.columns() {
            // Halves are read from their row files: they have few bits to save.
            let DataType::FixedSizeList(item, dim) = &column.ty else { continue };
            if item.data_type() != &DataType::Float32 {
                continue;
            }
            let mut compacting = Compacting {
                core: self.core(),
                store,
                sealed: &list.sealed,
                options,
                column: column.id,
                dim: usize::try_from(*dim).unwrap_or(0),
                batch: Batch::new(),
                report,
            };
            compacting.run()?;
            report = compacting.report;
        }
        self.core().store.sync()?;
        Ok(report)
    }
}

impl Compacting<'_> {
    fn run(&mut self) -> Result<()> {
        for entity in self.store.lines.entities() {
            self.entity(entity)?;
            if self.batch.bytes() > BATCH_BYTES {
                self.write()?;
            }
        }
        self.write()
    }

    fn write(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.core.store.commit(&batch, false)?;
        if self.report.blocks > 0 {
            self.store.has_deltas.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn entity(&mut self, entity: EntityId) -> Result<()> {
        let block = self.sealed_vectors(entity);
        let (mut old_keys, mut covered) = (Vec::new(), HashSet::new());
        for entry in self.core.store.scan_delta_blocks(self.store.space, entity, self.column) {
            let (key, old) = entry?;
            old_keys.push(key);
            covered.extend(old.addresses);
        }
        if block.addresses.iter().all(|address| covered.contains(address)) {
            return Ok(());
        }
        old_keys.iter().for_each(|key| self.batch.delete_delta(key));
        for (ts, seq, bytes) in encode_blocks(&block, &self.options)? {
            let (space, column) = (self.store.space, self.column);
            self.batch.put_delta(&DeltaKey { space, entity, column, ts, seq }, &bytes);
            self.report.blocks += 1;
            self.report.delta_bytes += bytes.len() as u64;
        }
        self.report.entities += 1;
        self.report.vectors += block.addresses.len() as u64;
        self.report.raw_bytes += 4 * block.values.len() as u64;
        Ok(())
    }

    /// The vectors of an entity's sealed versions that have one, in order of (ts, seq).
    fn sealed_vectors(&self, entity: EntityId) -> DeltaBlock {
        let versions = self
            .store
            .lines
            .read(entity, |line| line.map(|line| line.versions.to_vec()).unwrap_or_default());
        let mut block = DeltaBlock { dim: self.dim, ..DeltaBlock::default() };
        for version in versions.iter().filter(|version| version.kind == Kind::Point) {
            let (ts, seq) = (ValidTime(version.ts), CommitSeq(version.from));
            let addr = RowAddr { entity, ts, seq };
            let mut segments = self.sealed.iter();
            let Some((segment, row)) = segments.find_map(|s| Some((s, s.find(&addr)?))) else {
                continue;
            };
            let vectors = segment.vectors(self.column).filter(|vectors| vectors.has(row));
            let start = row * self.dim;
            if let Some(vector) = vectors.and_then(|v| v.values.get(start..start + self.dim)) {
                block.addresses.push((ts, seq));
                block.values.extend_from_slice(vector);
            }
        }
        block
    }
}
