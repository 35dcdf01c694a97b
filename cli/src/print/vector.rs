//! Vectors shortened for reading: the first two elements and how many there are.

/// A vector of up to this many elements is shown whole.
const WHOLE_MAX: usize = 4;
const SHOWN: usize = 2;
/// Significant digits of an element.
const DIGITS: usize = 3;

/// `[0.12, -0.3, ... 384]`; `None` where the text is short, or no vector.
pub(super) fn shortened(text: &str) -> Option<String> {
    let elements = text.strip_prefix('[')?.strip_suffix(']')?;
    let count = elements.split(',').count();
    if count <= WHOLE_MAX {
        return None;
    }
    let first: Option<Vec<_>> = elements.split(',').take(SHOWN).map(rounded).collect();
    Some(format!("[{}, ... {count}]", first?.join(", ")))
}

/// `{1:0.12, 7:-0.3, ... 20}/1000`: how many are not zero, and of how many.
pub(super) fn shortened_sparse(text: &str) -> Option<String> {
    let (elements, dimension) = text.strip_prefix('{')?.split_once("}/")?;
    let count = elements.split(',').count();
    if count <= WHOLE_MAX {
        return None;
    }
    let entry = |entry: &str| {
        let (index, value) = entry.split_once(':')?;
        Some(format!("{index}:{}", rounded(value)?))
    };
    let first: Option<Vec<_>> = elements.split(',').take(SHOWN).map(entry).collect();
    Some(format!("{{{}, ... {count}}}/{dimension}", first?.join(", ")))
}

/// To three significant digits, without zeros at the end.
fn rounded(text: &str) -> Option<String> {
    let value: f64 = text.trim().parse().ok()?;
    let scientific = format!("{value:.*e}", DIGITS - 1);
    let rounded: f64 = scientific.parse().ok()?;
    let large_or_small = rounded != 0.0 && !(1e-4..1e7).contains(&rounded.abs());
    Some(if large_or_small { format!("{rounded:e}") } else { rounded.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_vectors_are_cut() {
        assert_eq!(shortened("[0.123456,-0.3,5,6,7]").unwrap(), "[0.123, -0.3, ... 5]");
        assert_eq!(shortened("[1.23456e-20,123456,5,6,7]").unwrap(), "[1.23e-20, 123000, ... 5]");
        assert_eq!(shortened("[0,-0.00012345,5,6,7]").unwrap(), "[0, -0.000123, ... 5]");
        let many = format!("[{}]", vec!["0.5"; 384].join(","));
        assert_eq!(shortened(&many).unwrap(), "[0.5, 0.5, ... 384]");
    }

    #[test]
    fn short_ones_and_other_texts_are_not() {
        for text in ["[1,2,3,4]", "[]", "", "1,2,3,4,5", "[a,b,c,d,e]"] {
            assert_eq!(shortened(text), None, "{text}");
        }
    }

    #[test]
    fn sparse_vectors_keep_their_dimension() {
        let text = "{1:0.5,3:0.25,5:1,7:2,9:3}/1000";
        assert_eq!(shortened_sparse(text).unwrap(), "{1:0.5, 3:0.25, ... 5}/1000");
        assert_eq!(shortened_sparse("{1:0.5}/1000"), None);
    }
}
