//! Functions that print values of any type: `format`, `concat`, `concat_ws`, `pg_typeof`.

use super::codec;
use super::failure::{fail, type_name};
use super::formats::formats_of;
use super::function::{Function, by_columns, is_text};
use super::json::texts;
use super::text::{quote_ident, quote_literal};
use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::{DataType, FieldRef};
use cvx_types::{FormatSettings, PgType, SqlState};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, Volatility};
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let stable = |function: Function| function.volatility(Volatility::Stable);
    vec![
        stable(Function::new("format", with_text, PgType::Text, format)).udf(),
        stable(Function::new("concat", any, PgType::Text, concat)).udf(),
        stable(Function::new("concat_ws", with_text, PgType::Text, concat_ws)).udf(),
        Function::new("pg_typeof", one, PgType::Regtype, pg_typeof).udf(),
    ]
}

fn any(types: &[DataType]) -> Option<Vec<DataType>> {
    (!types.is_empty()).then(|| types.to_vec())
}

fn one(types: &[DataType]) -> Option<Vec<DataType>> {
    (types.len() == 1).then(|| types.to_vec())
}

fn with_text(types: &[DataType]) -> Option<Vec<DataType>> {
    let (first, rest) = types.split_first()?;
    let textual = is_text(first) || first.is_null();
    textual.then(|| [&[DataType::Utf8], rest].concat())
}

/// Every argument's text forms.
fn printed(
    columns: &[ArrayRef],
    fields: &[FieldRef],
    settings: &FormatSettings,
) -> Result<Vec<StringArray>> {
    let pairs = columns.iter().zip(fields);
    pairs
        .map(|(column, field)| match column.data_type() {
            DataType::Null => Ok(StringArray::new_null(column.len())),
            ty if is_text(ty) => texts(column),
            _ => texts(&codec::print_column(column, &PgType::of_field(field).0, settings)?),
        })
        .collect()
}

fn by_rows(
    args: &ScalarFunctionArgs,
    make: impl Fn(&[Option<&str>]) -> Result<Option<String>>,
) -> Result<ColumnarValue> {
    let settings = formats_of(args)?;
    by_columns(args, |columns, rows| {
        let texts = printed(columns, &args.arg_fields, &settings)?;
        let made = (0..rows).map(|row| {
            let value = |texts: &StringArray| texts.is_valid(row);
            let values: Vec<Option<&str>> =
                texts.iter().map(|texts| value(texts).then(|| texts.value(row))).collect();
            make(&values)
        });
        Ok(Arc::new(made.collect::<Result<StringArray>>()?))
    })
}

/// NULLs are nothing.
fn concat(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_rows(args, |values| Ok(Some(values.iter().flatten().copied().collect())))
}

fn concat_ws(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_rows(args, |values| {
        let Some((separator, values)) = values.split_first() else { return Ok(None) };
        let shown: Vec<&str> = values.iter().flatten().copied().collect();
        Ok(separator.map(|separator| shown.join(separator)))
    })
}

/// The type's name, from the planner's knowledge of it.
fn pg_typeof(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let field = args.arg_fields.first();
    let name = field.map(|field| type_name(field));
    Ok(ColumnarValue::Scalar(ScalarValue::Utf8(name)))
}

fn format(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_rows(args, |values| match values.split_first() {
        Some((Some(pattern), values)) => formatted(pattern, values).map(Some),
        _ => Ok(None),
    })
}

fn invalid(message: impl Into<String>) -> DataFusionError {
    fail(SqlState::INVALID_PARAMETER, message)
}

/// One `%` specifier: which argument, how wide, and what it does.
#[derive(Debug, PartialEq, Eq)]
struct Specifier {
    /// From 1; `None` for the next one.
    position: Option<usize>,
    left: bool,
    width: usize,
    conversion: char,
}

fn formatted(pattern: &str, values: &[Option<&str>]) -> Result<String> {
    let mut text = String::new();
    let mut rest = pattern;
    let mut next = 0;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let (specifier, after) = specifier(after)?;
        rest = after;
        if specifier.conversion == '%' {
            text.push('%');
            continue;
        }
        let at = specifier.position.map_or(next, |position| position - 1);
        next = at + 1;
        let value = values.get(at).ok_or_else(|| invalid("too few arguments for format()"))?;
        let shown = converted(specifier.conversion, *value)?;
        push_padded(&mut text, &shown, &specifier);
    }
    text.push_str(rest);
    Ok(text)
}

fn specifier(text: &str) -> Result<(Specifier, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, after) = text.split_at(digits(text));
    let (position, after) = match (number.parse::<usize>(), after.strip_prefix('$')) {
        (Ok(0), Some(_)) => {
            return Err(invalid("format specifies argument 0, but arguments are numbered from 1"));
        }
        (Ok(position), Some(after)) => (Some(position), after),
        _ => (None, text),
    };
    let (left, after) = match after.strip_prefix('-') {
        Some(after) => (true, after),
        None => (false, after),
    };
    let (width, after) = after.split_at(digits(after));
    let width: usize = width.parse().unwrap_or(0).min(100_000);
    let conversion =
        after.chars().next().ok_or_else(|| invalid("unterminated format() type specifier"))?;
    let after = after.get(conversion.len_utf8()..).unwrap_or("");
    Ok((Specifier { position, left, width, conversion }, after))
}

fn converted(conversion: char, value: Option<&str>) -> Result<String> {
    match (conversion, value) {
        ('s', value) => Ok(value.unwrap_or("").to_owned()),
        ('I', Some(value)) => Ok(quote_ident(value)),
        ('I', None) => {
            let message = "null values cannot be formatted as an SQL identifier";
            Err(fail(SqlState("22004"), message))
        }
        ('L', value) => Ok(value.map_or_else(|| "NULL".to_owned(), quote_literal)),
        (other, _) => Err(invalid(format!("unrecognized format() type specifier \"{other}\""))),
    }
}

fn push_padded(text: &mut String, shown: &str, specifier: &Specifier) {
    let missing = specifier.width.saturating_sub(shown.chars().count());
    let blanks = || std::iter::repeat_n(' ', missing);
    if !specifier.left {
        text.extend(blanks());
    }
    text.push_str(shown);
    if specifier.left {
        text.extend(blanks());
    }
}

#[cfg(test)]
mod tests {
    use super::formatted;

    #[test]
    fn format_reads_the_manual_s_patterns() {
        let format = |pattern: &str, values: &[&str]| {
            let values: Vec<_> = values.iter().map(|value| Some(*value)).collect();
            formatted(pattern, &values).unwrap()
        };
        assert_eq!(format("Hello %s", &["World"]), "Hello World");
        assert_eq!(format("%s, %s, %%", &["one", "two"]), "one, two, %");
        assert_eq!(
            format("INSERT INTO %I VALUES(%L)", &["Foo bar", "O'Reilly"]),
            "INSERT INTO \"Foo bar\" VALUES('O''Reilly')"
        );
        assert_eq!(format("|%10s|%-5s|", &["foo", "ab"]), "|       foo|ab   |");
        assert_eq!(format("%3$s %1$s %s", &["a", "b", "c"]), "c a b");
        assert!(formatted("%s", &[]).is_err());
        assert!(formatted("%", &[]).is_err());
        assert_eq!(formatted("%L %s|", &[None, None]).unwrap(), "NULL |");
    }
}
