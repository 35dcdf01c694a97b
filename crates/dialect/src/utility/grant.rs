//! GRANT, REVOKE and ALTER ... OWNER TO.

use sqlparser::ast::{Ident, ObjectName};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token};

use super::role::{RoleName, role_name};
use super::{expect_word, is_next, names, parenthesised, peek_word, take_if_exists, take_word};
use super::{rewind, unexpected};
use crate::error::Fault;
use crate::statement::Statement;

/// GRANT or REVOKE of privileges.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// REVOKE rather than GRANT.
    pub revokes: bool,
    /// WITH GRANT OPTION, or GRANT OPTION FOR.
    pub option: bool,
    /// Empty for ALL.
    pub privileges: Vec<PrivilegeWord>,
    /// What they are on.
    pub on: GrantOn,
    /// To or from whom.
    pub grantees: Vec<RoleName>,
    /// In whose name.
    pub granted_by: Option<RoleName>,
    /// Also what was granted on.
    pub cascade: bool,
}

/// One privilege as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct PrivilegeWord {
    /// In upper case.
    pub name: String,
    /// The columns in parentheses behind it.
    pub columns: Vec<Ident>,
}

/// What privileges are granted on.
#[derive(Clone, Debug, PartialEq)]
pub enum GrantOn {
    /// `[TABLE] a, b`
    Tables(Vec<ObjectName>),
    /// `ALL TABLES IN SCHEMA s, t`
    AllTables(Vec<Ident>),
    /// `SCHEMA s, t`
    Schemas(Vec<Ident>),
    /// `FUNCTION f`, `PROCEDURE p`, `ROUTINE r`, without their arguments' types.
    Calls(Vec<ObjectName>),
    /// `ALL FUNCTIONS IN SCHEMA s`
    AllCalls(Vec<Ident>),
    /// `DATABASE d`
    Databases(Vec<Ident>),
}

/// GRANT or REVOKE of membership in roles.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantRole {
    /// REVOKE rather than GRANT.
    pub revokes: bool,
    /// WITH ADMIN OPTION, or ADMIN OPTION FOR.
    pub admin: bool,
    /// The groups.
    pub roles: Vec<Ident>,
    /// Who joins or leaves them.
    pub members: Vec<RoleName>,
}

/// `ALTER TABLE docs OWNER TO x`
#[derive(Clone, Debug, PartialEq)]
pub struct SetOwner {
    /// `TABLE`, `VIEW`, `SCHEMA` or `DATABASE`.
    pub kind: &'static str,
    /// Whose owner changes.
    pub name: ObjectName,
    /// No error where it is not there.
    pub if_exists: bool,
    /// Who owns it from now on.
    pub owner: RoleName,
}

pub(super) fn read(parser: &mut Parser) -> Result<Statement, Fault> {
    let revokes = peek_word(parser, 0).as_deref() == Some("REVOKE");
    parser.advance_token();
    let mut option = false;
    for word in ["GRANT", "ADMIN"] {
        let here = peek_word(parser, 0).as_deref() == Some(word);
        if revokes && here && peek_word(parser, 1).as_deref() == Some("OPTION") {
            parser.advance_token();
            parser.advance_token();
            expect_word(parser, "FOR")?;
            option = true;
        }
    }
    let words = words(parser)?;
    if !take_word(parser, "ON") {
        return membership(parser, revokes, option, words);
    }
    let on = on(parser)?;
    let grantees = grantees(parser, revokes)?;
    let mut grant = Grant {
        revokes,
        option,
        privileges: words.into_iter().map(|(_, word)| word).collect(),
        on,
        grantees,
        granted_by: None,
        cascade: false,
    };
    if take_word(parser, "WITH") {
        expect_word(parser, "GRANT")?;
        expect_word(parser, "OPTION")?;
        grant.option = true;
    }
    grant.granted_by = granted_by(parser)?;
    grant.cascade = cascade(parser);
    Ok(Statement::Grant(Box::new(grant)))
}

fn membership(
    parser: &mut Parser,
    revokes: bool,
    mut admin: bool,
    words: Vec<(Ident, PrivilegeWord)>,
) -> Result<Statement, Fault> {
    let start = parser.peek_token_ref().span.start;
    if words.is_empty() || words.iter().any(|(_, word)| !word.columns.is_empty()) {
        return Err(Fault::near(start, "expected ON"));
    }
    let members = grantees(parser, revokes)?;
    if take_word(parser, "WITH") {
        let at = parser.peek_token_ref().span.start;
        if !take_word(parser, "ADMIN") {
            return Err(Fault::unsupported(at, "this option of membership is not supported"));
        }
        admin = !take_word(parser, "FALSE");
        let _ = take_word(parser, "OPTION") || take_word(parser, "TRUE");
    }
    granted_by(parser)?;
    cascade(parser);
    let roles = words.into_iter().map(|(ident, _)| ident).collect();
    Ok(Statement::GrantRole(Box::new(GrantRole { revokes, admin, roles, members })))
}

/// Privileges or roles; none for ALL.
fn words(parser: &mut Parser) -> Result<Vec<(Ident, PrivilegeWord)>, Fault> {
    let mut words = Vec::new();
    if take_word(parser, "ALL") {
        take_word(parser, "PRIVILEGES");
        // `ALL (columns)`
        if is_next(parser, &Token::LParen) {
            let all = Ident::new("ALL");
            let columns = parenthesised(parser, |parser| parser.parse_identifier())?;
            words.push((all, PrivilegeWord { name: "ALL".to_owned(), columns }));
        }
        return Ok(words);
    }
    loop {
        let ident = parser.parse_identifier()?;
        let mut columns = Vec::new();
        if is_next(parser, &Token::LParen) {
            columns = parenthesised(parser, |parser| parser.parse_identifier())?;
        }
        let name = ident.value.to_uppercase();
        words.push((ident, PrivilegeWord { name, columns }));
        if !parser.consume_token(&Token::Comma) {
            return Ok(words);
        }
    }
}

fn on(parser: &mut Parser) -> Result<GrantOn, Fault> {
    let at = parser.peek_token_ref().span.start;
    let word = peek_word(parser, 0).unwrap_or_default();
    // A table may have any of these names: it is one unless a name follows.
    if matches!(&parser.peek_nth_token_ref(1).token, Token::Word(word) if word.quote_style.is_some()
        || !matches!(word.value.to_ascii_uppercase().as_str(), "TO" | "FROM"))
    {
        match word.as_str() {
            "ALL" => return all_in_schema(parser, at),
            "TABLE" => take_word(parser, "TABLE"),
            "SCHEMA" | "DATABASE" | "FUNCTION" | "PROCEDURE" | "ROUTINE" => {
                parser.advance_token();
                return of_kind(parser, &word);
            }
            "SEQUENCE" | "TYPE" | "DOMAIN" | "LANGUAGE" | "LARGE" | "PARAMETER" | "TABLESPACE"
            | "FOREIGN" => return Err(unsupported(at, &word)),
            _ => false,
        };
    }
    Ok(GrantOn::Tables(names(parser)?))
}

fn of_kind(parser: &mut Parser, kind: &str) -> Result<GrantOn, Fault> {
    Ok(match kind {
        "SCHEMA" => GrantOn::Schemas(idents(parser)?),
        "DATABASE" => GrantOn::Databases(idents(parser)?),
        _ => GrantOn::Calls(parser.parse_comma_separated(|parser| {
            let name = parser.parse_object_name(false)?;
            if parser.consume_token(&Token::LParen) {
                while !parser.consume_token(&Token::RParen) {
                    if is_next(parser, &Token::EOF) {
                        parser.expect_token(&Token::RParen)?;
                    }
                    parser.advance_token();
                }
            }
            Ok(name)
        })?),
    })
}

fn all_in_schema(parser: &mut Parser, at: Location) -> Result<GrantOn, Fault> {
    parser.advance_token();
    let what = peek_word(parser, 0).unwrap_or_default();
    parser.advance_token();
    expect_word(parser, "IN")?;
    expect_word(parser, "SCHEMA")?;
    let schemas = idents(parser)?;
    match what.as_str() {
        "TABLES" => Ok(GrantOn::AllTables(schemas)),
        "FUNCTIONS" | "PROCEDURES" | "ROUTINES" => Ok(GrantOn::AllCalls(schemas)),
        other => Err(unsupported(at, &format!("ALL {other}"))),
    }
}

fn unsupported(at: Location, what: &str) -> Fault {
    Fault::unsupported(at, format!("GRANT and REVOKE ON {what} is not supported"))
}

fn idents(parser: &mut Parser) -> Result<Vec<Ident>, Fault> {
    Ok(parser.parse_comma_separated(|parser| parser.parse_identifier())?)
}

fn grantees(parser: &mut Parser, revokes: bool) -> Result<Vec<RoleName>, Fault> {
    expect_word(parser, if revokes { "FROM" } else { "TO" })?;
    let mut grantees = Vec::new();
    loop {
        let grouped = peek_word(parser, 0).as_deref() == Some("GROUP");
        if grouped && matches!(parser.peek_nth_token_ref(1).token, Token::Word(_)) {
            parser.advance_token();
        }
        grantees.push(role_name(parser)?);
        if !parser.consume_token(&Token::Comma) {
            return Ok(grantees);
        }
    }
}

fn granted_by(parser: &mut Parser) -> Result<Option<RoleName>, Fault> {
    if !take_word(parser, "GRANTED") {
        return Ok(None);
    }
    expect_word(parser, "BY")?;
    role_name(parser).map(Some)
}

fn cascade(parser: &mut Parser) -> bool {
    take_word(parser, "CASCADE") || {
        take_word(parser, "RESTRICT");
        false
    }
}

/// `ALTER ... OWNER TO`; `None`, with nothing read, for another ALTER.
pub(super) fn owner(parser: &mut Parser) -> Result<Option<Statement>, Fault> {
    let start = parser.index();
    let kinds = ["TABLE", "VIEW", "SCHEMA"];
    let word = peek_word(parser, 1).unwrap_or_default();
    let Some(kind) = kinds.into_iter().find(|kind| *kind == word) else { return Ok(None) };
    parser.advance_token();
    parser.advance_token();
    let if_exists = take_if_exists(parser);
    if kind == "TABLE" {
        take_word(parser, "ONLY");
    }
    let name = parser.parse_object_name(false);
    let (Ok(name), true) = (name, take_word(parser, "OWNER")) else {
        rewind(parser, start);
        return Ok(None);
    };
    expect_word(parser, "TO")?;
    let owner = role_name(parser)?;
    if owner == RoleName::Public {
        return Err(unexpected(parser, "expected the name of a role"));
    }
    Ok(Some(Statement::SetOwner(Box::new(SetOwner { kind, name, if_exists, owner }))))
}
