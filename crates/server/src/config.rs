//! Every number and name an operator may choose, and where each choice comes from.
//!
//! One flat struct is the whole of it. A key has one name in three spellings: `pg_addr` in the
//! TOML file, `CVX_PG_ADDR` in the environment and, for the few that are typed by hand, `--pg-addr`
//! as a flag. The nearer the operator's hand the stronger: flag > environment > file > default.
//!
//! The defaults are a value, so the list of keys and their types is derived from it: a variable
//! is read as the type its default has, and `config.example.toml` is tested against it key by key.
//! I did consider sections (`[pg] addr = ...`), but then a key's name in the environment would
//! differ from its name in the file.

use anyhow::{Context as _, Result, bail};
use cvx_engine::EngineOptions;
use cvx_wire::WireLimits;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The configuration; `config.example.toml` says what each key means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub data_dir: PathBuf,
    pub pg_addr: String,
    pub trust_loopback: bool,
    /// Empty: no TLS.
    pub tls_cert: PathBuf,
    pub tls_key: PathBuf,
    /// Empty: clients' certificates are not asked for.
    pub tls_client_ca: PathBuf,
    pub tls_client_cert: ClientCert,
    pub require_tls: bool,
    pub database: String,
    pub log_level: String,
    pub log_format: LogFormat,
    pub worker_threads: usize,
    pub connections_max: usize,
    pub startup_timeout_ms: u64,
    pub message_bytes_max: usize,
    pub inflight_bytes_max: usize,
    pub copy_row_bytes_max: usize,
    pub output_bytes: usize,
    pub prepared_statements_max: usize,
    pub portals_max: usize,
    pub statement_timeout_ms: u64,
    pub query_memory_bytes: usize,
    pub memory_bytes_max: usize,
    /// Empty: the system's.
    pub temp_dir: PathBuf,
    /// Empty: none.
    pub import_dir: PathBuf,
    pub spill_bytes: usize,
    pub seal_rows: usize,
    pub seal_bytes: usize,
    pub index_merge_bytes: usize,
    pub queue_commits: usize,
    pub write_buffer_bytes: usize,
    pub block_cache_bytes: usize,
    pub wal_bytes_max: u64,
    pub monitor_bytes: usize,
    pub drain_ms: u64,
}

/// Whether a client must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClientCert {
    Optional,
    Required,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// What the flags said; `None` is unsaid.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Flags {
    /// The TOML file with the other keys (config.example.toml shows them all)
    #[arg(long, env = "CVX_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where the database lives; made if it is not there
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Address and port of the Postgres wire; port 0 takes a free one
    #[arg(long)]
    pub pg_addr: Option<String>,
    /// Whether clients of this machine need no password: true or false
    #[arg(long)]
    pub trust_loopback: Option<bool>,
    /// The server's certificate chain, PEM
    #[arg(long)]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long)]
    pub tls_key: Option<PathBuf>,
    /// The authority whose certificates stand for passwords, PEM
    #[arg(long)]
    pub tls_client_ca: Option<PathBuf>,
    /// How log lines look: text or json
    #[arg(long)]
    pub log_format: Option<String>,
    /// What is logged: error, warn, info, debug, or a filter such as `info,cvx_engine=debug`
    #[arg(long)]
    pub log_level: Option<String>,
}

const ENV_PREFIX: &str = "CVX_";

impl Config {
    /// What holds where nobody says otherwise.
    pub(crate) fn defaults() -> Self {
        let (wire, engine) = (WireLimits::STANDARD, EngineOptions::standard());
        Self {
            data_dir: PathBuf::from("cvx-data"),
            pg_addr: "127.0.0.1:5433".to_owned(),
            trust_loopback: true,
            tls_cert: PathBuf::new(),
            tls_key: PathBuf::new(),
            tls_client_ca: PathBuf::new(),
            tls_client_cert: ClientCert::Optional,
            require_tls: false,
            database: "cvx".to_owned(),
            log_level: "info".to_owned(),
            log_format: LogFormat::Text,
            worker_threads: 0,
            connections_max: wire.connections_max,
            startup_timeout_ms: milliseconds(wire.startup_timeout),
            message_bytes_max: wire.message_bytes_max,
            inflight_bytes_max: wire.inflight_bytes_max,
            copy_row_bytes_max: wire.copy_row_bytes_max,
            output_bytes: wire.output_bytes,
            prepared_statements_max: wire.statements_max,
            portals_max: wire.portals_max,
            statement_timeout_ms: 0,
            query_memory_bytes: 512 << 20,
            memory_bytes_max: 0,
            temp_dir: PathBuf::new(),
            import_dir: PathBuf::new(),
            spill_bytes: engine.spill_bytes,
            seal_rows: engine.seal_rows,
            seal_bytes: engine.seal_bytes,
            index_merge_bytes: engine.index_merge_bytes,
            queue_commits: engine.queue_commits,
            write_buffer_bytes: engine.write_buffer_bytes,
            block_cache_bytes: engine.block_cache_bytes,
            wal_bytes_max: engine.wal_bytes_max,
            monitor_bytes: engine.monitor_bytes,
            drain_ms: 4000,
        }
    }

    /// The configuration these flags, this process's environment and the file make together.
    pub(crate) fn load(flags: &Flags) -> Result<Self> {
        let file = flags.config.as_deref().map(read_file).transpose()?;
        Self::merge(file, std::env::vars(), flags)
    }

    fn merge(
        file: Option<toml::Table>,
        env: impl Iterator<Item = (String, String)>,
        flags: &Flags,
    ) -> Result<Self> {
        let mut table = toml::Table::try_from(Self::defaults())?;
        table.extend(file.unwrap_or_default());
        for (name, text) in env {
            if let Some(key) = key_of_variable(&name)
                && let Some(slot) = table.get_mut(&key)
            {
                *slot = parse_like(slot, &text)
                    .with_context(|| format!("the environment variable {name}"))?;
            }
        }
        table.extend(flags.table());
        let config: Self = table.try_into().context("the configuration")?;
        config.validate()?;
        Ok(config)
    }

    /// Variables that look like ours but name no key: most likely misspelt.
    pub(crate) fn unknown_variables() -> Result<Vec<String>> {
        let known = toml::Table::try_from(Self::defaults())?;
        let foreign = |name: &String| {
            key_of_variable(name).is_some_and(|key| key != "config" && !known.contains_key(&key))
        };
        Ok(std::env::vars().map(|(name, _)| name).filter(foreign).collect())
    }

    fn validate(&self) -> Result<()> {
        let at_least_one = [
            ("connections_max", self.connections_max),
            ("prepared_statements_max", self.prepared_statements_max),
            ("portals_max", self.portals_max),
            ("output_bytes", self.output_bytes),
            ("seal_rows", self.seal_rows),
            ("queue_commits", self.queue_commits),
        ];
        if let Some((key, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
            bail!("{key} must be at least 1");
        }
        if self.message_bytes_max > self.inflight_bytes_max {
            bail!("message_bytes_max cannot be larger than inflight_bytes_max");
        }
        self.validate_tls()
    }

    fn validate_tls(&self) -> Result<()> {
        let set = |path: &Path| !path.as_os_str().is_empty();
        if set(&self.tls_cert) != set(&self.tls_key) {
            bail!("tls_cert and tls_key go together: set both, or neither");
        }
        let needs =
            [("tls_client_ca", set(&self.tls_client_ca)), ("require_tls", self.require_tls)];
        if let Some((key, _)) = needs.iter().find(|(_, on)| *on && !set(&self.tls_cert)) {
            bail!("{key} needs tls_cert and tls_key");
        }
        if self.tls_client_cert == ClientCert::Required && !set(&self.tls_client_ca) {
            bail!("tls_client_cert = \"required\" needs tls_client_ca");
        }
        Ok(())
    }

    /// Whether connections can be encrypted.
    pub(crate) fn has_tls(&self) -> bool {
        !self.tls_cert.as_os_str().is_empty()
    }

    /// The address to listen on, resolved; refused where strangers could walk in.
    pub(crate) fn listen_addr(&self) -> Result<SocketAddr> {
        use std::net::ToSocketAddrs as _;
        let addr = self
            .pg_addr
            .to_socket_addrs()
            .with_context(|| format!("pg_addr '{}' is not an address and port", self.pg_addr))?
            .next()
            .with_context(|| format!("pg_addr '{}' resolves to no address", self.pg_addr))?;
        if !addr.ip().is_loopback() {
            let missing = if !self.has_tls() {
                "set tls_cert and tls_key to a certificate and its key"
            } else if self.trust_loopback {
                "set trust_loopback = false, so that every client has to prove who it is"
            } else {
                return Ok(addr);
            };
            bail!(
                "refusing to listen on {addr}, where other machines can connect: {missing}, or \
                 listen on loopback (127.0.0.1 or ::1); docs/security.md has the steps"
            );
        }
        Ok(addr)
    }
}

impl Flags {
    fn table(&self) -> toml::Table {
        let path = |path: &PathBuf| path.display().to_string();
        let said = [
            ("data_dir", self.data_dir.as_ref().map(path)),
            ("pg_addr", self.pg_addr.clone()),
            ("tls_cert", self.tls_cert.as_ref().map(path)),
            ("tls_key", self.tls_key.as_ref().map(path)),
            ("tls_client_ca", self.tls_client_ca.as_ref().map(path)),
            ("log_format", self.log_format.clone()),
            ("log_level", self.log_level.clone()),
        ];
        let value = |(key, text): (&str, Option<String>)| Some((key.to_owned(), text?.into()));
        let trust = self.trust_loopback.map(|trust| ("trust_loopback".to_owned(), trust.into()));
        said.into_iter().filter_map(value).chain(trust).collect()
    }
}

fn read_file(path: &Path) -> Result<toml::Table> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the configuration file {}", path.display()))?;
    text.parse().with_context(|| format!("the configuration file {}", path.display()))
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn key_of_variable(name: &str) -> Option<String> {
    name.strip_prefix(ENV_PREFIX).map(str::to_lowercase)
}

/// Reads a variable as the type the key has.
fn parse_like(like: &toml::Value, text: &str) -> Result<toml::Value> {
    Ok(match like {
        toml::Value::Integer(_) => text.trim().parse::<i64>()?.into(),
        toml::Value::Boolean(_) => text.trim().parse::<bool>()?.into(),
        toml::Value::Float(_) => text.trim().parse::<f64>()?.into(),
        _ => text.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../config.example.toml");

    fn merge(file: &str, env: &[(&str, &str)], flags: &Flags) -> Result<Config> {
        let env = env.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Config::merge(Some(file.parse()?), env, flags)
    }

    #[test]
    fn the_example_is_the_defaults() {
        let example: Config = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(example, Config::defaults());
    }

    #[test]
    fn every_key_is_in_the_example_under_a_comment() {
        let lines: Vec<&str> = EXAMPLE.lines().collect();
        for key in toml::Table::try_from(Config::defaults()).unwrap().keys() {
            let at = lines.iter().position(|line| line.starts_with(&format!("{key} =")));
            let at = at.unwrap_or_else(|| panic!("{key} is not in config.example.toml"));
            assert!(at > 0 && lines[at - 1].starts_with("# "), "{key} has no comment above it");
        }
    }

    #[test]
    fn flag_beats_environment_beats_file_beats_default() {
        let file = "pg_addr = '127.0.0.1:1'\nlog_level = 'warn'\nseal_rows = 10";
        let env = [("CVX_PG_ADDR", "127.0.0.1:2"), ("CVX_SEAL_ROWS", "20"), ("HOME", "/")];
        let flags = Flags { pg_addr: Some("127.0.0.1:3".to_owned()), ..Flags::default() };
        let config = merge(file, &env, &flags).unwrap();
        assert_eq!(config.pg_addr, "127.0.0.1:3");
        assert_eq!(config.seal_rows, 20);
        assert_eq!(config.log_level, "warn");
        assert_eq!(config.connections_max, Config::defaults().connections_max);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let refused = |file: &str, env: &[(&str, &str)]| {
            format!("{:#}", merge(file, env, &Flags::default()).unwrap_err())
        };
        assert!(refused("sael_rows = 1", &[]).contains("sael_rows"));
        assert!(refused("seal_rows = 0", &[]).contains("seal_rows"));
        assert!(refused("", &[("CVX_SEAL_ROWS", "many")]).contains("CVX_SEAL_ROWS"));
        assert!(refused("inflight_bytes_max = 1", &[]).contains("message_bytes_max"));
    }

    #[test]
    fn strangers_are_refused_with_the_reason() {
        let at = |addr: &str| Config { pg_addr: addr.to_owned(), ..Config::defaults() };
        assert!(at("127.0.0.1:5433").listen_addr().is_ok());
        assert!(at("[::1]:5433").listen_addr().is_ok());
        let file = |name: &str| PathBuf::from(name);
        for open in ["0.0.0.0:5433", "[::]:5433", "192.168.0.1:5433"] {
            let refusal = |config: &Config| config.listen_addr().unwrap_err().to_string();
            assert!(refusal(&at(open)).contains("set tls_cert and tls_key"));
            let (tls_cert, tls_key) = (file("cert.pem"), file("key.pem"));
            let encrypted = Config { tls_cert, tls_key, ..at(open) };
            assert!(refusal(&encrypted).contains("set trust_loopback = false"));
            assert!(Config { trust_loopback: false, ..encrypted }.listen_addr().is_ok());
        }
        assert!(at("nonsense").listen_addr().is_err());
    }

    #[test]
    fn half_of_tls_is_refused() {
        for (file, word) in [
            ("tls_cert = 'c'", "tls_key"),
            ("tls_key = 'k'", "tls_cert"),
            ("tls_client_ca = 'a'", "tls_client_ca"),
            ("require_tls = true", "require_tls"),
            ("tls_cert = 'c'\ntls_key = 'k'\ntls_client_cert = 'required'", "tls_client_ca"),
            ("tls_client_cert = 'maybe'", "maybe"),
        ] {
            let refusal = format!("{:#}", merge(file, &[], &Flags::default()).unwrap_err());
            assert!(refusal.contains(word), "{file}: {refusal}");
        }
    }
}
