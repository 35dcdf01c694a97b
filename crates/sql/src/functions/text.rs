//! Text functions Postgres has and DataFusion lacks.

use super::failure::fail;
use super::function::{Function, Kernel, by_columns, is_text, result};
use super::json::texts;
use arrow::array::ListBuilder;
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, StringArray, StringBuilder};
use arrow::datatypes::{DataType, FieldRef};
use cvx_types::{PgType, SqlState};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF};
use regex::Regex;
use std::collections::HashMap;
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        one("md5", |args| each(args, |text| Some(md5_hex(text)))).strict().udf(),
        one("quote_ident", |args| each(args, |text| Some(quote_ident(text)))).strict().udf(),
        one("quote_literal", |args| each(args, |text| Some(quote_literal(text)))).strict().udf(),
        one("quote_nullable", quote_nullable).udf(),
        Function::new("length", text_or_bytes, PgType::Int4, length).strict().udf(),
        Function::new("similar_to_escape", up_to_two, PgType::Text, similar).strict().udf(),
        Function::with_field("regexp_split_to_array", up_to_three, text_array, split)
            .alias("regexp_split_to_table")
            .strict()
            .udf(),
        Function::new("regexp_substr", up_to_two, PgType::Text, substring).strict().udf(),
    ]
}

fn one(name: &'static str, kernel: Kernel) -> Function {
    Function::new(name, one_text, PgType::Text, kernel)
}

fn one_text(types: &[DataType]) -> Option<Vec<DataType>> {
    matches!(types, [ty] if textual(ty)).then(|| vec![DataType::Utf8])
}

fn textual(ty: &DataType) -> bool {
    is_text(ty) || ty.is_null()
}

fn text_or_bytes(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [DataType::Binary | DataType::LargeBinary | DataType::BinaryView] => {
            Some(vec![DataType::Binary])
        }
        types => one_text(types),
    }
}

/// Characters of a text, bytes of a bytea.
fn length(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let counted = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    by_columns(args, |columns, _| {
        let column = columns.first().ok_or_else(misused)?;
        let lengths: Int32Array = match column.as_binary_opt::<i32>() {
            Some(bytes) => bytes.iter().map(|bytes| bytes.map(|b| counted(b.len()))).collect(),
            None => {
                let texts = texts(column)?;
                texts.iter().map(|text| text.map(|text| counted(text.chars().count()))).collect()
            }
        };
        Ok(Arc::new(lengths))
    })
}

fn up_to_two(types: &[DataType]) -> Option<Vec<DataType>> {
    let fits = (1..=2).contains(&types.len()) && types.iter().all(textual);
    fits.then(|| vec![DataType::Utf8; types.len()])
}

fn up_to_three(types: &[DataType]) -> Option<Vec<DataType>> {
    let fits = (2..=3).contains(&types.len()) && types.iter().all(textual);
    fits.then(|| vec![DataType::Utf8; types.len()])
}

fn text_array(_: &ReturnFieldArgs) -> Result<FieldRef> {
    result(&PgType::Array(Box::new(PgType::Text)))
}

fn each(args: &ScalarFunctionArgs, make: impl Fn(&str) -> Option<String>) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let texts = columns_as_texts(columns)?;
        let [texts] = texts.as_slice() else { return Err(misused()) };
        let made = texts.iter().map(|text| text.and_then(&make));
        Ok(Arc::new(made.collect::<StringArray>()))
    })
}

fn columns_as_texts(columns: &[ArrayRef]) -> Result<Vec<StringArray>> {
    columns.iter().map(texts).collect()
}

fn misused() -> DataFusionError {
    fail(SqlState::INTERNAL_ERROR, "a text function was called with other arguments than planned")
}

fn md5_hex(text: &str) -> String {
    format!("{:x}", md5::compute(text))
}

/// Quoted unless it is a plain lower-case name that is no keyword.
pub(crate) fn quote_ident(name: &str) -> String {
    let first = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '$';
    if first && name.chars().all(rest) && !RESERVED.contains(&name) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Postgres' reserved words, which cannot be names without quotes.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];

/// `'it''s'`; a backslash makes it an `E''` string, as in Postgres.
pub(crate) fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        return format!(" E'{}'", quoted.replace('\\', "\\\\"));
    }
    format!("'{quoted}'")
}

fn quote_nullable(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let texts = columns_as_texts(columns)?;
        let [texts] = texts.as_slice() else { return Err(misused()) };
        let quoted =
            texts.iter().map(|text| Some(text.map_or_else(|| "NULL".to_owned(), quote_literal)));
        Ok(Arc::new(quoted.collect::<StringArray>()))
    })
}

fn similar(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let texts = columns_as_texts(columns)?;
        let (patterns, escapes) = match texts.as_slice() {
            [patterns] => (patterns, None),
            [patterns, escapes] => (patterns, Some(escapes)),
            _ => return Err(misused()),
        };
        let made = patterns.iter().enumerate().map(|(row, pattern)| {
            let escape = match escapes {
                None => Some('\\'),
                Some(escapes) if escapes.is_null(row) => return Ok(None),
                Some(escapes) => escape_character(escapes.value(row))?,
            };
            Ok(pattern.map(|pattern| regex_of_similar(pattern, escape)))
        });
        Ok(Arc::new(made.collect::<Result<StringArray>>()?))
    })
}

/// One character, or none at all.
fn escape_character(escape: &str) -> Result<Option<char>> {
    let mut chars = escape.chars();
    let first = chars.next();
    if chars.next().is_some() {
        return Err(fail(SqlState("22019"), "invalid escape string"));
    }
    Ok(first)
}

/// SQL's SIMILAR TO pattern as an anchored regular expression.
fn regex_of_similar(pattern: &str, escape: Option<char>) -> String {
    let mut regex = String::from("^(?:");
    let mut in_class = false;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            c if Some(c) == escape => {
                let literal = chars.next().unwrap_or(c);
                regex.push_str(&regex::escape(&literal.to_string()));
            }
            ']' if in_class => {
                in_class = false;
                regex.push(']');
            }
            c if in_class => push_class(&mut regex, c),
            '[' => {
                in_class = true;
                regex.push('[');
            }
            '%' => regex.push_str("(?s:.*)"),
            '_' => regex.push_str("(?s:.)"),
            '(' => regex.push_str("(?:"),
            '.' | '^' | '$' | '\\' => {
                regex.push('\\');
                regex.push(c);
            }
            other => regex.push(other),
        }
    }
    regex.push_str(")$");
    regex
}

fn push_class(regex: &mut String, c: char) {
    if matches!(c, '\\' | '[' | '&' | '~') {
        regex.push('\\');
    }
    regex.push(c);
}

/// Regular expressions of a batch, each compiled once.
#[derive(Default)]
struct Expressions(HashMap<String, Regex>);

impl Expressions {
    fn get(&mut self, pattern: &str, flags: &str) -> Result<&Regex> {
        let source = with_flags(pattern, flags)?;
        if !self.0.contains_key(&source) {
            let regex = Regex::new(&source).map_err(|error| {
                fail(SqlState("2201B"), format!("invalid regular expression: {error}"))
            })?;
            self.0.insert(source.clone(), regex);
        }
        self.0.get(&source).ok_or_else(misused)
    }
}

fn with_flags(pattern: &str, flags: &str) -> Result<String> {
    let mut own = String::new();
    for flag in flags.chars() {
        match flag {
            'i' | 's' | 'x' => own.push(flag),
            'm' | 'n' => own.push('m'),
            'c' | 'g' => {}
            other => {
                let message = format!("invalid regular expression option: \"{other}\"");
                return Err(fail(SqlState::INVALID_PARAMETER, message));
            }
        }
    }
    Ok(if own.is_empty() { pattern.to_owned() } else { format!("(?{own}){pattern}") })
}

fn split(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, rows| {
        let columns = columns_as_texts(columns)?;
        let mut expressions = Expressions::default();
        let mut lists = ListBuilder::new(StringBuilder::new());
        for row in 0..rows {
            if columns.iter().any(|column| column.is_null(row)) {
                lists.append_null();
                continue;
            }
            let texts: Vec<&str> = columns.iter().map(|column| column.value(row)).collect();
            let (text, pattern, flags) = match texts.as_slice() {
                [text, pattern] => (*text, *pattern, ""),
                [text, pattern, flags] => (*text, *pattern, *flags),
                _ => return Err(misused()),
            };
            let regex = expressions.get(pattern, flags)?;
            regex.split(text).for_each(|part| lists.values().append_value(part));
            lists.append(true);
        }
        let lists: ListArray = lists.finish();
        Ok(Arc::new(lists))
    })
}

fn substring(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_columns(args, |columns, _| {
        let columns = columns_as_texts(columns)?;
        let [texts, patterns] = columns.as_slice() else { return Err(misused()) };
        let mut expressions = Expressions::default();
        let found = texts.iter().zip(patterns.iter()).map(|(text, pattern)| {
            let (Some(text), Some(pattern)) = (text, pattern) else { return Ok(None) };
            let found = expressions.get(pattern, "")?.find(text);
            Ok(found.map(|found| found.as_str().to_owned()))
        });
        Ok(Arc::new(found.collect::<Result<StringArray>>()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_literals_are_quoted_as_postgres_does() {
        assert_eq!(quote_ident("plain_1"), "plain_1");
        assert_eq!(quote_ident("Mixed"), "\"Mixed\"");
        assert_eq!(quote_ident("select"), "\"select\"");
        assert_eq!(quote_ident("a\"b"), "\"a\"\"b\"");
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal("a\\b"), " E'a\\\\b'");
    }

    #[test]
    fn similar_patterns_mean_what_sql_says() {
        let matches = |text: &str, pattern| {
            Regex::new(&regex_of_similar(pattern, Some('\\'))).unwrap().is_match(text)
        };
        assert!(matches("abc", "a%"));
        assert!(matches("abc", "_b_"));
        assert!(!matches("abc", "b"));
        assert!(matches("abc", "(a|x)bc"));
        assert!(!matches("a.c", "abc") && !matches("abc", "a.c"));
        assert!(matches("a%", "a\\%") && !matches("ab", "a\\%"));
        assert!(matches("b", "[abc]") && !matches("d", "[abc]"));
        assert!(matches("aaa", "a{3}"));
    }
}
