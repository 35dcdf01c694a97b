//! `cvx check`: reads everything a data directory holds and says what is wrong with it.

use crate::config::Config;
use crate::{say, start};
use anyhow::{Result, ensure};
use std::io::Write as _;
use std::process::ExitCode;

/// Exit code 0: nothing wrong; 1: findings, one a line; an error (2): it could not be opened.
pub(crate) fn run(config: &Config) -> Result<ExitCode> {
    let dir = &config.data_dir;
    // Opening makes what is not there, and an empty database would then be found without fault.
    ensure!(dir.is_dir(), "{} is not a data directory", dir.display());
    let engine = start::open(config)?;
    let findings = engine.check();
    engine.shutdown();
    let mut out = std::io::stdout().lock();
    for finding in &findings {
        writeln!(out, "{}: {}", finding.place, finding.what)?;
    }
    let verdict = match findings.len() {
        0 => "nothing wrong".to_owned(),
        n => format!("{n} finding{}", if n == 1 { "" } else { "s" }),
    };
    say(&mut out, &format!("{}: {verdict}", dir.display()))?;
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
