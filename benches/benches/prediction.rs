//! One prediction at 768 dimensions, and what training costs: 200 entities of 50 points, one epoch.

use criterion::{Criterion, criterion_group, criterion_main};
use cvx_analytics::Trajectory;
use cvx_core::CancelToken;
use cvx_predict::{BacktestOptions, Choice, Method, Predictor, Subject, TrainOptions};

const DIM: usize = 768;
const ENTITIES: usize = 200;
const POINTS: usize = 50;
const DAY_US: i64 = 86_400_000_000;

fn prediction(c: &mut Criterion) {
    let ts: Vec<i64> = (0..POINTS as i64).map(|day| day * DAY_US).collect();
    let steps = cvx_benches::vectors(1, ENTITIES * POINTS, DIM);
    let vectors: Vec<Vec<f32>> = steps.chunks(POINTS * DIM).map(walk).collect();
    let mut subjects: Vec<Subject<'_>> = Vec::new();
    for (key, vectors) in (0..).zip(&vectors) {
        let path = Trajectory::new(&ts, vectors, DIM).expect("a trajectory");
        subjects.push(Subject { key, path });
    }
    let stop = CancelToken::default();
    let training = TrainOptions { epochs_max: 1, ..TrainOptions::STANDARD };
    let backtest = BacktestOptions { cases_max: 200, ..BacktestOptions::STANDARD };
    let train = || {
        Predictor::trained(&subjects, &training, &backtest, &mut |_| (), &stop).expect("a model")
    };
    let predictor = train();
    let (path, at) = (&subjects[0].path, ts[POINTS - 1] + 3 * DAY_US);
    let mut group = c.benchmark_group("prediction/768");
    for method in Method::ALL {
        let choice = Choice::Only(method);
        group.bench_function(method.name(), |b| {
            b.iter(|| predictor.predict(path, at, choice, 0.9).expect("a prediction"));
        });
    }
    group.sample_size(10);
    group.bench_function("training of one epoch, and the backtest", |b| b.iter(train));
    group.finish();
}

/// The sums of its steps.
fn walk(steps: &[f32]) -> Vec<f32> {
    let mut walk = steps.to_vec();
    for at in DIM..walk.len() {
        walk[at] += walk[at - DIM];
    }
    walk
}

criterion_group!(benches, prediction);
criterion_main!(benches);
