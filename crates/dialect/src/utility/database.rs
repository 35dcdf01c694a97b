//! CREATE, ALTER and DROP DATABASE. sqlparser reads other products' options.

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::grant::SetOwner;
use super::role::{RoleName, role_name};
use super::{expect_word, is_next, parenthesised, peek_word, take_if_exists, take_word};
use super::{rewind, unexpected};
use crate::error::Fault;
use crate::statement::Statement;

/// A statement about a database as a whole.
#[derive(Clone, Debug, PartialEq)]
pub enum DatabaseStatement {
    /// `CREATE DATABASE name [WITH] option ...`
    Create {
        /// Its name.
        name: Ident,
        /// As they are written.
        options: Vec<DatabaseOption>,
    },
    /// `DROP DATABASE [IF EXISTS] name [WITH (FORCE)]`
    Drop {
        /// Its name.
        name: Ident,
        /// No error where it is not there.
        if_exists: bool,
        /// Also under those who use it.
        force: bool,
    },
    /// `ALTER DATABASE name RENAME TO other`
    Rename {
        /// Its name.
        name: Ident,
        /// The name it gets.
        to: Ident,
    },
}

/// An option of CREATE DATABASE.
#[derive(Clone, Debug, PartialEq)]
pub enum DatabaseOption {
    /// `OWNER [=] role`; none for DEFAULT.
    Owner(Option<RoleName>),
    /// `TEMPLATE [=] name`; none for DEFAULT.
    Template(Option<Ident>),
    /// Any other: its name in upper case, and its value as text; none for DEFAULT.
    Other(String, Option<String>),
}

/// Options with a value of one word or literal.
const OTHERS: [&str; 13] = [
    "ENCODING",
    "STRATEGY",
    "LOCALE",
    "LC_COLLATE",
    "LC_CTYPE",
    "ICU_LOCALE",
    "ICU_RULES",
    "LOCALE_PROVIDER",
    "COLLATION_VERSION",
    "TABLESPACE",
    "ALLOW_CONNECTIONS",
    "IS_TEMPLATE",
    "OID",
];

/// Whether a statement of CREATE, ALTER or DROP is about a database.
pub(super) fn is_about_database(parser: &Parser) -> bool {
    peek_word(parser, 1).as_deref() == Some("DATABASE")
}

pub(super) fn read(parser: &mut Parser) -> Result<Statement, Fault> {
    let verb = peek_word(parser, 0);
    parser.advance_token();
    parser.advance_token();
    let statement = match verb.as_deref() {
        Some("CREATE") => {
            let name = parser.parse_identifier()?;
            DatabaseStatement::Create { name, options: options(parser)? }
        }
        Some("DROP") => {
            let if_exists = take_if_exists(parser);
            let name = parser.parse_identifier()?;
            DatabaseStatement::Drop { name, if_exists, force: force(parser)? }
        }
        _ => return alter(parser),
    };
    Ok(Statement::Database(Box::new(statement)))
}

fn alter(parser: &mut Parser) -> Result<Statement, Fault> {
    let name = parser.parse_identifier()?;
    let at = parser.peek_token_ref().span.start;
    if take_word(parser, "RENAME") {
        expect_word(parser, "TO")?;
        let to = parser.parse_identifier()?;
        return Ok(Statement::Database(Box::new(DatabaseStatement::Rename { name, to })));
    }
    if !take_word(parser, "OWNER") {
        let message = "ALTER DATABASE with anything but RENAME TO or OWNER TO is not supported";
        return Err(Fault::unsupported(at, message));
    }
    expect_word(parser, "TO")?;
    let owner = role_name(parser)?;
    if owner == RoleName::Public {
        return Err(unexpected(parser, "expected the name of a role"));
    }
    let name = ObjectName(vec![ObjectNamePart::Identifier(name)]);
    let set = SetOwner { kind: "DATABASE", name, if_exists: false, owner };
    Ok(Statement::SetOwner(Box::new(set)))
}

/// `[WITH] (FORCE)`
fn force(parser: &mut Parser) -> Result<bool, Fault> {
    take_word(parser, "WITH");
    if !is_next(parser, &Token::LParen) {
        return Ok(false);
    }
    let start = parser.index();
    let words = parenthesised(parser, |parser| parser.parse_identifier())?;
    if words.iter().all(|word| word.value.eq_ignore_ascii_case("force")) {
        return Ok(true);
    }
    rewind(parser, start);
    parser.advance_token();
    Err(unexpected(parser, "expected FORCE"))
}

fn options(parser: &mut Parser) -> Result<Vec<DatabaseOption>, Fault> {
    take_word(parser, "WITH");
    let mut options = Vec::new();
    while !is_next(parser, &Token::EOF) {
        options.push(option(parser)?);
    }
    Ok(options)
}

fn option(parser: &mut Parser) -> Result<DatabaseOption, Fault> {
    let word = peek_word(parser, 0).unwrap_or_default();
    let limit = word == "CONNECTION";
    if !limit && word != "OWNER" && word != "TEMPLATE" && !OTHERS.contains(&word.as_str()) {
        return Err(unexpected(parser, "expected an option of a database"));
    }
    parser.advance_token();
    if limit {
        expect_word(parser, "LIMIT")?;
    }
    let _ = parser.consume_token(&Token::Eq);
    let default = take_word(parser, "DEFAULT");
    Ok(match word.as_str() {
        "OWNER" if default => DatabaseOption::Owner(None),
        "OWNER" => DatabaseOption::Owner(Some(role_name(parser)?)),
        "TEMPLATE" if default => DatabaseOption::Template(None),
        "TEMPLATE" => DatabaseOption::Template(Some(parser.parse_identifier()?)),
        _ if default => DatabaseOption::Other(word, None),
        _ => DatabaseOption::Other(word, Some(value(parser)?)),
    })
}

/// A word, a text or a number.
fn value(parser: &mut Parser) -> Result<String, Fault> {
    let sign = if parser.consume_token(&Token::Minus) { "-" } else { "" };
    let value = match &parser.peek_token_ref().token {
        Token::Word(word) => word.value.clone(),
        Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => text.clone(),
        Token::Number(digits, _) => format!("{sign}{digits}"),
        _ => return Err(unexpected(parser, "expected a value")),
    };
    parser.advance_token();
    Ok(value)
}
