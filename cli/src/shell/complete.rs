//! What could stand where the cursor is: from the words before it and the names of the catalog.

use crate::command::COMMANDS;
use crate::names::Names;
use crate::sql::{Kind, Scanner, Token, identifier};
use crate::words::{KEYWORDS, TABLE_FUNCTIONS, is_keyword};
use std::collections::BTreeSet;

/// What is offered, and from where on it replaces the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub start: usize,
    pub words: Vec<String>,
    /// Whether names of files belong here instead.
    pub files: bool,
}

impl Offer {
    fn none(start: usize) -> Self {
        Self { start, words: Vec::new(), files: false }
    }
}

/// Behind these, a table is named.
const BEFORE_RELATION: [&str; 8] =
    ["FROM", "JOIN", "INTO", "UPDATE", "TABLE", "ONLY", "COPY", "TRUNCATE"];

/// The text is what stands before the cursor.
pub(super) fn complete(text: &str, names: &Names) -> Offer {
    if text.trim_start().starts_with('\\') {
        return command(text, names);
    }
    let mut scanner = Scanner::default();
    let mut tokens = scanner.scan(text);
    if scanner.open_kind().is_some_and(|kind| kind != Kind::Quoted) {
        return Offer::none(text.len());
    }
    // A comment to the end of the line is closed only by that end.
    if tokens.last().is_some_and(|last| last.kind == Kind::Comment && !text.ends_with("*/")) {
        return Offer::none(text.len());
    }
    let is_name = |token: &&Token| matches!(token.kind, Kind::Word | Kind::Quoted);
    let prefix = tokens.last().filter(is_name).copied();
    if prefix.is_some() {
        tokens.pop();
    }
    let start = prefix.map_or(text.len(), |token| token.start);
    tokens.retain(|token| !matches!(token.kind, Kind::Space | Kind::Comment));
    let statement = statement(&tokens);
    let place = Place { text, tokens: statement, names };
    let candidates = place.candidates(&text[start..]);
    Offer { start, words: fitting(candidates, &text[start..]), files: false }
}

/// The tokens of the last statement.
fn statement(tokens: &[Token]) -> &[Token] {
    let end = tokens.iter().rposition(|token| token.kind == Kind::Semicolon);
    &tokens[end.map_or(0, |at| at + 1)..]
}

/// Where the cursor is: the statement's tokens before the word that is typed.
struct Place<'a> {
    text: &'a str,
    tokens: &'a [Token],
    names: &'a Names,
}

impl Place<'_> {
    /// The token that many before the cursor, in capitals.
    fn before(&self, back: usize) -> String {
        let at = self.tokens.len().checked_sub(back);
        at.map_or(String::new(), |at| self.tokens[at].text(self.text).to_ascii_uppercase())
    }

    fn candidates(&self, prefix: &str) -> Vec<String> {
        let previous = self.before(1);
        if previous == "." {
            return self.columns_of_qualifier();
        }
        let is_setting = previous == "."
            || matches!(previous.as_str(), "SET" | "SHOW" | "RESET") && self.tokens.len() == 1;
        if is_setting {
            return self.names.settings.clone();
        }
        let in_function = previous == "(" && TABLE_FUNCTIONS.contains(&self.before(2).as_str());
        let in_index = previous == "ON" && self.before_any("INDEX");
        let after_list = previous == "," && self.before_any("FROM") && !self.before_any("WHERE");
        if BEFORE_RELATION.contains(&previous.as_str()) || in_function || in_index || after_list {
            let mut names = self.relations();
            if previous == "FROM" || previous == "JOIN" || after_list {
                names.extend(cased(TABLE_FUNCTIONS.iter().copied(), prefix));
            }
            return names;
        }
        self.anything(prefix)
    }

    fn before_any(&self, word: &str) -> bool {
        let same = |token: &Token| token.text(self.text).eq_ignore_ascii_case(word);
        self.tokens.iter().any(same)
    }

    fn relations(&self) -> Vec<String> {
        self.names.relations.keys().map(|name| identifier(name)).collect()
    }

    /// Columns of the tables that the statement names, functions and keywords.
    fn anything(&self, prefix: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mentioned = self.mentioned();
        // Before FROM is typed every table's columns may be meant.
        let all = mentioned.is_empty() && !prefix.is_empty();
        for (relation, columns) in &self.names.relations {
            if all || mentioned.contains(relation) {
                words.extend(columns.iter().map(|column| identifier(column)));
            }
        }
        if prefix.is_empty() {
            return words;
        }
        words.extend(self.relations());
        words.extend(cased(KEYWORDS.iter().map(String::as_str), prefix));
        words.extend(cased(TABLE_FUNCTIONS.iter().copied(), prefix));
        words.extend(self.names.functions.iter().filter(|name| !is_keyword(name)).cloned());
        words
    }

    fn mentioned(&self) -> BTreeSet<String> {
        let names = self.tokens.iter().map(|token| folded(token.text(self.text)));
        names.filter(|name| self.names.relations.contains_key(name)).collect()
    }

    /// Behind `x.`: columns of the table x, or of the table whose alias is x; else settings `x.y`.
    fn columns_of_qualifier(&self) -> Vec<String> {
        let Some(at) = self.tokens.len().checked_sub(2) else { return Vec::new() };
        let qualifier = folded(self.tokens[at].text(self.text));
        let relation = self.aliased(&qualifier).unwrap_or_else(|| qualifier.clone());
        if let Some(columns) = self.names.relations.get(&relation) {
            return columns.iter().map(|column| identifier(column)).collect();
        }
        if qualifier == "public" {
            return self.relations();
        }
        let settings = self.names.settings.iter();
        let rest = settings.filter_map(|name| name.strip_prefix(&format!("{qualifier}.")));
        rest.map(str::to_owned).collect()
    }

    /// The table before `x` or `AS x`, or the first argument of a call before it.
    fn aliased(&self, alias: &str) -> Option<String> {
        let name = |at: usize| folded(self.tokens[at].text(self.text));
        (1..self.tokens.len()).filter(|at| name(*at) == alias).find_map(|at| {
            let before = if name(at - 1) == "as" { at.checked_sub(2)? } else { at - 1 };
            let before = match self.tokens[before].kind {
                Kind::Close => self.opening(before)? + 1,
                _ => before,
            };
            Some(name(before)).filter(|name| self.names.relations.contains_key(name))
        })
    }

    /// Where the parenthesis was opened that is closed there.
    fn opening(&self, close: usize) -> Option<usize> {
        let mut depth = 0_usize;
        (0..=close).rev().find(|at| {
            match self.tokens[*at].kind {
                Kind::Close => depth += 1,
                Kind::Open => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        })
    }
}

/// A name as the catalog has it.
fn folded(word: &str) -> String {
    match word.strip_prefix('"') {
        Some(quoted) => quoted.trim_end_matches('"').to_owned(),
        None => word.to_lowercase(),
    }
}

/// Keywords in the case that was begun with.
fn cased<'a>(words: impl Iterator<Item = &'a str>, prefix: &str) -> Vec<String> {
    let small = prefix.starts_with(|c: char| c.is_lowercase());
    words.map(|word| if small { word.to_lowercase() } else { word.to_owned() }).collect()
}

fn fitting(words: Vec<String>, prefix: &str) -> Vec<String> {
    let wanted = folded(prefix).to_lowercase();
    let fits = |word: &String| folded(word).to_lowercase().starts_with(&wanted);
    let fitting: BTreeSet<String> = words.into_iter().filter(fits).collect();
    fitting.into_iter().collect()
}

/// Behind a backslash: the command's name, then what it takes.
fn command(text: &str, names: &Names) -> Offer {
    let start = text.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let word = &text[start..];
    let Some((name, _)) = text.trim_start().split_once(char::is_whitespace) else {
        let commands = COMMANDS.iter().map(|(name, _, _)| (*name).to_owned());
        return Offer { start, words: fitting(commands.collect(), word), files: false };
    };
    let words = match name {
        "\\i" => return Offer { start, words: Vec::new(), files: true },
        "\\copy" if word.starts_with('\'') => {
            return Offer { start, words: Vec::new(), files: true };
        }
        "\\asof" => vec!["off".to_owned()],
        "\\x" | "\\json" | "\\t" | "\\timing" => vec!["on".to_owned(), "off".to_owned()],
        "\\vectors" => vec!["full".to_owned(), "short".to_owned()],
        name if name.starts_with("\\d") || name == "\\plot" || name == "\\copy" => {
            names.relations.keys().map(|name| identifier(name)).collect()
        }
        _ => Vec::new(),
    };
    Offer { start, words: fitting(words, word), files: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Names {
            relations: [
                ("docs".to_owned(), columns(&["doc_id", "ts", "title", "embedding"])),
                ("dogs".to_owned(), columns(&["name"])),
                ("Odd Name".to_owned(), columns(&["order"])),
            ]
            .into(),
            functions: columns(&["drift", "l2_distance", "now"]),
            settings: columns(&["cvx.force", "cvx.valid_time", "work_mem"]),
        }
    }

    fn offered(text: &str) -> Vec<String> {
        complete(text, &names()).words
    }

    #[test]
    fn tables_where_tables_stand() {
        assert_eq!(offered("SELECT * FROM do"), ["docs", "dogs"]);
        assert_eq!(offered("INSERT INTO doc"), ["docs"]);
        assert_eq!(offered("SELECT * FROM TRAJECTORY(d"), ["docs", "dogs"]);
        assert_eq!(offered("SELECT * FROM odd"), ["\"Odd Name\""]);
        assert_eq!(offered("CREATE INDEX ON do"), ["docs", "dogs"]);
        assert_eq!(offered("SELECT * FROM docs, do"), ["docs", "dogs"]);
    }

    #[test]
    fn table_functions_stand_in_from() {
        assert_eq!(offered("SELECT * FROM traj"), ["trajectory"]);
        assert_eq!(offered("SELECT * FROM TRAJ"), ["TRAJECTORY"]);
    }

    #[test]
    fn columns_of_what_the_statement_names() {
        assert_eq!(offered("SELECT * FROM docs WHERE tit"), ["title"]);
        assert_eq!(offered("SELECT * FROM docs d WHERE d.t"), ["title", "ts"]);
        assert_eq!(offered("SELECT * FROM docs AS x WHERE x.e"), ["embedding"]);
        assert_eq!(offered("SELECT * FROM HISTORY(docs, f(1)) h WHERE h.e"), ["embedding"]);
        assert_eq!(offered("SELECT docs.do"), ["doc_id"]);
        assert!(!offered("SELECT * FROM docs WHERE na").contains(&"name".to_owned()));
        assert_eq!(offered("SELECT 1; SELECT * FROM dogs WHERE dogs."), ["name"]);
        assert_eq!(offered("SELECT \"Odd Name\".ord"), ["\"order\""]);
    }

    #[test]
    fn keywords_in_the_case_begun() {
        assert_eq!(offered("SELEC"), ["SELECT"]);
        assert_eq!(offered("selec"), ["select"]);
        assert!(offered("SELECT * FROM docs FOR VAL").contains(&"VALID_TIME".to_owned()));
        assert!(offered("SELECT l2").contains(&"l2_distance".to_owned()));
    }

    #[test]
    fn settings_behind_set() {
        assert_eq!(offered("SET work"), ["work_mem"]);
        assert_eq!(offered("SET cvx.va"), ["valid_time"]);
    }

    #[test]
    fn nothing_inside_strings_and_comments() {
        for text in ["SELECT 'do", "SELECT $$ do", "-- FROM do", "/* FROM do"] {
            assert_eq!(offered(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn commands_and_their_arguments() {
        assert_eq!(offered("\\as"), ["\\asof"]);
        assert_eq!(offered("\\d do"), ["docs", "dogs"]);
        assert_eq!(offered("\\plot doc"), ["docs"]);
        assert_eq!(offered("\\timing o"), ["off", "on"]);
        assert!(complete("\\i /tm", &names()).files);
        assert_eq!(complete("\\d do", &names()).start, 3);
    }
}
