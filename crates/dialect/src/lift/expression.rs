//! Where an expression of the user's ends: sqlparser's own expression parser is asked.

use sqlparser::dialect::{Dialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::dialect::CvxDialect;
use crate::error::{Fault, Place};
use crate::parse;
use crate::tree::{self, Node};

/// The expression at the head of a level, and how many of its nodes it has.
///
/// `nodes` are those that follow, in order. A bound of BETWEEN ends before AND.
pub(super) fn length<'n>(
    nodes: impl Iterator<Item = &'n Node>,
    is_bound: bool,
) -> Result<usize, Fault> {
    let mut tokens: Vec<TokenWithSpan> = Vec::new();
    let mut ends = Vec::new();
    let mut next = None;
    for node in nodes {
        if ends_expression(node) {
            next = Some(node.start());
            break;
        }
        tree::flatten(vec![node.clone()], &mut tokens);
        ends.push(tokens.len());
    }
    let given = tokens.len();
    let dialect = CvxDialect::for_tokens(given);
    let mut parser = parse::parser(&dialect, tokens);
    let precedence = if is_bound { dialect.prec_value(Precedence::Between) } else { 0 };
    if let Err(error) = parser.parse_subexpr(precedence) {
        let mut fault = Fault::from(error);
        if let (Place::End, Some(next)) = (fault.place, next) {
            fault.place = Place::Near(next);
        }
        return Err(fault);
    }
    let read = parser.index().min(given);
    Ok(ends.iter().take_while(|end| **end <= read).count())
}

/// Nodes that no expression goes on with on its own level. Looking for them only saves the parser
/// the copy of what follows, except for TO, which it would read into an interval.
fn ends_expression(node: &Node) -> bool {
    node.is_token(&Token::Comma)
        || matches!(
            node.keyword(),
            Keyword::TO
                | Keyword::AS
                | Keyword::FOR
                | Keyword::WHERE
                | Keyword::GROUP
                | Keyword::HAVING
                | Keyword::ORDER
                | Keyword::LIMIT
                | Keyword::OFFSET
                | Keyword::FETCH
                | Keyword::UNION
                | Keyword::EXCEPT
                | Keyword::INTERSECT
                | Keyword::JOIN
                | Keyword::ON
                | Keyword::RETURNING
        )
}

/// Whether a node can begin an operand; an operator word, a clause word or an end cannot.
pub(super) fn starts_operand(node: &Node) -> bool {
    match node {
        Node::Group(group) => group.open.token == Token::LParen,
        Node::Leaf(leaf) => match &leaf.token {
            Token::Word(word) => word.quote_style.is_some() || !is_reserved(word.keyword),
            token => is_literal(token),
        },
    }
}

pub(super) fn is_literal(token: &Token) -> bool {
    matches!(
        token,
        Token::Number(..)
            | Token::Placeholder(_)
            | Token::SingleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::NationalStringLiteral(_)
    )
}

/// Words that go on with a clause or an operator wherever they stand.
pub(super) fn is_reserved(keyword: Keyword) -> bool {
    use sqlparser::keywords::{RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_TABLE_ALIAS};
    RESERVED_FOR_TABLE_ALIAS.contains(&keyword)
        || RESERVED_FOR_COLUMN_ALIAS.contains(&keyword)
        || matches!(
            keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::IS
                | Keyword::IN
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::SIMILAR
                | Keyword::BETWEEN
                | Keyword::COLLATE
                | Keyword::ASC
                | Keyword::DESC
                | Keyword::AS
                | Keyword::DO
                | Keyword::DEFAULT
                | Keyword::TABLE
                | Keyword::WHEN
                | Keyword::THEN
                | Keyword::ELSE
                | Keyword::TO
                | Keyword::NOTNULL
        )
}
