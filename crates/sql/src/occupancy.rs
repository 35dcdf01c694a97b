//! Who is in which database: none is dropped or renamed under a session.
//!
//! Invariant: while a [`Closed`] lives, nobody gets a [`Seat`] in its database; it is given only
//! where nobody has one, or all who had were evicted and are told so at their next statement. So
//! who has a seat and was not evicted may trust that the database stays what it is.

use cvx_core::CancelToken;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Sessions by database; shared by all sessions of a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Occupancy(Arc<Mutex<HashMap<u32, Room>>>);

#[derive(Debug, Default)]
struct Room {
    present: Vec<Arc<Sitter>>,
    closed: bool,
}

#[derive(Debug, Default)]
struct Sitter {
    evicted: AtomicBool,
    cancel: CancelToken,
}

/// A session is in a database as long as it has this.
#[derive(Debug)]
pub(crate) struct Seat {
    occupancy: Occupancy,
    database: u32,
    sitter: Arc<Sitter>,
}

/// Nobody is in a database, nor gets in.
#[derive(Debug)]
pub(crate) struct Closed {
    occupancy: Occupancy,
    database: u32,
}

impl Occupancy {
    /// A seat in the database, unless it is about to change.
    pub(crate) fn enter(&self, database: u32) -> Option<Seat> {
        let mut rooms = self.0.lock();
        let room = rooms.entry(database).or_default();
        if room.closed {
            return None;
        }
        let sitter = Arc::new(Sitter::default());
        room.present.push(Arc::clone(&sitter));
        Some(Seat { occupancy: self.clone(), database, sitter })
    }

    /// Closes the database; how many are in it, if any. With `force` they are evicted.
    pub(crate) fn close(&self, database: u32, force: bool) -> Result<Closed, usize> {
        let mut rooms = self.0.lock();
        let room = rooms.entry(database).or_default();
        if room.closed {
            return Err(1);
        }
        if force {
            room.present.drain(..).for_each(|sitter| sitter.evict());
        }
        if !room.present.is_empty() {
            return Err(room.present.len());
        }
        room.closed = true;
        Ok(Closed { occupancy: self.clone(), database })
    }

    fn leave(&self, database: u32, change: impl FnOnce(&mut Room)) {
        let mut rooms = self.0.lock();
        let Some(room) = rooms.get_mut(&database) else { return };
        change(room);
        if room.present.is_empty() && !room.closed {
            rooms.remove(&database);
        }
    }
}

impl Sitter {
    fn evict(&self) {
        self.evicted.store(true, Ordering::Release);
        self.cancel.cancel();
    }
}

impl Seat {
    pub(crate) fn database(&self) -> u32 {
        self.database
    }

    /// The flag that stops the session's running statement.
    pub(crate) fn cancel(&self) -> &CancelToken {
        &self.sitter.cancel
    }

    /// Whether the database was dropped under the session.
    pub(crate) fn is_lost(&self) -> bool {
        self.sitter.evicted.load(Ordering::Acquire)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let own = |sitter: &Arc<Sitter>| Arc::ptr_eq(sitter, &self.sitter);
        self.occupancy.leave(self.database, |room| room.present.retain(|sitter| !own(sitter)));
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.occupancy.leave(self.database, |room| room.closed = false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_in_what_is_closed() {
        let all = Occupancy::default();
        let (one, other) = (all.enter(1).unwrap(), all.enter(1).unwrap());
        assert_eq!(all.close(1, false).unwrap_err(), 2);
        drop(one);
        assert_eq!(all.close(1, false).unwrap_err(), 1);
        drop(other);
        let closed = all.close(1, false).unwrap();
        assert!(all.enter(1).is_none(), "closed");
        assert!(all.close(1, true).is_err(), "twice");
        let elsewhere = all.enter(2).unwrap();
        drop(closed);
        assert_eq!(all.enter(1).unwrap().database(), 1);
        drop(elsewhere);
        assert!(all.0.lock().is_empty(), "nothing is kept of those who left");
    }

    #[test]
    fn who_is_forced_out_is_told() {
        let all = Occupancy::default();
        let seat = all.enter(1).unwrap();
        seat.cancel().start();
        let closed = all.close(1, true).unwrap();
        assert!(seat.is_lost() && seat.cancel().stopped().is_some());
        drop(closed);
        let other = all.enter(1).unwrap();
        assert!(!other.is_lost());
        drop(seat);
        assert_eq!(all.close(1, false).unwrap_err(), 1, "who was evicted takes nobody's seat");
    }
}
