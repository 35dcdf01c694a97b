//! A detector run over a trajectory that is known already.

use cvx_core::CancelToken;

use super::{Bocpd, Event, Settings};
use crate::changepoints::{ChangePoint, between_regimes};
use crate::{Error, Trajectory};

/// Points between two looks at the token.
const POLL: usize = 64;

/// What a detector would have told point by point. Severity and drift are of the means of whole
/// regimes, which only hindsight knows; the score is the probability when the break was noticed.
pub fn watch(
    trajectory: &Trajectory<'_>,
    settings: Settings,
    stop: &CancelToken,
) -> Result<Vec<ChangePoint>, Error> {
    let needed = settings.warm_up_at(trajectory.dim()).saturating_add(settings.min_segment);
    if trajectory.len() < needed {
        return Err(Error::InsufficientData { needed, have: trajectory.len() });
    }
    let events = events(trajectory, settings, stop)?;
    let breaks: Vec<usize> = events.iter().filter_map(|event| event.at.try_into().ok()).collect();
    let mut found = between_regimes(trajectory, &breaks);
    found.iter_mut().zip(&events).for_each(|(point, event)| point.score = event.probability);
    Ok(found)
}

fn events(
    trajectory: &Trajectory<'_>,
    settings: Settings,
    stop: &CancelToken,
) -> Result<Vec<Event>, Error> {
    let mut detector = Bocpd::new(trajectory.dim(), settings)?;
    let mut events = Vec::new();
    for (row, vector) in trajectory.vectors().enumerate() {
        if row % POLL == 0
            && let Some(stop) = stop.stopped()
        {
            return Err(Error::Stopped(stop));
        }
        events.extend(detector.see(vector)?);
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_at_once_is_what_was_told_point_by_point() {
        let x = |row: i64| if row < 60 { row % 5 } else { 40 + row % 5 };
        let vectors: Vec<f32> = (0..120).map(|row| x(row) as f32).collect();
        let ts: Vec<i64> = (0..120).collect();
        let trajectory = Trajectory::new(&ts, &vectors, 1).unwrap();
        let settings = Settings::default();
        let found = watch(&trajectory, settings, &CancelToken::default()).unwrap();
        let mut detector = Bocpd::new(1, settings).unwrap();
        let events: Vec<Event> =
            vectors.chunks(1).filter_map(|vector| detector.see(vector).unwrap()).collect();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].at, found[0].score), (60, events[0].probability));
        assert!((found[0].severity - 40.0).abs() < 1e-9 && found[0].drift == [40.0]);
    }

    #[test]
    fn a_few_points_are_not_watched() {
        let ts: Vec<i64> = (0..12).collect();
        let short = Trajectory::new(&ts, &[0.0; 12], 1).unwrap();
        let lacking = watch(&short, Settings::default(), &CancelToken::default());
        assert_eq!(lacking, Err(Error::InsufficientData { needed: 36, have: 12 }));
    }
}
