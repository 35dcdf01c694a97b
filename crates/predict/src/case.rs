//! A past moment to predict from and a later point to be judged by.

use cvx_analytics::Trajectory;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::split::{Role, Split};

/// An entity: its points, and the key by which it is always in the same part of the data.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub key: u64,
    pub path: Trajectory<'a>,
}

/// Points up to `origin` are known, `target` is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) subject: usize,
    pub(crate) origin: usize,
    pub(crate) target: usize,
}

/// An origin has a point before it, or there is no line.
const HISTORY_MIN: usize = 2;

impl Case {
    pub(crate) fn days(&self, subjects: &[Subject<'_>]) -> f64 {
        subjects[self.subject].path.days(self.origin, self.target)
    }

    pub(crate) fn truth<'a>(&self, subjects: &[Subject<'a>]) -> &'a [f32] {
        subjects[self.subject].path.vector(self.target)
    }
}

/// Cases of one role, up to so many and up to so many points ahead, drawn without order. Entities
/// take turns, so that one with thousands of points does not speak for all.
pub(crate) fn draw(
    subjects: &[Subject<'_>],
    split: &Split,
    role: Role,
    steps: usize,
    most: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<Case> {
    let mut waiting: Vec<Vec<Case>> = subjects
        .iter()
        .enumerate()
        .map(|(subject, of)| of_subject(subject, of, split, role, steps, rng))
        .filter(|cases| !cases.is_empty())
        .collect();
    waiting.shuffle(rng);
    let mut drawn = Vec::new();
    while !waiting.is_empty() && drawn.len() < most {
        waiting.retain_mut(|cases| {
            if drawn.len() < most {
                drawn.extend(cases.pop());
            }
            !cases.is_empty()
        });
    }
    drawn
}

/// One case an origin, its target some points ahead by chance.
fn of_subject(
    subject: usize,
    of: &Subject<'_>,
    split: &Split,
    role: Role,
    steps: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<Case> {
    let (path, ts) = (&of.path, of.path.times_us());
    let mut cases = Vec::new();
    for origin in HISTORY_MIN - 1..path.len().saturating_sub(1) {
        let farthest = (origin + steps).min(path.len() - 1);
        let target = rng.random_range(origin + 1..=farthest);
        if split.role(of.key, ts[origin], ts[target]) == Some(role) {
            cases.push(Case { subject, origin, target });
        }
    }
    cases.shuffle(rng);
    cases
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::synthetic;

    #[test]
    fn entities_take_turns_and_targets_lie_ahead() {
        let walks = synthetic::walks(&[100, 4, 2, 10], 3, 1);
        let subjects = synthetic::subjects(&walks);
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let all = draw(&subjects, &Split::Everything, Role::Judge, 5, 1_000, &mut rng);
        // Origins are the points from the second to the last but one.
        let of = |subject| all.iter().filter(|case| case.subject == subject).count();
        assert_eq!([of(0), of(1), of(2), of(3)], [98, 2, 0, 8]);
        assert!(all.iter().all(|case| (1..=5).contains(&(case.target - case.origin))));
        let few = draw(&subjects, &Split::Everything, Role::Judge, 5, 6, &mut rng);
        let of = |subject| few.iter().filter(|case| case.subject == subject).count();
        assert_eq!([of(0), of(1), of(3)], [2, 2, 2]);
    }
}
