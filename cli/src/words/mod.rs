//! The words of the language: PostgreSQL's from a list, ours from `grammar/cvx.ebnf` itself, so
//! that the shell cannot forget one.

use crate::sql::{Kind, tokens};
use std::collections::BTreeSet;
use std::sync::LazyLock;

const GRAMMAR: &str = include_str!("../../../grammar/cvx.ebnf");
const POSTGRES: &str = include_str!("postgres.txt");

/// Functions that stand in FROM and take a table first.
pub(crate) const TABLE_FUNCTIONS: [&str; 9] = [
    "TRAJECTORY",
    "HISTORY",
    "VELOCITY",
    "DRIFT",
    "CHANGEPOINTS",
    "PREDICT",
    "ANALOGY",
    "DIVERGENCE",
    "COHORT_DRIFT",
];

/// All keywords, in capitals.
pub(crate) static KEYWORDS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let postgres = POSTGRES.split_whitespace().map(|word| word.trim_end_matches('!').to_owned());
    postgres.chain(of_grammar(GRAMMAR)).collect()
});

static RESERVED: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    POSTGRES.split_whitespace().filter_map(|word| word.strip_suffix('!')).collect()
});

/// The terminals of the grammar that are words. To SQL's rules a terminal is a quoted name.
fn of_grammar(grammar: &str) -> Vec<String> {
    let uncommented = without_comments(grammar);
    let terminals = tokens(&uncommented).into_iter().filter(|token| token.kind == Kind::Quoted);
    let words = terminals.map(|token| token.text(&uncommented).trim_matches('"').to_owned());
    words.filter(|word| word.chars().all(|c| c == '_' || c.is_ascii_uppercase())).collect()
}

/// ISO 14977's comments, `(* ... *)`, are none to SQL.
fn without_comments(grammar: &str) -> String {
    let mut parts = grammar.split("(*");
    let mut text = parts.next().unwrap_or_default().to_owned();
    text.extend(parts.filter_map(|part| part.split_once("*)")).map(|(_, after)| after));
    text
}

pub(crate) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word.to_ascii_uppercase())
}

/// Whether the word names nothing unless it is quoted.
pub(crate) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(word.to_ascii_uppercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammars_words_are_here() {
        for word in ["VALID_TIME", "SYSTEM_TIME", "PORTION", "ST_DISTANCE", "ALPHA", "HNSW", "CALL"]
        {
            assert!(is_keyword(word) && is_keyword(&word.to_lowercase()), "{word}");
        }
        assert!(!is_keyword("ISO"), "a word of a comment");
        assert!(of_grammar(GRAMMAR).len() > 30);
    }

    #[test]
    fn postgres_words_are_here() {
        assert!(is_keyword("select") && is_reserved("select"));
        assert!(is_keyword("insert") && !is_reserved("insert"));
    }
}
