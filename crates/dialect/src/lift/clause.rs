//! One time clause: its words, its axis, and the form in which it is carried.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Word};

use super::TIME_FUNCTION;
use super::expression::{is_literal, is_reserved};
use crate::error::Fault;
use crate::tree::{self, Node, leaf, word};

/// The axes that can be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Valid,
    System,
}

impl Axis {
    pub(super) fn spelling(self) -> &'static str {
        match self {
            Axis::Valid => "VALID_TIME",
            Axis::System => "SYSTEM_TIME",
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Axis::Valid => "valid",
            Axis::System => "system",
        }
    }
}

/// What a clause says of its axis.
#[derive(Debug)]
pub(super) enum Period {
    AsOf(Vec<Node>),
    FromTo(Vec<Node>, Vec<Node>),
    Between(Vec<Node>, Vec<Node>),
    All,
}

impl Period {
    /// The named arguments it is carried in.
    fn arguments(self, prefix: &str) -> Vec<(String, Option<Vec<Node>>)> {
        match self {
            Period::AsOf(at) => vec![(format!("{prefix}_as_of"), Some(at))],
            Period::FromTo(from, to) => {
                vec![(format!("{prefix}_from"), Some(from)), (format!("{prefix}_to"), Some(to))]
            }
            Period::Between(from, to) => vec![
                (format!("{prefix}_between_from"), Some(from)),
                (format!("{prefix}_between_to"), Some(to)),
            ],
            Period::All => vec![(format!("{prefix}_all"), None)],
        }
    }
}

/// The clauses on one table.
#[derive(Debug, Default)]
pub(super) struct Clauses {
    pub(super) neutral: Option<Vec<Node>>,
    pub(super) valid: Option<Period>,
    pub(super) system: Option<Period>,
    pub(super) span: Option<Span>,
}

impl Clauses {
    pub(super) fn is_empty(&self) -> bool {
        self.neutral.is_none() && self.valid.is_none() && self.system.is_none()
    }

    pub(super) fn set(&mut self, axis: Axis, period: Period, span: Span) -> Result<(), Fault> {
        let place = match axis {
            Axis::Valid => &mut self.valid,
            Axis::System => &mut self.system,
        };
        if place.replace(period).is_some() {
            let message = format!("FOR {} stands twice on one table", axis.spelling());
            return Err(Fault::syntax(span.start, message));
        }
        self.span.get_or_insert(span);
        Ok(())
    }

    pub(super) fn set_neutral(&mut self, at: Vec<Node>, span: Span) -> Result<(), Fault> {
        let doubled = self.neutral.replace(at).is_some();
        if doubled || self.valid.is_some() || self.system.is_some() {
            return Err(both(span.start));
        }
        self.span.get_or_insert(span);
        Ok(())
    }

    /// The call that carries the clauses.
    pub(super) fn into_call(self) -> Vec<Node> {
        let span = self.span.unwrap_or(Span::empty());
        let periods = [("valid", self.valid), ("system", self.system)];
        let mut arguments: Vec<_> =
            self.neutral.map(|at| ("as_of".to_owned(), Some(at))).into_iter().collect();
        for (prefix, period) in periods {
            arguments.extend(period.into_iter().flat_map(|period| period.arguments(prefix)));
        }
        let mut nodes = Vec::new();
        for (name, value) in arguments {
            if !nodes.is_empty() {
                nodes.push(leaf(Token::Comma, span));
            }
            nodes.extend([word(&name, span), leaf(Token::RArrow, span)]);
            nodes.extend(value.unwrap_or_else(|| vec![word("TRUE", span)]));
        }
        vec![function_name(span), tree::parentheses(nodes, span)]
    }
}

/// sqlparser takes a word with the keyword AT behind a table's name for the name of a function
/// that picks a version. The name is ours, the keyword opens the door.
fn function_name(span: Span) -> Node {
    let name = Word { value: TIME_FUNCTION.to_owned(), quote_style: None, keyword: Keyword::AT };
    Node::Leaf(TokenWithSpan::new(Token::Word(name), span))
}

/// AS OF and FOR .._TIME on one table.
pub(super) fn both(at: Location) -> Fault {
    Fault::syntax(at, "a table has either AS OF or FOR VALID_TIME and FOR SYSTEM_TIME")
        .hint("AS OF picks the axis by itself; name the axes to use both")
}

/// The words that stand behind FOR or AS OF and name an axis.
pub(super) enum Named {
    /// An axis, and how many words name it.
    Known(Axis, usize),
    /// A word that is written as an axis is, but is none.
    Unknown,
}

/// Reads `VALID_TIME`, `SYSTEM_TIME`, `VALID TIME` and `SYSTEM TIME`.
pub(super) fn axis(first: Option<&Node>, second: Option<&Node>) -> Option<Named> {
    let name = first?.word()?;
    let two_words = second.is_some_and(|node| node.is_word("TIME"));
    for known in [Axis::Valid, Axis::System] {
        if name.value.eq_ignore_ascii_case(known.spelling()) {
            return Some(Named::Known(known, 1));
        }
        if two_words && name.value.eq_ignore_ascii_case(known.prefix()) {
            return Some(Named::Known(known, 2));
        }
    }
    let has_suffix = name.value.to_ascii_uppercase().ends_with("_TIME");
    (has_suffix || two_words).then_some(Named::Unknown)
}

/// Whether the node after `AS OF` begins a time, so that OF is not an alias.
///
/// `SELECT a AS of, b FROM t AS of JOIN u` goes on with a comma or a reserved word. A list of
/// names in parentheses behind an item of FROM are its columns.
pub(super) fn starts_time(first: Option<&Node>, second: Option<&Node>, after_item: bool) -> bool {
    match first {
        None => false,
        Some(Node::Group(group)) => {
            group.open.token == Token::LParen && !(after_item && is_name_list(&group.nodes))
        }
        Some(Node::Leaf(leaf)) => match &leaf.token {
            Token::Word(word) if word.quote_style.is_none() && is_reserved(word.keyword) => {
                let is_call = second.is_some_and(|node| node.parenthesised().is_some());
                is_call && matches!(word.keyword, Keyword::LEFT | Keyword::RIGHT)
            }
            Token::Word(_) | Token::Plus | Token::Minus => true,
            token => is_literal(token),
        },
    }
}

fn is_name_list(nodes: &[Node]) -> bool {
    let is_time = |node: &Node| {
        node.word().is_some_and(|word| {
            let name = word.value.to_ascii_uppercase();
            name.starts_with("CURRENT_") || name.starts_with("LOCALTIME")
        })
    };
    let names = |(at, node): (usize, &Node)| {
        if at % 2 == 1 { node.is_token(&Token::Comma) } else { node.is_identifier() }
    };
    !nodes.is_empty() && nodes.iter().enumerate().all(names) && !nodes.first().is_some_and(is_time)
}
