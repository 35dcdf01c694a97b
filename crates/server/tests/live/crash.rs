//! Nothing acknowledged is lost, nothing unacknowledged is kept in part.

use crate::setup::CVX;
use cvx_testkit::crash::{Report, Run};

/// Kills when nobody says otherwise; `make kill` says 1,000.
const KILLS: usize = 50;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_is_on_disk() {
    let kills = number("CVX_KILLS").map_or(KILLS, |kills| usize::try_from(kills).unwrap());
    let seed = number("CVX_SEED").unwrap_or_else(rand_seed);
    println!("{kills} kills from seed {seed} (CVX_KILLS, CVX_SEED)");
    let run = Run { binary: CVX.into(), kills, seed };
    match run.execute().await {
        Ok(report) => judge(&report),
        Err(error) => panic!("seed {seed}: {error:#}"),
    }
}

/// A run that met nothing worth meeting has shown nothing.
fn judge(report: &Report) {
    println!("{report:#?}");
    let cut: usize = report.unknown.values().sum();
    assert!(report.acked_rows >= report.kills * 20, "hardly anything was written");
    assert!(report.refused > 0, "no duplicate was refused");
    assert!(report.as_of_repeats > 0, "the past was not asked");
    assert!(
        cut >= report.kills / 4,
        "only {cut} statements were cut off by {} kills",
        report.kills
    );
    if report.kills >= KILLS {
        assert!(report.unknown.contains_key("block"), "no block was cut off at its COMMIT");
        assert!(report.kills_at_start > 0);
        assert!(report.without_index > 0, "no index was hit while it was built");
        assert!(report.walked > 0, "no index was searched");
    }
}

/// Another one each time: the run prints it.
fn rand_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs()
}
