//! The one point of an entity to which nothing else happened: what is known of most entities.
//!
//! A bulk load brings a million entities of one point each, and a [`Timeline`] of one version is a
//! list in an allocation of its own. What such a list says fits in two numbers: the point's ts and
//! its commit. Maps by entity keep these in place, 24 bytes with the key, and a list is made when
//! a second version comes. The floor is the 24 bytes; a map that has just doubled has twice that.
//!
//! Rejected: lists with room for one inside, which every longer one would pay for; 32 bits for the
//! commit, which the time it is does not fit.

use super::timeline::{Kind, OPEN, Timeline, Version};
use hashbrown::HashMap;

/// When a point is valid from, and the commit or the own call that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Birth {
    pub ts: i64,
    pub from: u64,
}

/// Births by entity.
pub type Births = HashMap<u64, Birth>;

// The reason for all this.
const _: () = assert!(size_of::<(u64, Birth)>() == 24);

/// Bytes a map of births takes: entries, and the byte that hashbrown keeps of each.
pub fn bytes(births: &Births) -> usize {
    births.allocation_size()
}

impl Birth {
    /// The birth that says all a timeline says, if there is one.
    pub fn of(line: &Timeline) -> Option<Self> {
        match line.versions.as_slice() {
            [Version { ts, from, to: OPEN, kind: Kind::Point }]
                if line.changed == *from && !line.corrected =>
            {
                Some(Self { ts: *ts, from: *from })
            }
            _ => None,
        }
    }

    pub fn version(&self) -> Version {
        Version::open(self.ts, self.from, Kind::Point)
    }

    pub fn timeline(&self) -> Timeline {
        Timeline { versions: vec![self.version()], changed: self.from, corrected: false }
    }
}
