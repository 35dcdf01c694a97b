//! The text form of records, `(1,"a b",)`, which are only ever written: Postgres reads none
//! without a type of their own either. NULL is nothing between two commas.

use bytes::{BufMut, BytesMut};

/// Writes a field that is not NULL, in quotes where it would be misread without.
pub fn write_field(text: &[u8], out: &mut BytesMut) {
    let special =
        |b: &u8| matches!(b, b'(' | b')' | b',' | b'"' | b'\\') || b.is_ascii_whitespace();
    if !text.is_empty() && !text.iter().any(special) {
        out.put_slice(text);
        return;
    }
    out.put_u8(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(*byte);
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_as_postgres_does() {
        let written = |text: &str| {
            let mut out = BytesMut::new();
            write_field(text.as_bytes(), &mut out);
            String::from_utf8(out.to_vec()).unwrap()
        };
        let cases = [("a", "a"), ("", "\"\""), ("NULL", "NULL"), ("a b", "\"a b\"")];
        let marks = [("a,b", "\"a,b\""), ("(x)", "\"(x)\""), ("q\"\\", "\"q\"\"\\\\\"")];
        for (text, expected) in cases.into_iter().chain(marks) {
            assert_eq!(written(text), expected);
        }
    }
}
