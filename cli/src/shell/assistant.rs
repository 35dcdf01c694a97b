//! What rustyline asks while a line is typed: completion, colours, and whether it is whole.

use super::complete::complete;
use super::paint::paint;
use crate::names::Names;
use crate::sql::is_complete;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper, Result};
use std::borrow::Cow;

#[derive(Default)]
pub(super) struct Assistant {
    pub names: Names,
    files: FilenameCompleter,
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, ctx: &Context<'_>) -> Result<(usize, Vec<Pair>)> {
        let offer = complete(&line[..pos], &self.names);
        if offer.files {
            return self.files.complete(line, pos, ctx);
        }
        let pair = |word: String| Pair { display: word.clone(), replacement: word };
        Ok((offer.start, offer.words.into_iter().map(pair).collect()))
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Owned(paint(line))
    }

    /// A word becomes a keyword, and a quote opens a string, with any character.
    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        kind != CmdKind::MoveCursor
    }
}

impl Validator for Assistant {
    fn validate(&self, ctx: &mut ValidationContext<'_>) -> Result<ValidationResult> {
        Ok(match is_complete(ctx.input()) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

impl Hinter for Assistant {
    type Hint = String;
}

impl Helper for Assistant {}
