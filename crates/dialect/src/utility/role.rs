//! CREATE, ALTER and DROP ROLE. sqlparser has no order of options but its own, and keeps a
//! password where every Debug shows it.

use sqlparser::ast::Ident;
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{expect_word, is_next, peek_word, take_if_exists, take_word, unexpected};
use crate::error::Fault;
use crate::statement::Statement;

/// A statement about a role. `USER` and `GROUP` are other words for it.
#[derive(Clone, Debug, PartialEq)]
pub enum RoleStatement {
    /// `CREATE ROLE name [WITH] options`
    Create {
        /// Its name.
        name: Ident,
        /// In the order written.
        options: Vec<RoleOption>,
    },
    /// `ALTER ROLE name [WITH] options`
    Alter {
        /// Whom.
        role: RoleName,
        /// In the order written.
        options: Vec<RoleOption>,
    },
    /// `ALTER ROLE name RENAME TO name`
    Rename {
        /// Its name before.
        name: Ident,
        /// Its name from now on.
        to: Ident,
    },
    /// `DROP ROLE [IF EXISTS] name, ...`
    Drop {
        /// Whom.
        names: Vec<Ident>,
        /// No error for those who are not there.
        if_exists: bool,
    },
}

/// Who is meant.
#[derive(Clone, Debug, PartialEq)]
pub enum RoleName {
    /// A role by name.
    Named(Ident),
    /// `CURRENT_USER`, `CURRENT_ROLE`
    CurrentUser,
    /// `SESSION_USER`
    SessionUser,
    /// `PUBLIC`: everybody.
    Public,
}

/// What is said of a role.
#[derive(Clone, Debug, PartialEq)]
pub enum RoleOption {
    /// `SUPERUSER`, `CREATEDB`, `CREATEROLE`, `INHERIT`, `LOGIN`, `REPLICATION`, `BYPASSRLS`, or
    /// the same after `NO`.
    Flag(&'static str, bool),
    /// `PASSWORD 'secret'`, `PASSWORD NULL`
    Password(Password),
    /// `VALID UNTIL 'time'`
    ValidUntil(String),
    /// `CONNECTION LIMIT n`
    ConnectionLimit(String),
    /// `IN ROLE a, b`: it becomes their member.
    InRole(Vec<Ident>),
    /// `ROLE a, b`: they become its members.
    Members(Vec<Ident>),
    /// `ADMIN a, b`: its members, who may add others.
    Admins(Vec<Ident>),
}

/// A password, or none. Its Debug does not tell it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub Option<String>);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

const FLAGS: [&str; 7] =
    ["SUPERUSER", "CREATEDB", "CREATEROLE", "INHERIT", "LOGIN", "REPLICATION", "BYPASSRLS"];

/// Whether a statement of CREATE, ALTER or DROP is about a role.
pub(super) fn is_about_role(parser: &Parser) -> bool {
    matches!(peek_word(parser, 1).as_deref(), Some("ROLE" | "USER" | "GROUP"))
}

pub(super) fn read(parser: &mut Parser) -> Result<Statement, Fault> {
    let verb = peek_word(parser, 0);
    parser.advance_token();
    parser.advance_token();
    let statement = match verb.as_deref() {
        Some("CREATE") => {
            let name = parser.parse_identifier()?;
            RoleStatement::Create { name, options: options(parser)? }
        }
        Some("DROP") => {
            let if_exists = take_if_exists(parser);
            let names = parser.parse_comma_separated(|parser| parser.parse_identifier())?;
            RoleStatement::Drop { names, if_exists }
        }
        _ => alter(parser)?,
    };
    Ok(Statement::Role(Box::new(statement)))
}

fn alter(parser: &mut Parser) -> Result<RoleStatement, Fault> {
    let role = role_name(parser)?;
    if take_word(parser, "RENAME") {
        expect_word(parser, "TO")?;
        let to = parser.parse_identifier()?;
        let RoleName::Named(name) = role else {
            return Err(unexpected(parser, "expected the name of a role to rename"));
        };
        return Ok(RoleStatement::Rename { name, to });
    }
    if matches!(peek_word(parser, 0).as_deref(), Some("SET" | "RESET" | "IN")) {
        let at = parser.peek_token_ref().span.start;
        return Err(Fault::unsupported(at, "ALTER ROLE ... SET is not supported"));
    }
    Ok(RoleStatement::Alter { role, options: options(parser)? })
}

fn options(parser: &mut Parser) -> Result<Vec<RoleOption>, Fault> {
    take_word(parser, "WITH");
    let mut options = Vec::new();
    while !is_next(parser, &Token::EOF) {
        options.push(option(parser)?);
    }
    Ok(options)
}

fn option(parser: &mut Parser) -> Result<RoleOption, Fault> {
    let Some(word) = peek_word(parser, 0) else {
        return Err(no_option(parser));
    };
    let (on, flag) = word.strip_prefix("NO").map_or((true, word.as_str()), |rest| (false, rest));
    if let Some(flag) = FLAGS.into_iter().find(|known| *known == flag) {
        parser.advance_token();
        return Ok(RoleOption::Flag(flag, on));
    }
    match word.as_str() {
        "ENCRYPTED" | "PASSWORD" => {
            take_word(parser, "ENCRYPTED");
            expect_word(parser, "PASSWORD")?;
            password(parser)
        }
        "VALID" => {
            parser.advance_token();
            expect_word(parser, "UNTIL")?;
            Ok(RoleOption::ValidUntil(parser.parse_literal_string()?))
        }
        "CONNECTION" => {
            parser.advance_token();
            expect_word(parser, "LIMIT")?;
            let sign = if parser.consume_token(&Token::Minus) { "-" } else { "" };
            Ok(RoleOption::ConnectionLimit(format!("{sign}{}", parser.parse_literal_uint()?)))
        }
        "IN" => {
            parser.advance_token();
            if !take_word(parser, "GROUP") {
                expect_word(parser, "ROLE")?;
            }
            Ok(RoleOption::InRole(names(parser)?))
        }
        "ROLE" | "USER" => {
            parser.advance_token();
            Ok(RoleOption::Members(names(parser)?))
        }
        "ADMIN" => {
            parser.advance_token();
            Ok(RoleOption::Admins(names(parser)?))
        }
        _ => Err(no_option(parser)),
    }
}

/// An error that shows a word, but never a text: it may be a password out of place.
fn no_option(parser: &Parser) -> Fault {
    let next = parser.peek_token_ref();
    match next.token {
        Token::Word(_) | Token::EOF => unexpected(parser, "expected an option of a role"),
        _ => Fault::syntax(next.span.start, "syntax error: expected an option of a role"),
    }
}

/// The error never shows what stood in the password's place.
fn password(parser: &mut Parser) -> Result<RoleOption, Fault> {
    if parser.parse_keyword(Keyword::NULL) {
        return Ok(RoleOption::Password(Password(None)));
    }
    let next = parser.peek_token_ref();
    let text = match &next.token {
        Token::SingleQuotedString(text)
        | Token::EscapedStringLiteral(text)
        | Token::UnicodeStringLiteral(text) => text.clone(),
        Token::DollarQuotedString(quoted) => quoted.value.clone(),
        _ => {
            let words = "syntax error: expected a password in quotes, or NULL";
            return Err(Fault::syntax(next.span.start, words));
        }
    };
    parser.advance_token();
    Ok(RoleOption::Password(Password(Some(text))))
}

fn names(parser: &mut Parser) -> Result<Vec<Ident>, Fault> {
    Ok(parser.parse_comma_separated(|parser| parser.parse_identifier())?)
}

/// A role, by name or by what it is to the session.
pub(super) fn role_name(parser: &mut Parser) -> Result<RoleName, Fault> {
    let meant = match peek_word(parser, 0).as_deref() {
        Some("CURRENT_USER" | "CURRENT_ROLE") => RoleName::CurrentUser,
        Some("SESSION_USER") => RoleName::SessionUser,
        Some("PUBLIC") => RoleName::Public,
        _ => return Ok(RoleName::Named(parser.parse_identifier()?)),
    };
    parser.advance_token();
    Ok(meant)
}
