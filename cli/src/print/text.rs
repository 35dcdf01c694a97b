//! Text in columns of a terminal: what it measures, and what must not reach the terminal.

use console::measure_text_width;

/// A tab goes to the next multiple of this.
const TAB_STOP: usize = 8;

/// The lines of a value, with what a terminal would obey (escapes, other control characters) made
/// visible: data must not be able to rewrite the screen.
pub(crate) fn clean(value: &str) -> Vec<String> {
    let value = value.strip_suffix('\n').unwrap_or(value);
    value.split('\n').map(clean_line).collect()
}

fn clean_line(line: &str) -> String {
    if !line.contains(char::is_control) {
        return line.to_owned();
    }
    let mut text = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '\t' => {
                let width = measure_text_width(&text);
                text.push_str(&" ".repeat(TAB_STOP - width % TAB_STOP));
            }
            '\r' => text.push_str("\\r"),
            c if c.is_control() => text.push_str(&format!("\\x{:02X}", u32::from(c))),
            c => text.push(c),
        }
    }
    text
}

/// The text in a column of this width.
pub(crate) fn pad(text: &str, width: usize, right: bool) -> String {
    let blank = " ".repeat(width.saturating_sub(measure_text_width(text)));
    if right { blank + text } else { text.to_owned() + &blank }
}

pub(crate) fn centred(text: &str, width: usize) -> String {
    let blank = width.saturating_sub(measure_text_width(text));
    let before = blank / 2;
    format!("{}{text}{}", " ".repeat(before), " ".repeat(blank - before))
}

/// The text, cut to this width.
pub(crate) fn fit(text: &str, width: usize) -> String {
    let mut fitting = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += measure_text_width(c.encode_utf8(&mut [0; 4]));
        if used > width {
            break;
        }
        fitting.push(c);
    }
    fitting
}

/// The end of the text, as much as has this width.
pub(crate) fn fit_end(text: &str, width: usize) -> &str {
    let (mut start, mut used) = (text.len(), 0);
    for (at, c) in text.char_indices().rev() {
        used += measure_text_width(c.encode_utf8(&mut [0; 4]));
        if used > width {
            break;
        }
        start = at;
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn terminals_are_not_told_what_to_do() {
        assert_eq!(clean("a\x1b[2Jb\rc\td\ne"), ["a\\x1B[2Jb\\rc    d", "e"]);
        assert_eq!(clean("one\n"), ["one"]);
        assert_eq!(clean(""), [""]);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(pad("漢字", 6, false), "漢字  ");
        assert_eq!(pad("7", 3, true), "  7");
        assert_eq!(centred("ab", 5), " ab  ");
        assert_eq!(fit("漢字", 3), "漢");
    }

    proptest! {
        #[test]
        fn nothing_a_terminal_obeys_is_left(text in "\\PC{0,20}[\x00-\x1f\u{80}-\u{9f}]{0,5}\\PC{0,9}") {
            prop_assert!(clean(&text).iter().all(|line| !line.chars().any(char::is_control)));
        }
    }
}
