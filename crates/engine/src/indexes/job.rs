//! A segment's index that is to be, and how it is told from another's.

use crate::segment::Segment;
use crate::{EngineOptions, IndexDef, Table};
use arrow::buffer::Buffer;
use cvx_index::{BuildOptions, SegmentIndex};
use cvx_storage::{IndexFileId, RowFileMeta};
use std::sync::Arc;

/// A segment's index that is to be.
#[derive(Clone)]
pub(super) struct Job<'a> {
    pub(super) id: IndexFileId,
    pub(super) def: &'a IndexDef,
    pub(super) metric: cvx_core::Metric,
    pub(super) dim: usize,
    pub(super) segment: Arc<Segment>,
    pub(super) meta: RowFileMeta,
}

/// What an index wants of each sealed segment that has its column.
pub(super) fn jobs<'a>(
    table: &'a Table,
    sealed: &'a [Arc<Segment>],
) -> impl Iterator<Item = Job<'a>> + use<'a> {
    let indexes = table.indexes.iter().filter_map(|index| Some((index, index.answers()?)));
    indexes.flat_map(move |(def, metric)| {
        let dim = table.column_by_id(def.column).and_then(crate::ColumnDef::dimension);
        sealed.iter().filter_map(move |segment| {
            let meta = segment.file.clone()?;
            segment.column(def.column)?;
            let id = IndexFileId::of(def.oid, meta.id);
            Some(Job { id, def, metric, dim: dim?, segment: Arc::clone(segment), meta })
        })
    })
}

impl Job<'_> {
    /// A mark of the rows: their file's number and checksum, and the column.
    pub(super) fn stamp(&self) -> u64 {
        let crc = u64::from(self.meta.crc) << 32 | u64::from(self.def.column);
        crc ^ self.meta.id.0.rotate_left(17)
    }

    pub(super) fn owns(&self, index: &SegmentIndex) -> bool {
        index.stamp() == self.stamp()
            && index.rows() == self.segment.rows()
            && index.dim() == self.dim
            && index.metric() == self.metric
            && index.quantization() == self.def.quantization()
    }

    pub(super) fn options<'o>(
        &self,
        engine: &EngineOptions,
        go_on: &'o (dyn Fn() -> bool + Sync),
    ) -> BuildOptions<'o> {
        let standard = BuildOptions::standard(go_on);
        let option = |name: &str, default: usize| {
            let said = self.def.options.iter().find(|(option, _)| option == name);
            said.and_then(|(_, value)| value.parse().ok()).unwrap_or(default)
        };
        BuildOptions {
            degree: option("m", standard.degree),
            ef_construction: option("ef_construction", standard.ef_construction),
            quantization: self.def.quantization(),
            stamp: self.stamp(),
            cells_from: engine.index_cells_rows,
            ..standard
        }
    }
}

/// A file as bytes.
pub(super) struct Mapped(pub(super) Buffer);

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
