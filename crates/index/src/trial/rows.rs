//! Rows that own what they show, and know what of it is selected.

use crate::{Block, Hit, Indexed, Part, Request, SegmentIndex, Selection, Seqs, Vectors};
use cvx_core::{CommitSeq, EntityId, ValidTime, distance};
use std::ops::Range;

/// A block, and the rows of it that qualify.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    pub(crate) dim: usize,
    pub(crate) vectors: Vec<f32>,
    pub(crate) present: Option<Vec<u64>>,
    pub(crate) entities: Vec<u64>,
    pub(crate) ts: Vec<i64>,
    /// One a row, or one for all.
    pub(crate) seqs: Result<Vec<u64>, u64>,
    pub(crate) time_ordered: bool,
    pub(crate) chosen: Chosen,
}

#[derive(Clone, Debug)]
pub(crate) enum Chosen {
    Range(Range<usize>),
    Bits(Vec<u64>),
    List(Vec<u32>),
}

impl Rows {
    /// Rows of an entity each, a microsecond apart, all of them selected.
    pub(crate) fn of(dim: usize, vectors: Vec<f32>) -> Self {
        let count = vectors.len() / dim;
        Self {
            dim,
            vectors,
            present: None,
            entities: (0..count as u64).collect(),
            ts: (0..count as i64).collect(),
            seqs: Err(1),
            time_ordered: true,
            chosen: Chosen::Range(0..count),
        }
    }

    /// Some of the rows, all of them selected.
    pub(crate) fn stretch(&self, range: Range<usize>) -> Self {
        Self {
            vectors: self.vectors[range.start * self.dim..range.end * self.dim].to_vec(),
            entities: self.entities[range.clone()].to_vec(),
            ts: self.ts[range.clone()].to_vec(),
            chosen: Chosen::Range(0..range.len()),
            ..self.clone()
        }
    }

    pub(crate) fn block(&self) -> Block<'_> {
        Block {
            dim: self.dim,
            vectors: Vectors::Floats(&self.vectors),
            present: self.present.as_deref(),
            entities: &self.entities,
            ts: &self.ts,
            seqs: match &self.seqs {
                Ok(each) => Seqs::Each(each),
                Err(one) => Seqs::One(*one),
            },
            time_ordered: self.time_ordered,
        }
    }

    pub(crate) fn part(&self) -> Part<'_> {
        let rows = match &self.chosen {
            Chosen::Range(range) => Selection::Range(range.clone()),
            Chosen::Bits(words) => Selection::Bits(words),
            Chosen::List(list) => Selection::List(list),
        };
        Part { block: self.block(), rows, index: None }
    }

    /// The part in an index of its own.
    pub(crate) fn under<'a>(&'a self, index: &'a SegmentIndex) -> Part<'a> {
        Part { index: Some(Indexed::alone(index)), ..self.part() }
    }

    pub(crate) fn selects(&self, row: usize) -> bool {
        match &self.chosen {
            Chosen::Range(range) => range.contains(&row),
            Chosen::Bits(words) => is_set(words, row),
            Chosen::List(list) => list.contains(&(row as u32)),
        }
    }

    /// Everything that ranks a row, computed one row at a time.
    pub(super) fn candidates(&self, request: &Request<'_>, part: usize) -> Vec<Hit> {
        let selected = (0..self.ts.len()).filter(|row| self.selects(*row));
        let hits = selected.map(|row| {
            let vector = &self.vectors[row * self.dim..][..self.dim];
            let ts = ValidTime(self.ts[row]);
            let has_vector = self.present.as_ref().is_none_or(|words| is_set(words, row));
            let distance = has_vector.then(|| {
                let semantic = distance(request.metric, request.query, vector).unwrap();
                request.composite.map_or(semantic, |composite| composite.distance(semantic, ts))
            });
            let seq = self.seqs.as_ref().map_or_else(|one| *one, |each| each[row]);
            let entity = EntityId(self.entities[row]);
            Hit { distance, entity, ts, seq: CommitSeq(seq), part, row }
        });
        hits.collect()
    }
}

/// Blocks as parts, each in an index of its own, or in none.
pub(crate) fn indexed<'a>(
    blocks: &'a [Rows],
    indexes: &'a [Option<SegmentIndex>],
) -> Vec<Part<'a>> {
    let with = |(rows, index): (&'a Rows, &'a Option<SegmentIndex>)| {
        index.as_ref().map_or_else(|| rows.part(), |index| rows.under(index))
    };
    blocks.iter().zip(indexes).map(with).collect()
}

/// A bit of a row.
pub(super) fn is_set(words: &[u64], row: usize) -> bool {
    words[row / 64] >> (row % 64) & 1 == 1
}
