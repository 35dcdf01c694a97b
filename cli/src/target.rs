//! Where to connect, and as whom: flags, then the URL, then libpq's environment, then defaults.

use crate::error::{Error, Result};
use percent_encoding::percent_decode_str;
use std::path::PathBuf;

const HOST: &str = "127.0.0.1";
const PORT: u16 = 5433;
const USER: &str = "cvx";
const DATABASE: &str = "cvx";

/// libpq's `sslmode`; `allow` is taken as `prefer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SslMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// A server, a user and a database.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub database: String,
    pub password: Option<String>,
    pub application_name: String,
    pub options: String,
    pub ssl_mode: SslMode,
    pub ssl_root_cert: Option<PathBuf>,
}

/// Without the password: what is printed for debugging is copied around.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port, user, database, .. } = self;
        write!(f, "Target({user}@{host}:{port}/{database})")
    }
}

/// What one source says of it, in libpq's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    words: Vec<(String, String)>,
}

/// The words that are understood, with the variable that says the same.
const WORDS: [(&str, &str); 9] = [
    ("host", "PGHOST"),
    ("port", "PGPORT"),
    ("user", "PGUSER"),
    ("dbname", "PGDATABASE"),
    ("password", "PGPASSWORD"),
    ("application_name", "PGAPPNAME"),
    ("options", "PGOPTIONS"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
];

impl Wishes {
    pub(crate) fn add(&mut self, word: &str, value: impl Into<String>) {
        self.words.push((word.to_owned(), value.into()));
    }

    pub(crate) fn with(mut self, word: &str, value: Option<String>) -> Self {
        if let Some(value) = value {
            self.add(word, value);
        }
        self
    }

    fn get(&self, word: &str) -> Option<&str> {
        let found = self.words.iter().find(|(name, value)| name == word && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// The variables of libpq that are set.
    pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut wishes = Self::default();
        for (word, name) in WORDS {
            wishes = wishes.with(word, variable(name));
        }
        wishes
    }

    /// A URL, `word=value` pairs, or the name of a database.
    pub(crate) fn of_text(text: &str) -> Result<Self> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Self::of_url(text);
        }
        if text.contains('=') {
            return Self::of_pairs(text);
        }
        Ok(Self::default().with("dbname", Some(text.to_owned())))
    }

    fn of_url(text: &str) -> Result<Self> {
        let wrong = |why: &dyn std::fmt::Display| Error::Usage(format!("not a URL: {why}"));
        let url = url::Url::parse(text).map_err(|error| wrong(&error))?;
        let decoded = |part: &str| {
            let text = percent_decode_str(part).decode_utf8();
            text.map(|text| text.into_owned()).map_err(|error| wrong(&error))
        };
        let mut wishes = Self::default();
        let host = url.host_str().unwrap_or_default();
        wishes.add("host", decoded(host.trim_matches(['[', ']']))?);
        wishes.add("port", url.port().map(|port| port.to_string()).unwrap_or_default());
        wishes.add("user", decoded(url.username())?);
        wishes.add("password", decoded(url.password().unwrap_or_default())?);
        wishes.add("dbname", decoded(url.path().trim_start_matches('/'))?);
        for (word, value) in url.query_pairs() {
            known(&word)?;
            wishes.add(&word, value);
        }
        Ok(wishes)
    }

    /// `host=localhost password='it''s'`, with libpq's quotes and backslashes.
    fn of_pairs(text: &str) -> Result<Self> {
        let mut wishes = Self::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (word, after) = rest
                .split_once('=')
                .ok_or_else(|| Error::Usage(format!("a value is missing behind {rest:?}")))?;
            let (value, after) = pair_value(after.trim_start());
            known(word.trim())?;
            wishes.add(word.trim(), value);
            rest = after.trim_start();
        }
        Ok(wishes)
    }
}

fn known(word: &str) -> Result<()> {
    if WORDS.iter().any(|(known, _)| *known == word) {
        return Ok(());
    }
    let words: Vec<_> = WORDS.iter().map(|(word, _)| *word).collect();
    Err(Error::Usage(format!("{word:?} is not one of {}", words.join(", "))))
}

/// A value and what follows it.
fn pair_value(text: &str) -> (String, &str) {
    let quoted = text.starts_with('\'');
    let mut chars = text.char_indices().skip(usize::from(quoted));
    let mut value = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            '\'' if quoted => return (value, &text[at + 1..]),
            c if !quoted && c.is_whitespace() => return (value, &text[at..]),
            c => value.push(c),
        }
    }
    (value, "")
}

impl Target {
    /// The first of the sources that says something of a word holds.
    pub(crate) fn of(sources: &[Wishes]) -> Result<Self> {
        let get = |word: &str| sources.iter().find_map(|wishes| wishes.get(word));
        let or = |word: &str, default: &str| get(word).unwrap_or(default).to_owned();
        let port = get("port")
            .map(|port| port.parse().map_err(|_| Error::Usage(format!("{port:?} is not a port"))));
        Ok(Self {
            host: or("host", HOST),
            port: port.transpose()?.unwrap_or(PORT),
            user: or("user", USER),
            database: or("dbname", DATABASE),
            password: get("password").map(str::to_owned),
            application_name: or("application_name", "cvx-cli"),
            options: or("options", ""),
            ssl_mode: ssl_mode(&or("sslmode", "prefer"))?,
            ssl_root_cert: get("sslrootcert").map(PathBuf::from),
        })
    }

    /// Whether what is sent stays on this machine.
    pub(crate) fn is_local(&self) -> bool {
        let addr = self.host.parse::<std::net::IpAddr>();
        self.host == "localhost" || addr.is_ok_and(|addr| addr.is_loopback())
    }
}

fn ssl_mode(word: &str) -> Result<SslMode> {
    Ok(match word {
        "disable" => SslMode::Disable,
        "allow" | "prefer" => SslMode::Prefer,
        "require" => SslMode::Require,
        "verify-ca" => SslMode::VerifyCa,
        "verify-full" => SslMode::VerifyFull,
        other => return Err(Error::Usage(format!("{other:?} is no sslmode"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        Target::of(&[Wishes::of_text(text).unwrap()]).unwrap()
    }

    #[test]
    fn a_url_says_it_all() {
        let found = target("postgres://ada:p%40ss@[::1]:6000/my%20db?sslmode=require");
        assert_eq!((found.host.as_str(), found.port), ("::1", 6000));
        assert_eq!((found.user.as_str(), found.database.as_str()), ("ada", "my db"));
        assert_eq!(found.password.as_deref(), Some("p@ss"));
        assert_eq!(found.ssl_mode, SslMode::Require);
    }

    #[test]
    fn what_is_not_said_is_the_servers_default() {
        let found = target("postgresql://");
        assert_eq!((found.host.as_str(), found.port), (HOST, PORT));
        assert_eq!((found.user.as_str(), found.database.as_str()), ("cvx", "cvx"));
        assert_eq!(target("other").database, "other");
    }

    #[test]
    fn pairs_may_be_quoted() {
        let found = target(r"host=h port = 7 password='it\'s a \\' user=u");
        assert_eq!((found.host.as_str(), found.port, found.user.as_str()), ("h", 7, "u"));
        assert_eq!(found.password.as_deref(), Some(r"it's a \"));
    }

    #[test]
    fn flags_go_before_url_before_environment() {
        let flags = Wishes::default().with("port", Some("1".to_owned()));
        let url = Wishes::of_text("postgres://u@h:2/").unwrap();
        let environment = |name: &str| match name {
            "PGHOST" => Some("elsewhere".to_owned()),
            "PGDATABASE" => Some("d".to_owned()),
            _ => None,
        };
        let found = Target::of(&[flags, url, Wishes::of_environment(environment)]).unwrap();
        assert_eq!((found.host.as_str(), found.port), ("h", 1));
        assert_eq!((found.user.as_str(), found.database.as_str()), ("u", "d"));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for text in ["postgres://h/?sslmod=require", "hots=h", "host=h =", "postgres://h:99999/"] {
            assert!(Wishes::of_text(text).is_err(), "{text}");
        }
        for text in ["sslmode=sometimes", "port=many"] {
            assert!(Target::of(&[Wishes::of_text(text).unwrap()]).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        assert!(!format!("{:?}", target("postgres://u:secret@h/")).contains("secret"));
    }
}
