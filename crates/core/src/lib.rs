//! Ids, times, vectors and their distances: the vocabulary every other crate speaks.
//!
//! Nothing here does I/O, waits, or knows of Arrow, SQL or RocksDB.

pub mod cancel;
pub mod clock;
pub mod code;
pub mod composite;
pub mod distance;
pub mod id;
pub mod metric;
pub mod time;
pub mod topk;

pub use cancel::{CancelToken, Stop};
pub use clock::{Clock, ManualClock, SystemClock};
pub use composite::{Composite, CompositeError, Decay};
pub use distance::{DistanceError, Query, distance};
pub use id::{EntityId, SpaceId};
pub use metric::Metric;
pub use time::{CommitSeq, ValidTime};
pub use topk::{Rank, TopK};
