//! One JSON object a row, one row a line: for programs, so vectors are whole arrays.
//!
//! Numbers pass through as the server writes them: an i64 or a NUMERIC loses no digit. NaN and the
//! infinities, which JSON lacks, are strings. Columns of equal names are told apart by `_2`, `_3`.

use super::{Column, Printer, Shape};
use crate::wire::Row;
use std::io::{self, Write};

pub(crate) struct Json {
    /// Each name as a JSON string, and what its values are.
    columns: Vec<(String, Shape)>,
}

impl Json {
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        let mut names: Vec<String> = Vec::new();
        for column in &columns {
            let fresh = (1..).map(|n| match n {
                1 => column.name.clone(),
                n => format!("{}_{n}", column.name),
            });
            names.extend(fresh.into_iter().find(|name| !names.contains(name)));
        }
        let shapes = columns.iter().map(|column| column.shape);
        Self { columns: names.iter().map(|name| string(name)).zip(shapes).collect() }
    }
}

impl Printer for Json {
    fn row(&mut self, row: Row, out: &mut dyn Write) -> io::Result<()> {
        let values = row.into_iter().zip(&self.columns);
        let fields: Vec<_> = values
            .map(|(value, (name, shape))| format!("{name}:{}", json(value, *shape)))
            .collect();
        writeln!(out, "{{{}}}", fields.join(","))
    }

    fn end(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

fn json(value: Option<String>, shape: Shape) -> String {
    let Some(text) = value else { return "null".to_owned() };
    match shape {
        Shape::Number | Shape::Vector if is_json(&text) => text,
        // In JSON a line break is only ever space between values.
        Shape::Json => text.replace(['\n', '\r'], " "),
        Shape::Boolean if text == "t" || text == "true" => "true".to_owned(),
        Shape::Boolean if text == "f" || text == "false" => "false".to_owned(),
        _ => string(&text),
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{columns, printed};
    use super::*;

    #[test]
    fn values_keep_their_types() {
        let named = [
            ("i", Shape::Number),
            ("nan", Shape::Number),
            ("t", Shape::Text),
            ("v", Shape::Vector),
            ("j", Shape::Json),
            ("b", Shape::Boolean),
            ("n", Shape::Text),
        ];
        let row: &[&str] =
            &["9007199254740993", "NaN", "a\"b\n", "[1,2.5,3,4,5]", "{\n \"a\": 1}", "t", "NULL"];
        assert_eq!(
            printed(Json::new(columns(&named)), &[row]),
            "{\"i\":9007199254740993,\"nan\":\"NaN\",\"t\":\"a\\\"b\\n\",\"v\":[1,2.5,3,4,5],\
             \"j\":{  \"a\": 1},\"b\":true,\"n\":null}\n"
        );
    }

    #[test]
    fn equal_names_are_told_apart() {
        let named = [("a", Shape::Number), ("a", Shape::Number), ("a_2", Shape::Number)];
        let found = printed(Json::new(columns(&named)), &[&["1", "2", "3"]]);
        assert_eq!(found, "{\"a\":1,\"a_2\":2,\"a_2_2\":3}\n");
    }
}
