//! Connections of which nobody knows yet who they are.
//!
//! They cost a socket and a few kilobytes each and may take ten seconds to say something, so that
//! a flood of them could take all places. There is a fixed number of places; where they are taken,
//! whoever has stood there longest goes. A client that means it needs milliseconds.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::task::AbortHandle;

/// More of them are never open.
const STRANGERS_MAX: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Strangers {
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    next: u64,
    /// Oldest first.
    taken: VecDeque<(u64, Option<AbortHandle>)>,
}

/// A stranger's place, until it is known or gone.
#[derive(Debug)]
pub(crate) struct Place {
    strangers: Arc<Strangers>,
    number: u64,
}

impl Strangers {
    /// A number for a connection that comes.
    pub(crate) fn place(self: &Arc<Self>) -> Place {
        let mut places = self.places.lock();
        places.next += 1;
        let number = places.next;
        places.taken.push_back((number, None));
        Place { strangers: Arc::clone(self), number }
    }

    /// The connection stands there now; whoever stood longest goes if there are too many.
    pub(crate) fn stand(&self, number: u64, task: AbortHandle) {
        let mut places = self.places.lock();
        // It may have left already.
        if let Some((_, slot)) = places.taken.iter_mut().rev().find(|(known, _)| *known == number) {
            *slot = Some(task);
        }
        if places.taken.len() > STRANGERS_MAX
            && let Some((_, Some(oldest))) = places.taken.pop_front()
        {
            tracing::debug!("too many strangers: the oldest is cut off");
            oldest.abort();
        }
    }
}

impl Place {
    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.strangers.places.lock().taken.retain(|(number, _)| *number != self.number);
    }
}
