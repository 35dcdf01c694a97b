//! SHOW and SET CONSTRAINTS.

use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;

use super::{expect_word, names, take_word};
use crate::error::Fault;
use crate::statement::Statement;

/// sqlparser loses the dot of `SHOW hnsw.ef_search`, and reads MySQL's `SHOW TABLES`.
pub(super) fn show(parser: &mut Parser) -> Result<Statement, Fault> {
    expect_word(parser, "SHOW")?;
    let spellings: [(&[Keyword], &str); 3] = [
        (&[Keyword::TIME, Keyword::ZONE], "timezone"),
        (&[Keyword::TRANSACTION, Keyword::ISOLATION, Keyword::LEVEL], "transaction_isolation"),
        (&[Keyword::SESSION, Keyword::AUTHORIZATION], "session_authorization"),
    ];
    for (words, name) in spellings {
        if parser.parse_keywords(words) {
            return Ok(Statement::Show { name: name.to_owned() });
        }
    }
    let parts = parser.parse_object_name(false)?.0;
    let parts = parts.iter().filter_map(|part| part.as_ident());
    let name = parts.map(|part| part.value.to_lowercase()).collect::<Vec<_>>().join(".");
    Ok(Statement::Show { name })
}

pub(super) fn constraints(parser: &mut Parser) -> Result<Statement, Fault> {
    expect_word(parser, "SET")?;
    expect_word(parser, "CONSTRAINTS")?;
    let names = if take_word(parser, "ALL") { Vec::new() } else { names(parser)? };
    let deferred = take_word(parser, "DEFERRED");
    if !deferred {
        expect_word(parser, "IMMEDIATE")?;
    }
    Ok(Statement::SetConstraints { names, deferred })
}
