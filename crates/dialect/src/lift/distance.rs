//! The words inside a call to st_distance: `ALPHA 0.7` becomes `alpha => 0.7`.
//!
//! A word counts where an argument or a part of one begins, behind the two vectors, and only if a
//! value follows: `st_distance(v, q, alpha)` and `st_distance(v, q, ts AT TIME ZONE 'utc')` have
//! columns of those names. Parts may be separated by commas or by nothing.

use std::collections::VecDeque;

use sqlparser::tokenizer::Token;

use super::expression::starts_operand;
use crate::tree::{Node, leaf, word};

/// The function whose arguments have words.
pub(super) const NAME: &str = "st_distance";

const WORDS: [&str; 6] = ["alpha", "at", "tau", "metric", "decay", "ts"];

/// The arguments with words as named arguments.
pub(super) fn name_arguments(nodes: Vec<Node>) -> Vec<Node> {
    let mut rest = VecDeque::from(nodes);
    let mut out = Vec::with_capacity(rest.len());
    let mut commas = 0;
    let mut begins = true;
    while let Some(node) = rest.pop_front() {
        if node.is_token(&Token::Comma) {
            out.push(node);
            (commas, begins) = (commas + 1, true);
            continue;
        }
        let placed = if begins {
            commas >= 2
        } else {
            commas >= 1 && out.last().is_some_and(starts_operand)
        };
        match named(&node, &rest).filter(|_| placed) {
            None => out.push(node),
            Some(name) => {
                if !begins {
                    out.push(leaf(Token::Comma, node.span()));
                    commas += 1;
                }
                out.extend([word(name, node.span()), leaf(Token::RArrow, node.span())]);
                // What follows the word is its value, whatever it is called.
                if is_signed(&node, &rest) {
                    out.extend(rest.pop_front());
                }
                out.extend(rest.pop_front());
            }
        }
        begins = false;
    }
    out
}

/// Whether a signed number follows a word: `ALPHA -0.1`, where `alpha - 0.1` is a difference.
fn is_signed(word: &Node, rest: &VecDeque<Node>) -> bool {
    let (Some(sign), Some(number)) = (rest.front(), rest.get(1)) else { return false };
    let signs = sign.is_token(&Token::Minus) || sign.is_token(&Token::Plus);
    let apart = word.span().end != sign.span().start;
    signs && apart && sign.span().end == number.span().start && starts_operand(number)
}

/// The argument that a word with a value behind it names.
fn named(node: &Node, rest: &VecDeque<Node>) -> Option<&'static str> {
    let name = WORDS.into_iter().find(|name| node.is_word(name))?;
    rest.front().filter(|next| starts_operand(next) || is_signed(node, rest))?;
    let words = |at: usize, words: &[&str]| {
        words
            .iter()
            .enumerate()
            .all(|(offset, word)| rest.get(at + offset).is_some_and(|node| node.is_word(word)))
    };
    // The operator AT TIME ZONE, or a column before it.
    let is_zone =
        words(0, &["AT", "TIME", "ZONE"]) || (name == "at" && words(0, &["TIME", "ZONE"]));
    (!is_zone).then_some(name)
}
