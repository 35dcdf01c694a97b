//! Who is in which database: none is dropped or renamed under a session.
//!
//! Invariant: while a [`Closed`] lives, nobody gets a [`Seat`] in its database; it is given only
//! where nobody has one. So whoever has a seat may trust that the database stays what it is.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Sessions by database; shared by all sessions of a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Occupancy(Arc<Mutex<HashMap<u32, Room>>>);

#[derive(Debug, Default)]
struct Room {
    sessions: usize,
    closed: bool,
}

/// A session is in a database as long as it has this.
#[derive(Debug)]
pub(crate) struct Seat {
    occupancy: Occupancy,
    database: u32,
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
        room.sessions += 1;
        Some(Seat { occupancy: self.clone(), database })
    }

    /// Closes the database; how many are in it, if any.
    pub(crate) fn close(&self, database: u32) -> Result<Closed, usize> {
        let mut rooms = self.0.lock();
        let room = rooms.entry(database).or_default();
        if room.closed || room.sessions > 0 {
            return Err(room.sessions.max(1));
        }
        room.closed = true;
        Ok(Closed { occupancy: self.clone(), database })
    }

    fn leave(&self, database: u32, change: impl FnOnce(&mut Room)) {
        let mut rooms = self.0.lock();
        let Some(room) = rooms.get_mut(&database) else { return };
        change(room);
        if room.sessions == 0 && !room.closed {
            rooms.remove(&database);
        }
    }
}

impl Seat {
    pub(crate) fn database(&self) -> u32 {
        self.database
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.occupancy.leave(self.database, |room| room.sessions = room.sessions.saturating_sub(1));
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
        assert_eq!(all.close(1).unwrap_err(), 2);
        drop(one);
        assert_eq!(all.close(1).unwrap_err(), 1);
        drop(other);
        let closed = all.close(1).unwrap();
        assert!(all.enter(1).is_none(), "closed");
        assert!(all.close(1).is_err(), "twice");
        let elsewhere = all.enter(2).unwrap();
        drop(closed);
        assert_eq!(all.enter(1).unwrap().database(), 1);
        drop(elsewhere);
        assert!(all.0.lock().is_empty(), "nothing is kept of those who left");
    }
}
