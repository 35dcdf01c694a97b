//! Tokens by PostgreSQL's lexical rules (its manual, 4.1), over text that comes line by line.
//!
//! What spans lines (strings, quoted names, dollar quotes, comments) leaves the scanner in a mode;
//! the next line goes on from there. So a script of any length is scanned once, and the highlighter
//! and the splitter cannot disagree. Invariant: tokens cover the text, without gaps.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Space,
    Comment,
    Word,
    /// `"..."`.
    Quoted,
    /// `'...'` with its prefix, or `$tag$...$tag$`.
    String,
    Number,
    /// `$1`.
    Parameter,
    Open,
    Close,
    Semicolon,
    Operator,
}

/// A part of the text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

impl Token {
    pub(crate) fn text(self, of: &str) -> &str {
        &of[self.start..self.end]
    }
}

/// What the text so far has left open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Plain,
    String {
        /// `E'...'`: a backslash hides the character behind it.
        escapes: bool,
    },
    Quoted,
    /// How deep; comments nest.
    Comment(u32),
    Dollar(String),
}

/// Reads text in whole lines; only the last may lack its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scanner {
    mode: Mode,
}

impl Scanner {
    /// Whether a string, quoted name or comment is open.
    pub(crate) fn is_open(&self) -> bool {
        self.mode != Mode::Plain
    }

    /// What is open: for the highlighter and completion, which see unfinished text.
    pub(crate) fn open_kind(&self) -> Option<Kind> {
        match self.mode {
            Mode::Plain => None,
            Mode::String { .. } | Mode::Dollar(_) => Some(Kind::String),
            Mode::Quoted => Some(Kind::Quoted),
            Mode::Comment(_) => Some(Kind::Comment),
        }
    }

    pub(crate) fn scan(&mut self, text: &str) -> Vec<Token> {
        let (mut tokens, mut start) = (Vec::new(), 0);
        while start < text.len() {
            let (kind, length) = self.token(&text[start..]);
            tokens.push(Token { kind, start, end: start + length });
            start += length;
        }
        tokens
    }

    /// The kind and length of the token that the text begins with; at least one character.
    fn token(&mut self, text: &str) -> (Kind, usize) {
        match std::mem::take(&mut self.mode) {
            Mode::Plain => self.plain(text),
            Mode::String { escapes } => (Kind::String, self.string(text, escapes)),
            Mode::Quoted => (Kind::Quoted, self.quoted(text)),
            Mode::Comment(depth) => (Kind::Comment, self.comment(text, depth)),
            Mode::Dollar(tag) => (Kind::String, self.dollar(text, tag)),
        }
    }

    fn plain(&mut self, text: &str) -> (Kind, usize) {
        let first = text.chars().next().unwrap_or(' ');
        if let Some(prefix) = string_prefix(text) {
            let escapes = matches!(text.as_bytes().first(), Some(b'e' | b'E'));
            return (Kind::String, prefix + self.string(&text[prefix..], escapes));
        }
        if let Some(tag) = dollar_tag(text) {
            return (Kind::String, tag.len() + self.dollar(&text[tag.len()..], tag.to_owned()));
        }
        match first {
            c if c.is_whitespace() => (Kind::Space, run(text, char::is_whitespace)),
            '-' if text.starts_with("--") => (Kind::Comment, run(text, |c| c != '\n')),
            '/' if text.starts_with("/*") => (Kind::Comment, 2 + self.comment(&text[2..], 1)),
            '"' => (Kind::Quoted, 1 + self.quoted(&text[1..])),
            '$' => parameter(text),
            c if is_word_start(c) => (Kind::Word, run(text, is_word)),
            c if c.is_ascii_digit() => (Kind::Number, number(text)),
            '.' if text[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                (Kind::Number, number(text))
            }
            '(' | '[' => (Kind::Open, 1),
            ')' | ']' => (Kind::Close, 1),
            ';' => (Kind::Semicolon, 1),
            _ => (Kind::Operator, operator(text)),
        }
    }

    /// Behind the opening quote. A doubled quote is two strings to this: no matter.
    fn string(&mut self, text: &str, escapes: bool) -> usize {
        let mut chars = text.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' if escapes => drop(chars.next()),
                '\'' if text[at + 1..].starts_with('\'') => drop(chars.next()),
                '\'' => return at + 1,
                _ => {}
            }
        }
        self.mode = Mode::String { escapes };
        text.len()
    }

    fn quoted(&mut self, text: &str) -> usize {
        if let Some(at) = text.find('"') {
            return at + 1;
        }
        self.mode = Mode::Quoted;
        text.len()
    }

    fn comment(&mut self, text: &str, mut depth: u32) -> usize {
        let mut at = 0;
        while depth > 0 {
            let Some(found) = text[at..].find(['/', '*']) else { break };
            at += found;
            match text.as_bytes().get(at..at + 2) {
                Some(b"*/") => (depth, at) = (depth - 1, at + 2),
                Some(b"/*") => (depth, at) = (depth.saturating_add(1), at + 2),
                _ => at += 1,
            }
        }
        if depth == 0 {
            return at;
        }
        self.mode = Mode::Comment(depth);
        text.len()
    }

    fn dollar(&mut self, text: &str, tag: String) -> usize {
        if let Some(at) = text.find(&tag) {
            return at + tag.len();
        }
        self.mode = Mode::Dollar(tag);
        text.len()
    }
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn is_word_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn is_word(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphanumeric()
}

/// How long the prefix of a string is, its quote included.
fn string_prefix(text: &str) -> Option<usize> {
    let start = text.get(..3).unwrap_or(text).to_ascii_lowercase();
    let prefixes = ["'", "e'", "b'", "x'", "n'", "u&'"];
    prefixes.iter().find(|prefix| start.starts_with(**prefix)).map(|prefix| prefix.len())
}

/// `$$` or `$tag$`.
fn dollar_tag(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('$')?;
    let tag = &rest[..run(rest, |c| c == '_' || c.is_alphanumeric())];
    let named = tag.is_empty() || tag.starts_with(is_word_start);
    (named && rest[tag.len()..].starts_with('$')).then(|| &text[..tag.len() + 2])
}

fn parameter(text: &str) -> (Kind, usize) {
    match run(&text[1..], |c| c.is_ascii_digit()) {
        0 => (Kind::Operator, 1),
        digits => (Kind::Parameter, 1 + digits),
    }
}

/// `1`, `1_000`, `1.5`, `1e-5`, `0xff`; a letter behind it belongs to it, as in Postgres' error.
fn number(text: &str) -> usize {
    let mut end = run(text, |c| c == '.' || is_word(c));
    let exponent = text[..end].ends_with(['e', 'E']) && !text.starts_with("0x");
    if exponent && text[end..].starts_with(['+', '-']) {
        end += 1 + run(&text[end + 1..], |c| c.is_ascii_digit());
    }
    end
}

/// Operator characters run together, but not into a comment; all others stand alone.
fn operator(text: &str) -> usize {
    let length = run(text, |c| "+-*/<>=~!@#%^&|`?:".contains(c));
    let comment = ["--", "/*"].iter().filter_map(|start| text[..length].find(start)).min();
    match comment.unwrap_or(length) {
        0 => text.chars().next().map_or(1, char::len_utf8),
        length => length,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        let tokens = Scanner::default().scan(text);
        let shown = tokens.into_iter().filter(|token| token.kind != Kind::Space);
        shown.map(|token| (token.kind, token.text(text))).collect()
    }

    #[test]
    fn every_kind() {
        let text = r#"SELECT "a b", $1 + 1.5e-3 <=> 'x''y' -- end"#;
        assert_eq!(
            kinds(text),
            [
                (Kind::Word, "SELECT"),
                (Kind::Quoted, "\"a b\""),
                (Kind::Operator, ","),
                (Kind::Parameter, "$1"),
                (Kind::Operator, "+"),
                (Kind::Number, "1.5e-3"),
                (Kind::Operator, "<=>"),
                (Kind::String, "'x''y'"),
                (Kind::Comment, "-- end"),
            ]
        );
    }

    #[test]
    fn strings_end_where_postgres_ends_them() {
        for text in
            [r"'a\'", r"E'a\'b'", "$$a'b$$", "$t$ $$ $u$ $t$", "U&'d\\0061'", "'a;b'", "x'ff'"]
        {
            assert_eq!(kinds(text), [(Kind::String, text)]);
        }
        assert_eq!(kinds("/* a /* b */ c */"), [(Kind::Comment, "/* a /* b */ c */")]);
    }

    #[test]
    fn an_operator_stops_at_a_comment() {
        assert_eq!(
            kinds("1+--2"),
            [(Kind::Number, "1"), (Kind::Operator, "+"), (Kind::Comment, "--2"),]
        );
    }

    proptest! {
        /// Tokens cover the text, and lines scanned one by one give what the whole gives.
        #[test]
        fn lines_or_all_at_once(text in "[a$'\"/*\\-;()E1 \n.\u{e9}]{0,60}") {
            let mut whole = Scanner::default();
            let tokens = whole.scan(&text);
            let ends: Vec<usize> = tokens.iter().map(|token| token.end).collect();
            let starts: Vec<usize> = tokens.iter().map(|token| token.start).collect();
            prop_assert_eq!(&starts[..], &[&[0], &ends[..]].concat()[..starts.len()]);
            prop_assert_eq!(ends.last().copied().unwrap_or(0), text.len());

            let mut by_line = Scanner::default();
            let (mut at, mut semicolons) = (0, Vec::new());
            for line in text.split_inclusive('\n') {
                let found = by_line.scan(line).into_iter();
                let found = found.filter(|token| token.kind == Kind::Semicolon);
                semicolons.extend(found.map(|token| at + token.start));
                at += line.len();
            }
            let expected = tokens.iter().filter(|token| token.kind == Kind::Semicolon);
            prop_assert_eq!(semicolons, expected.map(|token| token.start).collect::<Vec<_>>());
            prop_assert_eq!(by_line.mode, whole.mode);
        }
    }
}
