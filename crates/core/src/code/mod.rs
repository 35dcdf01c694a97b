//! Vectors in few bits, and distances between them: what an index walks over instead of f32 rows.
//!
//! ```text
//!   row (dim f32) -> Rotation -> minus a centre -> residual r (wide f32)
//!                                                    |
//!                        +---------------------------+--------------------------+
//!                        v                                                      v
//!   bits: sign of each coordinate, 1 bit            bytes: each coordinate in 255 steps, 8 bits
//!   <r,q> ~ scale * <sign(r), q>, and how wrong     <r,q> ~ scale_r * scale_q * <bytes, bytes>
//!   that may be                                     almost right
//! ```
//!
//! The 1-bit code is RaBitQ (Gao and Long 2024, "RaBitQ: Quantizing High-Dimensional Vectors with
//! a Theoretical Error Bound", section 3): after a random rotation the estimate is unbiased, and
//! its error is bounded in terms of the row alone, so a scan may leave out what cannot be near. The
//! query's coordinates are taken in 16 steps, whose bit planes meet the codes by AND and popcount.
//!
//! **Invariants.** Every machine gives the same sums: kernels work on integers, or add floats in
//! one order. A code's length is a multiple of 64 coordinates; those beyond the vector's are zero
//! before the rotation and carry information after it.
//!
//! What scores rows need not be bytes. [`encode_grid`] has RaBitQ codes of 2 to 8 bits a
//! coordinate, [`encode_halves`] half floats, [`encode_product`] one byte for each eight: the fewer
//! bits, the more rows must be compared themselves. All decode to a vector, and [`Fit`] says how
//! its products stand for the row's, and how wrong they may be.
//!
//! L1 has codes of its own: [`encode_steps`] takes coordinates as they are, not rotated, on a grid.
//!
//! `bfloat16` is left out: in the bytes of a half float it keeps three digits less, of a number
//! whose range the row's scale has taken care of already.

mod bits;
mod blocks;
mod bytes;
mod fetch;
mod fit;
mod grid;
mod halves;
mod kernel;
mod product;
mod rotation;
mod steps;
#[cfg(target_arch = "x86_64")]
mod wide;

#[cfg(test)]
mod many_tests;
#[cfg(test)]
mod tests;

pub use bits::{BitFactors, BitQuery, encode_bits};
pub use blocks::{BLOCK_ROWS, Bound, Sums, block_bytes, write_to_block};
pub use bytes::{ByteFactors, ByteQuery, encode_bytes};
pub use fetch::{prefetch, prefetch_soon};
pub use fit::Fit;
pub use grid::{GRID_BITS, GridQuery, encode_grid, pack_nibbles};
pub use halves::{HalfQuery, encode_halves};
pub use kernel::Kernel;
pub use product::{
    CENTROIDS, ProductQuery, SUB_BOOK, SUB_DIM, Trained, decode_product, encode_product,
    train_centroids,
};
pub use rotation::{Rotation, code_width};
pub use steps::{StepFactors, StepQuery, encode_steps, step_to, sum_apart_at};

/// Bit planes of a query: its coordinates are numbers from 0 to 15.
pub const PLANES: usize = 4;

/// Adding this to a small f32 leaves the nearest whole number in its lowest bits.
const ROUND: f32 = 12_582_912.0;
