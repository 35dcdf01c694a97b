//! The command line. The short flags mean what they mean to psql, so `-h` is the host.

use crate::print::{Format, Style};
use crate::session::Settings;
use crate::target::Wishes;
use clap::{ArgAction, ArgMatches, CommandFactory as _, FromArgMatches as _, Parser};
use std::path::PathBuf;

/// The shell of ChronosVector: SQL over the Postgres wire
#[derive(Debug, Parser)]
#[command(name = "cvx-cli", version, disable_help_flag = true, after_help = AFTER)]
pub(crate) struct Args {
    /// A URL (postgres://user@host:port/database), "word=value" pairs, or a database
    #[arg(value_name = "TARGET")]
    pub target: Option<String>,
    /// Host of the server [env PGHOST; 127.0.0.1]
    #[arg(short = 'h', long)]
    host: Option<String>,
    /// Port of the server [env PGPORT; 5433]
    #[arg(short = 'p', long)]
    port: Option<u16>,
    /// User [env PGUSER; cvx]
    #[arg(short = 'U', long = "username", value_name = "USER")]
    user: Option<String>,
    /// Database, or a URL [env PGDATABASE; cvx]
    #[arg(short = 'd', long = "dbname", value_name = "DATABASE")]
    pub dbname: Option<String>,
    /// Never ask for a password
    #[arg(short = 'w', long = "no-password")]
    no_password: bool,
    /// Run these statements or this \command and leave; may be repeated
    #[arg(short = 'c', long = "command", value_name = "SQL", action = ArgAction::Append)]
    commands: Vec<String>,
    /// Run this script and leave ("-" is standard input); may be repeated
    #[arg(short = 'f', long = "file", value_name = "FILE", action = ArgAction::Append)]
    files: Vec<PathBuf>,
    /// One JSON object for each row, vectors whole
    #[arg(long, conflicts_with = "expanded")]
    json: bool,
    /// Each row as a block of lines
    #[arg(short = 'x', long)]
    expanded: bool,
    /// Rows only: no names, no counts
    #[arg(short = 't', long = "tuples-only")]
    tuples_only: bool,
    /// Show vectors whole
    #[arg(long)]
    full_vectors: bool,
    /// Show how long each statement takes
    #[arg(long)]
    timing: bool,
    /// Read tables as they were at this moment of valid time
    #[arg(long, value_name = "TIME")]
    pub asof: Option<String>,
    /// Go on behind a statement that failed
    #[arg(long)]
    pub keep_going: bool,
    /// Only rows and errors: no "INSERT 0 1", no greeting
    #[arg(short = 'q', long)]
    quiet: bool,
    /// Neither read nor write the history
    #[arg(long)]
    pub no_history: bool,
    /// Print this help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

const AFTER: &str = "Exit codes: 0 all went well; 1 a statement or command failed; 2 no \
connection; 130 interrupted.\nWithout -c and -f, a terminal starts the shell (\\? lists its \
commands), and anything else on standard input is a script.";

/// One -c or -f.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Command(String),
    File(PathBuf),
}

impl Step {
    pub(crate) fn stdin() -> Self {
        Self::File("-".into())
    }
}

impl Args {
    /// Reads the command line, or leaves with help or an error. The steps are in their order.
    pub(crate) fn read() -> (Self, Vec<Step>) {
        let matches = Self::command().get_matches();
        match Self::from_arg_matches(&matches) {
            Ok(args) => {
                let steps = args.steps(&matches);
                (args, steps)
            }
            Err(error) => error.exit(),
        }
    }

    fn steps(&self, matches: &ArgMatches) -> Vec<Step> {
        let places = |name: &str| matches.indices_of(name).into_iter().flatten();
        let commands = self.commands.iter().map(|sql| Step::Command(sql.clone()));
        let files = self.files.iter().map(|path| Step::File(path.clone()));
        let placed = places("commands").zip(commands).chain(places("files").zip(files));
        let mut placed: Vec<_> = placed.collect();
        placed.sort_by_key(|(place, _)| *place);
        placed.into_iter().map(|(_, step)| step).collect()
    }

    pub(crate) fn flags(&self) -> Wishes {
        Wishes::default()
            .with("host", self.host.clone())
            .with("port", self.port.map(|port| port.to_string()))
            .with("user", self.user.clone())
    }

    pub(crate) fn settings(&self, interactive: bool) -> Settings {
        let format = match (self.json, self.expanded) {
            (true, _) => Format::Json,
            (false, true) => Format::Expanded,
            (false, false) => Format::Aligned,
        };
        let (full_vectors, tuples_only) = (self.full_vectors, self.tuples_only);
        Settings {
            style: Style { format, full_vectors, tuples_only },
            timing: self.timing,
            quiet: self.quiet,
            interactive,
            ask_password: !self.no_password,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_keep_their_order() {
        Args::command().debug_assert();
        let line = ["cvx-cli", "-c", "a", "-f", "b", "-c", "c", "-h", "host", "db"];
        let matches = Args::command().get_matches_from(line);
        let args = Args::from_arg_matches(&matches).unwrap();
        let command = |sql: &str| Step::Command(sql.to_owned());
        assert_eq!(args.steps(&matches), [command("a"), Step::File("b".into()), command("c")]);
        assert_eq!((args.host.as_deref(), args.target.as_deref()), (Some("host"), Some("db")));
    }
}
