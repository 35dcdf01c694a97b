//! Words of Postgres' that sqlparser lacks, in words that it has. Nothing here changes what a
//! statement means, except where the meaning has no counterpart: then it is refused.
//!
//! | written | read |
//! |---|---|
//! | `ABORT` | `ROLLBACK` |
//! | `CREATE USER u` | `CREATE ROLE u LOGIN`; `ALTER USER` and `DROP USER` likewise |
//! | `CREATE UNLOGGED TABLE` | `CREATE TABLE`, which keeps more |
//! | `DROP INDEX CONCURRENTLY` | `DROP INDEX` |
//! | `[NOT] DEFERRABLE` of a transaction | nothing: it is about SERIALIZABLE only |
//! | `RESET TIME ZONE` | `RESET timezone` |
//! | `RESET SESSION AUTHORIZATION` | `RESET session_authorization` |
//! | `FETCH -3 FROM c` | one number |
//! | options of a sequence in any order | in sqlparser's |
//! | `WITH DATA` | nothing |
//! | `EXPLAIN (SELECT ...)` | `EXPLAIN (ANALYZE off) (SELECT ...)` |

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Span, Token, TokenWithSpan};

use crate::error::Fault;
use crate::head;
use crate::scan::{keyword_at, word_at};

type Tokens = Vec<TokenWithSpan>;

pub(crate) fn rewrite(mut tokens: Tokens) -> Result<Tokens, Fault> {
    match keyword_at(&tokens, 0) {
        Keyword::CREATE => create(&mut tokens)?,
        Keyword::ALTER if keyword_at(&tokens, 1) == Keyword::USER => {
            replace(&mut tokens, 1, 2, &["ROLE"]);
        }
        Keyword::DROP => drop_object(&mut tokens),
        Keyword::RESET => reset(&mut tokens),
        Keyword::EXPLAIN if head::explained(&tokens) == 1 => explain(&mut tokens),
        Keyword::FETCH => join_signs(&mut tokens),
        Keyword::BEGIN | Keyword::START | Keyword::SET => drop_deferrable(&mut tokens),
        Keyword::INSERT => refuse_overriding(&tokens)?,
        _ if word_at(&tokens, 0, "ABORT") => replace(&mut tokens, 0, 1, &["ROLLBACK"]),
        _ if word_at(&tokens, 0, "MOVE") => join_signs(&mut tokens),
        _ => {}
    }
    Ok(tokens)
}

/// Puts words in the place of tokens `from..to`.
fn replace(tokens: &mut Tokens, from: usize, to: usize, words: &[&str]) {
    let span = tokens.get(from).map_or(Span::empty(), |token| token.span);
    let words = words.iter().map(|word| Token::make_word(word, None));
    let words: Vec<_> = words.map(|word| TokenWithSpan::new(word, span)).collect();
    tokens.splice(from..to.min(tokens.len()), words);
}

/// sqlparser takes the parenthesis of `EXPLAIN (SELECT ...)` for that of options.
fn explain(tokens: &mut Tokens) {
    let Some(TokenWithSpan { token: Token::LParen, span }) = tokens.get(1) else {
        return;
    };
    let options = ["ANALYZE", "off"].map(|word| Token::make_word(word, None));
    let options = [vec![Token::LParen], options.to_vec(), vec![Token::RParen]].concat();
    let span = *span;
    tokens.splice(1..1, options.into_iter().map(|token| TokenWithSpan::new(token, span)));
}

fn create(tokens: &mut Tokens) -> Result<(), Fault> {
    if word_at(tokens, 1, "UNLOGGED") {
        tokens.remove(1);
    }
    let temporary = matches!(keyword_at(tokens, 1), Keyword::TEMP | Keyword::TEMPORARY);
    match keyword_at(tokens, 1 + usize::from(temporary)) {
        Keyword::USER => create_user(tokens),
        Keyword::SEQUENCE => order_options(tokens, 3, usize::MAX),
        Keyword::TABLE => {
            order_identities(tokens);
            with_data(tokens)?;
        }
        Keyword::MATERIALIZED => with_data(tokens)?,
        Keyword::VIEW | Keyword::OR | Keyword::RECURSIVE => refuse_check_option(tokens)?,
        _ => {}
    }
    Ok(())
}

fn create_user(tokens: &mut Tokens) {
    replace(tokens, 1, 2, &["ROLE"]);
    let decided = (2..tokens.len())
        .any(|at| matches!(keyword_at(tokens, at), Keyword::LOGIN | Keyword::NOLOGIN));
    if !decided {
        let with = keyword_at(tokens, 3) == Keyword::WITH;
        let at = (3 + usize::from(with)).min(tokens.len());
        replace(tokens, at, at, &["LOGIN"]);
    }
}

fn drop_object(tokens: &mut Tokens) {
    match keyword_at(tokens, 1) {
        Keyword::USER => replace(tokens, 1, 2, &["ROLE"]),
        Keyword::INDEX if keyword_at(tokens, 2) == Keyword::CONCURRENTLY => {
            tokens.remove(2);
        }
        _ => {}
    }
}

fn reset(tokens: &mut Tokens) {
    if word_at(tokens, 1, "TIME") && word_at(tokens, 2, "ZONE") {
        replace(tokens, 1, 3, &["timezone"]);
    } else if word_at(tokens, 1, "SESSION") && word_at(tokens, 2, "AUTHORIZATION") {
        replace(tokens, 1, 3, &["session_authorization"]);
    }
}

/// A sign and a number are one number: cursors count backwards too.
fn join_signs(tokens: &mut Tokens) {
    for at in 1..tokens.len() {
        let sign = match tokens.get(at).map(|token| &token.token) {
            Some(Token::Minus) => "-",
            Some(Token::Plus) => "",
            _ => continue,
        };
        let Some(Token::Number(digits, long)) = tokens.get(at + 1).map(|token| &token.token) else {
            continue;
        };
        let number = Token::Number(format!("{sign}{digits}"), *long);
        let span = tokens.get(at).map_or(Span::empty(), |token| token.span);
        tokens.splice(at..at + 2, [TokenWithSpan::new(number, span)]);
        return;
    }
}

fn drop_deferrable(tokens: &mut Tokens) {
    let of_transaction = keyword_at(tokens, 0) != Keyword::SET
        || keyword_at(tokens, 1) == Keyword::TRANSACTION
        || word_at(tokens, 2, "CHARACTERISTICS");
    let found = (1..tokens.len()).find(|at| word_at(tokens, *at, "DEFERRABLE"));
    let (true, Some(at)) = (of_transaction, found) else {
        return;
    };
    let mut from = at - usize::from(keyword_at(tokens, at - 1) == Keyword::NOT);
    let mut to = at + 1;
    let is_comma = |at: usize| tokens.get(at).is_some_and(|token| token.token == Token::Comma);
    if from > 0 && is_comma(from - 1) {
        from -= 1;
    } else if is_comma(to) {
        to += 1;
    }
    tokens.drain(from..to);
}

fn refuse_overriding(tokens: &Tokens) -> Result<(), Fault> {
    for (at, token) in tokens.iter().enumerate() {
        if word_at(tokens, at, "OVERRIDING") && keyword_at(tokens, at + 2) == Keyword::VALUE {
            return Err(Fault::unsupported(token.span.start, "INSERT OVERRIDING is not supported"));
        }
        if matches!(keyword_at(tokens, at), Keyword::VALUES | Keyword::SELECT) {
            break;
        }
    }
    Ok(())
}

/// WITH DATA is what is done anyway.
fn with_data(tokens: &mut Tokens) -> Result<(), Fault> {
    let last = tokens.len().saturating_sub(1);
    if keyword_at(tokens, last) != Keyword::DATA || last < 2 {
        return Ok(());
    }
    let at = tokens.get(last).map_or(Span::empty(), |token| token.span).start;
    match (keyword_at(tokens, last - 2), keyword_at(tokens, last - 1)) {
        (Keyword::WITH, Keyword::NO) => {
            Err(Fault::unsupported(at, "WITH NO DATA is not supported"))
        }
        (_, Keyword::WITH) => {
            tokens.truncate(last - 1);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn refuse_check_option(tokens: &Tokens) -> Result<(), Fault> {
    let last = tokens.len().saturating_sub(1);
    if keyword_at(tokens, last) == Keyword::OPTION
        && keyword_at(tokens, last.saturating_sub(1)) == Keyword::CHECK
    {
        let at = tokens.get(last - 1).map_or(Span::empty(), |token| token.span).start;
        return Err(Fault::unsupported(at, "WITH CHECK OPTION is not supported"));
    }
    Ok(())
}

/// `GENERATED ... AS IDENTITY (START WITH 10 INCREMENT BY 5)`, everywhere in a table.
fn order_identities(tokens: &mut Tokens) {
    for at in 0..tokens.len() {
        let opens = tokens.get(at + 1).is_some_and(|token| token.token == Token::LParen);
        if keyword_at(tokens, at) != Keyword::IDENTITY || !opens {
            continue;
        }
        let length = tokens.iter().skip(at + 2).position(|token| token.token == Token::RParen);
        order_options(tokens, at + 2, at + 2 + length.unwrap_or(0));
    }
}

/// Sorts the options of a sequence in `from..to` into the order that sqlparser reads.
fn order_options(tokens: &mut Tokens, from: usize, to: usize) {
    let to = to.min(tokens.len());
    let starts =
        |at: usize| option_rank(tokens, at).filter(|_| keyword_at(tokens, at - 1) != Keyword::NO);
    let Some(first) = (from..to).find(|at| starts(*at).is_some()) else {
        return;
    };
    let mut options: Vec<(usize, Tokens)> = Vec::new();
    for at in first..to {
        if let Some(rank) = starts(at) {
            options.push((rank, Vec::new()));
        }
        if let (Some((_, option)), Some(token)) = (options.last_mut(), tokens.get(at)) {
            option.push(token.clone());
        }
    }
    options.sort_by_key(|(rank, _)| *rank);
    tokens.splice(first..to, options.into_iter().flat_map(|(_, option)| option));
}

fn option_rank(tokens: &Tokens, at: usize) -> Option<usize> {
    let keyword = match keyword_at(tokens, at) {
        Keyword::NO => keyword_at(tokens, at + 1),
        keyword => keyword,
    };
    [
        Keyword::AS,
        Keyword::INCREMENT,
        Keyword::MINVALUE,
        Keyword::MAXVALUE,
        Keyword::START,
        Keyword::CACHE,
        Keyword::CYCLE,
        Keyword::OWNED,
    ]
    .iter()
    .position(|known| *known == keyword)
}
