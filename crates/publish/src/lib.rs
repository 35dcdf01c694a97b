//! What readers see of a table while its one writer changes it, and why they need not wait.
//!
//! ```text
//!   the writer, for a group of commits          a reader
//!     timelines      entity by entity             takes what is published: the moment s
//!     closures       in place                     then the list of segments
//!     the list       as a whole                   then looks at rows, their closures, timelines
//!     what is published, last
//! ```
//!
//! **Invariants**, for a reader that found s published and took a list after it:
//!
//! 1. Rows: every row of a commit up to s is in the list once, wherever it moved (runs merged,
//!    frozen, sealed, given back). A row of a later commit says so by its sequence.
//! 2. Closings: the closure of a row in the list has every closing and successor of commits up to
//!    s. Of later ones it may have some, or halves, and none of them changes an answer at s.
//! 3. Timelines: a closure that says to ask them is never ahead of what they say; they may be
//!    ahead of s, and are read at its moments.
//! 4. The same holds of every earlier moment, so what was read at s is read again later.
//! 5. Waiting: a reader takes no lock but to ask a timeline, which the writer holds for one
//!    entity's change in memory. Whatever else the writer is stopped at, readers go on.
//!
//! The order that this takes is kept here, in few places: [`Publication::publish`] publishes after
//! everything else, [`Segments`] copies closures of rows that move when they move, [`Closures`]
//! orders its stores. `tests/model` compiles these modules against a model checker's primitives
//! and has it try the interleavings, and the values that stale memory may show
//! (docs/adr/0015).
//!
//! [`Closures`]: closure::Closures

pub mod address;
pub mod birth;
mod change;
pub mod closure;
mod publication;
mod segments;
pub mod sight;
mod slice;
mod sync;
#[cfg(test)]
mod tests;
pub mod timeline;
pub mod timelines;

pub use address::{OWN_BASE, RowAddr, is_own};
pub use change::{Changes, Close, History, NewRow};
pub use publication::Publication;
pub use segments::{Order, Run, SegmentList, Segments, copy_closures};
pub use slice::{SystemSlice, TimeSlice, ValidSlice};
