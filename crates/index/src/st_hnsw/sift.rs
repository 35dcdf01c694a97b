//! Sifting a part's rows: 1-bit codes leave out most, bytes order the rest.

use super::Searching;
use super::gather::Candidate;
use super::road::Coded;
use crate::exact::plan::{Chunk, Plan};
use crate::segment::CodeQuery;
use crate::{Error, Selection};

/// Rows of a chunk.
const STEP: usize = 256;

impl<'a> Searching<'a> {
    /// Gathers the nearest of the selected rows.
    pub(super) fn sift(&mut self, part: &Coded<'a>) -> Result<(), Error> {
        let query = CodeQuery::new(part.index.codes(), part.index.space(), &self.asked.rotated);
        let plan = Plan::new(self.asked.request, std::slice::from_ref(part.part), STEP);
        let mut sieve = Sieve { query, rows: Vec::new(), bounds: Vec::new(), scores: Vec::new() };
        for chunk in &plan.chunks {
            if chunk.least > f64::from(self.gather.limit()) {
                break;
            }
            self.poll()?;
            self.estimate(part, chunk, &mut sieve);
            self.score(part, &mut sieve);
        }
        Ok(())
    }

    /// Leaves the rows of a chunk that may be near enough.
    fn estimate(&mut self, part: &Coded<'a>, chunk: &Chunk, sieve: &mut Sieve<'a>) {
        let Sieve { query, rows, bounds, .. } = sieve;
        rows.clear();
        part.part.rows.each(chunk.places.clone(), |row| rows.push(row));
        self.counters.estimates += rows.len();
        match (&part.part.rows, rows.first()) {
            (Selection::Range(_), Some(first)) => {
                query.least(*first, rows.len(), self.effort.sigmas, bounds);
            }
            _ => query.least_at(rows, self.effort.sigmas, bounds),
        }
        let limit = self.gather.limit();
        let (asked, ts) = (self.asked, part.part.block.ts);
        let mut bounds = bounds.iter();
        rows.retain(|row| {
            let least = bounds.next().copied().unwrap_or(f32::INFINITY);
            least <= asked.score_at(limit, ts[*row as usize])
                && part.loose.binary_search(row).is_err()
        });
    }

    fn score(&mut self, part: &Coded<'a>, sieve: &mut Sieve<'a>) {
        let Sieve { query, rows, scores, .. } = sieve;
        query.scores(rows, scores);
        self.counters.scores += rows.len();
        for (row, score) in rows.iter().zip(scores.iter()) {
            let ts = part.part.block.ts[*row as usize];
            let rank = self.asked.rank(*score, ts);
            let low = self.asked.rank(score - query.doubt(*row), ts);
            let (part, row) = (part.number, *row);
            self.gather.offer(Candidate { rank, low, part, row, node: false });
        }
    }
}

/// Room for a chunk's rows.
struct Sieve<'a> {
    query: CodeQuery<'a>,
    rows: Vec<u32>,
    bounds: Vec<f32>,
    scores: Vec<f32>,
}
