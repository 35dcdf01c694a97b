//! `cvx passwd`: the first password, where no server runs that could be asked for it.
//!
//! A server that other machines reach trusts nobody, so somebody must have a password before it
//! starts. Over a loopback connection that is trusted, `ALTER ROLE cvx PASSWORD '...'` does the
//! same.

use crate::config::Config;
use crate::{say, start};
use anyhow::{Result, bail};
use std::io::{BufRead as _, IsTerminal as _};
use std::process::Command;

/// Reads a line from standard input and makes it the role's password.
pub(crate) fn run(config: &Config, role: &str) -> Result<()> {
    let password = read_password(role)?;
    if password.is_empty() {
        bail!("an empty password is none");
    }
    let engine = start::open(config)?;
    let set = start::runtime(config)?.block_on(cvx_sql::set_password(&engine, role, &password));
    engine.shutdown();
    set?;
    say(&mut std::io::stdout(), &format!("the password of role {role} is set"))?;
    Ok(())
}

fn read_password(role: &str) -> Result<String> {
    let terminal = std::io::stdin().is_terminal();
    if terminal {
        say(&mut std::io::stderr(), &format!("Password for role {role}:"))?;
        echo("-echo");
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    if terminal {
        echo("echo");
    }
    read?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Where `stty` is missing the password is seen as it is typed, which is better than not asking.
fn echo(mode: &str) {
    let _ = Command::new("stty").arg(mode).status();
}
