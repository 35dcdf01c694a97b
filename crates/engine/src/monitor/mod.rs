//! Monitors: tables whose points are watched for breaks as they come.
//!
//! ```text
//!   writer                        cvx-monitor (a thread)
//!   commit, publish               takes the marks; for each entity
//!   mark the entities  -------->    its state   from memory, or the family `changepoints`
//!   answer                          its points  that the state has not seen, as of the marks
//!                                   events      one batch: events, states, the watermark
//! ```
//!
//! **Invariant.** Up to its watermark, the events of an entity that are not withdrawn are what
//! [`cvx_analytics::bocpd::watch`] says of its points as currently known, in the order of their
//! valid time. So nothing depends on how points were grouped into commits or rounds, on what was
//! rolled back (it is never marked), on restarts, or on where a state was kept: a state in memory
//! or on disk is a shortcut past points, and where it may have seen a point that has changed
//! since, it is thrown away and the entity is watched anew from its first point.
//!
//! - A point behind the last one seen costs constant time. Any other change (a late point, an
//!   UPDATE, a DELETE, a TRUNCATE) costs the entity's points once, however many there are in a
//!   round. What was told and is no longer found is withdrawn, not forgotten: somebody may have
//!   acted on it.
//! - The writer does no more than note the entities and the earliest time of each commit, for
//!   tables that have a monitor. The thread may fall behind; marks are bounded by the number of
//!   entities, states in memory by `monitor_bytes`.
//! - The watermark lies in the same log as the commits and after them, so whoever finds it finds
//!   them. Batches with events are synced: an event that was read is there after a crash.
//! - What is erased takes its entity's events and states with it, in the erasure's own batch, and
//!   what is left of the entity is watched anew. A round that began before is thrown away:
//!   [`Monitors::removals`] is held by either while it writes, and counts.
//!
//! Rejected: the detector in the writer. It would put 5 to 60 microseconds a point in the way of
//! every commit's answer, and a state must be kept with each commit to be there after a crash.

mod entity;
mod event;
mod follow;
mod marks;
mod record;
mod rounds;
mod thread;

pub use event::{ChangeEvent, EntityKey, MonitorStats};
pub(crate) use marks::Marks;
pub(crate) use record::{erased, forget_entity};
pub(crate) use rounds::Monitors;
pub(crate) use thread::MonitorThread;
