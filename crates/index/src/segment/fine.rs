//! Scores of rows by their fine codes, and the codes themselves.
//!
//! ```text
//!   int8      byte for each coordinate                      scale, norm, sum, base
//!   fp16      half float for each                           \
//!   rabitq4   four bits for each, first half's low          | scale, error, norm, base
//!   pq        number of a centroid for each eight           /
//! ```
//!
//! A graph is built by bytes whatever rows are to be scored by, since links chosen by rough
//! distances are rough for ever: those are a step of building, and only what was asked for is kept.
//!
//! **Invariant.** Each code says of itself how wrong it may be; a search that keeps whatever may be
//! near enough finds what exact comparison would, at the rate of the bound, by any of them.

use super::codes::{BEHIND, Codes};
use super::frame::Frame;
use super::rows::Rows;
use super::{BuildError, BuildOptions, Quantization, Space};
use crate::vectors::Room;
use cvx_core::code::{
    ByteFactors, ByteQuery, Fit, GridQuery, HalfQuery, Kernel, ProductQuery, SUB_DIM, StepFactors,
    StepQuery, encode_bytes, encode_grid, encode_halves, encode_product, pack_nibbles,
    sum_apart_at, train_centroids,
};
use rayon::prelude::*;

/// Bits of a coordinate in the packed grid.
const GRID_BITS: u32 = 4;
/// Rows a codebook is trained on, at most: forty to a centroid, as is usual.
const SAMPLE: usize = 10_240;
/// Pairs of the sample that tell how far estimates by centroids are off.
const PAIRS: usize = 1_024;
/// Rows encoded between two questions whether to go on.
const STEP: usize = 512;

/// A query in the form that a kind of codes takes.
#[derive(Clone, Debug)]
pub(super) enum FineQuery {
    Int8(ByteQuery),
    /// Bytes on one grid, of L1.
    Steps(StepQuery),
    Fp16(HalfQuery),
    Rabitq4(GridQuery),
    Pq(ProductQuery),
}

/// What follows from a product: `base + shift + weight * product`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) shift: f32,
    pub(super) weight: f32,
}

/// Room for a kernel's sums.
#[derive(Debug, Default)]
pub(super) struct Sums {
    whole: Vec<i32>,
    real: Vec<f32>,
}

impl FineQuery {
    pub(super) fn new(codes: &Codes<'_>, space: Space, residual: &[f32]) -> Self {
        match codes.kind {
            _ if !space.has_bits() => {
                Self::Steps(StepQuery::new(residual, codes.step().unwrap_or(1.0)))
            }
            Quantization::Int8 => Self::Int8(ByteQuery::new(residual)),
            Quantization::Fp16 => Self::Fp16(HalfQuery::new(residual)),
            Quantization::Rabitq4 => Self::Rabitq4(GridQuery::new(residual, GRID_BITS)),
            Quantization::Pq => Self::Pq(ProductQuery::new(residual, codes.codebook)),
        }
    }

    /// Scores of rows.
    pub(super) fn scores(
        &self,
        (codes, kernel): (&Codes<'_>, Kernel),
        rows: &[u32],
        line: Line,
        sums: &mut Sums,
        out: &mut Vec<f32>,
    ) {
        let (bytes, stride) = (codes.bytes, codes.stride());
        out.clear();
        match self {
            Self::Int8(query) => {
                let whole = sums.whole(rows.len());
                kernel.sum_bytes_at(bytes, stride, rows, query.code(), whole);
                out.extend(rows.iter().zip(whole).map(|(row, summed)| {
                    let [scale, norm, sum, base] = codes.behind_bytes(*row);
                    let product = query.estimate(*summed, &ByteFactors { scale, norm, sum });
                    base + line.shift + line.weight * product
                }));
            }
            Self::Steps(query) => {
                let whole = sums.whole(rows.len());
                sum_apart_at(bytes, stride, rows, query.code(), whole);
                out.extend(rows.iter().zip(whole).map(|(row, summed)| {
                    let [step, .., beyond] = codes.behind_bytes(*row);
                    beyond + line.shift + line.weight * step * *summed as f32
                }));
            }
            Self::Rabitq4(query) => {
                let whole = sums.whole(rows.len());
                kernel.sum_nibbles_at(bytes, stride, rows, query.code(), whole);
                let products = |fit: &Fit, summed| query.estimate(summed, fit);
                codes.score(rows, whole, line, products, out);
            }
            Self::Fp16(query) => {
                let real = sums.real(rows.len());
                kernel.sum_halves_at(bytes, stride, rows, query.numbers(), real);
                codes.score(rows, real, line, |fit, summed| query.estimate(summed, fit), out);
            }
            Self::Pq(query) => {
                let real = sums.real(rows.len());
                kernel.look_up_at(bytes, stride, rows, query.tables(), real);
                codes.score(rows, real, line, |fit, summed| query.estimate(summed, fit), out);
            }
        }
    }

    /// One standard error of a row's product.
    pub(super) fn error(&self, behind: [f32; 4]) -> f32 {
        let [scale, second, third, base] = behind;
        let fit = Fit { scale, error: second, norm: third };
        match self {
            Self::Int8(query) => query.error(&ByteFactors { scale, norm: second, sum: third }),
            Self::Steps(query) => query.error(&StepFactors { error: second, beyond: base }),
            Self::Fp16(query) => query.error(&fit),
            Self::Rabitq4(query) => query.error(&fit),
            Self::Pq(query) => query.error(&fit),
        }
    }
}

impl FineQuery {
    /// The query's part of a score, where its code says it.
    pub(super) fn shift(&self) -> Option<f32> {
        match self {
            Self::Steps(query) => Some(query.beyond()),
            Self::Int8(_) | Self::Fp16(_) | Self::Rabitq4(_) | Self::Pq(_) => None,
        }
    }

    /// What a row's score may be too large by, beside its error.
    pub(super) fn excess(&self, [_, error, _, beyond]: [f32; 4]) -> f32 {
        match self {
            Self::Steps(query) => query.excess(&StepFactors { error, beyond }),
            Self::Int8(_) | Self::Fp16(_) | Self::Rabitq4(_) | Self::Pq(_) => 0.0,
        }
    }
}

impl Sums {
    fn whole(&mut self, rows: usize) -> &mut [i32] {
        self.whole.resize(rows, 0);
        &mut self.whole
    }

    fn real(&mut self, rows: usize) -> &mut [f32] {
        self.real.resize(rows, 0.0);
        &mut self.real
    }
}

impl Codes<'_> {
    fn score<T: Copy>(
        &self,
        rows: &[u32],
        sums: &[T],
        line: Line,
        product: impl Fn(&Fit, T) -> f32,
        out: &mut Vec<f32>,
    ) {
        out.extend(rows.iter().zip(sums).map(|(row, summed)| {
            let [scale, error, norm, base] = self.behind_bytes(*row);
            base + line.shift + line.weight * product(&Fit { scale, error, norm }, *summed)
        }));
    }
}

/// Where residuals come from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) rows: &'a Rows<'a>,
    pub(super) factors: &'a [Option<f32>],
    pub(super) frame: Frame<'a>,
}

impl Source<'_> {
    /// Writes a row's residual; whether it has one.
    fn residual(&self, row: usize, room: &mut Room, residual: &mut [f32]) -> bool {
        let vector = self.rows.vector(row, room);
        let Some((vector, factor)) = vector.zip(self.factors[row]) else { return false };
        self.frame.residual(vector, factor, residual);
        true
    }
}

/// The fine codes of all rows.
pub(super) struct Fine {
    pub(super) bytes: Vec<u8>,
    pub(super) codebook: Vec<f32>,
}

impl Fine {
    /// By other codes than those that the graph was built by.
    pub(super) fn new(source: &Source<'_>, options: &BuildOptions<'_>) -> Result<Self, BuildError> {
        let (kind, width) = (options.quantization, source.frame.rotation.width());
        let encoder = Encoder::new(source, options)?;
        let stride = kind.stride(width);
        let mut bytes = vec![0; source.rows.count() * stride];
        let encode = |(at, places): (usize, &mut [u8])| {
            options.check()?;
            let (mut residual, mut room) = (vec![0.0; width], Room::default());
            for (row, place) in (at * STEP..).zip(places.chunks_exact_mut(stride)) {
                if source.residual(row, &mut room, &mut residual) {
                    let base = source.frame.space.base(&residual, source.frame.centre);
                    encoder.encode(&residual, base, place);
                }
            }
            Ok(())
        };
        let stretches = bytes.chunks_mut(STEP * stride);
        if options.parallel {
            let stretches: Vec<_> = stretches.collect();
            stretches.into_par_iter().enumerate().try_for_each(encode)?;
        } else {
            stretches.enumerate().try_for_each(encode)?;
        }
        Ok(Self { bytes, codebook: encoder.codebook })
    }
}

/// What turns residuals into codes.
struct Encoder {
    kind: Quantization,
    codebook: Vec<f32>,
    /// What errors are multiplied by: those of centroids need not lie in random directions.
    wider: f32,
}

impl Encoder {
    fn new(source: &Source<'_>, options: &BuildOptions<'_>) -> Result<Self, BuildError> {
        let kind = options.quantization;
        let mut encoder = Self { kind, codebook: Vec::new(), wider: 1.0 };
        if kind == Quantization::Pq {
            let width = source.frame.rotation.width();
            let sample = sample(source);
            encoder.codebook = train(&sample, width, options)?;
            encoder.wider = encoder.spread(&sample, width);
        }
        Ok(encoder)
    }

    /// Writes a code, and what lies behind it.
    fn encode(&self, residual: &[f32], base: f32, place: &mut [u8]) {
        let (code, behind) = place.split_at_mut(place.len() - BEHIND);
        let fit = match self.kind {
            Quantization::Int8 => {
                let of_bytes = encode_bytes(residual, code);
                Fit { scale: of_bytes.scale, error: of_bytes.norm, norm: of_bytes.sum }
            }
            Quantization::Fp16 => encode_halves(residual, code),
            Quantization::Rabitq4 => {
                let mut levels = vec![0; residual.len()];
                let fit = encode_grid(residual, GRID_BITS, &mut levels);
                pack_nibbles(&levels, code);
                fit
            }
            Quantization::Pq => {
                let fit = encode_product(residual, &self.codebook, code);
                Fit { error: fit.error * self.wider, ..fit }
            }
        };
        behind.copy_from_slice(bytemuck::bytes_of(&[fit.scale, fit.error, fit.norm, base]));
    }

    /// The root of the mean square of errors in units of the promised one, over pairs of the
    /// sample; at least 1.
    fn spread(&self, sample: &[f32], width: usize) -> f32 {
        let rows: Vec<&[f32]> = sample.chunks_exact(width).collect();
        let step = (rows.len() / PAIRS).max(1);
        let mut code = vec![0; width / SUB_DIM];
        let (mut sum, mut count) = (0.0f64, 0.0f64);
        for pair in rows.windows(2).step_by(step) {
            let fit = encode_product(pair[0], &self.codebook, &mut code);
            let decoded = cvx_core::code::decode_product(&code, &self.codebook);
            let decoded: Vec<f32> = decoded.collect();
            let dot = |a: &[f32]| cvx_core::distance::inner_product(a, pair[1]).unwrap_or(0.0);
            let norm = cvx_core::distance::norm(pair[1]);
            let promised = f64::from(fit.error) * norm;
            if promised > 0.0 {
                let error = f64::from(fit.scale) * dot(&decoded) - dot(pair[0]);
                sum += (error / promised).powi(2);
                count += 1.0;
            }
        }
        (sum / f64::max(count, 1.0)).sqrt().max(1.0) as f32
    }
}

/// Residuals of rows from everywhere.
fn sample(source: &Source<'_>) -> Vec<f32> {
    let coded = source.factors.iter().enumerate().filter(|(_, factor)| factor.is_some());
    let coded: Vec<usize> = coded.map(|(row, _)| row).collect();
    let width = source.frame.rotation.width();
    let taken = coded.len().min(SAMPLE);
    let (mut sample, mut room) = (vec![0.0; taken * width], Room::default());
    for (at, residual) in sample.chunks_exact_mut(width).enumerate() {
        source.residual(coded[at * coded.len() / taken], &mut room, residual);
    }
    sample
}

/// The centroids of each eight coordinates, one eight after the other.
fn train(sample: &[f32], width: usize, options: &BuildOptions<'_>) -> Result<Vec<f32>, BuildError> {
    let of_eight = |at: usize| {
        options.check()?;
        let rows = sample.chunks_exact(width);
        let points: Vec<[f32; SUB_DIM]> =
            rows.map(|row| row.as_chunks::<SUB_DIM>().0[at]).collect();
        Ok(train_centroids(&points).centroids)
    };
    let eights = 0..width / SUB_DIM;
    let books: Vec<Vec<f32>> = if options.parallel {
        eights.into_par_iter().map(of_eight).collect::<Result<_, BuildError>>()?
    } else {
        eights.map(of_eight).collect::<Result<_, BuildError>>()?
    };
    Ok(books.concat())
}
