//! The codes of unit rows, as an index has them: 1 bit and 1 byte a coordinate, rotated, centred.

use cvx_core::code::{
    BitFactors, BitQuery, ByteFactors, ByteQuery, Kernel, Rotation, encode_bits, encode_bytes,
};
use rayon::prelude::*;

/// Coordinates up to which bits say little and save less.
const NARROW: usize = 64;
/// Rows encoded at a time.
const STEP: usize = 512;

/// What lies behind a row's bits and bytes: four numbers each.
const BEHIND: usize = 4;

#[derive(Debug)]
pub struct Codes {
    rotation: Rotation,
    centre: Vec<f32>,
    /// Of each row its bits, [scale, error, ones, square], and nothing to the end of a line.
    bits: Vec<u64>,
    /// Of each row its bytes, and [scale, norm, sum, square].
    bytes: Vec<u8>,
}

impl Codes {
    #[must_use]
    pub fn new(vectors: &[f32], dim: usize) -> Self {
        let (rotation, rows) = (Rotation::new(dim), vectors.len() / dim);
        let width = rotation.width();
        let mut mean = vec![0.0f64; dim];
        for row in vectors.chunks_exact(dim) {
            mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        let mean: Vec<f32> = mean.iter().map(|sum| (sum / rows.max(1) as f64) as f32).collect();
        let mut centre = vec![0.0; width];
        rotation.rotate(&mean, 1.0, &mut centre);
        let bits = vec![0; rows * bits_stride(width)];
        let bytes = vec![0; rows * bytes_stride(width)];
        let mut codes = Self { rotation, centre, bits, bytes };
        codes.encode(vectors, dim);
        codes
    }

    fn encode(&mut self, vectors: &[f32], dim: usize) {
        let Self { rotation, centre, bits, bytes } = self;
        let width = rotation.width();
        let places = bits.par_chunks_mut(STEP * bits_stride(width));
        let places = places.zip(bytes.par_chunks_mut(STEP * bytes_stride(width)));
        places.zip(vectors.par_chunks(STEP * dim)).for_each(|((bits, bytes), vectors)| {
            let mut residual = vec![0.0; width];
            let bits = bits.chunks_exact_mut(bits_stride(width));
            let places = bits.zip(bytes.chunks_exact_mut(bytes_stride(width)));
            for ((bits, bytes), vector) in places.zip(vectors.chunks_exact(dim)) {
                residual_of(rotation, centre, vector, &mut residual);
                let square: f32 = residual.iter().map(|x| x * x).sum();
                let (code, behind) = bits.split_at_mut(width / 64);
                let of = encode_bits(&residual, code);
                let factors = [of.scale, of.error, of.ones, square];
                behind[..2].copy_from_slice(&bytemuck::cast::<_, [u64; 2]>(factors));
                let (code, behind) = bytes.split_at_mut(width);
                let of = encode_bytes(&residual, code);
                behind.copy_from_slice(bytemuck::bytes_of(&[of.scale, of.norm, of.sum, square]));
            }
        });
    }

    #[must_use]
    pub fn rows(&self) -> usize {
        self.bytes.len() / bytes_stride(self.width())
    }

    fn width(&self) -> usize {
        self.rotation.width()
    }

    #[inline]
    fn behind_bits(&self, row: u32) -> [f32; BEHIND] {
        let at = row as usize * bits_stride(self.width()) + self.width() / 64;
        let words = self.bits[at..].first_chunk::<2>().copied().unwrap_or_default();
        bytemuck::cast(words)
    }

    #[inline]
    fn behind_bytes(&self, row: u32) -> [f32; BEHIND] {
        let at = row as usize * bytes_stride(self.width()) + self.width();
        let bytes = self.bytes[at..].first_chunk::<16>().copied().unwrap_or_default();
        bytemuck::cast(bytes)
    }

    fn code(&self, row: u32) -> &[u8] {
        &self.bytes[row as usize * bytes_stride(self.width())..][..self.width()]
    }

    /// Asks memory for a row's bytes.
    #[inline]
    pub fn prefetch(&self, row: u32) {
        let stride = bytes_stride(self.width());
        cvx_core::code::prefetch(&self.bytes[row as usize * stride..][..stride]);
    }
}

fn residual_of(rotation: &Rotation, centre: &[f32], vector: &[f32], residual: &mut [f32]) {
    rotation.rotate(vector, 1.0, residual);
    residual.iter_mut().zip(centre).for_each(|(x, c)| *x -= c);
}

fn bits_stride(width: usize) -> usize {
    (width / 64 + 2).next_multiple_of(8)
}

fn bytes_stride(width: usize) -> usize {
    width + 4 * BEHIND
}

/// Looks from somewhere at rows: how far they are, squared.
#[derive(Debug)]
pub struct Look<'a> {
    pub codes: &'a Codes,
    kernel: Kernel,
    bits: Option<BitQuery>,
    bytes: ByteQuery,
    square: f32,
    counted: Vec<u32>,
    summed: Vec<i32>,
    pub estimates: usize,
    pub scores: usize,
}

impl<'a> Look<'a> {
    pub fn new(codes: &'a Codes) -> Self {
        Self {
            codes,
            kernel: Kernel::default(),
            bits: None,
            bytes: ByteQuery::default(),
            square: 0.0,
            counted: Vec::new(),
            summed: Vec::new(),
            estimates: 0,
            scores: 0,
        }
    }

    /// From a query.
    pub fn from_vector(&mut self, vector: &[f32]) {
        let mut residual = vec![0.0; self.codes.width()];
        residual_of(&self.codes.rotation, &self.codes.centre, vector, &mut residual);
        self.square = residual.iter().map(|x| x * x).sum();
        self.bytes = ByteQuery::new(&residual);
        self.bits = (self.codes.width() > NARROW).then(|| BitQuery::new(&residual));
    }

    /// From a row, by its bytes only.
    pub fn from_row(&mut self, row: u32) {
        let [scale, norm, sum, square] = self.codes.behind_bytes(row);
        self.bytes.set_row(self.codes.code(row), &ByteFactors { scale, norm, sum });
        (self.square, self.bits) = (square, None);
    }

    /// From a row, by bits too.
    pub fn from_row_by_bits(&mut self, row: u32) {
        self.from_row(row);
        if self.codes.width() > NARROW {
            let [scale, ..] = self.codes.behind_bytes(row);
            let code = self.codes.code(row).iter();
            let residual: Vec<f32> = code.map(|byte| scale * (f32::from(*byte) - 128.0)).collect();
            self.bits = Some(BitQuery::new(&residual));
        }
    }

    /// Whether guesses are less than scores.
    #[must_use]
    pub fn is_led_by_bits(&self) -> bool {
        self.bits.is_some()
    }

    /// By bits, if rows are so wide that these say enough.
    pub fn guess(&mut self, rows: &[u32], out: &mut Vec<f32>) {
        let Some(query) = &self.bits else { return self.score(rows, out) };
        self.estimates += rows.len();
        let stride = bits_stride(self.codes.width());
        self.counted.resize(rows.len(), 0);
        let planes = query.planes();
        self.kernel.count_bits_at(&self.codes.bits, stride, rows, planes, &mut self.counted);
        out.clear();
        out.extend(rows.iter().zip(&self.counted).map(|(row, counted)| {
            let [scale, error, ones, square] = self.codes.behind_bits(*row);
            let product = query.estimate(*counted, &BitFactors { scale, error, ones });
            self.square + square - 2.0 * product
        }));
    }

    /// By bytes.
    pub fn score(&mut self, rows: &[u32], out: &mut Vec<f32>) {
        self.scores += rows.len();
        let stride = bytes_stride(self.codes.width());
        self.summed.resize(rows.len(), 0);
        let code = self.bytes.code();
        self.kernel.sum_bytes_at(&self.codes.bytes, stride, rows, code, &mut self.summed);
        out.clear();
        out.extend(rows.iter().zip(&self.summed).map(|(row, summed)| {
            let [scale, norm, sum, square] = self.codes.behind_bytes(*row);
            let product = self.bytes.estimate(*summed, &ByteFactors { scale, norm, sum });
            self.square + square - 2.0 * product
        }));
    }

    /// How far a score may be off: four standard errors.
    #[must_use]
    pub fn doubt(&self, row: u32) -> f32 {
        let [scale, norm, sum, _] = self.codes.behind_bytes(row);
        8.0 * self.bytes.error(&ByteFactors { scale, norm, sum })
    }
}
