//! Product quantisation: of each eight coordinates the number of the nearest of 256 centroids.
//!
//! ```text
//!   residual   |8 coordinates|8 coordinates| ... |       codebook: for each eight, 256 centroids,
//!   code       |   1 byte    |   1 byte    | ... |       coordinate by coordinate
//!   query      |  256 products with its centroids |...   a table, looked up by the code's bytes
//! ```
//!
//! Jegou, Douze and Schmid 2011, "Product Quantization for Nearest Neighbor Search", with
//! asymmetric distances (section 3): the query is not quantised. One bit a coordinate, as the 1-bit
//! codes have; but centroids lie where the rows do, so what they leave out is less where rows have
//! a shape. Codes decode to a vector like all others, and [`Fit`] makes their estimate unbiased.
//!
//! **Invariant.** A codebook depends on its sample alone: the same centroids on any machine, by any
//! number of threads.
//!
//! The tables are floats, 96 KiB at 768 coordinates, and looked up one by one: 8-bit tables in
//! registers (Fast Scan) need 4-bit codes, half of what a byte says for the same memory; gathers of
//! sixteen numbers at a time cost as many loads as sixteen lookups.

use super::Fit;
use pulp::{Arch, Simd, WithSimd};

/// Coordinates of a centroid.
pub const SUB_DIM: usize = 8;
/// Centroids of each eight coordinates.
pub const CENTROIDS: usize = 256;
/// Numbers of eight coordinates' centroids.
pub const SUB_BOOK: usize = SUB_DIM * CENTROIDS;

/// Rounds of k-means; the last ones move hardly anything.
const ROUNDS: usize = 8;

/// Centroids of eight coordinates, and how far the points are from theirs: the sum of squares.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The first coordinate of each centroid, then the second of each...
    pub centroids: Vec<f32>,
    pub squares: f64,
}

/// k-means (Lloyd's) over points of eight coordinates, which should be in no order.
#[must_use]
pub fn train_centroids(points: &[[f32; SUB_DIM]]) -> Trained {
    Arch::new().dispatch(Train(points))
}

struct Train<'a>(&'a [[f32; SUB_DIM]]);

impl WithSimd for Train<'_> {
    type Output = Trained;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> Trained {
        let points = self.0;
        let mut book = vec![0.0f32; SUB_BOOK];
        if points.is_empty() {
            return Trained { centroids: book, squares: 0.0 };
        }
        for at in 0..CENTROIDS {
            set_centroid(&mut book, at, points[at * points.len() / CENTROIDS]);
        }
        let mut nearest = assign(&book, points);
        for _ in 0..ROUNDS {
            let mut moved = book.clone();
            move_centroids(&mut moved, points, &nearest);
            let now = assign(&moved, points);
            if total(&now) >= total(&nearest) {
                break;
            }
            (book, nearest) = (moved, now);
        }
        Trained { centroids: book, squares: total(&nearest) }
    }
}

fn set_centroid(book: &mut [f32], at: usize, centroid: [f32; SUB_DIM]) {
    for (line, x) in book.chunks_exact_mut(CENTROIDS).zip(centroid) {
        line[at] = x;
    }
}

fn total(nearest: &[(u8, f32)]) -> f64 {
    nearest.iter().map(|(_, square)| f64::from(*square)).sum()
}

/// Each point's centroid, and the square of its distance.
#[inline(always)]
fn assign(book: &[f32], points: &[[f32; SUB_DIM]]) -> Vec<(u8, f32)> {
    points.iter().map(|point| nearest(book, point)).collect()
}

/// The nearest centroid, the first of several.
#[inline(always)]
fn nearest(book: &[f32], point: &[f32; SUB_DIM]) -> (u8, f32) {
    let mut squares = [0.0f32; CENTROIDS];
    for (line, x) in book.as_chunks::<CENTROIDS>().0.iter().zip(point) {
        for (square, c) in squares.iter_mut().zip(line) {
            *square += (c - x) * (c - x);
        }
    }
    let mut least = [f32::INFINITY; 16];
    for lanes in squares.as_chunks::<16>().0 {
        for (least, square) in least.iter_mut().zip(lanes) {
            *least = if *square < *least { *square } else { *least };
        }
    }
    let least = least.into_iter().fold(f32::INFINITY, f32::min);
    let at = squares.iter().position(|square| *square == least).unwrap_or(0);
    (at as u8, least)
}

/// Moves centroids to the means of their points; one without points to the point that is farthest
/// from its own, no two to the same.
fn move_centroids(book: &mut [f32], points: &[[f32; SUB_DIM]], nearest: &[(u8, f32)]) {
    let mut sums = vec![[0.0f64; SUB_DIM]; CENTROIDS];
    let mut counts = [0u32; CENTROIDS];
    for (point, (at, _)) in points.iter().zip(nearest) {
        counts[usize::from(*at)] += 1;
        let sum = sums[usize::from(*at)].iter_mut();
        sum.zip(point).for_each(|(sum, x)| *sum += f64::from(*x));
    }
    let mut far: Vec<usize> = Vec::new();
    if counts.contains(&0) {
        far.extend(0..points.len());
        far.sort_by(|a, b| nearest[*b].1.total_cmp(&nearest[*a].1));
    }
    let mut far = far.into_iter();
    for (at, (sum, count)) in sums.iter().zip(counts).enumerate() {
        let mean = sum.map(|sum| (sum / f64::from(count)) as f32);
        match count {
            0 => far.next().into_iter().for_each(|far| set_centroid(book, at, points[far])),
            _ => set_centroid(book, at, mean),
        }
    }
}

/// Writes a residual's bytes.
pub fn encode_product(residual: &[f32], codebook: &[f32], code: &mut [u8]) -> Fit {
    assert_eq!(residual.len(), SUB_DIM * code.len(), "a code of another width");
    assert_eq!(codebook.len(), SUB_BOOK * code.len(), "a codebook of another width");
    Arch::new().dispatch(Encode { residual, codebook, code })
}

struct Encode<'a> {
    residual: &'a [f32],
    codebook: &'a [f32],
    code: &'a mut [u8],
}

impl WithSimd for Encode<'_> {
    type Output = Fit;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> Fit {
        let books = self.codebook.chunks_exact(SUB_BOOK);
        let points = self.residual.as_chunks::<SUB_DIM>().0;
        for ((byte, book), point) in self.code.iter_mut().zip(books).zip(points) {
            *byte = nearest(book, point).0;
        }
        Fit::of(self.residual, decode_product(self.code, self.codebook))
    }
}

/// What bytes stand for.
pub fn decode_product<'a>(code: &'a [u8], codebook: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
    let books = codebook.chunks_exact(SUB_BOOK).zip(code);
    books.flat_map(|(book, byte)| {
        book.chunks_exact(CENTROIDS).map(move |line| line[usize::from(*byte)])
    })
}

/// A query as tables of its products with all centroids.
#[derive(Clone, Debug)]
pub struct ProductQuery {
    tables: Vec<f32>,
    norm: f32,
}

impl ProductQuery {
    #[must_use]
    pub fn new(residual: &[f32], codebook: &[f32]) -> Self {
        let subs = residual.len() / SUB_DIM;
        assert_eq!(codebook.len(), SUB_BOOK * subs, "a codebook of another width");
        let mut tables = vec![0.0; CENTROIDS * subs];
        Arch::new().dispatch(Tables { residual, codebook, tables: &mut tables });
        let norm = residual.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt() as f32;
        Self { tables, norm }
    }

    #[must_use]
    pub fn tables(&self) -> &[f32] {
        &self.tables
    }

    #[must_use]
    pub fn norm(&self) -> f32 {
        self.norm
    }

    /// `<r,q>` from the kernel's sum.
    #[inline]
    #[must_use]
    pub fn estimate(&self, summed: f32, fit: &Fit) -> f32 {
        fit.scale * summed
    }

    /// One standard error of the estimate.
    #[inline]
    #[must_use]
    pub fn error(&self, fit: &Fit) -> f32 {
        fit.error * self.norm
    }
}

struct Tables<'a> {
    residual: &'a [f32],
    codebook: &'a [f32],
    tables: &'a mut [f32],
}

impl WithSimd for Tables<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let tables = self.tables.as_chunks_mut::<CENTROIDS>().0.iter_mut();
        let points = self.residual.as_chunks::<SUB_DIM>().0;
        let books = self.codebook.chunks_exact(SUB_BOOK);
        for ((table, point), book) in tables.zip(points).zip(books) {
            for (line, x) in book.as_chunks::<CENTROIDS>().0.iter().zip(point) {
                for (sum, c) in table.iter_mut().zip(line) {
                    *sum += x * c;
                }
            }
        }
    }
}
