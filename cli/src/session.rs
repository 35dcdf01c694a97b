//! What the shell holds between two statements: the connection and how results are shown.

use crate::error::{Error, Result};
use crate::names::Names;
use crate::print::{Column, Shape, Style, report};
use crate::sql::literal;
use crate::target::Target;
use crate::wire::{Connection, Fault, Interrupt};
use console::Term;
use postgres_protocol::Oid;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Stdout, Write as _};

/// What the command line decides and commands change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub style: Style,
    pub timing: bool,
    pub quiet: bool,
    pub interactive: bool,
    pub ask_password: bool,
}

pub(crate) struct Session {
    pub connection: Connection,
    pub target: Target,
    pub settings: Settings,
    pub interrupt: Interrupt,
    pub out: BufWriter<Stdout>,
    /// The valid time that tables are read at, as the server shows it.
    pub asof: Option<String>,
    pub names: Names,
    /// Whether a statement may have changed what `names` knows.
    pub names_are_stale: bool,
    /// Shapes of types whose OIDs the server chose.
    shapes: BTreeMap<Oid, Shape>,
}

impl Session {
    pub(crate) fn open(target: Target, settings: Settings) -> Result<Self> {
        let interrupt = Interrupt::install(settings.interactive);
        let interrupt = interrupt.map_err(|error| Error::Usage(format!("SIGINT: {error}")))?;
        let connection = connect(&target, settings)?;
        let mut session = Self {
            connection,
            target,
            settings,
            interrupt,
            out: BufWriter::new(io::stdout()),
            asof: None,
            names: Names::default(),
            names_are_stale: true,
            shapes: BTreeMap::new(),
        };
        session.learn_types()?;
        Ok(session)
    }

    /// A new connection in place of the old one; the session's time goes over to it.
    pub(crate) fn reconnect(&mut self, target: Target) -> Result<()> {
        let connection = connect(&target, self.settings)?;
        std::mem::replace(&mut self.connection, connection).close();
        (self.target, self.names_are_stale) = (target, true);
        self.learn_types()?;
        match self.asof.clone() {
            Some(time) => self.set_asof(Some(&time)),
            None => Ok(()),
        }
    }

    pub(crate) fn close(mut self) {
        // Whoever read the output may be gone; there is nobody left to tell.
        let _ = self.out.flush();
        self.connection.close();
    }

    fn learn_types(&mut self) -> Result<()> {
        let sql = "SELECT oid, typname FROM pg_catalog.pg_type \
                   WHERE typname IN ('vector', 'halfvec', 'sparsevec')";
        self.shapes.clear();
        for row in self.connection.rows(sql)? {
            let [Some(oid), Some(name)] = row.as_slice() else { continue };
            let shape = if name == "sparsevec" { Shape::Sparse } else { Shape::Vector };
            self.shapes.extend(oid.parse().ok().map(|oid: Oid| (oid, shape)));
        }
        Ok(())
    }

    pub(crate) fn column(&self, name: &str, oid: Oid) -> Column {
        let shape = match oid {
            16 => Shape::Boolean,
            20 | 21 | 23 | 26 | 700 | 701 | 1700 => Shape::Number,
            114 | 3802 => Shape::Json,
            _ => self.shapes.get(&oid).copied().unwrap_or(Shape::Text),
        };
        Column { name: name.to_owned(), shape }
    }

    /// Whether the server is ours: only then are its settings asked for.
    pub(crate) fn is_chronosvector(&self) -> bool {
        self.connection.parameter("server_version").is_some_and(|version| version.contains("cvx"))
    }

    /// Reads tables as of this moment from now on; `None` is as of all times again.
    pub(crate) fn set_asof(&mut self, time: Option<&str>) -> Result<()> {
        let sql = match time {
            Some(time) => format!("SET cvx.valid_time = {}", literal(time)),
            None => "RESET cvx.valid_time".to_owned(),
        };
        self.connection.rows(&sql)?;
        self.learn_asof()
    }

    /// Asks what the session's time is, since statements may have changed it.
    pub(crate) fn learn_asof(&mut self) -> Result<()> {
        if self.is_chronosvector()
            && self.connection.transaction() != crate::wire::Transaction::Failed
        {
            let shown = self.connection.value("SHOW cvx.valid_time")?;
            self.asof = shown.filter(|time| !time.is_empty());
        }
        Ok(())
    }

    /// Says what went wrong, where all of standard output has been said. `place` names a script's
    /// line.
    pub(crate) fn complain(&mut self, error: &Error, sql: &str, place: &str) {
        // If the streams are closed there is nowhere to say so.
        let _ = self.out.flush();
        let mut stderr = io::stderr().lock();
        let _ = match error {
            Error::Server(fault) => {
                let _ = write!(stderr, "{place}");
                report(fault, sql, &mut stderr)
            }
            Error::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => writeln!(stderr, "{place}{other}"),
        };
    }

    /// A NOTICE, in its place among the rows.
    pub(crate) fn notice(&mut self, notice: &Fault) {
        let _ = self.out.flush();
        let _ = report(notice, "", &mut io::stderr().lock());
    }

    pub(crate) fn print(&mut self, line: &str) -> Result<()> {
        writeln!(self.out, "{line}").map_err(Error::Output)
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        self.out.flush().map_err(Error::Output)
    }

    /// Says something that is no result: nothing where the output is for programs.
    pub(crate) fn remark(&mut self, line: &str) -> Result<()> {
        match self.settings {
            Settings { quiet: true, .. } => Ok(()),
            Settings { style: Style { format: crate::print::Format::Json, .. }, .. } => Ok(()),
            _ => self.print(line),
        }
    }
}

fn connect(target: &Target, settings: Settings) -> Result<Connection> {
    let prompt = format!("Password for user {}: ", target.user);
    Connection::open(target, &mut || {
        let terminal = Term::stderr();
        if !settings.ask_password || !terminal.is_term() {
            return None;
        }
        terminal.write_str(&prompt).ok()?;
        terminal.read_secure_line().ok()
    })
}
