//! Streams with and without breaks, and states taken apart and put together.

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;

fn normal(rng: &mut StdRng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// Unit noise around zero, and from `at` on around a mean `jump` sigmas off in every dimension.
fn stream(seed: u64, n: usize, dim: usize, at: usize, jump: f64) -> Vec<Vec<f32>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let signs: Vec<f64> =
        (0..dim).map(|_| if rng.random::<bool>() { jump } else { -jump }).collect();
    (0..n)
        .map(|row| {
            let mean = |d: usize| if row >= at { signs[d] } else { 0.0 };
            (0..dim).map(|d| (mean(d) + normal(&mut rng)) as f32).collect()
        })
        .collect()
}

fn events(stream: &[Vec<f32>], settings: Settings) -> Vec<Event> {
    let mut detector = Bocpd::new(stream[0].len(), settings).unwrap();
    stream.iter().filter_map(|vector| detector.see(vector).unwrap()).collect()
}

#[test]
fn a_break_is_noticed_within_ten_points() {
    for (seed, dim) in (0..40).zip([1, 8, 64, 768].into_iter().cycle()) {
        let jump = if dim == 1 { 4.0 } else { 2.0 };
        let events = events(&stream(seed, 200, dim, 120, jump), Settings::default());
        let near = events.iter().filter(|event| event.at.abs_diff(120) <= 3);
        assert_eq!(near.clone().count(), 1, "seed {seed}, D {dim}: {events:?}");
        assert!(near.clone().all(|event| event.noticed_at <= 130), "seed {seed}: {events:?}");
    }
}

#[test]
fn few_stationary_streams_give_an_alarm() {
    let alarms = |dim| {
        let alarm = |seed: &u64| {
            !events(&stream(*seed, 300, dim, 300, 0.0), Settings::default()).is_empty()
        };
        (0..100u64).filter(alarm).count()
    };
    let alarms = [1, 8, 64].map(alarms);
    assert!(alarms.iter().all(|alarms| *alarms < 5), "{alarms:?} of 100 at D 1, 8, 64");
}

#[test]
fn memory_stays_bounded() {
    let settings = Settings { run_lengths_max: 20, dropped_below: 0.0, ..Settings::default() };
    let mut detector = Bocpd::new(4, settings).unwrap();
    for vector in stream(3, 500, 4, 250, 3.0) {
        detector.see(&vector).unwrap();
        if let Some(runs) = detector.run_lengths() {
            let (count, total) =
                runs.posterior().fold((0, 0.0), |(count, total), (_, p)| (count + 1, total + p));
            assert!(count <= 20 && f64::abs(total - 1.0) < 1e-9);
        }
    }
    assert_eq!(detector.seen(), 500);
    assert!(detector.to_bytes().unwrap().len() < 20 * 90);
}

/// Detectors of one table share their directions; none takes another stream's state for its own.
#[test]
fn a_detector_restores_its_own_kind_only() {
    let mut seen = Bocpd::new(40, Settings::default()).unwrap();
    for vector in stream(5, 60, 40, 30, 2.0) {
        seen.see(&vector).unwrap();
    }
    let fresh = seen.fresh();
    assert_eq!(fresh, Bocpd::new(40, Settings::default()).unwrap());
    assert_eq!(fresh.restored(&seen.to_bytes().unwrap()).unwrap(), seen);
    let short = Bocpd::new(3, Settings::default()).unwrap();
    let keen = Settings { threshold: 0.5, ..Settings::default() };
    for other in [short, Bocpd::new(40, keen).unwrap()] {
        assert!(matches!(other.restored(&seen.to_bytes().unwrap()), Err(Error::State(_))));
    }
}

#[test]
fn what_no_detector_wrote_is_refused() {
    let detector = Bocpd::new(2, Settings::default()).unwrap();
    let bytes = detector.to_bytes().unwrap();
    for broken in [&[][..], &[9, 1, 2][..], &bytes[..bytes.len() - 3]] {
        assert!(matches!(Bocpd::from_bytes(broken), Err(Error::State(_))));
    }
}

#[test]
fn settings_have_bounds() {
    let good = Settings::default();
    for bad in [
        Settings { mean_run: 1.0, ..good },
        Settings { mean_run: f64::NAN, ..good },
        Settings { threshold: 1.0, ..good },
        Settings { dims: 0, ..good },
        Settings { warm_up: 2, ..good },
        Settings { run_lengths_max: 1, ..good },
        Settings { kappa: 0.0, ..good },
        Settings { alpha: 1.0, ..good },
        Settings { dropped_below: 0.5, ..good },
    ] {
        assert!(matches!(Bocpd::new(3, bad), Err(Error::Invalid(_))), "{bad:?}");
    }
    let mut detector = Bocpd::new(2, good).unwrap();
    assert!(detector.see(&[1.0]).is_err());
    assert!(detector.see(&[1.0, f32::NAN]).is_err());
    assert_eq!(detector.seen(), 0);
}

/// Numbers at the ends of what f32 holds, and a stream that stands still and then moves.
#[test]
fn no_stream_makes_nonsense_of_the_posterior() {
    let still = vec![vec![0.5f32, 0.5]; 40];
    let mut moved = still.clone();
    moved.extend(vec![vec![0.6f32, 0.5]; 30]);
    let wild: Vec<Vec<f32>> =
        (0..60).map(|at| vec![if at % 7 == 0 { f32::MAX } else { 1e-38 }, 0.0]).collect();
    for stream in [&still, &moved, &wild] {
        let mut detector = Bocpd::new(2, Settings::default()).unwrap();
        for vector in stream {
            detector.see(vector).unwrap();
            let total: f64 =
                detector.run_lengths().map_or(1.0, |runs| runs.posterior().map(|(_, p)| p).sum());
            assert!((total - 1.0).abs() < 1e-9, "{total}");
        }
    }
    assert!(events(&still, Settings::default()).is_empty());
    assert_eq!(events(&moved, Settings::default()).first().map(|event| event.at), Some(40));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_restored_detector_goes_on_as_if_never_away(
        seed in 0..1000u64, dim in prop::sample::select(vec![1usize, 5, 40]),
        away_at in 0..90usize,
    ) {
        let stream = stream(seed, 90, dim, 50, 2.5);
        let mut whole = Bocpd::new(dim, Settings::default()).unwrap();
        let mut cut = whole.clone();
        for (row, vector) in stream.iter().enumerate() {
            if row == away_at {
                cut = Bocpd::from_bytes(&cut.to_bytes().unwrap()).unwrap();
            }
            prop_assert_eq!(whole.see(vector).unwrap(), cut.see(vector).unwrap());
        }
        prop_assert_eq!(&whole, &cut);
        prop_assert_eq!(whole.to_bytes().unwrap(), cut.to_bytes().unwrap());
    }

    #[test]
    fn pruning_hardly_moves_the_posterior(seed in 0..1000u64) {
        let stream = stream(seed, 80, 3, 40, 2.0);
        let mut keep = Settings::default();
        (keep.run_lengths_max, keep.dropped_below) = (1000, 0.0);
        let mut all = Bocpd::new(3, keep).unwrap();
        let mut pruned = Bocpd::new(3, Settings::default()).unwrap();
        for vector in &stream {
            all.see(vector).unwrap();
            pruned.see(vector).unwrap();
        }
        for (length, probability) in pruned.run_lengths().unwrap().posterior() {
            let other = all.run_lengths().unwrap().posterior().find(|(other, _)| *other == length);
            prop_assert!((other.unwrap().1 - probability).abs() < 1e-5);
        }
    }
}
