//! A table as it lives in memory: timelines, segments, dictionary.

use crate::dictionary::Dictionary;
use crate::entity::KeyKind;
use crate::layout::Layout;
use crate::monitor::Marks;
use crate::segment::Segment;
use crate::timelines::Timelines;
use crate::{Result, Table};
use arc_swap::ArcSwap;
use cvx_core::SpaceId;
use cvx_publish::{History, Segments};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// Everything of one table that is not in its definition. The writer changes it, readers read.
#[derive(Debug)]
pub(crate) struct TableStore {
    pub(crate) space: SpaceId,
    pub(crate) temporal: bool,
    pub(crate) key: KeyKind,
    pub(crate) lines: Timelines,
    pub(crate) dictionary: Dictionary,
    pub(crate) list: Segments<Segment>,
    /// How the current definition's columns are stored.
    pub(crate) layout: ArcSwap<Layout>,
    /// The last row number given, in tables without a key.
    pub(crate) last_row: AtomicU64,
    /// The last commit that changed any row.
    pub(crate) changed: AtomicU64,
    /// Whether delta blocks hold vectors of this table.
    pub(crate) has_deltas: AtomicBool,
    /// Versions closed up to here may be gone: no read goes before it.
    pub(crate) horizon: AtomicU64,
    /// Held by whoever copies rows elsewhere or removes them.
    pub(crate) upkeep: Mutex<()>,
    /// Whether the sealer was asked and has not begun.
    pub(crate) seal_asked: AtomicBool,
    /// What the monitor has not seen.
    pub(crate) marks: Marks,
}

impl TableStore {
    /// The store of a table without rows.
    pub(crate) fn new(table: &Arc<Table>) -> Result<Self> {
        Self::with_dictionary(table, Dictionary::default())
    }

    pub(crate) fn with_dictionary(table: &Arc<Table>, dictionary: Dictionary) -> Result<Self> {
        Ok(Self {
            space: table.space,
            temporal: table.is_temporal(),
            key: KeyKind::of(table)?,
            lines: Timelines::default(),
            dictionary,
            list: Segments::default(),
            layout: ArcSwap::from_pointee(Layout::of(table)?),
            last_row: AtomicU64::new(0),
            changed: AtomicU64::new(0),
            has_deltas: AtomicBool::new(false),
            horizon: AtomicU64::new(0),
            upkeep: Mutex::new(()),
            seal_asked: AtomicBool::new(false),
            marks: Marks::default(),
        })
    }

    /// Whether the table has a monitor.
    pub(crate) fn is_watched(&self) -> bool {
        self.layout.load().table.options.monitor.is_some()
    }

    /// The history, for the writer to change.
    pub(crate) fn history(&self) -> History<'_, Segment> {
        History { lines: &self.lines, segments: &self.list, temporal: self.temporal }
    }
}
