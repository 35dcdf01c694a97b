//! FETCH and MOVE, which differ in their first word only.

use sqlparser::ast::{self, FetchDirection, FetchPosition};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::{peek_word, take_word};
use crate::error::Fault;
use crate::statement::Statement;

/// `FETCH [direction] [FROM | IN] cursor`; sqlparser wants a direction and FROM or IN.
pub(super) fn read(parser: &mut Parser) -> Result<Statement, Fault> {
    let moves = take_word(parser, "MOVE");
    if !moves {
        parser.advance_token();
    }
    let direction = direction(parser)?;
    let position = if take_word(parser, "IN") {
        FetchPosition::In
    } else {
        take_word(parser, "FROM");
        FetchPosition::From
    };
    let cursor = parser.parse_identifier()?;
    if moves {
        return Ok(Statement::Move { direction, cursor });
    }
    let fetch = ast::Statement::Fetch { name: cursor, direction, position, into: None };
    Ok(Statement::Sql(Box::new(fetch)))
}

fn direction(parser: &mut Parser) -> Result<FetchDirection, ParserError> {
    // A direction is a direction only if a cursor follows: `FETCH next` has a cursor of that name.
    let word = peek_word(parser, 0).filter(|_| parser.peek_nth_token_ref(1).token != Token::EOF);
    let direction = match word.as_deref() {
        Some("NEXT") => FetchDirection::Next,
        Some("PRIOR") => FetchDirection::Prior,
        Some("FIRST") => FetchDirection::First,
        Some("LAST") => FetchDirection::Last,
        Some("ALL") => FetchDirection::All,
        Some("ABSOLUTE") => {
            parser.advance_token();
            return Ok(FetchDirection::Absolute { limit: parser.parse_number_value()? });
        }
        Some("RELATIVE") => {
            parser.advance_token();
            return Ok(FetchDirection::Relative { limit: parser.parse_number_value()? });
        }
        Some("FORWARD") => return directed(parser, true),
        Some("BACKWARD") => return directed(parser, false),
        _ if matches!(parser.peek_token_ref().token, Token::Number(..)) => {
            return Ok(FetchDirection::Count { limit: parser.parse_number_value()? });
        }
        _ => return Ok(FetchDirection::Next),
    };
    parser.advance_token();
    Ok(direction)
}

/// `FORWARD [n | ALL]` and `BACKWARD [n | ALL]`.
fn directed(parser: &mut Parser, forward: bool) -> Result<FetchDirection, ParserError> {
    parser.advance_token();
    if take_word(parser, "ALL") {
        let all = (FetchDirection::ForwardAll, FetchDirection::BackwardAll);
        return Ok(if forward { all.0 } else { all.1 });
    }
    let counted = matches!(parser.peek_token_ref().token, Token::Number(..));
    let limit = if counted { Some(parser.parse_number_value()?) } else { None };
    Ok(if forward { FetchDirection::Forward { limit } } else { FetchDirection::Backward { limit } })
}
