//! Tokens by their parentheses: a clause and the query it belongs to always stand on one level.
//!
//! The lifting of temporal clauses never has to count parentheses: on each level it sees words,
//! operators and closed groups. The nesting is bounded before a tree is built (`limits`), so
//! walking one may recurse.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Word};

use crate::error::Fault;

/// A token, or a group in parentheses or brackets.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Leaf(TokenWithSpan),
    Group(Box<Group>),
}

/// What stands between two parentheses or brackets.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) open: TokenWithSpan,
    pub(crate) nodes: Vec<Node>,
    pub(crate) close: TokenWithSpan,
}

impl Node {
    /// The unquoted word here, if it is one.
    pub(crate) fn word(&self) -> Option<&Word> {
        match self {
            Node::Leaf(TokenWithSpan { token: Token::Word(word), .. })
                if word.quote_style.is_none() =>
            {
                Some(word)
            }
            Node::Leaf(_) | Node::Group(_) => None,
        }
    }

    /// The unquoted keyword here, or `NoKeyword`.
    pub(crate) fn keyword(&self) -> Keyword {
        self.word().map_or(Keyword::NoKeyword, |word| word.keyword)
    }

    /// Whether an unquoted word stands here; SQL's words have no case.
    pub(crate) fn is_word(&self, name: &str) -> bool {
        self.word().is_some_and(|word| word.value.eq_ignore_ascii_case(name))
    }

    /// Whether an identifier stands here, quoted or not.
    pub(crate) fn is_identifier(&self) -> bool {
        matches!(self, Node::Leaf(TokenWithSpan { token: Token::Word(_), .. }))
    }

    pub(crate) fn is_token(&self, expected: &Token) -> bool {
        matches!(self, Node::Leaf(leaf) if leaf.token == *expected)
    }

    pub(crate) fn parenthesised(&self) -> Option<&Group> {
        match self {
            Node::Group(group) if group.open.token == Token::LParen => Some(group),
            Node::Leaf(_) | Node::Group(_) => None,
        }
    }

    pub(crate) fn span(&self) -> Span {
        match self {
            Node::Leaf(leaf) => leaf.span,
            Node::Group(group) => Span::new(group.open.span.start, group.close.span.end),
        }
    }

    pub(crate) fn start(&self) -> Location {
        self.span().start
    }
}

/// Makes a token of ours. It stands where the clause it comes from stands, for errors' sake.
pub(crate) fn leaf(token: Token, span: Span) -> Node {
    Node::Leaf(TokenWithSpan::new(token, span))
}

/// An unquoted word of ours.
pub(crate) fn word(text: &str, span: Span) -> Node {
    leaf(Token::make_word(text, None), span)
}

/// A group of ours in parentheses.
pub(crate) fn parentheses(nodes: Vec<Node>, span: Span) -> Node {
    let (open, close) = (Token::LParen, Token::RParen);
    Node::Group(Box::new(Group {
        open: TokenWithSpan::new(open, span),
        nodes,
        close: TokenWithSpan::new(close, span),
    }))
}

/// Groups tokens by their parentheses and brackets.
pub(crate) fn build(tokens: Vec<TokenWithSpan>) -> Result<Vec<Node>, Fault> {
    let mut open: Vec<(TokenWithSpan, Vec<Node>)> = Vec::new();
    let mut level = Vec::new();
    for token in tokens {
        match &token.token {
            Token::LParen | Token::LBracket => {
                open.push((token, std::mem::take(&mut level)));
            }
            Token::RParen | Token::RBracket => {
                let group = open.pop().filter(|(opening, _)| closes(&opening.token, &token.token));
                let Some((opening, outer)) = group else {
                    let expected = format!("no parenthesis is open that {} closes", token.token);
                    return Err(Fault::near(token.span.start, expected));
                };
                let nodes = std::mem::replace(&mut level, outer);
                level.push(Node::Group(Box::new(Group { open: opening, nodes, close: token })));
            }
            _ => level.push(Node::Leaf(token)),
        }
    }
    if let Some((opening, _)) = open.pop() {
        return Err(Fault::end(format!("a \"{}\" is not closed", opening.token)));
    }
    Ok(level)
}

fn closes(open: &Token, close: &Token) -> bool {
    matches!((open, close), (Token::LParen, Token::RParen) | (Token::LBracket, Token::RBracket))
}

/// The tokens again, in order.
pub(crate) fn flatten(nodes: Vec<Node>, out: &mut Vec<TokenWithSpan>) {
    for node in nodes {
        match node {
            Node::Leaf(leaf) => out.push(leaf),
            Node::Group(group) => {
                let Group { open, nodes, close } = *group;
                out.push(open);
                flatten(nodes, out);
                out.push(close);
            }
        }
    }
}
