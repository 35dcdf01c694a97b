//! The codes of an index as a search sees them, and a query prepared for them.

use super::fine::{self, FineQuery, Line};
use super::{Quantization, Space};
use cvx_core::code::{
    BLOCK_ROWS, BitFactors, BitQuery, Bound, ByteFactors, ByteQuery, Kernel, StepQuery, Sums,
    block_bytes, sum_apart_at,
};
use std::cell::OnceCell;
use std::ops::Range;

/// How a walk finds out which way is near.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lead {
    /// By the bytes of every node: of few coordinates, bits say little and save less.
    Bytes,
    /// By the bytes of nodes that may be near by their bits.
    Gate,
    /// By bits; bytes are for nodes that are followed. Where rows lie so close together that bits
    /// cannot tell them apart, this finds little: an index is led so if it was seen to work.
    Bits,
}

/// Standard errors below its estimate by bits at which a node must be within the walk's limit to be
/// scored by its bytes. It halves the rows of bytes that are fetched, and keeps recall (adr/0010).
pub(crate) const GATE: f32 = 1.5;

/// What steps of a query's coordinates are worth in squares of a row's own error: the signs'
/// product with them has a variance of a twelfth of a step each, and the row's error is 0.60 of its
/// scale.
const STEPS: f32 = 1.0 / (12.0 * 0.363);

/// What f32 loses of the parts of a score.
const GRAIN: f32 = 3e-7;

/// Leaves the nodes whose bounds are below a limit.
pub(crate) fn passing(nodes: &[u32], bounds: &[f32], limit: f32, near: &mut Vec<u32>) {
    let bounds = nodes.iter().zip(bounds);
    near.clear();
    near.extend(bounds.filter(|(_, least)| **least < limit).map(|(node, _)| *node));
}

/// Gives nodes the scores of those that passed, the rest none. Both are in one order.
pub(crate) fn spread_scores(nodes: &[u32], near: &[u32], scores: &[f32], out: &mut Vec<f32>) {
    out.clear();
    out.resize(nodes.len(), f32::INFINITY);
    let mut places = nodes.iter().zip(out);
    for (node, score) in near.iter().zip(scores) {
        if let Some((_, place)) = places.find(|(other, _)| *other == node) {
            *place = *score;
        }
    }
}

/// Arrays of codes, a row's at its number. What a code needs beside it lies behind it: memory
/// answers once for both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codes<'a> {
    pub(crate) width: usize,
    pub(crate) centre: &'a [f32],
    /// Of each row its bits, [scale, error, ones, base], and nothing to the end of a cache line.
    pub(crate) bits: &'a [u64],
    /// What rows are scored by; of a graph that is being built, bytes.
    pub(crate) kind: Quantization,
    /// Of each row its fine code, and four numbers: of bytes [scale, norm, sum, base].
    pub(crate) bytes: &'a [u8],
    /// Centroids, of the kind that has some.
    pub(crate) codebook: &'a [f32],
    /// The bits once more, 64 rows side by side: what a sift looks at.
    pub(crate) blocks: &'a [u8],
}

/// Words from a row's bits to the next row's.
pub(super) fn bits_stride(width: usize) -> usize {
    (width / 64 + 2).next_multiple_of(8)
}

/// Bytes of the four numbers behind a row's fine code.
pub(super) const BEHIND: usize = 16;

/// Bytes from a row's bytes to the next row's.
pub(super) fn bytes_stride(width: usize) -> usize {
    Quantization::Int8.stride(width)
}

/// Four numbers in two words.
pub(super) fn words_of(factors: [f32; 4]) -> [u64; 2] {
    bytemuck::cast(factors)
}

/// The four numbers that a row's bits have beside them.
pub(crate) fn factors_of_bits(factors: &BitFactors, base: f32) -> [f32; 4] {
    [factors.scale, factors.error, factors.ones, base]
}

/// The numbers in the first two words.
#[inline]
pub(super) fn factors_in(words: &[u64]) -> [f32; 4] {
    bytemuck::cast(words.first_chunk::<2>().copied().unwrap_or_default())
}

impl Codes<'_> {
    pub(crate) fn rows(&self) -> usize {
        self.bytes.len() / self.stride()
    }

    /// Bytes from a row's fine code to the next row's.
    #[inline]
    pub(super) fn stride(&self) -> usize {
        self.kind.stride(self.width)
    }

    /// The four numbers behind a row's fine code; the last is its base.
    #[inline]
    pub(crate) fn behind_bytes(&self, row: u32) -> [f32; 4] {
        let start = row as usize * self.stride() + self.kind.code_bytes(self.width);
        let bytes: &[u8; 16] = self.bytes[start..].first_chunk().unwrap_or(&[0; 16]);
        bytemuck::cast(*bytes)
    }

    /// Of L1, the step of the grid; it is behind all rows.
    pub(super) fn step(&self) -> Option<f32> {
        (self.rows() > 0).then(|| self.behind_bytes(0)[0])
    }

    pub(crate) fn byte_factors(&self, row: u32) -> ByteFactors {
        let [scale, norm, sum, _] = self.behind_bytes(row);
        ByteFactors { scale, norm, sum }
    }

    pub(crate) fn byte_code(&self, row: u32) -> &[u8] {
        &self.bytes[row as usize * bytes_stride(self.width)..][..self.width]
    }

    /// Asks memory for a row's bits.
    #[inline]
    pub(crate) fn prefetch_bits(&self, row: u32) {
        let stride = bits_stride(self.width);
        cvx_core::code::prefetch_soon(&self.bits[row as usize * stride..][..stride]);
    }

    /// Asks memory for a row's fine code.
    #[inline]
    pub(crate) fn prefetch_bytes(&self, row: u32) {
        let stride = self.stride();
        cvx_core::code::prefetch_soon(&self.bytes[row as usize * stride..][..stride]);
    }

    /// A row as a query of bits, out of its bytes.
    pub(crate) fn bit_query_of(&self, row: u32) -> BitQuery {
        let mut residual = vec![0.0; self.width];
        self.residual_of(row, &mut residual);
        BitQuery::new(&residual)
    }

    /// What a row's bytes say of it.
    pub(crate) fn residual_of(&self, row: u32, out: &mut [f32]) {
        let [scale, ..] = self.behind_bytes(row);
        for (x, byte) in out.iter_mut().zip(self.byte_code(row)) {
            *x = scale * (f32::from(*byte) - 128.0);
        }
    }

    /// Counts the bits of chosen rows, and tells of each the estimate of its product with the
    /// query, that estimate's standard error, and the row's base.
    pub(crate) fn products<'c>(
        &'c self,
        kernel: Kernel,
        rows: &'c [u32],
        query: &'c BitQuery,
        counted: &'c mut Vec<u32>,
    ) -> impl Iterator<Item = [f32; 3]> + 'c {
        let stride = bits_stride(self.width);
        counted.resize(rows.len(), 0);
        kernel.count_bits_at(self.bits, stride, rows, query.planes(), counted);
        rows.iter().zip(counted).map(move |(row, counted)| {
            let behind = &self.bits[*row as usize * stride + self.width / 64..];
            let [scale, error, ones, base] = factors_in(behind);
            let product = query.estimate(*counted, &BitFactors { scale, error, ones });
            [product, error * query.norm(), base]
        })
    }

    /// The sums of differences of chosen rows from a row.
    pub(crate) fn sum_apart(&self, rows: &[u32], query: &StepQuery, out: &mut Vec<i32>) {
        out.resize(rows.len(), 0);
        sum_apart_at(self.bytes, bytes_stride(self.width), rows, query.code(), out);
    }

    /// The sums of products of chosen rows with a query.
    pub(crate) fn sum_bytes(
        &self,
        kernel: Kernel,
        rows: &[u32],
        query: &ByteQuery,
        out: &mut Vec<i32>,
    ) {
        out.resize(rows.len(), 0);
        kernel.sum_bytes_at(self.bytes, bytes_stride(self.width), rows, query.code(), out);
    }
}

/// A query against the codes of one index.
#[derive(Debug)]
pub(crate) struct CodeQuery<'a> {
    codes: Codes<'a>,
    space: Space,
    kernel: Kernel,
    residual: Vec<f32>,
    /// Made for the first estimate.
    bits: OnceCell<BitQuery>,
    fine: FineQuery,
    shift: f32,
    weight: f32,
    counted: Vec<u32>,
    summed: fine::Sums,
    bounds: Vec<f32>,
    near: Vec<u32>,
    /// Made for the first block.
    sums: Option<Sums>,
    heads: Heads,
}

/// What the heads of blocks were good for so far. Where what is near lies everywhere, they are one
/// thing more to look at.
#[derive(Debug, Default)]
struct Heads {
    asked: usize,
    /// Blocks that were left at their head.
    left: usize,
}

impl Heads {
    /// Blocks whose heads are looked at in any case.
    const TRIED: usize = 16;

    fn are_worth_it(&self) -> bool {
        self.asked < Self::TRIED || 3 * self.left >= self.asked
    }

    fn note(&mut self, is_left: bool) {
        self.asked += 1;
        self.left += usize::from(is_left);
    }
}

impl<'a> CodeQuery<'a> {
    /// Of a query that was rotated.
    pub(crate) fn new(codes: Codes<'a>, space: Space, rotated: &[f32]) -> Self {
        let residual: Vec<f32> = rotated.iter().zip(codes.centre).map(|(q, c)| q - c).collect();
        let fine = FineQuery::new(&codes, space, &residual);
        let shift = fine.shift().unwrap_or_else(|| space.shift(&residual, codes.centre));
        Self {
            codes,
            space,
            kernel: Kernel::default(),
            bits: OnceCell::new(),
            fine,
            shift,
            residual,
            weight: space.weight(rotated),
            counted: Vec::new(),
            summed: fine::Sums::default(),
            bounds: Vec::new(),
            near: Vec::new(),
            sums: None,
            heads: Heads::default(),
        }
    }

    /// The same query against other codes around the same centre in the same space, as sketches
    /// have them; `None` of others.
    pub(crate) fn over(self, codes: Codes<'a>, space: Space) -> Option<Self> {
        let same = self.space == space
            && self.codes.centre == codes.centre
            && self.codes.kind == codes.kind
            && self.codes.codebook == codes.codebook
            && (space.has_bits() || self.codes.step() == codes.step());
        same.then_some(Self { codes, ..self })
    }

    fn bits(&self) -> &BitQuery {
        self.bits.get_or_init(|| BitQuery::new(&self.residual))
    }

    /// Asks memory for what a row's score needs.
    #[inline]
    pub(crate) fn prefetch(&self, row: u32) {
        self.codes.prefetch_bytes(row);
    }

    /// Asks memory for what an estimate needs.
    #[inline]
    pub(crate) fn prefetch_bits(&self, row: u32) {
        self.codes.prefetch_bits(row);
    }

    /// Scores of rows by their fine codes.
    pub(crate) fn scores(&mut self, rows: &[u32], out: &mut Vec<f32>) {
        let line = Line { shift: self.shift, weight: self.weight };
        self.fine.scores((&self.codes, self.kernel), rows, line, &mut self.summed, out);
    }

    /// How far a score by a fine code may be off, where estimates by bits are given so many
    /// standard errors.
    pub(crate) fn doubt(&self, row: u32, sigmas: f32) -> f32 {
        let (kind, behind) = (self.codes.kind, self.codes.behind_bytes(row));
        let doubt = kind.doubts(sigmas) * self.weight.abs() * self.fine.error(behind);
        if kind == Quantization::Int8 && self.space.has_bits() {
            return doubt;
        }
        // Codes may be righter than the sums of f32 that they go into.
        doubt + self.fine.excess(behind) + GRAIN * (self.shift.abs() + behind[3].abs())
    }

    /// So many standard errors of a score by bits.
    pub(crate) fn slack(&self, row: u32, sigmas: f32) -> f32 {
        let start = row as usize * bits_stride(self.codes.width) + self.codes.width / 64;
        let [_, error, ..] = factors_in(&self.codes.bits[start..]);
        sigmas * self.bits().norm() * self.weight.abs() * error
    }

    /// The least that scores of rows may be, by their bits (by their bytes, where those are all
    /// there is), `sigmas` standard errors below the
    /// estimate. The rows are neighbours.
    pub(crate) fn least(&mut self, first: u32, count: usize, sigmas: f32, out: &mut Vec<f32>) {
        out.clear();
        let (first, end) = (first as usize, first as usize + count);
        if !self.has_blocks() {
            return self.least_one_by_one(first..end, sigmas, out);
        }
        for block in first / BLOCK_ROWS..end.div_ceil(BLOCK_ROWS) {
            let start = block * BLOCK_ROWS;
            let rows = first.max(start)..end.min(start + BLOCK_ROWS);
            let bounds = self.least_of_block(block, sigmas);
            out.extend(&bounds[rows.start - start..rows.end - start]);
        }
    }

    fn least_of_block(&mut self, block: usize, sigmas: f32) -> [f32; BLOCK_ROWS] {
        let (bound, block) = (self.bound(sigmas), self.block(block));
        let mut bounds = [0.0; BLOCK_ROWS];
        let kernel = self.kernel;
        self.sums().within(kernel, block, (bound, f32::INFINITY), &mut bounds);
        bounds
    }

    /// Whether rows that are neighbours are better looked at side by side.
    pub(crate) fn has_blocks(&self) -> bool {
        self.space.has_bits() && self.kernel.has_blocks()
    }

    /// Which rows of a block may score within a limit by their bits, `sigmas` standard errors below
    /// the estimate, and the least that these may.
    pub(crate) fn within(
        &mut self,
        block: usize,
        by: (f32, f32),
        out: &mut [f32; BLOCK_ROWS],
    ) -> u64 {
        self.within_block(self.block(block), by, out)
    }

    /// The same of a block of codes of something else, around the same centre.
    pub(crate) fn within_block(
        &mut self,
        block: &[u8],
        (sigmas, limit): (f32, f32),
        out: &mut [f32; BLOCK_ROWS],
    ) -> u64 {
        let (bound, kernel) = (self.bound(sigmas), self.kernel);
        if limit == f32::INFINITY || !self.heads.are_worth_it() {
            return self.sums().within(kernel, block, (bound, limit), out);
        }
        let near = self.sums().within_by_head(kernel, block, (bound, limit), out);
        self.heads.note(near.is_none());
        near.unwrap_or(0)
    }

    /// The same of a block of codes around a point of their own, whose score is known: in spaces of
    /// squared distances.
    pub(crate) fn within_around(
        &mut self,
        score: f32,
        block: &[u8],
        (sigmas, limit): (f32, f32),
        out: &mut [f32; BLOCK_ROWS],
    ) -> u64 {
        let step = self.bits().step();
        // What the theorem says of the way to the query, and what the query's steps add.
        let steps = STEPS * step * step * self.codes.width as f32;
        let slack = (score.max(0.0) + steps).sqrt() * self.weight.abs() * sigmas;
        let bound = Bound { shift: score, weight: self.weight, slack };
        let kernel = self.kernel;
        self.sums().within(kernel, block, (bound, limit), out)
    }

    fn block(&self, block: usize) -> &'a [u8] {
        let length = block_bytes(self.codes.width);
        &self.codes.blocks[block * length..][..length]
    }

    fn bound(&self, sigmas: f32) -> Bound {
        let slack = self.bits().norm() * self.weight.abs() * sigmas;
        Bound { shift: self.shift, weight: self.weight, slack }
    }

    fn sums(&mut self) -> &Sums {
        let bits = self.bits.get_or_init(|| BitQuery::new(&self.residual));
        self.sums.get_or_insert_with(|| Sums::new(bits))
    }

    fn least_one_by_one(&mut self, rows: Range<usize>, sigmas: f32, out: &mut Vec<f32>) {
        let rows: Vec<u32> = rows.map(|row| row as u32).collect();
        let mut bounds = std::mem::take(&mut self.bounds);
        self.least_at(&rows, sigmas, &mut bounds);
        out.append(&mut bounds);
        self.bounds = bounds;
    }

    /// The same for chosen rows.
    pub(crate) fn least_at(&mut self, rows: &[u32], sigmas: f32, out: &mut Vec<f32>) {
        if !self.space.has_bits() {
            self.scores(rows, out);
            let scores = out.iter_mut().zip(rows);
            scores.for_each(|(score, row)| *score -= self.doubt(*row, sigmas));
            return;
        }
        let Self { codes, kernel, bits, residual, shift, weight, counted, .. } = self;
        let bits = bits.get_or_init(|| BitQuery::new(residual));
        let products = codes.products(*kernel, rows, bits, counted);
        out.clear();
        out.extend(products.map(|[product, error, base]| {
            base + *shift + *weight * product - sigmas * weight.abs() * error
        }));
    }

    /// Scores of rows that may score below a limit by their bits, and nothing of the
    /// others. Answers how many were scored.
    pub(crate) fn gated(&mut self, rows: &[u32], limit: f32, out: &mut Vec<f32>) -> usize {
        let mut bounds = std::mem::take(&mut self.bounds);
        self.least_at(rows, GATE, &mut bounds);
        let mut near = std::mem::take(&mut self.near);
        passing(rows, &bounds, limit, &mut near);
        self.scores(&near, &mut bounds);
        spread_scores(rows, &near, &bounds, out);
        let scored = near.len();
        (self.bounds, self.near) = (bounds, near);
        scored
    }
}
