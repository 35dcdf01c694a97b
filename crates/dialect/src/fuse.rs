//! Puts tokens right where sqlparser's tokenizer differs from Postgres' lexer.
//!
//! - `<+>` is one operator (sqlparser has no token for it).
//! - An operator that ends in `+` or `-` ends before it, unless it has one of `~!@#%^&|?` and the
//!   backquote in it. sqlparser reads `a>-1` as one operator `>-`.
//! - `vector '[1,2]'` is a typed literal, `'[1,2]'::vector`; sqlparser takes the string for an
//!   alias. Two strings beside one another are an error, or one string if a line break stands
//!   between, and `123abc` is an error; all would be aliases.
//! - `x ISNULL` is `x IS NULL`; it would be an alias as well.
//! - `FOR NO KEY UPDATE` is `FOR UPDATE` and `FOR KEY SHARE` is `FOR SHARE`, the next stronger.
//! - The word SETTINGS loses its meaning and the name of the time function is refused, so that no
//!   user can write the forms in which we carry clauses through sqlparser.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use crate::dialect::CvxDialect;
use crate::error::Fault;
use crate::lift::TIME_FUNCTION;
use crate::scan::{keyword_at, word_at};

/// Types whose literals sqlparser does not know.
const VECTOR_TYPES: [&str; 3] = ["vector", "halfvec", "sparsevec"];

pub(crate) fn fuse(tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>, Fault> {
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for token in tokens {
        match &token.token {
            Token::CustomBinaryOperator(operator) => {
                for part in split_operator(operator, token.span) {
                    push_operator(&mut out, part);
                }
            }
            Token::Gt => push_operator(&mut out, token),
            Token::SingleQuotedString(_) => push_string(&mut out, token)?,
            Token::Word(word) => {
                if word.value == TIME_FUNCTION {
                    let message = format!("the name {TIME_FUNCTION} is reserved");
                    return Err(Fault::syntax(token.span.start, message));
                }
                let keyword = word.keyword;
                push_word(&mut out, token, keyword)?;
            }
            _ => out.push(token),
        }
    }
    Ok(out)
}

/// Postgres' rule for operators that end in a sign (its manual, section 4.1.3).
fn split_operator(operator: &str, span: Span) -> Vec<TokenWithSpan> {
    let whole = |text: &str| text.contains(['~', '!', '@', '#', '%', '^', '&', '|', '`', '?']);
    let stem = operator.trim_end_matches(['+', '-']);
    if stem.is_empty() || stem.len() == operator.len() || whole(operator) {
        let operator = Token::CustomBinaryOperator(operator.to_owned());
        return vec![TokenWithSpan::new(operator, span)];
    }
    let mut tokens =
        Tokenizer::new(&CvxDialect::for_tokens(0), stem).tokenize().unwrap_or_default();
    for sign in operator[stem.len()..].chars() {
        tokens.push(if sign == '+' { Token::Plus } else { Token::Minus });
    }
    // The parts keep no columns of their own; errors point to the operator.
    tokens.into_iter().map(|token| TokenWithSpan::new(token, span)).collect()
}

fn push_operator(out: &mut Vec<TokenWithSpan>, token: TokenWithSpan) {
    if let [.., less, plus] = out.as_slice()
        && (&less.token, &plus.token, &token.token) == (&Token::Lt, &Token::Plus, &Token::Gt)
        && less.span.end == plus.span.start
        && plus.span.end == token.span.start
    {
        let span = Span::new(less.span.start, token.span.end);
        out.truncate(out.len() - 2);
        let operator = Token::CustomBinaryOperator("<+>".to_owned());
        out.push(TokenWithSpan::new(operator, span));
        return;
    }
    out.push(token);
}

fn push_string(out: &mut Vec<TokenWithSpan>, token: TokenWithSpan) -> Result<(), Fault> {
    let last = out.len().wrapping_sub(1);
    if VECTOR_TYPES.iter().any(|name| word_at(out, last, name)) {
        let casts = out.pop();
        let span = token.span;
        out.extend([token, TokenWithSpan::new(Token::DoubleColon, span)]);
        out.extend(casts);
        return Ok(());
    }
    match (out.last_mut(), &token.token) {
        (
            Some(TokenWithSpan { token: Token::SingleQuotedString(before), span }),
            Token::SingleQuotedString(after),
        ) => {
            if span.end.line == token.span.start.line {
                return Err(Fault::near(token.span.start, "expected no string after a string"));
            }
            before.push_str(after);
            span.end = token.span.end;
        }
        _ => out.push(token),
    }
    Ok(())
}

fn push_word(
    out: &mut Vec<TokenWithSpan>,
    mut token: TokenWithSpan,
    keyword: Keyword,
) -> Result<(), Fault> {
    refuse_junk_after_number(out.last(), token.span.start)?;
    let last = out.len().wrapping_sub(1);
    let is_null = word_at(std::slice::from_ref(&token), 0, "ISNULL");
    if is_null && out.last().is_some_and(|before| ends_operand(&before.token)) {
        let words = ["IS", "NULL"].map(|word| Token::make_word(word, None));
        out.extend(words.map(|word| TokenWithSpan::new(word, token.span)));
        return Ok(());
    }
    match keyword {
        Keyword::SETTINGS => demote(&mut token),
        Keyword::UPDATE
            if keyword_at(out, last) == Keyword::KEY
                && keyword_at(out, last.wrapping_sub(1)) == Keyword::NO =>
        {
            out.truncate(last.saturating_sub(1));
        }
        Keyword::SHARE
            if keyword_at(out, last) == Keyword::KEY
                && keyword_at(out, last.wrapping_sub(1)) == Keyword::FOR =>
        {
            out.truncate(last);
        }
        _ => {}
    }
    out.push(token);
    Ok(())
}

fn refuse_junk_after_number(before: Option<&TokenWithSpan>, at: Location) -> Result<(), Fault> {
    match before {
        Some(TokenWithSpan { token: Token::Number(..), span }) if span.end == at => {
            Err(Fault::syntax(span.start, "trailing junk after numeric literal"))
        }
        _ => Ok(()),
    }
}

/// Takes from an unquoted word whatever sqlparser would read into it.
pub(crate) fn demote(token: &mut TokenWithSpan) {
    if let Token::Word(word) = &mut token.token {
        word.keyword = Keyword::NoKeyword;
    }
}

fn ends_operand(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.keyword == Keyword::NoKeyword,
        Token::RParen | Token::RBracket | Token::Placeholder(_) | Token::Number(..) => true,
        Token::SingleQuotedString(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::limits::Limits;
    use crate::scan::statements;

    fn fused(text: &str) -> String {
        let statements = statements(text, &Limits::DEFAULT).unwrap();
        let tokens = statements.iter().flat_map(|statement| &statement.tokens);
        tokens.map(|token| token.token.to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn operators_end_where_postgres_ends_them() {
        assert_eq!(fused("a<+>b"), "a <+> b");
        assert_eq!(fused("a<+>-1"), "a <+> - 1");
        assert_eq!(fused("a< + >b"), "a < + > b");
        assert_eq!(fused("a>-1"), "a > - 1");
        assert_eq!(fused("a>=-1"), "a >= - 1");
        assert_eq!(fused("a<>-1"), "a <> - 1");
        assert_eq!(fused("a<->-1"), "a <-> - 1");
        assert_eq!(fused("a<=>+-1"), "a <=> + - 1");
        assert_eq!(fused("a<#>-1"), "a <#>- 1");
        assert_eq!(fused("a->-1"), "a -> - 1");
    }

    #[test]
    fn literals_are_not_aliases() {
        assert_eq!(fused("vector '[1]'"), "'[1]' :: vector");
        assert_eq!(fused("'a'\n'b'"), "'ab'");
        assert_eq!(fused("a isnull"), "a IS NULL");
        assert_eq!(fused("FOR NO KEY UPDATE"), "FOR UPDATE");
        assert_eq!(fused("FOR KEY SHARE"), "FOR SHARE");
        assert!(statements("SELECT 'a' 'b'", &Limits::DEFAULT).is_err());
        assert!(statements("SELECT 123abc", &Limits::DEFAULT).is_err());
        assert!(statements("SELECT 1e5, 0xff, 1_000, 1.5", &Limits::DEFAULT).is_ok());
    }
}
