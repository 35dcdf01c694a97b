//! The exact scan over half floats: a chunk is made floats in cache, then compared as floats are.
//!
//! ```text
//!   halves -> chunks of some hundred rows -> widen (exact) -> distances by SIMD -> top k
//! ```
//!
//! **Invariant.** The answer is that of [`crate::ExactScan`] over the same vectors as floats: every
//! half is a float, and distances do not depend on how rows are cut into chunks. Memory is read at
//! half the bytes; what is widened stays in the first two levels of cache.
//!
//! I did consider kernels on halves themselves: products of halves need floats anyway, and the
//! five metrics would have to be written twice.

use crate::request::Request;
use crate::{Answer, Counters, Error, Hit, Selection, Seqs};
use cvx_core::distance::widen;
use cvx_core::{CommitSeq, DistanceError, EntityId, Query, TopK, ValidTime};
use rayon::prelude::*;
use std::ops::Range;

/// Bytes of floats that a chunk becomes.
const CHUNK_BYTES: usize = 128 << 10;

/// Rows of half floats, given by their bits, and those of them that qualify. As
/// [`crate::Part`] otherwise.
#[derive(Clone, Debug)]
pub struct HalfPart<'a> {
    pub dim: usize,
    pub halves: &'a [u16],
    /// One bit a row, lowest first, set where there is a vector; `None` if all have one.
    pub present: Option<&'a [u64]>,
    pub entities: &'a [u64],
    pub ts: &'a [i64],
    pub seqs: Seqs<'a>,
    pub rows: Selection<'a>,
}

/// What ties are decided by, and where the row is: entity, time, commit, part, row.
type Key = (u64, i64, u64, u32, u32);

/// The nearest rows, by the law of [`crate::Search`].
pub fn search_halves(request: &Request<'_>, parts: &[HalfPart<'_>]) -> Result<Answer, Error> {
    for (number, part) in parts.iter().enumerate() {
        part.check(request.query.len(), number)?;
    }
    let query = Query::new(request.metric, request.query)?;
    if request.k == 0 {
        return Ok(Answer::default());
    }
    let step = (CHUNK_BYTES / size_of_val(request.query).max(1)).clamp(64, 8192) / 64 * 64;
    let chunks: Vec<(u32, Range<usize>)> =
        (0..).zip(parts).flat_map(|(n, p)| p.cut(n, step)).collect();
    let worker = || Worker::new(request, &query);
    let found = chunks
        .par_iter()
        .try_fold(worker, |worker, (number, places)| {
            worker.scan(&parts[*number as usize], *number, places.clone())
        })
        .try_reduce(worker, |a, b| Ok(a.merge(b)))?;
    Ok(found.answer(parts))
}

impl HalfPart<'_> {
    fn check(&self, dim: usize, number: usize) -> Result<(), Error> {
        let rows = self.ts.len();
        if self.dim != dim {
            return Err(DistanceError::Dimensions { left: self.dim, right: dim }.into());
        }
        let sound = dim > 0
            && u32::try_from(rows).is_ok()
            && self.halves.len() == rows * dim
            && self.entities.len() == rows
            && self.present.is_none_or(|words| words.len() >= rows.div_ceil(64))
            && !matches!(self.seqs, Seqs::Each(seqs) if seqs.len() != rows);
        let what = "halves, entities and times are not of the same rows";
        sound.then_some(()).ok_or(Error::Malformed { part: number, what })?;
        self.rows.check(rows).map_err(|what| Error::Malformed { part: number, what })
    }

    fn cut(&self, number: u32, step: usize) -> Vec<(u32, Range<usize>)> {
        let all = self.rows.places(self.ts.len());
        let starts = (all.start / step * step..all.end).step_by(step);
        let bounded = |start: usize| start.max(all.start)..(start + step).min(all.end);
        starts.map(|start| (number, bounded(start))).collect()
    }

    fn has(&self, row: u32) -> bool {
        self.present.is_none_or(|words| words[row as usize / 64] >> (row % 64) & 1 == 1)
    }

    fn key(&self, part: u32, row: u32) -> Key {
        let at = row as usize;
        let seq = match self.seqs {
            Seqs::Each(seqs) => seqs[at],
            Seqs::One(seq) => seq,
        };
        (self.entities[at], self.ts[at], seq, part, row)
    }
}

/// One thread's share.
struct Worker<'a> {
    request: &'a Request<'a>,
    query: &'a Query,
    top: TopK<Key>,
    candidates: usize,
    distances: usize,
}

impl<'a> Worker<'a> {
    fn new(request: &'a Request<'a>, query: &'a Query) -> Self {
        Self { request, query, top: TopK::new(request.k), candidates: 0, distances: 0 }
    }

    fn merge(mut self, other: Self) -> Self {
        self.top.merge(other.top);
        self.candidates += other.candidates;
        self.distances += other.distances;
        self
    }

    fn scan(
        mut self,
        part: &HalfPart<'_>,
        number: u32,
        places: Range<usize>,
    ) -> Result<Self, Error> {
        if let Some(stop) = self.request.cancel.stopped() {
            return Err(Error::Stopped(stop));
        }
        let (mut rows, mut floats) = (Vec::new(), Vec::new());
        part.rows.each(places, |row| {
            self.candidates += 1;
            if part.has(row) {
                rows.push(row);
            } else if self.top.accepts(None) {
                self.top.push(None, part.key(number, row));
            }
        });
        floats.resize(rows.len() * part.dim, 0.0);
        for (row, floats) in rows.iter().zip(floats.chunks_exact_mut(part.dim)) {
            widen(&part.halves[*row as usize * part.dim..][..part.dim], floats);
        }
        let mut distances = vec![0.0; rows.len()];
        self.query.distances(&floats, &mut distances)?;
        self.distances += rows.len();
        for (row, semantic) in rows.into_iter().zip(distances) {
            let ts = ValidTime(part.ts[row as usize]);
            let composite = self.request.composite;
            let distance = Some(composite.map_or(semantic, |c| c.distance(semantic, ts)));
            if self.top.accepts(distance) {
                self.top.push(distance, part.key(number, row));
            }
        }
        Ok(self)
    }

    fn answer(self, parts: &[HalfPart<'_>]) -> Answer {
        let visited = parts.iter().filter(|part| part.rows.count(part.ts.len()) > 0).count();
        let counters = Counters {
            blocks: parts.len(),
            blocks_pruned: parts.len() - visited,
            candidates: self.candidates,
            distances: self.distances,
            scanned: parts.len(),
            ..Counters::default()
        };
        let hits = self.top.into_sorted().into_iter();
        let hits = hits.map(|(distance, (entity, ts, seq, part, row))| Hit {
            distance,
            entity: EntityId(entity),
            ts: ValidTime(ts),
            seq: CommitSeq(seq),
            part: part as usize,
            row: row as usize,
        });
        Answer { hits: hits.collect(), counters }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Block, ExactScan, Part, Search};
    use cvx_core::{CancelToken, Composite, Decay, Metric};
    use proptest::prelude::*;
    use proptest::sample::select;

    const DIM: usize = 5;

    #[derive(Clone, Debug)]
    struct Rows {
        halves: Vec<u16>,
        present: Vec<bool>,
        entities: Vec<u64>,
        list: Vec<u32>,
    }

    impl Rows {
        fn selection(&self, all: bool) -> Selection<'_> {
            if all { Selection::all(self.entities.len()) } else { Selection::List(&self.list) }
        }
    }

    fn rows() -> impl Strategy<Value = Rows> {
        // Exponents around 1, so that distances differ; signs and digits as they fall.
        let half = (0u16..1 << 10, 13u16..17, any::<bool>())
            .prop_map(|(digits, exponent, sign)| digits | exponent << 10 | u16::from(sign) << 15);
        let row = (prop::collection::vec(half, DIM), any::<bool>(), 0u64..4, any::<bool>());
        prop::collection::vec(row, 0..300).prop_map(|rows| Rows {
            halves: rows.iter().flat_map(|row| row.0.clone()).collect(),
            present: rows.iter().map(|row| row.1).collect(),
            entities: rows.iter().map(|row| row.2).collect(),
            list: (0..).zip(&rows).filter(|(_, row)| row.3).map(|(at, _)| at).collect(),
        })
    }

    fn words(bits: &[bool]) -> Vec<u64> {
        let word = |bits: &[bool]| (0..).zip(bits).map(|(at, bit)| u64::from(*bit) << at).sum();
        bits.chunks(64).map(word).collect()
    }

    proptest! {
        #[test]
        fn it_answers_as_the_scan_of_floats(
            parts in prop::collection::vec((rows(), any::<bool>(), any::<bool>()), 0..3),
            metric in select(vec![Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1]),
            k in 0usize..20,
            composite: bool,
        ) {
            let query = [0.5, -1.0, 2.0, 0.25, 1.5];
            let half = Composite::new(0.5, ValidTime(9), 50.0, Decay::Linear).ok();
            let composite = half.filter(|_| composite);
            let cancel = CancelToken::default();
            let request = Request { query: &query, metric, k, composite, cancel: &cancel };
            let owned: Vec<_> = parts.iter().map(|(rows, some, all)| {
                let mut floats = vec![0.0; rows.halves.len()];
                widen(&rows.halves, &mut floats);
                let ts: Vec<i64> = (0..).take(rows.entities.len()).collect();
                (rows, floats, ts, some.then(|| words(&rows.present)), *all)
            }).collect();
            let halves = owned.iter().map(|(rows, _, ts, present, all)| HalfPart {
                dim: DIM,
                halves: &rows.halves,
                present: present.as_deref(),
                entities: &rows.entities,
                ts,
                seqs: Seqs::One(7),
                rows: rows.selection(*all),
            });
            let halves: Vec<HalfPart<'_>> = halves.collect();
            let floats: Vec<Part<'_>> = owned.iter().map(|(rows, floats, ts, present, all)| Part {
                block: Block {
                    dim: DIM,
                    vectors: floats,
                    present: present.as_deref(),
                    entities: &rows.entities,
                    ts,
                    seqs: Seqs::One(7),
                    time_ordered: true,
                },
                rows: rows.selection(*all),
                index: None,
            }).collect();
            let wanted = ExactScan::default().search(&request, &floats).unwrap();
            prop_assert_eq!(search_halves(&request, &halves).unwrap().hits, wanted.hits);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let cancel = CancelToken::default();
        let request =
            Request { query: &[1.0], metric: Metric::L2, k: 1, composite: None, cancel: &cancel };
        let part = HalfPart {
            dim: 1,
            halves: &[0x3c00],
            present: None,
            entities: &[1],
            ts: &[1],
            seqs: Seqs::One(1),
            rows: Selection::all(1),
        };
        let with = |part| search_halves(&request, &[part]);
        assert_eq!(with(part.clone()).unwrap().hits[0].distance, Some(0.0));
        assert!(with(HalfPart { halves: &[], ..part.clone() }).is_err());
        assert!(with(HalfPart { dim: 2, ..part.clone() }).is_err());
        assert!(with(HalfPart { rows: Selection::all(2), ..part }).is_err());
    }
}
