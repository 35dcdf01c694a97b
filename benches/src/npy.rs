//! Arrays as numpy saves them (numpy, `format.py`, version 1): a head that is a line of Python, and
//! numbers in the order of C, the lowest byte first.

use anyhow::{Context, Result, ensure};
use std::path::Path;

/// An array, as it lies in its file.
#[derive(Debug)]
pub struct Array {
    head: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
    /// Where the numbers begin.
    start: usize,
}

impl Array {
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        Self::new(bytes).with_context(|| format!("{}: no array", path.display()))
    }

    fn new(bytes: Vec<u8>) -> Result<Self> {
        ensure!(bytes.starts_with(b"\x93NUMPY\x01") && bytes.len() >= 10, "another kind of file");
        let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let head = bytes.get(10..start).context("a head cut short")?;
        let head = String::from_utf8_lossy(head).into_owned();
        ensure!(head.contains("'fortran_order': False"), "columns first: {head}");
        let shape = head.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')'));
        let shape = shape.with_context(|| format!("no shape: {head}"))?.0.split(',');
        let shape = shape.filter_map(|side| side.trim().parse().ok()).collect();
        Ok(Self { head, shape, bytes, start })
    }

    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Numbers of a row.
    pub fn width(&self) -> Result<usize> {
        self.shape.last().copied().context("an array without a side")
    }

    pub fn floats(&self) -> Result<Vec<f32>> {
        self.numbers("'<f4'", f32::from_le_bytes)
    }

    pub fn longs(&self) -> Result<Vec<i64>> {
        self.numbers("'<i8'", i64::from_le_bytes)
    }

    pub fn ints(&self) -> Result<Vec<i32>> {
        self.numbers("'<i4'", i32::from_le_bytes)
    }

    fn numbers<T, const BYTES: usize>(
        &self,
        kind: &str,
        number: fn([u8; BYTES]) -> T,
    ) -> Result<Vec<T>> {
        ensure!(self.head.contains(kind), "not of {kind}: {}", self.head);
        Ok(self.bytes[self.start..].as_chunks().0.iter().map(|bytes| number(*bytes)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(head: &str, numbers: &[u8]) -> Vec<u8> {
        let length = (head.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], head.as_bytes(), numbers].concat()
    }

    #[test]
    fn numbers_are_what_numpy_saved() {
        let head = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  \n";
        let numbers = [1.0f32, -2.0, 0.5, 0.0, 3e38, 7.0];
        let array = Array::new(file(head, &numbers.map(f32::to_le_bytes).concat())).unwrap();
        assert_eq!((array.shape(), array.width().unwrap()), (&[2, 3][..], 3));
        assert_eq!(array.floats().unwrap(), numbers);
        assert!(array.longs().is_err() && array.ints().is_err());
    }

    #[test]
    fn a_list_has_one_side() {
        let head = "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }\n";
        let array = Array::new(file(head, &[[5i64, -5].map(i64::to_le_bytes).concat()].concat()));
        let array = array.unwrap();
        assert_eq!((array.shape(), array.longs().unwrap()), (&[2][..], vec![5, -5]));
    }

    #[test]
    fn other_files_are_told() {
        let fortran = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n";
        for bytes in [b"PAR1".to_vec(), b"\x93NUMPY\x01\x00".to_vec(), file(fortran, &[])] {
            assert!(Array::new(bytes).is_err());
        }
        let cut = file("{'descr': '<f4'", &[]);
        assert!(Array::new(cut[..cut.len() - 3].to_vec()).is_err());
    }
}
