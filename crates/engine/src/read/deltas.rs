//! Vectors of entity scans out of delta blocks, where `compact` has put them.
//!
//! A block covers a row if it names the row's address. At epsilon 0 what it gives is bit-equal to
//! what the row's segment holds; with an epsilon it is within that of it in each dimension, which
//! is what the table's owner asked for.

use super::{Picks, View};
use crate::{Result, RowAddr};
use arrow::array::{Array, ArrayRef, FixedSizeListArray, Float32Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use cvx_core::EntityId;
use cvx_storage::delta::DeltaBlock;
use hashbrown::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The delta blocks of one batch's rows.
pub(crate) struct Cache<'a> {
    view: &'a View,
    addresses: &'a [RowAddr],
}

/// Where the vectors of addresses are: a block, and a place in it.
type Covered = HashMap<RowAddr, (usize, usize)>;

impl<'a> Cache<'a> {
    pub(crate) fn new(view: &'a View, addresses: &'a [RowAddr]) -> Self {
        Self { view, addresses }
    }

    /// A vector column of the rows, read from delta blocks where they cover a row and from its
    /// segment where not; `None` if no block covers any.
    pub(crate) fn column(&self, place: usize, picks: &Picks) -> Result<Option<ArrayRef>> {
        if !self.view.store.has_deltas.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let column = &self.view.layout.columns()[place];
        let DataType::FixedSizeList(item, dim) = &column.ty else { return Ok(None) };
        if item.data_type() != &DataType::Float32 {
            return Ok(None);
        }
        let (blocks, covered) = self.blocks(column.id)?;
        if covered.is_empty() {
            return Ok(None);
        }
        let width = usize::try_from(*dim).unwrap_or(0);
        let mut values = Vec::with_capacity(self.addresses.len() * width);
        let mut valid = Vec::with_capacity(self.addresses.len());
        for (at, addr) in self.addresses.iter().enumerate() {
            let (segment, row) = picks.get(at);
            let stored = segment.vectors(column.id).filter(|v| v.has(row));
            let vector = match covered.get(addr) {
                Some((block, place)) => vector_in(&blocks[*block], *place),
                None => stored.and_then(|v| v.values.get(row * width..(row + 1) * width)),
            };
            valid.push(vector.is_some());
            match vector {
                Some(vector) => values.extend_from_slice(vector),
                None => values.resize(values.len() + width, 0.0),
            }
        }
        let nulls = Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
        let values = Arc::new(Float32Array::from(values));
        let array = FixedSizeListArray::try_new(Arc::clone(item), *dim, values, nulls)?;
        debug_assert_eq!(array.len(), self.addresses.len());
        Ok(Some(Arc::new(array)))
    }

    fn blocks(&self, column: u16) -> Result<(Vec<DeltaBlock>, Covered)> {
        let (mut blocks, mut covered) = (Vec::new(), Covered::new());
        let wanted: HashSet<&RowAddr> = self.addresses.iter().collect();
        let mut entities: Vec<EntityId> = self.addresses.iter().map(|addr| addr.entity).collect();
        entities.dedup();
        let space = self.view.store.space;
        for entity in entities {
            for entry in self.view.core.store.scan_delta_blocks(space, entity, column) {
                let (_, block) = entry?;
                for (place, (ts, seq)) in block.addresses.iter().enumerate() {
                    let addr = RowAddr { entity, ts: *ts, seq: *seq };
                    if wanted.contains(&addr) {
                        covered.insert(addr, (blocks.len(), place));
                    }
                }
                blocks.push(block);
            }
        }
        Ok((blocks, covered))
    }
}

fn vector_in(block: &DeltaBlock, place: usize) -> Option<&[f32]> {
    block.values.get(place * block.dim..(place + 1) * block.dim)
}
