//! A table in columns, as psql prints it.
//!
//! Widths must be known before the first line. So a batch of rows is held, the widths are its, and
//! later batches widen a column where they must: rows come in bounded memory, and a result that
//! fits in one batch looks as if all of it had been measured.

use super::text::{centred, clean, pad};
use super::{Column, Printer, Style, shown};
use crate::wire::Row;
use console::measure_text_width;
use std::io::{self, Write};

/// A batch ends at whichever comes first.
const BATCH_ROWS: usize = 1000;
const BATCH_BYTES: usize = 1 << 20;

pub(crate) struct Aligned {
    columns: Vec<Column>,
    style: Style,
    widths: Vec<usize>,
    /// The lines of each cell of each row.
    batch: Vec<Vec<Vec<String>>>,
    batch_bytes: usize,
    rows: u64,
    header_is_out: bool,
}

impl Aligned {
    pub(crate) fn new(columns: Vec<Column>, style: Style) -> Self {
        let named = |column: &Column| match style.tuples_only {
            true => 0,
            false => measure_text_width(&column.name),
        };
        let widths = columns.iter().map(named).collect();
        let (batch, batch_bytes, rows, header_is_out) = (Vec::new(), 0, 0, style.tuples_only);
        Self { columns, style, widths, batch, batch_bytes, rows, header_is_out }
    }

    fn flush(&mut self, out: &mut dyn Write) -> io::Result<()> {
        for row in &self.batch {
            for (cell, width) in row.iter().zip(&mut self.widths) {
                let widest = cell.iter().map(|line| measure_text_width(line)).max();
                *width = (*width).max(widest.unwrap_or(0));
            }
        }
        if !std::mem::replace(&mut self.header_is_out, true) {
            self.header(out)?;
        }
        for row in std::mem::take(&mut self.batch) {
            self.print(&row, out)?;
        }
        self.batch_bytes = 0;
        Ok(())
    }

    fn header(&self, out: &mut dyn Write) -> io::Result<()> {
        let named = self.columns.iter().zip(&self.widths);
        let names: Vec<_> =
            named.map(|(column, width)| format!(" {} ", centred(&column.name, *width))).collect();
        let rules: Vec<_> = self.widths.iter().map(|width| "-".repeat(width + 2)).collect();
        writeln!(out, "{}", names.join("|"))?;
        writeln!(out, "{}", rules.join("+"))
    }

    /// One row: as many lines as its highest cell; a `+` says that a cell goes on below.
    fn print(&self, row: &[Vec<String>], out: &mut dyn Write) -> io::Result<()> {
        let height = row.iter().map(Vec::len).max().unwrap_or(1);
        for at in 0..height {
            let mut line = String::new();
            for (i, cell) in row.iter().enumerate() {
                let right = self.columns[i].is_right();
                let text = cell.get(at).map_or("", String::as_str);
                let more = if at + 1 < cell.len() { '+' } else { ' ' };
                line.push_str(if i == 0 { " " } else { "| " });
                line.push_str(&pad(text, self.widths[i], right));
                line.push(more);
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl Printer for Aligned {
    fn row(&mut self, row: Row, out: &mut dyn Write) -> io::Result<()> {
        self.rows += 1;
        let values = row.into_iter().zip(&self.columns);
        let cells: Vec<_> =
            values.map(|(value, column)| clean(&shown(value, column, self.style))).collect();
        self.batch_bytes += cells.iter().flatten().map(String::len).sum::<usize>();
        self.batch.push(cells);
        if self.batch.len() >= BATCH_ROWS || self.batch_bytes >= BATCH_BYTES {
            self.flush(out)?;
        }
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.flush(out)?;
        if self.style.tuples_only {
            return Ok(());
        }
        let plural = if self.rows == 1 { "" } else { "s" };
        writeln!(out, "({} row{plural})", self.rows)?;
        writeln!(out)
    }
}

/// A table of the shell's own, such as `\d` prints.
pub(crate) fn table(
    title: &str,
    columns: Vec<Column>,
    rows: Vec<Row>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let style = Style { format: super::Format::Aligned, full_vectors: true, tuples_only: false };
    let mut printer = Aligned::new(columns, style);
    // No rows, no printing of any: the header must be measured all the same.
    for row in rows {
        printer.row(row, out)?;
    }
    let inner = printer.widths_of_batch();
    writeln!(out, "{}", centred(title, inner).trim_end())?;
    printer.flush(out)
}

impl Aligned {
    /// How wide the lines will be.
    fn widths_of_batch(&self) -> usize {
        let mut widths = self.widths.clone();
        for (cell, width) in self.batch.iter().flat_map(|row| row.iter().zip(0..)) {
            let widest = cell.iter().map(|line| measure_text_width(line)).max().unwrap_or(0);
            widths[width] = widths[width].max(widest);
        }
        widths.iter().map(|width| width + 3).sum::<usize>().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Shape;
    use super::super::testing::{READING, columns, printed, row};
    use super::*;

    const NAMED: [(&str, Shape); 2] = [("doc_id", Shape::Number), ("title", Shape::Text)];

    #[test]
    fn looks_as_psqls() {
        let found = printed(
            Aligned::new(columns(&NAMED), READING),
            &[&["1", "one"], &["22", "two\nlines"], &["333", "NULL"]],
        );
        let expected = " doc_id | title
--------+-------
      1 | one
     22 | two  +
        | lines
    333 |
(3 rows)

";
        let unspaced = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        assert_eq!(unspaced(&found), unspaced(expected));
    }

    #[test]
    fn no_rows_and_one() {
        let none = printed(Aligned::new(columns(&NAMED), READING), &[]);
        assert_eq!(none, " doc_id | title \n--------+-------\n(0 rows)\n\n");
        let one = printed(Aligned::new(columns(&NAMED), READING), &[&["1", "a"]]);
        assert!(one.ends_with("\n      1 | a\n(1 row)\n\n"), "{one}");
    }

    #[test]
    fn a_vector_is_shortened_unless_asked_for() {
        let vectors = [("v", Shape::Vector)];
        let rows: &[&[&str]] = &[&["[1,2,3,4,5]"]];
        assert!(printed(Aligned::new(columns(&vectors), READING), rows).contains("[1, 2, ... 5]"));
        let style = Style { full_vectors: true, ..READING };
        assert!(printed(Aligned::new(columns(&vectors), style), rows).contains("[1,2,3,4,5]"));
    }

    #[test]
    fn a_long_result_is_never_held_whole() {
        let mut printer = Aligned::new(columns(&NAMED), READING);
        let (mut out, long) = (std::io::sink(), "x".repeat(10_000));
        for at in 0..5_000_u32 {
            printer.row(row(&[&at.to_string(), &long]), &mut out).unwrap();
            assert!(printer.batch.len() <= BATCH_ROWS && printer.batch_bytes <= BATCH_BYTES);
        }
    }

    #[test]
    fn later_rows_may_be_wider() {
        let mut rows = vec![vec!["1", "a"]; BATCH_ROWS];
        rows.push(vec!["1", "much longer"]);
        let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
        let found = printed(Aligned::new(columns(&NAMED), READING), &rows);
        assert!(found.contains("\n      1 | much longer\n(1001 rows)\n"), "{}", &found[..100]);
    }
}
