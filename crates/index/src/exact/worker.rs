//! One thread's share of a scan.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use cvx_core::{Query, Rank, TopK, ValidTime};

use super::plan::Chunk;
use crate::found::{Key, offer};
use crate::vectors::Room;
use crate::{Block, Error, Part, Request, Selection};

/// What the workers of one scan have in common.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    request: &'a Request<'a>,
    parts: &'a [Part<'a>],
    query: Query,
    chunks: Vec<Chunk>,
    next: AtomicUsize,
    /// Bits of the smallest k-th distance a worker holds. Chunks have bounds only where distances
    /// are not negative, and of such floats the bits are in the order of the numbers.
    kth: AtomicU64,
    visited: Vec<AtomicBool>,
}

/// What a worker found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) top: TopK<Key>,
    pub(super) distances: usize,
}

impl Found {
    pub(super) fn merge(mut self, other: Self) -> Self {
        self.top.merge(other.top);
        self.distances += other.distances;
        self
    }
}

impl<'a> Shared<'a> {
    pub(super) fn new(
        request: &'a Request<'a>,
        parts: &'a [Part<'a>],
        query: Query,
        chunks: Vec<Chunk>,
    ) -> Self {
        Self {
            request,
            parts,
            query,
            chunks,
            next: AtomicUsize::new(0),
            kth: AtomicU64::new(f64::INFINITY.to_bits()),
            visited: parts.iter().map(|_| AtomicBool::new(false)).collect(),
        }
    }

    pub(super) fn parts_visited(&self) -> usize {
        self.visited.iter().filter(|visited| visited.load(Ordering::Relaxed)).count()
    }

    /// The next chunk worth a look. Chunks come in the order of their bounds, so the first one
    /// beyond the k-th distance is the last.
    fn take(&self) -> Option<&Chunk> {
        let chunk = self.chunks.get(self.next.fetch_add(1, Ordering::Relaxed))?;
        let kth = f64::from_bits(self.kth.load(Ordering::Relaxed));
        (chunk.least <= kth).then_some(chunk)
    }

    fn tell(&self, worst: Option<Rank>) {
        if let Some(Rank(Some(kth))) = worst
            && kth >= 0.0
        {
            self.kth.fetch_min(kth.abs().to_bits(), Ordering::Relaxed);
        }
    }
}

/// Takes chunks until none is left.
pub(super) fn work(shared: &Shared<'_>) -> Result<Found, Error> {
    let mut worker = Worker {
        shared,
        found: Found { top: TopK::new(shared.request.k), distances: 0 },
        rows: Vec::new(),
        distances: Vec::new(),
        room: Room::default(),
    };
    while let Some(chunk) = shared.take() {
        if let Some(stop) = shared.request.cancel.stopped() {
            return Err(Error::Stopped(stop));
        }
        worker.scan(chunk)?;
        shared.tell(worker.found.top.worst());
    }
    Ok(worker.found)
}

struct Worker<'a> {
    shared: &'a Shared<'a>,
    found: Found,
    /// The chunk's rows that have vectors, and their distances.
    rows: Vec<u32>,
    distances: Vec<f64>,
    room: Room,
}

impl Worker<'_> {
    fn scan(&mut self, chunk: &Chunk) -> Result<(), Error> {
        let Part { block, rows, .. } = &self.shared.parts[chunk.part as usize];
        let looked = match (rows, block.present) {
            (Selection::Range(_), None) => self.compare_stretch(block, chunk)?,
            _ => self.compare_chosen(block, rows, chunk)?,
        };
        if looked > 0 {
            self.shared.visited[chunk.part as usize].store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Neighbouring rows that all have vectors. Returns how many.
    fn compare_stretch(&mut self, block: &Block<'_>, chunk: &Chunk) -> Result<usize, Error> {
        let places = chunk.places.clone();
        self.distances.resize(places.len(), 0.0);
        let (query, room) = (&self.shared.query, &mut self.room);
        block.vectors.compare(query, places.clone(), room, &mut self.distances)?;
        self.offer(block, chunk.part, |at| (places.start + at) as u32);
        Ok(places.len())
    }

    /// Rows here and there, some without vectors. Returns how many.
    fn compare_chosen(
        &mut self,
        block: &Block<'_>,
        rows: &Selection<'_>,
        chunk: &Chunk,
    ) -> Result<usize, Error> {
        let mut absent = 0;
        self.rows.clear();
        rows.each(chunk.places.clone(), |row| {
            if block.is_present(row as usize) {
                self.rows.push(row);
            } else {
                absent += 1;
                offer(&mut self.found.top, None, block, chunk.part, row);
            }
        });
        self.distances.resize(self.rows.len(), 0.0);
        let (query, room) = (&self.shared.query, &mut self.room);
        block.vectors.compare_at(query, &self.rows, room, &mut self.distances)?;
        let chosen = std::mem::take(&mut self.rows);
        self.offer(block, chunk.part, |at| chosen[at]);
        self.rows = chosen;
        Ok(absent + self.rows.len())
    }

    fn offer(&mut self, block: &Block<'_>, part: u32, row_at: impl Fn(usize) -> u32) {
        self.found.distances += self.distances.len();
        let composite = self.shared.request.composite;
        for (at, semantic) in self.distances.iter().enumerate() {
            let row = row_at(at);
            let distance = composite.map_or(*semantic, |composite| {
                composite.distance(*semantic, ValidTime(block.ts[row as usize]))
            });
            offer(&mut self.found.top, Some(distance), block, part, row);
        }
    }
}
