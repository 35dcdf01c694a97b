//! The words that Postgres' grammar knows, by where they may stand.

use std::sync::LazyLock;

/// One word.
#[derive(Clone, Copy, Debug)]
pub struct Keyword {
    pub word: &'static str,
    /// `U`, `C`, `T` or `R`, as `pg_get_keywords()` has it.
    pub category: &'static str,
    /// Whether it is a column's label without AS.
    pub bare_label: bool,
}

impl Keyword {
    /// The category in words.
    pub fn described(&self) -> &'static str {
        match self.category {
            "U" => "unreserved",
            "C" => "unreserved (cannot be function or type name)",
            "T" => "reserved (can be function or type name)",
            _ => "reserved",
        }
    }

    pub fn label_described(&self) -> &'static str {
        if self.bare_label { "can be bare label" } else { "requires AS" }
    }
}

/// All of them, in alphabetical order.
pub fn keywords() -> &'static [Keyword] {
    static KEYWORDS: LazyLock<Vec<Keyword>> = LazyLock::new(|| {
        let lines = include_str!("data/keywords.txt").lines();
        let mut words: Vec<Keyword> =
            lines.filter_map(|l| l.split_once(' ')).flat_map(of).collect();
        words.sort_unstable_by_key(|keyword| keyword.word);
        words
    });
    &KEYWORDS
}

/// The words of a line; none of a comment.
fn of((category, words): (&'static str, &'static str)) -> impl Iterator<Item = Keyword> {
    let words = if category == "#" { "" } else { words };
    words.split_whitespace().map(move |word| Keyword {
        word: word.trim_end_matches('!'),
        category,
        bare_label: !word.ends_with('!'),
    })
}

#[cfg(test)]
mod tests {
    use super::keywords;

    #[test]
    fn words_are_postgres_16_s() {
        let count = |category| keywords().iter().filter(|word| word.category == category).count();
        let bound = keywords().iter().filter(|word| !word.bare_label).count();
        assert_eq!(["R", "T", "C", "U"].map(count), [78, 23, 55, 314]);
        assert_eq!(bound, 39);
        assert!(keywords().is_sorted_by(|a, b| a.word < b.word));
    }
}
