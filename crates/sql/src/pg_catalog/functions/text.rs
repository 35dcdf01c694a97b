//! Text the way catalog queries build it: quoting, `format`, JSON objects, LIKE with an escape.

use super::call::{Arg, BOOL, Call, JSON, Spec, TEXT, TEXTS, bool, error, text};
use crate::pg_catalog::quote;
use arrow::datatypes::DataType;
use cvx_types::SqlState;
use datafusion::common::{Result, ScalarValue};

pub const FUNCTIONS: &[Spec] = &[
    Spec::new("quote_ident", &[Arg::Text], TEXT, |call| {
        call.text_or_null(call.text(0).map(quote::ident))
    }),
    Spec::new("quote_literal", &[Arg::Text], TEXT, |call| {
        call.text_or_null(call.text(0).map(quote::literal))
    }),
    Spec::new("quote_nullable", &[Arg::Text], TEXT, |call| {
        Ok(text(call.text(0).map_or_else(|| "NULL".to_owned(), quote::literal)))
    })
    .lenient(),
    Spec::new("format", &[Arg::Text, Arg::Text], TEXT, format).optional(1).variadic().lenient(),
    Spec::new("json_build_object", &[Arg::Any], JSON, json_object).optional(0).variadic().lenient(),
    Spec::new("parse_ident", &[Arg::Text, Arg::Bool], TEXTS, parse_ident).optional(1),
    Spec::new("cvx_like", &[Arg::Text, Arg::Text, Arg::Text], BOOL, like),
];

/// A qualified name's parts. Words that follow are an error, as where `strict` is true; they are
/// not read where it is false, which nobody asks for.
fn parse_ident(call: &Call<'_>) -> Result<ScalarValue> {
    let Some(name) = call.text(0) else { return Ok(call.null.clone()) };
    let parts = quote::split(name).ok_or_else(|| {
        let message = format!("string is not a valid identifier: \"{name}\"");
        error(SqlState::INVALID_PARAMETER, message)
    })?;
    let parts: Vec<ScalarValue> = parts.into_iter().map(ScalarValue::from).collect();
    Ok(ScalarValue::List(ScalarValue::new_list(&parts, &DataType::Utf8, true)))
}

/// `%s`, `%I`, `%L` and `%%`; positions and widths are not there.
fn format(call: &Call<'_>) -> Result<ScalarValue> {
    let Some(pattern) = call.text(0) else { return Ok(call.null.clone()) };
    let wrong = |message: String| error(SqlState::INVALID_PARAMETER, message);
    let mut made = String::new();
    let mut next = 1;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            made.push(c);
            continue;
        }
        let kind = chars.next().ok_or_else(|| wrong("unterminated format() specifier".into()))?;
        if kind == '%' {
            made.push('%');
            continue;
        }
        if next >= call.values.len() {
            return Err(wrong("too few arguments for format()".into()));
        }
        let argument = call.text(next);
        next += 1;
        match (kind, argument) {
            ('s', argument) => made.push_str(argument.unwrap_or_default()),
            ('I', Some(name)) => made.push_str(&quote::ident(name)),
            ('I', None) => {
                return Err(wrong("null values cannot be formatted as an SQL identifier".into()));
            }
            ('L', argument) => {
                made.push_str(&argument.map_or_else(|| "NULL".to_owned(), quote::literal));
            }
            (other, _) => {
                return Err(wrong(format!("unrecognized format() type specifier \"{other}\"")));
            }
        }
    }
    Ok(text(made))
}

fn json_object(call: &Call<'_>) -> Result<ScalarValue> {
    let wrong = |message: &str| error(SqlState::INVALID_PARAMETER, message.to_owned());
    if !call.values.len().is_multiple_of(2) {
        return Err(wrong("argument list must have even number of elements"));
    }
    let mut members = Vec::new();
    for pair in call.values.chunks(2) {
        let [key, value] = pair else { continue };
        let key = match key.cast_to(&DataType::Utf8)? {
            ScalarValue::Utf8(Some(key)) => serde_json::Value::String(key),
            _ => return Err(wrong("null value not allowed for object key")),
        };
        members.push(format!("{key} : {}", json(value)?));
    }
    Ok(text(format!("{{{}}}", members.join(", "))))
}

fn json(value: &ScalarValue) -> Result<String> {
    if value.is_null() {
        return Ok("null".to_owned());
    }
    let said = match value.cast_to(&DataType::Utf8)? {
        ScalarValue::Utf8(Some(said)) => said,
        _ => return Ok("null".to_owned()),
    };
    let bare = value.data_type().is_numeric() || value.data_type() == DataType::Boolean;
    Ok(if bare { said } else { serde_json::Value::String(said).to_string() })
}

/// `LIKE` with an escape other than the backslash; an empty one is no escape.
fn like(call: &Call<'_>) -> Result<ScalarValue> {
    let (Some(value), Some(pattern), Some(escape)) = (call.text(0), call.text(1), call.text(2))
    else {
        return Ok(call.null.clone());
    };
    let mut escapes = escape.chars();
    let escape = escapes.next();
    if escapes.next().is_some() {
        let message = "invalid escape string".to_owned();
        return Err(error(SqlState("22025"), message));
    }
    let value: Vec<char> = value.chars().collect();
    Ok(bool(matches(&value, &parse(pattern, escape)?)))
}

/// A piece of a LIKE pattern.
#[derive(Clone, Copy, PartialEq)]
enum Piece {
    /// `%`
    Any,
    /// `_`
    One,
    This(char),
}

fn parse(pattern: &str, escape: Option<char>) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            c if Some(c) == escape => {
                let message = || "LIKE pattern must not end with escape character".to_owned();
                Piece::This(chars.next().ok_or_else(|| error(SqlState("22025"), message()))?)
            }
            '%' => Piece::Any,
            '_' => Piece::One,
            c => Piece::This(c),
        });
    }
    Ok(pieces)
}

/// Greedy with one point of return, the last `%`: linear in practice, never exponential.
fn matches(value: &[char], pattern: &[Piece]) -> bool {
    let (mut at, mut piece) = (0, 0);
    let mut resume: Option<(usize, usize)> = None;
    while let Some(c) = value.get(at) {
        match pattern.get(piece) {
            Some(Piece::Any) => {
                resume = Some((at, piece));
                piece += 1;
            }
            Some(Piece::One) => (at, piece) = (at + 1, piece + 1),
            Some(Piece::This(wanted)) if wanted == c => (at, piece) = (at + 1, piece + 1),
            _ => match resume {
                Some((from, star)) => {
                    resume = Some((from + 1, star));
                    (at, piece) = (from + 1, star + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(piece).all(|rest| *rest == Piece::Any)
}
