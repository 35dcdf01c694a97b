//! Where the history is kept, and what is not kept.

use crate::sql::{Kind, tokens};
use std::path::PathBuf;

/// `CVX_HISTORY`, else `cvx/history` in the state directory. Made if need be.
pub(super) fn path() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = variable("CVX_HISTORY") {
        return Some(path.into());
    }
    let state = variable("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".local/state")))?;
    let dir = state.join("cvx");
    std::fs::create_dir_all(&dir).ok()?;
    Some(dir.join("history"))
}

/// Not what is blank, and nothing that sets a password.
pub(super) fn may_keep(text: &str) -> bool {
    let secret = |word: &str| {
        word.eq_ignore_ascii_case("password") || word.to_ascii_lowercase().contains("password=")
    };
    let words = tokens(text).into_iter().filter(|token| token.kind == Kind::Word);
    !text.trim().is_empty()
        && !words.into_iter().any(|token| secret(token.text(text)))
        && !text.contains("://")
}

#[cfg(test)]
mod tests {
    use super::may_keep;

    #[test]
    fn secrets_are_not_kept() {
        assert!(may_keep("SELECT 1;") && may_keep("SELECT 'password';"));
        for text in [
            "",
            "  ",
            "CREATE ROLE a LOGIN PASSWORD 'x';",
            "\\c postgres://u:x@h/",
            "\\c password=x",
        ] {
            assert!(!may_keep(text), "{text}");
        }
    }
}
