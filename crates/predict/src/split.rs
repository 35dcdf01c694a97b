//! Which part of the data a case belongs to.
//!
//! ```text
//!   twenty entities or more              fewer
//!   by a hash of the key                 by time
//!   learn 14/20  stop 3/20  judge 3/20   --- learn --- | - stop - | - judge ->
//! ```
//!
//! By key, an entity is always in the same part, also years later and among others: whoever judges
//! a stored model again uses entities that it never learnt from. By time, a case belongs to a part
//! if all of it, origin and target, lies there; a case across a border belongs to none.

use serde::{Deserialize, Serialize};

use crate::case::Subject;
use crate::error::Error;

/// What a case is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The model is fitted to it.
    Learn,
    /// Its error says when to stop fitting.
    Stop,
    /// Its error is what is published.
    Judge,
}

/// How cases are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Split {
    ByEntity,
    ByTime {
        learn_until_us: i64,
        stop_until_us: i64,
    },
    /// Nothing was learnt, so everything may judge.
    Everything,
}

const ENTITIES_MIN: usize = 20;
const SHARES: u64 = 20;
const LEARN: u64 = 14;
const STOP: u64 = 17;

impl Split {
    /// For these entities.
    pub fn of(subjects: &[Subject<'_>]) -> Result<Self, Error> {
        let long = subjects.iter().filter(|subject| subject.path.len() > 2).count();
        if long >= ENTITIES_MIN {
            return Ok(Self::ByEntity);
        }
        let mut times: Vec<i64> =
            subjects.iter().flat_map(|subject| subject.path.times_us().iter().copied()).collect();
        if times.is_empty() {
            return Err(Error::InsufficientData { needed: 1, have: 0, of: "points" });
        }
        times.sort_unstable();
        let at = |share: usize| times[(times.len() - 1) * share / 20];
        Ok(Self::ByTime { learn_until_us: at(12), stop_until_us: at(15) })
    }

    /// What a case is for, if for anything.
    #[must_use]
    pub fn role(&self, key: u64, origin_us: i64, target_us: i64) -> Option<Role> {
        match *self {
            Self::Everything => Some(Role::Judge),
            Self::ByEntity => Some(match scattered(key) % SHARES {
                0..LEARN => Role::Learn,
                LEARN..STOP => Role::Stop,
                _ => Role::Judge,
            }),
            Self::ByTime { learn_until_us: learn, stop_until_us: stop } => {
                let parts = [
                    (target_us <= learn, Role::Learn),
                    (origin_us >= learn && target_us <= stop, Role::Stop),
                    (origin_us >= stop, Role::Judge),
                ];
                parts.into_iter().find(|(within, _)| *within).map(|(_, role)| role)
            }
        }
    }
}

/// Keys are often counted up: SplitMix64's finaliser (Steele, Lea and Flood 2014) scatters them.
#[must_use]
pub fn scattered(key: u64) -> u64 {
    let key = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ (key >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn many_entities_are_split_by_key_in_their_shares() {
        let walks = synthetic::walks(&[5; 30], 1, 1);
        assert_eq!(Split::of(&synthetic::subjects(&walks)), Ok(Split::ByEntity));
        let of =
            |role| (0..10_000).filter(|key| Split::ByEntity.role(*key, 0, 1) == Some(role)).count();
        assert!(of(Role::Learn).abs_diff(7_000) < 200);
        assert!(of(Role::Stop).abs_diff(1_500) < 200);
        assert!(of(Role::Judge).abs_diff(1_500) < 200);
    }

    #[test]
    fn few_entities_are_split_by_time_and_no_case_lies_across() {
        let walks = synthetic::walks(&[100], 1, 1);
        let split = Split::of(&synthetic::subjects(&walks)).unwrap();
        let Split::ByTime { learn_until_us: learn, stop_until_us: stop } = split else {
            panic!("{split:?}");
        };
        assert_eq!(split.role(1, learn - 1, learn), Some(Role::Learn));
        assert_eq!(split.role(1, learn - 1, learn + 1), None);
        assert_eq!(split.role(1, learn, stop), Some(Role::Stop));
        assert_eq!(split.role(1, stop - 1, stop + 1), None);
        assert_eq!(split.role(1, stop, stop + 1), Some(Role::Judge));
    }
}
