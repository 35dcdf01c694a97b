//! Session settings: what SET, SHOW and RESET speak of.
//!
//! Known names are typed and validated when set. A name with a dot that nobody knows is kept as
//! text, as Postgres keeps extension settings it has not loaded; one without a dot is 42704.

use crate::pg_catalog::{Setting, Settings};
use cvx_types::{Result, SqlError, SqlState, TimeZone};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// One setting's law: its default, what it accepts, and whether clients are told of changes.
struct Law {
    name: &'static str,
    default: &'static str,
    kind: Kind,
    reported: bool,
    description: &'static str,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Bool,
    Integer(i64, i64),
    Real(f64, f64),
    /// Milliseconds, or a number with a unit (`5s`, `100ms`, `1min`).
    Duration,
    Choice(&'static [&'static str]),
    /// Cannot be set, only shown.
    Fixed,
    /// A moment, or empty for none.
    Moment,
    /// A role: set with its OID, by [`Vars::set_identity`] alone.
    Role,
}

const fn law(
    name: &'static str,
    default: &'static str,
    kind: Kind,
    reported: bool,
    description: &'static str,
) -> Law {
    Law { name, default, kind, reported, description }
}

const ISOLATION: Kind =
    Kind::Choice(&["repeatable read", "read committed", "read uncommitted", "snapshot"]);

/// The version that clients compare with; the words after it are ours.
pub const SERVER_VERSION: &str = concat!("16.6 (cvx ", env!("CARGO_PKG_VERSION"), ")");

static LAWS: &[Law] = &[
    law("application_name", "", Kind::Text, true, "Name of the client application."),
    law("bytea_output", "hex", Kind::Choice(&["hex", "escape"]), false, "Output form of bytea."),
    law("client_encoding", "UTF8", Kind::Text, true, "The client's character set."),
    law("client_min_messages", "notice", Kind::Text, false, "Least severe message sent."),
    law(
        "cvx.force",
        "off",
        Kind::Bool,
        false,
        "Accept late points and replace points that are there.",
    ),
    law(
        "cvx.plan_cache",
        "on",
        Kind::Choice(&["on", "off", "force"]),
        false,
        "Keep plans of repeated statements; force: from their first execution on.",
    ),
    law(
        "cvx.search",
        "auto",
        Kind::Choice(&["auto", "exact", "index"]),
        false,
        "How nearest neighbours are found.",
    ),
    law("cvx.system_time", "", Kind::Moment, false, "Read tables as known at this moment."),
    law("cvx.valid_time", "", Kind::Moment, false, "Read tables as valid at this moment."),
    law("datestyle", "ISO, MDY", Kind::Text, true, "Display format of dates."),
    law("default_table_access_method", "heap", Kind::Choice(&["heap"]), false, "There is one."),
    law("default_transaction_isolation", "repeatable read", ISOLATION, false, "Isolation level."),
    law("default_transaction_read_only", "off", Kind::Bool, true, "New transactions only read."),
    law("enable_indexscan", "on", Kind::Bool, false, "Accepted; see `cvx.search`."),
    law("enable_seqscan", "on", Kind::Bool, false, "Accepted; see `cvx.search`."),
    law("extra_float_digits", "1", Kind::Integer(-15, 3), false, "Digits of floats."),
    law("hnsw.ef_search", "40", Kind::Integer(1, 1000), false, "Candidates kept in a search."),
    law(
        "hnsw.iterative_scan",
        "off",
        Kind::Choice(&["off", "relaxed_order", "strict_order"]),
        false,
        "Accepted for pgvector's clients; k rows always come back if k qualify.",
    ),
    law(
        "hnsw.max_scan_tuples",
        "20000",
        Kind::Integer(1, 2_147_483_647),
        false,
        "Accepted for pgvector's clients.",
    ),
    law(
        "hnsw.scan_mem_multiplier",
        "1",
        Kind::Real(1.0, 1000.0),
        false,
        "Accepted for pgvector's clients.",
    ),
    law(
        "idle_in_transaction_session_timeout",
        "0",
        Kind::Duration,
        false,
        "Longest idle time inside a transaction.",
    ),
    law("in_hot_standby", "off", Kind::Fixed, true, "Never a standby."),
    law("integer_datetimes", "on", Kind::Fixed, true, "Times are integers."),
    law("intervalstyle", "postgres", Kind::Text, true, "Display format of intervals."),
    law("is_superuser", "off", Kind::Role, true, "Whether the role is a superuser."),
    law(
        "ivfflat.iterative_scan",
        "off",
        Kind::Choice(&["off", "relaxed_order"]),
        false,
        "Accepted for pgvector's clients; k rows always come back if k qualify.",
    ),
    law(
        "ivfflat.max_probes",
        "32768",
        Kind::Integer(1, 32768),
        false,
        "Accepted for pgvector's clients.",
    ),
    law("ivfflat.probes", "1", Kind::Integer(1, 32768), false, "Accepted for pgvector's clients."),
    law("jit", "off", Kind::Bool, false, "Accepted; there is none."),
    law("lock_timeout", "0", Kind::Duration, false, "Accepted; readers take no locks."),
    law("maintenance_work_mem", "65536", Kind::Text, false, "Accepted."),
    law("max_identifier_length", "63", Kind::Fixed, false, "Longest identifier."),
    law("max_index_keys", "32", Kind::Fixed, false, "Most columns of a key."),
    law("role", "none", Kind::Role, false, "The role that SET ROLE took on."),
    law("max_parallel_maintenance_workers", "2", Kind::Integer(0, 1024), false, "Accepted."),
    law("max_parallel_workers", "8", Kind::Integer(0, 1024), false, "Accepted."),
    law("max_parallel_workers_per_gather", "2", Kind::Integer(0, 1024), false, "Accepted."),
    law("row_security", "on", Kind::Bool, false, "Accepted."),
    law("search_path", "\"$user\", public", Kind::Text, false, "Schemas searched for names."),
    law("server_encoding", "UTF8", Kind::Fixed, true, "The server's character set."),
    law("server_version", SERVER_VERSION, Kind::Fixed, true, "The server's version."),
    law("server_version_num", "160006", Kind::Fixed, false, "The server's version as a number."),
    law("session_authorization", "", Kind::Role, true, "The session's user."),
    law("standard_conforming_strings", "on", Kind::Bool, true, "Backslashes are plain."),
    law("statement_timeout", "0", Kind::Duration, false, "Longest time a statement may run."),
    law(
        "synchronous_commit",
        "on",
        Kind::Choice(&["on", "off", "local", "remote_write", "remote_apply", "true", "false"]),
        false,
        "Whether COMMIT waits for the disk.",
    ),
    law("timezone", "UTC", Kind::Text, true, "Zone in which times are shown and read."),
    law("transaction_isolation", "repeatable read", ISOLATION, false, "Isolation now."),
    law("transaction_read_only", "off", Kind::Bool, false, "Whether this transaction only reads."),
    law("work_mem", "4096", Kind::Text, false, "Accepted; see `query_memory_bytes`."),
];

/// How Postgres writes the names that are not lower case.
fn display_name(name: &str) -> &str {
    match name {
        "datestyle" => "DateStyle",
        "timezone" => "TimeZone",
        "intervalstyle" => "IntervalStyle",
        other => other,
    }
}

/// The OIDs behind `role` and `session_authorization`. No setting can have a space in its name, so
/// that nobody but [`Vars::set_identity`] sets them.
pub const ROLE_OID: &str = "role oid";
pub const SESSION_USER_OID: &str = "session user oid";

const IDENTITY: [&str; 5] =
    ["role", "session_authorization", "is_superuser", ROLE_OID, SESSION_USER_OID];

fn law_of(name: &str) -> Option<&'static Law> {
    LAWS.iter().find(|law| law.name == name)
}

/// The settings of one session. Values of names never set are their defaults.
#[derive(Clone, Debug, Default)]
pub struct Vars {
    set: BTreeMap<String, String>,
    /// What RESET goes back to where the start-up packet or the configuration said otherwise.
    defaults: BTreeMap<String, String>,
    changed: Vec<String>,
    /// Another with each change.
    generation: u64,
    zone: OnceLock<TimeZone>,
    /// Values to bring back at the end of the transaction block (SET LOCAL, or ROLLBACK).
    saved: Option<BTreeMap<String, String>>,
    local: BTreeMap<String, Option<String>>,
}

/// Settings at a savepoint.
#[derive(Clone, Debug)]
pub struct Mark {
    set: BTreeMap<String, String>,
    local: BTreeMap<String, Option<String>>,
}

impl Vars {
    /// Settings with a start-up packet's words as their defaults.
    pub fn new(settings: &[(String, String)]) -> Result<Self> {
        let mut vars = Self::default();
        for (name, value) in settings {
            let name = name.to_ascii_lowercase();
            let value = vars.accepted(&name, value)?;
            vars.defaults.insert(name, value);
        }
        vars.changed = LAWS.iter().filter(|law| law.reported).map(|law| law.name.into()).collect();
        Ok(vars)
    }

    /// The value in force.
    pub fn get(&self, name: &str) -> Option<String> {
        let name = name.to_ascii_lowercase();
        self.set
            .get(&name)
            .or_else(|| self.defaults.get(&name))
            .cloned()
            .or_else(|| law_of(&name).map(|law| law.default.to_owned()))
    }

    /// The value of a name that is known here, which is in small letters.
    pub fn value(&self, name: &'static str) -> &str {
        let said = self.set.get(name).or_else(|| self.defaults.get(name));
        said.map_or_else(|| law_of(name).map_or("", |law| law.default), String::as_str)
    }

    /// As [`Vars::value`], to keep.
    pub fn text(&self, name: &'static str) -> String {
        self.value(name).to_owned()
    }

    pub fn is_on(&self, name: &'static str) -> bool {
        self.value(name) == "on"
    }

    pub fn milliseconds(&self, name: &'static str) -> u64 {
        self.value(name).parse().unwrap_or(0)
    }

    /// The zone that times are read and shown in; looked up once after each change.
    pub fn zone(&self) -> TimeZone {
        let known = || TimeZone::parse(self.value("timezone")).unwrap_or(TimeZone::UTC);
        *self.zone.get_or_init(known)
    }

    /// SHOW: the value, durations in the largest unit that needs no fraction; or 42704.
    pub fn show(&self, name: &str) -> Result<String> {
        let value = self.get(name).ok_or_else(|| unknown(name))?;
        let law = law_of(&name.to_ascii_lowercase());
        let is_duration = law.is_some_and(|law| matches!(law.kind, Kind::Duration));
        Ok(if is_duration { with_unit(&value) } else { value })
    }

    /// Whether SET would take the value.
    pub fn check(&self, name: &str, value: &str) -> Result<()> {
        self.accepted(&name.to_ascii_lowercase(), value).map(drop)
    }

    /// SET [LOCAL] name TO value.
    pub fn set(&mut self, name: &str, value: &str, local: bool) -> Result<()> {
        let name = name.to_ascii_lowercase();
        let value = self.accepted(&name, value)?;
        if local {
            self.local.entry(name.clone()).or_insert_with(|| self.set.get(&name).cloned());
        }
        self.note_change(&name);
        self.set.insert(name, value);
        Ok(())
    }

    /// RESET name.
    pub fn reset(&mut self, name: &str) -> Result<()> {
        let name = name.to_ascii_lowercase();
        if self.get(&name).is_none() || IDENTITY.contains(&name.as_str()) {
            return Err(unknown(&name));
        }
        self.note_change(&name);
        self.set.remove(&name);
        Ok(())
    }

    /// RESET ALL: everything but who one is.
    pub fn reset_all(&mut self) {
        let names: Vec<String> = self.set.keys().cloned().collect();
        for name in names.into_iter().filter(|name| !IDENTITY.contains(&name.as_str())) {
            self.note_change(&name);
            self.set.remove(&name);
        }
    }

    /// Who the session is: set together, so that SET LOCAL and ROLLBACK undo them together.
    pub fn set_identity(&mut self, values: &[(&'static str, String)], local: bool) {
        for (name, value) in values {
            if local {
                let before = self.set.get(*name).cloned();
                self.local.entry((*name).to_owned()).or_insert(before);
            }
            self.note_change(name);
            self.set.insert((*name).to_owned(), value.clone());
        }
    }

    /// The OID of the role that SET ROLE took on.
    pub fn current_role(&self) -> Option<u32> {
        self.set.get(ROLE_OID)?.parse().ok()
    }

    /// The OID of the session's user, where it is not who logged in.
    pub fn session_user(&self) -> Option<u32> {
        self.set.get(SESSION_USER_OID)?.parse().ok()
    }

    /// A transaction block begins: what is set from here on is undone by ROLLBACK.
    pub fn begin(&mut self) {
        self.saved = Some(self.set.clone());
    }

    /// The settings as they stand, to go back to.
    pub fn mark(&self) -> Mark {
        Mark { set: self.set.clone(), local: self.local.clone() }
    }

    /// Takes up the settings of a mark of the same block.
    pub fn back_to(&mut self, mark: &Mark) {
        self.replace_set(mark.set.clone());
        self.local = mark.local.clone();
    }

    fn replace_set(&mut self, set: BTreeMap<String, String>) {
        for name in self.set.keys().chain(set.keys()).cloned().collect::<Vec<_>>() {
            self.note_change(&name);
        }
        self.set = set;
    }

    /// The block ends: SET LOCAL is undone, after ROLLBACK every SET of it.
    pub fn end(&mut self, committed: bool) {
        let local = std::mem::take(&mut self.local);
        match (self.saved.take(), committed) {
            (Some(saved), false) => self.replace_set(saved),
            _ => self.restore(local),
        }
    }

    fn restore(&mut self, local: BTreeMap<String, Option<String>>) {
        for (name, before) in local {
            self.note_change(&name);
            match before {
                Some(value) => self.set.insert(name, value),
                None => self.set.remove(&name),
            };
        }
    }

    /// Reported settings that changed since the last call.
    pub fn take_changed(&mut self) -> Vec<(String, String)> {
        let mut names = std::mem::take(&mut self.changed);
        names.sort();
        names.dedup();
        names
            .into_iter()
            .filter_map(|name| Some((display_name(&name).to_owned(), self.get(&name)?)))
            .collect()
    }

    /// Every setting as SHOW says it: name, value, description.
    pub fn all(&self) -> Vec<(String, String, String)> {
        let known = LAWS.iter().map(|law| {
            let value = self.show(law.name).unwrap_or_default();
            (display_name(law.name).to_owned(), value, law.description.to_owned())
        });
        let is_own = |name: &str| law_of(name).is_none() && !IDENTITY.contains(&name);
        let own = self.set.iter().filter(|(name, _)| is_own(name));
        known.chain(own.map(|(name, value)| (name.clone(), value.clone(), String::new()))).collect()
    }

    /// A number that changes with every setting.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    fn note_change(&mut self, name: &str) {
        self.generation += 1;
        self.zone = OnceLock::new();
        if law_of(name).is_some_and(|law| law.reported) {
            self.changed.push(name.to_owned());
        }
    }

    fn accepted(&self, name: &str, value: &str) -> Result<String> {
        let Some(law) = law_of(name) else {
            return if name.contains('.') { Ok(value.to_owned()) } else { Err(unknown(name)) };
        };
        accept(law, value)
    }
}

impl Settings for Vars {
    fn all(&self) -> Vec<Setting> {
        let setting = |(name, value, description)| Setting { name, value, description };
        Self::all(self).into_iter().map(setting).collect()
    }
}

fn accept(law: &Law, value: &str) -> Result<String> {
    let bad = || {
        SqlError::new(
            SqlState::INVALID_PARAMETER,
            format!("invalid value for parameter \"{}\": \"{value}\"", law.name),
        )
    };
    match law.kind {
        Kind::Text | Kind::Moment => accept_text(law, value),
        Kind::Bool => parse_bool(value).map(str::to_owned).ok_or_else(bad),
        Kind::Integer(low, high) => {
            let number: i64 = value.trim().parse().map_err(|_| bad())?;
            let refused =
                || bad().hint(format!("Valid values of \"{}\" are {low} to {high}.", law.name));
            if (low..=high).contains(&number) { Ok(number.to_string()) } else { Err(refused()) }
        }
        Kind::Real(low, high) => {
            let number: f64 = value.trim().parse().map_err(|_| bad())?;
            let refused =
                || bad().hint(format!("Valid values of \"{}\" are {low} to {high}.", law.name));
            if (low..=high).contains(&number) { Ok(number.to_string()) } else { Err(refused()) }
        }
        Kind::Duration => parse_ms(value).map(|ms| ms.to_string()).ok_or_else(bad),
        Kind::Choice(choices) => {
            let lower = value.trim().to_ascii_lowercase();
            if lower == "serializable" && law.name.ends_with("transaction_isolation") {
                return Err(SqlError::unsupported("isolation level SERIALIZABLE"));
            }
            let refused = || bad().hint(format!("Available values: {}.", choices.join(", ")));
            if choices.contains(&lower.as_str()) { Ok(lower) } else { Err(refused()) }
        }
        Kind::Fixed | Kind::Role => Err(SqlError::new(
            SqlState("55P02"),
            format!("parameter \"{}\" cannot be changed", law.name),
        )),
    }
}

fn accept_text(law: &Law, value: &str) -> Result<String> {
    match law.name {
        "client_encoding" if !matches!(canonical(value).as_str(), "utf8" | "unicode") => {
            Err(SqlError::new(
                SqlState::INVALID_PARAMETER,
                format!("invalid value for parameter \"client_encoding\": \"{value}\""),
            )
            .hint("Only UTF8 is spoken here."))
        }
        "client_encoding" => Ok("UTF8".to_owned()),
        "timezone" => zone(value),
        _ => Ok(value.to_owned()),
    }
}

fn zone(value: &str) -> Result<String> {
    cvx_types::TimeZone::parse(value).map(|_| value.trim().to_owned()).map_err(|_| {
        SqlError::new(
            SqlState::INVALID_PARAMETER,
            format!("invalid value for parameter \"TimeZone\": \"{value}\""),
        )
    })
}

fn canonical(encoding: &str) -> String {
    encoding.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// `on` or `off`, from every spelling Postgres takes.
pub fn parse_bool(value: &str) -> Option<&'static str> {
    match value.trim().to_ascii_lowercase().as_str() {
        "on" | "true" | "t" | "yes" | "y" | "1" => Some("on"),
        "off" | "false" | "f" | "no" | "n" | "0" => Some("off"),
        _ => None,
    }
}

fn parse_ms(value: &str) -> Option<u64> {
    let value = value.trim();
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let number: u64 = value.get(..digits)?.parse().ok()?;
    let scale = match value.get(digits..)?.trim() {
        "" | "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(scale).filter(|ms| i32::try_from(*ms).is_ok())
}

/// Milliseconds in the largest unit that they are whole in, as Postgres shows them.
fn with_unit(ms: &str) -> String {
    let Ok(ms) = ms.parse::<u64>() else { return ms.to_owned() };
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")];
    let whole = units.into_iter().find(|(unit, _)| ms > 0 && ms.is_multiple_of(*unit));
    whole.map_or_else(|| ms.to_string(), |(unit, name)| format!("{}{name}", ms / unit))
}

fn unknown(name: &str) -> SqlError {
    SqlError::new(
        SqlState::UNDEFINED_OBJECT,
        format!("unrecognized configuration parameter \"{name}\""),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_settings_end_with_the_block_and_rollback_undoes_all() {
        let mut vars = Vars::default();
        vars.set("hnsw.ef_search", "100", false).unwrap();
        vars.begin();
        vars.set("hnsw.ef_search", "200", true).unwrap();
        assert_eq!(vars.text("hnsw.ef_search"), "200");
        vars.end(true);
        assert_eq!(vars.text("hnsw.ef_search"), "100");
        vars.begin();
        vars.set("cvx.search", "exact", false).unwrap();
        vars.end(false);
        assert_eq!(vars.text("cvx.search"), "auto");
    }

    #[test]
    fn values_are_checked_when_set() {
        let mut vars = Vars::default();
        assert_eq!(vars.set("hnsw.ef_search", "0", false).unwrap_err().state.0, "22023");
        assert_eq!(vars.set("nonsense", "1", false).unwrap_err().state.0, "42704");
        assert_eq!(vars.set("server_version", "1", false).unwrap_err().state.0, "55P02");
        vars.set("statement_timeout", "2s", false).unwrap();
        assert_eq!(vars.milliseconds("statement_timeout"), 2000);
        for (said, shown) in [("250", "250ms"), ("60000", "1min"), ("0", "0"), ("90min", "90min")] {
            vars.set("statement_timeout", said, false).unwrap();
            assert_eq!(vars.show("statement_timeout").unwrap(), shown);
        }
        vars.set("my.own", "kept", false).unwrap();
        assert_eq!(vars.show("my.own").unwrap(), "kept");
    }
}
