//! Lines in, statements out: a statement ends at a semicolon outside strings, comments and
//! parentheses, as in psql.

use super::scan::{Kind, Scanner};

/// Collects lines until a statement is whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Splitter {
    scanner: Scanner,
    depth: usize,
    statement: String,
    /// Whether the statement has anything but space and comments.
    begun: bool,
}

impl Splitter {
    /// Whether nothing is pending, so that a command may stand here.
    pub(crate) fn is_at_start(&self) -> bool {
        !self.begun && !self.scanner.is_open()
    }

    /// Takes a line, its end included; gives the statements that it completes.
    pub(crate) fn push(&mut self, line: &str) -> Vec<String> {
        let mut whole = Vec::new();
        for token in self.scanner.scan(line) {
            match token.kind {
                Kind::Open => self.depth += 1,
                Kind::Close => self.depth = self.depth.saturating_sub(1),
                Kind::Semicolon if self.depth == 0 => {
                    self.statement.push(';');
                    whole.extend(self.take());
                    continue;
                }
                _ => {}
            }
            if !self.statement.is_empty() || token.kind != Kind::Space {
                self.statement.push_str(token.text(line));
            }
            self.begun |= !matches!(token.kind, Kind::Space | Kind::Comment);
        }
        whole
    }

    /// What is left at the end of the text, though no semicolon ends it.
    pub(crate) fn finish(&mut self) -> Option<String> {
        self.scanner = Scanner::default();
        self.take()
    }

    /// The statement so far; `None` if there is nothing in it to run.
    fn take(&mut self) -> Option<String> {
        let begun = std::mem::take(&mut self.begun);
        self.depth = 0;
        let statement = std::mem::take(&mut self.statement);
        begun.then(|| statement.trim_end().to_owned())
    }
}

/// Whether Enter should run the text: it is a command, blank, or ends with a whole statement.
pub(crate) fn is_complete(text: &str) -> bool {
    if text.trim_start().starts_with('\\') {
        return true;
    }
    let mut splitter = Splitter::default();
    for line in text.split_inclusive('\n') {
        splitter.push(line);
    }
    splitter.is_at_start()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Vec<String> {
        let mut splitter = Splitter::default();
        let mut whole: Vec<String> =
            text.split_inclusive('\n').flat_map(|line| splitter.push(line)).collect();
        whole.extend(splitter.finish());
        whole
    }

    #[test]
    fn semicolons_end_statements() {
        assert_eq!(split("SELECT 1; SELECT\n2;\n\n"), ["SELECT 1;", "SELECT\n2;"]);
        assert_eq!(split("a; b"), ["a;", "b"]);
        assert_eq!(split(" ;; -- nothing\n;"), [""; 0]);
    }

    #[test]
    fn not_those_inside() {
        for text in ["'a;b';", "\"a;b\";", "$$a;b$$;", "(a;b);", "a /* ; */ b;", "a -- ;\nb;"] {
            assert_eq!(split(text), [text]);
        }
    }

    #[test]
    fn a_comment_before_a_statement_stays() {
        assert_eq!(split("-- why\nSELECT 1;"), ["-- why\nSELECT 1;"]);
    }

    #[test]
    fn enter_runs_whole_statements_only() {
        for text in ["SELECT 1;", "\\d docs", "", "  \n", "SELECT 1; -- done", "-- only this"] {
            assert!(is_complete(text), "{text}");
        }
        for text in ["SELECT 1", "SELECT ';", "SELECT 1; SELECT", "(a;", "$$;", "/* ;"] {
            assert!(!is_complete(text), "{text}");
        }
    }

    proptest! {
        /// Nothing but space, comments before nothing, and lone semicolons is lost.
        #[test]
        fn nothing_is_lost(text in "[ab;' \n()]{0,60}") {
            let bare = |text: &str| text.replace([' ', '\n', ';'], "");
            prop_assert_eq!(bare(&split(&text).concat()), bare(&text));
        }
    }
}
