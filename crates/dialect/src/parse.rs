//! The way of a text through the crate.

use sqlparser::ast::Expr;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use crate::dialect::CvxDialect;
use crate::error::{Fault, ParseError};
use crate::limits::Limits;
use crate::scan::{self, Depth, Tokens};
use crate::source::Source;
use crate::statement::{self, Statement};
use crate::{head, lift, rewrite};

/// Calls of sqlparser's parser inside one another. What passes the limits needs far fewer (a
/// parenthesis needs at most as many as there are levels of precedence); it bounds the rest.
const RECURSION_MAX: usize = 6_000;

/// Parses a text of statements, separated by semicolons, under the default limits.
pub fn parse(sql: &str) -> Result<Vec<Statement>, ParseError> {
    parse_with(sql, &Limits::DEFAULT)
}

/// Parses a text of statements, separated by semicolons.
pub fn parse_with(sql: &str, limits: &Limits) -> Result<Vec<Statement>, ParseError> {
    let source = Source::new(sql);
    let statements = scan::statements(sql, limits);
    let statements = statements.map_err(|fault| source.error(fault, end_of(sql)))?;
    let parsed = statements.into_iter().map(|tokens| {
        let end = tokens.end();
        statement(tokens, limits).map_err(|fault| source.error(fault, end))
    });
    parsed.collect()
}

/// Parses one expression, as they are stored for defaults.
pub fn parse_expr(sql: &str) -> Result<Expr, ParseError> {
    let source = Source::new(sql);
    let read = || {
        let mut statements = scan::statements(sql, &Limits::DEFAULT)?.into_iter();
        let Some(Tokens { tokens }) = statements.next() else {
            return Err(Fault::end("expected an expression"));
        };
        if let Some(second) = statements.next().and_then(|second| second.tokens.into_iter().next())
        {
            return Err(Fault::near(second.span.start, "expected one expression"));
        }
        Limits::DEFAULT.check_depth(&tokens)?;
        expression(lift::expression(tokens)?.tokens)
    };
    read().map_err(|fault| source.error(fault, end_of(sql)))
}

/// The source text of each statement, with the comments before and inside it and without its
/// semicolon. Empty statements, and such as are only comments, are left out.
pub fn split(sql: &str) -> Result<Vec<String>, ParseError> {
    let source = Source::new(sql);
    let tokens = scan::tokenize(sql, &Limits::DEFAULT);
    let tokens = tokens.map_err(|fault| source.error(fault, end_of(sql)))?;
    let mut statements = Vec::new();
    let mut depth = Depth::default();
    let (mut start, mut given) = (0, false);
    // The end's own semicolon, so that the last statement needs no code of its own.
    let end = TokenWithSpan::at(Token::SemiColon, end_of(sql), end_of(sql));
    let count = tokens.len();
    for (at, token) in tokens.into_iter().chain([end]).enumerate() {
        if depth.ends_statement(&token.token) || at == count {
            let stop = source.byte_of(token.span.start);
            let text = sql.get(start..stop).unwrap_or_default().trim();
            statements.extend(given.then(|| text.to_owned()));
            (start, given) = (source.byte_of(token.span.end), false);
        } else {
            given |= !matches!(token.token, Token::Whitespace(_));
        }
    }
    Ok(statements)
}

/// A place behind the text.
fn end_of(_sql: &str) -> Location {
    Location::new(u64::MAX, 1)
}

fn statement(tokens: Tokens, limits: &Limits) -> Result<Statement, Fault> {
    limits.check_depth(&tokens.tokens)?;
    head::check(&tokens.tokens)?;
    let tokens = rewrite::rewrite(tokens.tokens)?;
    statement::read(lift::statement(tokens)?)
}

/// One expression and nothing behind it.
pub(crate) fn expression(tokens: Vec<TokenWithSpan>) -> Result<Expr, Fault> {
    let dialect = CvxDialect::for_tokens(tokens.len());
    let mut parser = parser(&dialect, tokens);
    let expression = parser.parse_expr()?;
    expect_end(&parser)?;
    Ok(expression)
}

pub(crate) fn parser(dialect: &CvxDialect, tokens: Vec<TokenWithSpan>) -> Parser<'_> {
    Parser::new(dialect).with_recursion_limit(RECURSION_MAX).with_tokens_with_locations(tokens)
}

/// Everything must have been read.
pub(crate) fn expect_end(parser: &Parser) -> Result<(), Fault> {
    let next = parser.peek_token_ref();
    if next.token != Token::EOF {
        return Err(Fault::near(next.span.start, "expected end of statement"));
    }
    Ok(())
}
