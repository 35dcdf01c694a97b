//! An answer as a readable table.

use std::fmt::Write as _;
use tokio_postgres::SimpleQueryMessage;

/// Numbers of a vector that are shown.
const SHOWN: usize = 3;

/// The answer's rows under their names, or its tag's count.
pub(super) fn render(answer: &[SimpleQueryMessage]) -> String {
    let (mut lines, mut done): (Vec<Vec<String>>, u64) = (Vec::new(), 0);
    for message in answer {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                lines.push(columns.iter().map(|column| column.name().to_owned()).collect());
            }
            SimpleQueryMessage::Row(row) => {
                lines.push((0..row.len()).map(|at| cell(row.get(at))).collect());
            }
            SimpleQueryMessage::CommandComplete(count) => done = *count,
            _ => {}
        }
    }
    match lines.split_first() {
        Some((names, rows)) => grid(names, rows),
        None => format!("  {done} row{} changed\n", if done == 1 { "" } else { "s" }),
    }
}

fn cell(value: Option<&str>) -> String {
    match value {
        None => "·".to_owned(),
        Some(text) if text.starts_with('[') => shorten(text),
        Some(text) => text.to_owned(),
    }
}

/// The first numbers of a vector, and how many there are.
fn shorten(vector: &str) -> String {
    let numbers: Vec<&str> = vector.trim_matches(['[', ']']).split(',').collect();
    if numbers.len() <= SHOWN {
        return vector.to_owned();
    }
    let shown = numbers[..SHOWN].iter().map(|text| {
        text.parse::<f32>().map_or_else(|_| (*text).to_owned(), |number| format!("{number:.3}"))
    });
    format!("[{} … {} numbers]", shown.collect::<Vec<_>>().join(" "), numbers.len())
}

fn grid(names: &[String], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).chain(names.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..names.len()).map(width).collect();
    let mut text = line(names, &widths);
    let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    text.push_str(&line(&rule, &widths));
    rows.iter().for_each(|row| text.push_str(&line(row, &widths)));
    if rows.is_empty() {
        text.push_str("  (no rows)\n");
    }
    text
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::from("  ");
    for (cell, width) in cells.iter().zip(widths) {
        let pad = width - cell.chars().count().min(*width);
        let _ = match cell.parse::<f64>() {
            Ok(_) => write!(text, "{}{cell}  ", " ".repeat(pad)),
            Err(_) => write!(text, "{cell}{}  ", " ".repeat(pad)),
        };
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_shortened_and_numbers_right() {
        assert_eq!(shorten("[1,2,3]"), "[1,2,3]");
        assert_eq!(shorten("[0.12345,-2,3e-5,4]"), "[0.123 -2.000 0.000 … 4 numbers]");
        let names = ["id".to_owned(), "name".to_owned()];
        let rows =
            [vec!["7".to_owned(), "a".to_owned()], vec!["10".to_owned(), "bcdef".to_owned()]];
        assert_eq!(grid(&names, &rows), "  id  name\n  ──  ─────\n   7  a\n  10  bcdef\n");
    }
}
