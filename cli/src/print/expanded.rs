//! A row as a block of `name | value` lines, as psql's `\x` prints it.

use super::text::{clean, pad};
use super::{Column, Printer, Style, shown};
use crate::wire::Row;
use console::measure_text_width;
use std::io::{self, Write};

pub(crate) struct Expanded {
    columns: Vec<Column>,
    style: Style,
    /// Of the longest name.
    width: usize,
    rows: u64,
}

impl Expanded {
    pub(crate) fn new(columns: Vec<Column>, style: Style) -> Self {
        let width = columns.iter().map(|column| measure_text_width(&column.name)).max();
        Self { columns, style, width: width.unwrap_or(0), rows: 0 }
    }

    fn rule(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.style.tuples_only {
            return if self.rows > 1 { writeln!(out) } else { Ok(()) };
        }
        let title = format!("-[ RECORD {} ]", self.rows);
        let fill = (self.width + 1).saturating_sub(title.len());
        writeln!(out, "{title}{}+-", "-".repeat(fill))
    }
}

impl Printer for Expanded {
    fn row(&mut self, row: Row, out: &mut dyn Write) -> io::Result<()> {
        self.rows += 1;
        self.rule(out)?;
        for (value, column) in row.into_iter().zip(&self.columns) {
            let mut name = column.name.as_str();
            let lines = clean(&shown(value, column, self.style));
            for (at, line) in lines.iter().enumerate() {
                let more = if at + 1 < lines.len() { "+" } else { "" };
                let text = format!("{} | {line}{more}", pad(name, self.width, false));
                writeln!(out, "{}", text.trim_end())?;
                name = "";
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match (self.style.tuples_only, self.rows) {
            (true, _) => Ok(()),
            (false, 0) => writeln!(out, "(0 rows)\n"),
            (false, _) => writeln!(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Shape;
    use super::super::testing::{READING, columns, printed};
    use super::*;

    #[test]
    fn one_block_a_row() {
        let named = [("id", Shape::Number), ("embedding", Shape::Vector)];
        let rows: &[&[&str]] = &[&["1", "[1,2,3,4,5]"], &["2", "NULL"]];
        assert_eq!(
            printed(Expanded::new(columns(&named), READING), rows),
            "-[ RECORD 1 ]+-\nid        | 1\nembedding | [1, 2, ... 5]\n\
             -[ RECORD 2 ]+-\nid        | 2\nembedding |\n\n"
        );
        assert_eq!(printed(Expanded::new(columns(&named), READING), &[]), "(0 rows)\n\n");
    }
}
