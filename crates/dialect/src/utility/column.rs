//! Forms of ALTER that sqlparser has not.

use sqlparser::ast::{Ident, ObjectName};
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{expect_word, parenthesised, peek_word, rewind, take_if_exists, take_word, unexpected};
use crate::error::Fault;
use crate::statement::Statement;

/// What `ALTER TABLE t ALTER COLUMN c SET ...` says about how a column is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSetting {
    /// The table.
    pub table: ObjectName,
    /// The column.
    pub column: Ident,
    /// `storage`, `statistics` or `compression`.
    pub setting: String,
    /// Its value as it is written, in lower case.
    pub value: String,
}

pub(super) fn read(parser: &mut Parser) -> Result<Option<Statement>, Fault> {
    match peek_word(parser, 1).as_deref() {
        Some("EXTENSION") => extension(parser).map(Some),
        Some("TABLE") => {
            let start = parser.index();
            let statement = table(parser);
            if !matches!(statement, Ok(Some(_))) {
                rewind(parser, start);
            }
            // What is none of these is sqlparser's, and so are its errors.
            statement.or(Ok(None))
        }
        _ => Ok(None),
    }
}

fn extension(parser: &mut Parser) -> Result<Statement, Fault> {
    expect_word(parser, "ALTER")?;
    expect_word(parser, "EXTENSION")?;
    let name = parser.parse_identifier()?;
    expect_word(parser, "UPDATE")?;
    let version =
        if take_word(parser, "TO") { Some(parser.parse_identifier()?.value) } else { None };
    Ok(Statement::AlterExtension { name, version })
}

fn table(parser: &mut Parser) -> Result<Option<Statement>, Fault> {
    expect_word(parser, "ALTER")?;
    expect_word(parser, "TABLE")?;
    take_if_exists(parser);
    take_word(parser, "ONLY");
    let table = parser.parse_object_name(false)?;
    if take_word(parser, "RESET") {
        let options = parenthesised(parser, |parser| parser.parse_identifier())?;
        return Ok(Some(Statement::ResetTableOptions { table, options }));
    }
    if !take_word(parser, "ALTER") {
        return Ok(None);
    }
    take_word(parser, "COLUMN");
    let column = parser.parse_identifier()?;
    if !parser.parse_keyword(Keyword::SET) {
        return Ok(None);
    }
    let Some(setting) = peek_word(parser, 0)
        .filter(|word| matches!(word.as_str(), "STORAGE" | "STATISTICS" | "COMPRESSION"))
    else {
        return Ok(None);
    };
    parser.advance_token();
    let value = value(parser)?;
    let setting = setting.to_lowercase();
    Ok(Some(Statement::SetColumn(Box::new(ColumnSetting { table, column, setting, value }))))
}

fn value(parser: &mut Parser) -> Result<String, Fault> {
    let sign = if parser.consume_token(&Token::Minus) { "-" } else { "" };
    match parser.next_token().token {
        Token::Word(word) => Ok(word.value.to_lowercase()),
        Token::Number(digits, _) => Ok(format!("{sign}{digits}")),
        _ => {
            parser.prev_token();
            Err(unexpected(parser, "expected a value"))
        }
    }
}
