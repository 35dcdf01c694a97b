//! An entity's points as an analysis wants them: times, and vectors one behind the other.
//!
//! Room is made once, and each vector is copied once, from where its row lies (a mapped file, a
//! run in memory, a delta block), by as many threads as there are. A scan makes batches first,
//! which copies everything once more: 300 MB at 100,000 points of 768 dimensions.

use super::columns::Picks;
use super::entities::EntityWalk;
use super::{TableRead, View, deltas};
use crate::{Error, Result, RowAddr, TimeSlice};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float32Type};
use cvx_core::{CancelToken, EntityId};
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Points that one thread copies at a time.
const PIECE: usize = 2_048;

/// The points of an entity, found but not read yet.
#[derive(Debug)]
pub struct Path {
    view: Arc<View>,
    slice: TimeSlice,
    addresses: Vec<RowAddr>,
    place: usize,
    dim: usize,
}

/// Times and vectors of the points that have a vector, in the order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PathPoints {
    pub ts_us: Vec<i64>,
    pub vectors: Vec<f32>,
}

impl TableRead {
    /// The points of an entity that a slice sees, between closed bounds on ts. `None` where the
    /// column at this place holds no vectors of floats of one dimension: a scan reads any.
    pub fn path(
        &self,
        entity: EntityId,
        slice: TimeSlice,
        bounds: (i64, i64),
        place: usize,
    ) -> Result<Option<Path>> {
        let view = Arc::clone(&self.0);
        let ty = view.layout.columns().get(place).map(|column| &column.ty);
        let Some(dim) = ty.and_then(dimension) else { return Ok(None) };
        let addresses = match view.sight(&slice)? {
            Some(sight) => EntityWalk::new(vec![entity]).take(&view, &sight, bounds, usize::MAX),
            None => Vec::new(),
        };
        Ok(Some(Path { view, slice, addresses, place, dim }))
    }
}

/// The dimension of a column of float vectors.
fn dimension(ty: &DataType) -> Option<usize> {
    match ty {
        DataType::FixedSizeList(item, dim) if item.data_type() == &DataType::Float32 => {
            usize::try_from(*dim).ok()
        }
        _ => None,
    }
}

impl Path {
    /// How many points there are, with a vector or without.
    #[must_use]
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// Of each vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Reads the points.
    pub fn read(&self, cancel: &CancelToken) -> Result<PathPoints> {
        let mut vectors = vec![0.0; self.addresses.len() * self.dim];
        // Of delta blocks, all of the entity's are decoded each time.
        let has_deltas = self.view.store.has_deltas.load(Ordering::Relaxed);
        let piece = if has_deltas { self.addresses.len().max(1) } else { PIECE };
        let rooms = vectors.par_chunks_mut(piece * self.dim.max(1));
        let pieces = self.addresses.par_chunks(piece).zip(rooms);
        let present: Vec<Vec<bool>> = pieces
            .map(|(addresses, room)| self.fill(addresses, room, cancel))
            .collect::<Result<_>>()?;
        self.view.check_horizon(&self.slice)?;
        Ok(self.present(&present.concat(), vectors))
    }

    /// Writes the vectors at some addresses into their room, and says which are there.
    fn fill(
        &self,
        addresses: &[RowAddr],
        room: &mut [f32],
        cancel: &CancelToken,
    ) -> Result<Vec<bool>> {
        if let Some(stop) = cancel.stopped() {
            return Err(stop.into());
        }
        let picks = self.view.locate(addresses)?;
        match deltas::Cache::new(&self.view, addresses).column(self.place, &picks)? {
            Some(column) => copy_column(column.as_ref(), self.dim, room),
            None if self.is_everywhere(&picks) => Ok(self.copy_rows(&picks, room)),
            None => {
                copy_column(picks.user_column(&self.view, self.place)?.as_ref(), self.dim, room)
            }
        }
    }

    fn column(&self) -> u16 {
        self.view.layout.columns()[self.place].id
    }

    /// Whether all segments have the column: those written before it was added do not.
    fn is_everywhere(&self, picks: &Picks) -> bool {
        let Picks::Many { segments, .. } = picks else { return false };
        segments.iter().all(|segment| segment.column(self.column()).is_some())
    }

    fn copy_rows(&self, picks: &Picks, room: &mut [f32]) -> Vec<bool> {
        let column = self.column();
        let rooms = room.chunks_exact_mut(self.dim.max(1)).enumerate();
        rooms
            .map(|(at, room)| {
                let (segment, row) = picks.get(at);
                let vector = segment.vector(column, row).filter(|v| v.len() == room.len());
                if let Some(vector) = vector {
                    room.copy_from_slice(vector);
                }
                vector.is_some()
            })
            .collect()
    }

    /// Closes the gaps of points without a vector.
    fn present(&self, present: &[bool], mut vectors: Vec<f32>) -> PathPoints {
        let mut ts_us = Vec::with_capacity(present.len());
        for (at, addr) in self.addresses.iter().enumerate().filter(|(at, _)| present[*at]) {
            if ts_us.len() < at {
                let from = at * self.dim;
                vectors.copy_within(from..from + self.dim, ts_us.len() * self.dim);
            }
            ts_us.push(addr.ts.0);
        }
        vectors.truncate(ts_us.len() * self.dim);
        PathPoints { ts_us, vectors }
    }
}

fn copy_column(column: &dyn Array, dim: usize, room: &mut [f32]) -> Result<Vec<bool>> {
    let list = column.as_fixed_size_list_opt();
    let values = list.and_then(|list| list.values().as_primitive_opt::<Float32Type>());
    let values = values.map(|values| &values.values()[..]).filter(|all| all.len() == room.len());
    let lost = || Error::Corrupt(format!("a column of vectors is not of {dim} floats each"));
    room.copy_from_slice(values.ok_or_else(lost)?);
    Ok((0..column.len()).map(|row| column.is_valid(row)).collect())
}
