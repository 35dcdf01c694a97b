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
//! **Invariants.** The two kernels work on integers, so every machine gives the same sums. A
//! code's length is a multiple of 64 coordinates; those beyond the vector's are zero before the
//! rotation and carry information after it.
//!
//! I did consider 4-bit codes between the two (extended RaBitQ, 2024): 48 % of the bytes' memory,
//! but the walk would then need the rows themselves for its last ten, at 300 ns each from memory
//! against 60 for a row of bytes. And `f16` rows: twice the bytes' memory for digits that the last
//! comparison with the f32 rows makes unnecessary.

mod bits;
mod blocks;
mod bytes;
mod fetch;
mod kernel;
mod rotation;
#[cfg(target_arch = "x86_64")]
mod wide;

#[cfg(test)]
mod tests;

pub use bits::{BitFactors, BitQuery, encode_bits};
pub use blocks::{BLOCK_ROWS, Bound, Sums, block_bytes, write_to_block};
pub use bytes::{ByteFactors, ByteQuery, encode_bytes};
pub use fetch::{prefetch, prefetch_soon};
pub use kernel::Kernel;
pub use rotation::{Rotation, code_width};

/// Bit planes of a query: its coordinates are numbers from 0 to 15.
pub const PLANES: usize = 4;
