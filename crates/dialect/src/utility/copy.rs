//! COPY, with the options of every Postgres in one form.
//!
//! sqlparser reads Redshift's COPY as well, knows no `DELIMITER E'\t'`, no `HEADER match` and no
//! WHERE, and keeps old and new options apart. So it only reads the names and the query here.

use sqlparser::ast::{CopySource, CopyTarget, Expr, Ident};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token};

use super::{expect_word, is_next, parenthesised, peek_word, take_word, unexpected};
use crate::error::Fault;
use crate::statement::Statement;

/// `COPY source FROM | TO target [options] [WHERE selection]`
#[derive(Clone, Debug, PartialEq)]
pub struct Copy {
    /// The table and its columns, or a query.
    pub source: CopySource,
    /// Into the table, or out of the database.
    pub direction: CopyDirection,
    /// The client, a file of the server's, or a program.
    pub target: CopyTarget,
    /// The options given.
    pub options: CopyOptions,
    /// Which rows of the input to keep.
    pub selection: Option<Expr>,
}

/// Which way the rows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyDirection {
    /// COPY ... FROM: into a table.
    From,
    /// COPY ... TO: out of it.
    To,
}

/// The options as given; what is silent is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CopyOptions {
    /// `text`, `csv`, `binary` or another name, in lower case.
    pub format: Option<String>,
    /// One character, Postgres says.
    pub delimiter: Option<String>,
    /// How NULL is written.
    pub null: Option<String>,
    /// What a missing value becomes: DEFAULT.
    pub default: Option<String>,
    /// Whether the first line names the columns.
    pub header: Option<CopyHeader>,
    /// CSV's quote.
    pub quote: Option<String>,
    /// CSV's escape.
    pub escape: Option<String>,
    /// Columns always quoted in output.
    pub force_quote: Option<CopyColumns>,
    /// Columns whose input is never NULL.
    pub force_not_null: Option<CopyColumns>,
    /// Columns whose quoted input may be NULL.
    pub force_null: Option<CopyColumns>,
    /// The client's encoding.
    pub encoding: Option<String>,
    /// FREEZE.
    pub freeze: Option<bool>,
    /// `stop` or `ignore`.
    pub on_error: Option<String>,
    /// LOG_VERBOSITY.
    pub log_verbosity: Option<String>,
    /// REJECT_LIMIT.
    pub reject_limit: Option<String>,
}

/// HEADER's three values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyHeader {
    /// No header.
    Off,
    /// A header, skipped on input.
    On,
    /// A header that must name the columns.
    Match,
}

/// Some columns, or all.
#[derive(Clone, Debug, PartialEq)]
pub enum CopyColumns {
    /// `*`
    All,
    /// A list.
    List(Vec<Ident>),
}

/// What stands behind an option's name.
enum Value {
    Nothing,
    Text(String),
    Columns(CopyColumns),
}

pub(super) fn read(parser: &mut Parser) -> Result<Statement, Fault> {
    expect_word(parser, "COPY")?;
    let mut options = CopyOptions::default();
    let named = matches!(parser.peek_nth_token_ref(1).token, Token::Word(_));
    let binary = named && !matches!(peek_word(parser, 1).as_deref(), Some("FROM" | "TO"));
    if binary && take_word(parser, "BINARY") {
        options.format = Some("binary".to_owned());
    }
    let source = source(parser)?;
    let direction = direction(parser, &source)?;
    let target = target(parser, direction)?;
    take_word(parser, "WITH");
    if is_next(parser, &Token::LParen) {
        new_options(parser, &mut options)?;
    } else {
        old_options(parser, &mut options)?;
    }
    let filtered = direction == CopyDirection::From && take_word(parser, "WHERE");
    let selection = if filtered { Some(parser.parse_expr()?) } else { None };
    let copy = Copy { source, direction, target, options, selection };
    Ok(Statement::Copy(Box::new(copy)))
}

fn source(parser: &mut Parser) -> Result<CopySource, ParserError> {
    if parser.consume_token(&Token::LParen) {
        let query = parser.parse_query()?;
        parser.expect_token(&Token::RParen)?;
        return Ok(CopySource::Query(query));
    }
    let table_name = parser.parse_object_name(false)?;
    let columns = if is_next(parser, &Token::LParen) {
        parenthesised(parser, |parser| parser.parse_identifier())?
    } else {
        Vec::new()
    };
    Ok(CopySource::Table { table_name, columns })
}

fn direction(parser: &mut Parser, source: &CopySource) -> Result<CopyDirection, Fault> {
    let from_query = matches!(source, CopySource::Query(_));
    if take_word(parser, "TO") {
        return Ok(CopyDirection::To);
    }
    if !from_query && take_word(parser, "FROM") {
        return Ok(CopyDirection::From);
    }
    Err(unexpected(parser, if from_query { "expected TO" } else { "expected FROM or TO" }))
}

/// Postgres takes STDIN and STDOUT for one another.
fn target(parser: &mut Parser, direction: CopyDirection) -> Result<CopyTarget, Fault> {
    if take_word(parser, "STDIN") || take_word(parser, "STDOUT") {
        return Ok(match direction {
            CopyDirection::From => CopyTarget::Stdin,
            CopyDirection::To => CopyTarget::Stdout,
        });
    }
    if take_word(parser, "PROGRAM") {
        return Ok(CopyTarget::Program { command: parser.parse_literal_string()? });
    }
    match text(parser) {
        Some(filename) => Ok(CopyTarget::File { filename }),
        None => Err(unexpected(parser, "expected STDIN, STDOUT, PROGRAM or the name of a file")),
    }
}

/// A string of any spelling.
fn text(parser: &mut Parser) -> Option<String> {
    let text = match &parser.peek_token_ref().token {
        Token::SingleQuotedString(text)
        | Token::EscapedStringLiteral(text)
        | Token::UnicodeStringLiteral(text) => text.clone(),
        Token::DollarQuotedString(quoted) => quoted.value.clone(),
        _ => return None,
    };
    parser.advance_token();
    Some(text)
}

/// `(FORMAT csv, HEADER, DELIMITER ';')`
fn new_options(parser: &mut Parser, options: &mut CopyOptions) -> Result<(), Fault> {
    parser.expect_token(&Token::LParen)?;
    loop {
        let at = parser.peek_token_ref().span.start;
        let name = parser.parse_identifier()?.value.to_lowercase();
        let value = new_value(parser)?;
        set(options, &name, value, at)?;
        if !parser.consume_token(&Token::Comma) {
            break;
        }
    }
    parser.expect_token(&Token::RParen)?;
    Ok(())
}

fn new_value(parser: &mut Parser) -> Result<Value, Fault> {
    if let Some(text) = text(parser) {
        return Ok(Value::Text(text));
    }
    if parser.consume_token(&Token::Mul) {
        return Ok(Value::Columns(CopyColumns::All));
    }
    match &parser.peek_token_ref().token {
        Token::Comma | Token::RParen => Ok(Value::Nothing),
        Token::LParen => {
            let columns = parenthesised(parser, |parser| parser.parse_identifier())?;
            Ok(Value::Columns(CopyColumns::List(columns)))
        }
        Token::Word(_) => Ok(Value::Text(parser.parse_identifier()?.value)),
        Token::Number(digits, _) => {
            let digits = digits.clone();
            parser.advance_token();
            Ok(Value::Text(digits))
        }
        _ => Err(unexpected(parser, "expected the value of an option")),
    }
}

/// `DELIMITER '|' NULL AS '' CSV HEADER QUOTE '"' FORCE NOT NULL a, b`
fn old_options(parser: &mut Parser, options: &mut CopyOptions) -> Result<(), Fault> {
    while let Some(word) = peek_word(parser, 0).filter(|word| word != "WHERE") {
        let at = parser.peek_token_ref().span.start;
        parser.advance_token();
        match word.as_str() {
            "BINARY" | "CSV" => set(options, "format", Value::Text(word), at)?,
            "HEADER" | "FREEZE" => set(options, &word.to_lowercase(), Value::Nothing, at)?,
            "DELIMITER" | "NULL" | "QUOTE" | "ESCAPE" | "ENCODING" => {
                take_word(parser, "AS");
                let Some(text) = text(parser) else {
                    return Err(unexpected(parser, &format!("expected a string after {word}")));
                };
                set(options, &word.to_lowercase(), Value::Text(text), at)?;
            }
            "FORCE" => {
                let name = forced(parser)?;
                let columns = if parser.consume_token(&Token::Mul) {
                    CopyColumns::All
                } else {
                    let list = parser.parse_comma_separated(|parser| parser.parse_identifier())?;
                    CopyColumns::List(list)
                };
                set(options, name, Value::Columns(columns), at)?;
            }
            _ => return Err(unrecognised(&word.to_lowercase(), at)),
        }
    }
    Ok(())
}

fn forced(parser: &mut Parser) -> Result<&'static str, Fault> {
    if take_word(parser, "QUOTE") {
        return Ok("force_quote");
    }
    let not = take_word(parser, "NOT");
    expect_word(parser, "NULL")?;
    Ok(if not { "force_not_null" } else { "force_null" })
}

fn unrecognised(name: &str, at: Location) -> Fault {
    Fault::syntax(at, format!("option \"{name}\" not recognized"))
}

fn set(options: &mut CopyOptions, name: &str, value: Value, at: Location) -> Result<(), Fault> {
    match name {
        "header" => put(&mut options.header, header(value, at)?, at),
        "freeze" => put(&mut options.freeze, boolean(value, at)?, at),
        "force_quote" => put(&mut options.force_quote, columns(value, at)?, at),
        "force_not_null" => put(&mut options.force_not_null, columns(value, at)?, at),
        "force_null" => put(&mut options.force_null, columns(value, at)?, at),
        "format" => put(&mut options.format, string(value, at)?.to_lowercase(), at),
        "delimiter" => put(&mut options.delimiter, string(value, at)?, at),
        "null" => put(&mut options.null, string(value, at)?, at),
        "default" => put(&mut options.default, string(value, at)?, at),
        "quote" => put(&mut options.quote, string(value, at)?, at),
        "escape" => put(&mut options.escape, string(value, at)?, at),
        "encoding" => put(&mut options.encoding, string(value, at)?, at),
        "on_error" => put(&mut options.on_error, string(value, at)?.to_lowercase(), at),
        "log_verbosity" => put(&mut options.log_verbosity, string(value, at)?.to_lowercase(), at),
        "reject_limit" => put(&mut options.reject_limit, string(value, at)?, at),
        _ => Err(unrecognised(name, at)),
    }
}

fn put<T>(place: &mut Option<T>, value: T, at: Location) -> Result<(), Fault> {
    match place.replace(value) {
        Some(_) => Err(Fault::syntax(at, "conflicting or redundant options")),
        None => Ok(()),
    }
}

fn string(value: Value, at: Location) -> Result<String, Fault> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Nothing | Value::Columns(_) => {
            Err(Fault::syntax(at, "this option of COPY takes a string"))
        }
    }
}

fn columns(value: Value, at: Location) -> Result<CopyColumns, Fault> {
    match value {
        Value::Columns(columns) => Ok(columns),
        Value::Nothing | Value::Text(_) => {
            Err(Fault::syntax(at, "this option of COPY takes a list of columns"))
        }
    }
}

fn boolean(value: Value, at: Location) -> Result<bool, Fault> {
    let text = match value {
        Value::Nothing => return Ok(true),
        Value::Text(text) => text.to_lowercase(),
        Value::Columns(_) => String::new(),
    };
    match text.as_str() {
        "true" | "on" | "1" => Ok(true),
        "false" | "off" | "0" => Ok(false),
        _ => Err(Fault::syntax(at, "this option of COPY takes a Boolean value")),
    }
}

fn header(value: Value, at: Location) -> Result<CopyHeader, Fault> {
    if matches!(&value, Value::Text(text) if text.eq_ignore_ascii_case("match")) {
        return Ok(CopyHeader::Match);
    }
    Ok(if boolean(value, at)? { CopyHeader::On } else { CopyHeader::Off })
}
