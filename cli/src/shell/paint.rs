//! Colours for a statement while it is typed.

use crate::sql::{Kind, Scanner};
use crate::words::{TABLE_FUNCTIONS, is_keyword};
use console::Style;

/// The text with colours: as wide as without.
pub(super) fn paint(text: &str) -> String {
    if text.trim_start().starts_with('\\') {
        return Style::new().magenta().force_styling(true).apply_to(text).to_string();
    }
    let tokens = Scanner::default().scan(text);
    let painted = tokens.into_iter().map(|token| {
        let word = token.text(text);
        match style(token.kind, word) {
            Some(style) => style.force_styling(true).apply_to(word).to_string(),
            None => word.to_owned(),
        }
    });
    painted.collect()
}

fn style(kind: Kind, word: &str) -> Option<Style> {
    let style = Style::new();
    match kind {
        Kind::Word if TABLE_FUNCTIONS.contains(&word.to_ascii_uppercase().as_str()) => {
            Some(style.yellow())
        }
        Kind::Word if is_keyword(word) => Some(style.blue().bold()),
        Kind::String => Some(style.green()),
        Kind::Number | Kind::Parameter => Some(style.cyan()),
        Kind::Comment => Some(style.dim()),
        Kind::Word
        | Kind::Quoted
        | Kind::Space
        | Kind::Open
        | Kind::Close
        | Kind::Semicolon
        | Kind::Operator => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use console::strip_ansi_codes;
    use proptest::prelude::*;

    #[test]
    fn keywords_and_strings_are_coloured() {
        let painted = paint("SELECT title FROM docs AS OF '2024-01-01'; -- then");
        for coloured in ["SELECT", "FROM", "AS", "OF", "'2024-01-01'", "-- then"] {
            assert!(painted.contains(&format!("m{coloured}\x1b[0m")), "{coloured} in {painted:?}");
        }
        assert!(painted.contains(" title "), "{painted:?}");
        assert!(paint("\\d docs").starts_with("\x1b["));
    }

    proptest! {
        #[test]
        fn the_text_itself_is_untouched(text in "\\PC{0,40}[a'\"$;(/*-]{0,9}") {
            let painted = paint(&text);
            prop_assert_eq!(strip_ansi_codes(&painted), text);
        }
    }
}
