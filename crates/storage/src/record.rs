//! A row as it lies in RocksDB: kind, values and where its vectors are.
//!
//! The bytes are a version (1) and postcard's encoding of [`RowRecord`]. A NULL value is absent,
//! so a row costs what it holds. A column added after the row was written is absent too and is
//! not NULL but what ALTER TABLE said, so the record tells how far the column ids went in its
//! time. Vectors lie in a family of their own, once for all versions that share them; the record
//! says where.
//!
//! Lists hold no lists: no type of ours nests deeper, and a reader that recursed as deep as its
//! input says could be made to overflow the stack. postcard was preferred to rkyv since a record
//! is decoded once, into Arrow columns.

use crate::error::{Error, Result};
use cvx_core::CommitSeq;
use serde::{Deserialize, Deserializer, Serialize};

const VERSION: u8 = 1;

/// What a version of a point says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RowKind {
    /// The entity is as the record says from `ts` on.
    Point,
    /// The entity is no more from `ts` on.
    End,
}

/// A value that is not NULL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Cell {
    Bool(bool),
    /// Integers, dates and times, in the unit of their Arrow type.
    Int(i64),
    Float4(f32),
    Float8(f64),
    Text(String),
    /// Bytes and UUIDs.
    Bytes(Vec<u8>),
    /// The unscaled value; the scale is the column's.
    Decimal(i128),
    Interval {
        months: i32,
        days: i32,
        nanos: i64,
    },
    /// A vector inside an array, or of a column without dimension.
    Vector(Vec<f32>),
    List(#[serde(deserialize_with = "elements")] Vec<Option<Cell>>),
}

/// [`Cell`] without its last variant: what a list may hold. The order of variants is the format.
#[derive(Deserialize)]
enum Element {
    Bool(bool),
    Int(i64),
    Float4(f32),
    Float8(f64),
    Text(String),
    Bytes(Vec<u8>),
    Decimal(i128),
    Interval { months: i32, days: i32, nanos: i64 },
    Vector(Vec<f32>),
}

impl From<Element> for Cell {
    fn from(element: Element) -> Self {
        match element {
            Element::Bool(value) => Self::Bool(value),
            Element::Int(value) => Self::Int(value),
            Element::Float4(value) => Self::Float4(value),
            Element::Float8(value) => Self::Float8(value),
            Element::Text(value) => Self::Text(value),
            Element::Bytes(value) => Self::Bytes(value),
            Element::Decimal(value) => Self::Decimal(value),
            Element::Interval { months, days, nanos } => Self::Interval { months, days, nanos },
            Element::Vector(value) => Self::Vector(value),
        }
    }
}

fn elements<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Option<Cell>>, D::Error> {
    let elements = Vec::<Option<Element>>::deserialize(deserializer)?;
    Ok(elements.into_iter().map(|element| element.map(Cell::from)).collect())
}

/// Where the vector of a version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Locator {
    /// Under this version's own key.
    Here,
    /// With the version of the same point of this commit: the vector did not change since. That
    /// version has it under its own key, or in the row file it was sealed in. It must be in one
    /// of the two as long as this record is: who removes that version for good, and not this one,
    /// has this one take the vector over.
    At(CommitSeq),
    /// Nowhere: the vector is NULL.
    Null,
}

/// A row version without its key and its vectors' numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowRecord {
    pub kind: RowKind,
    /// Column ids below this existed when the row was written.
    pub known: u16,
    /// Values by column id, ascending; NULLs absent.
    pub cells: Vec<(u16, Cell)>,
    /// Vector columns by id, ascending.
    pub vectors: Vec<(u16, Locator)>,
}

impl RowRecord {
    /// The record of an end marker.
    #[must_use]
    pub fn end() -> Self {
        Self { kind: RowKind::End, known: 0, cells: Vec::new(), vectors: Vec::new() }
    }

    /// Appends the record's bytes.
    pub(crate) fn encode_into(&self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let nested = |cell: &Option<Cell>| matches!(cell, Some(Cell::List(_)));
        for (_, cell) in &self.cells {
            if matches!(cell, Cell::List(elements) if elements.iter().any(nested)) {
                return Err(Error::unsupported("an array of arrays"));
            }
        }
        encode(self, bytes)
    }

    pub fn encode(&self) -> Result<Vec<u8>> {
        self.encode_into(Vec::new())
    }

    /// The record these bytes hold, all of them. The error says what is wrong with them.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        decode(bytes)
    }

    /// The value in this column, if it is not NULL.
    #[must_use]
    pub fn cell(&self, column: u16) -> Option<&Cell> {
        self.cells.iter().find(|(id, _)| *id == column).map(|(_, cell)| cell)
    }

    /// Where the vector of this column is, if the record knows the column.
    #[must_use]
    pub fn locator(&self, column: u16) -> Option<Locator> {
        self.vectors.iter().find(|(id, _)| *id == column).map(|(_, locator)| *locator)
    }

    /// Says where the vector of a column is, if the record knows the column.
    pub fn locate(&mut self, column: u16, at: Locator) {
        if let Some((_, locator)) = self.vectors.iter_mut().find(|(id, _)| *id == column) {
            *locator = at;
        }
    }
}

/// Appends a version byte and postcard's encoding of `value`.
pub(crate) fn encode<T: Serialize>(value: &T, mut bytes: Vec<u8>) -> Result<Vec<u8>> {
    bytes.push(VERSION);
    postcard::to_extend(value, bytes).map_err(|error| Error::unsupported(error.to_string()))
}

/// Reads what [`encode`] wrote, and insists that nothing follows.
pub(crate) fn decode<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, String> {
    match bytes.split_first() {
        Some((&VERSION, body)) => {
            let (value, rest) = postcard::take_from_bytes(body).map_err(|e| e.to_string())?;
            if rest.is_empty() { Ok(value) } else { Err("bytes after the end".to_owned()) }
        }
        Some((version, _)) => Err(format!("unknown version {version}")),
        None => Err("no bytes".to_owned()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flat_cell() -> impl Strategy<Value = Cell> {
        let float4 = any::<f32>().prop_filter("comparable", |x| !x.is_nan());
        let float8 = any::<f64>().prop_filter("comparable", |x| !x.is_nan());
        prop_oneof![
            any::<bool>().prop_map(Cell::Bool),
            any::<i64>().prop_map(Cell::Int),
            float4.prop_map(Cell::Float4),
            float8.prop_map(Cell::Float8),
            ".{0,20}".prop_map(Cell::Text),
            prop::collection::vec(any::<u8>(), 0..20).prop_map(Cell::Bytes),
            any::<i128>().prop_map(Cell::Decimal),
            any::<(i32, i32, i64)>().prop_map(|(months, days, nanos)| Cell::Interval {
                months,
                days,
                nanos
            }),
            prop::collection::vec(-1e9f32..1e9, 0..5).prop_map(Cell::Vector),
        ]
    }

    fn cell() -> impl Strategy<Value = Cell> {
        let list = prop::collection::vec(prop::option::of(flat_cell()), 0..5);
        prop_oneof![9 => flat_cell(), 1 => list.prop_map(Cell::List)]
    }

    pub(crate) fn record() -> impl Strategy<Value = RowRecord> {
        let locator = prop_oneof![
            Just(Locator::Here),
            Just(Locator::Null),
            any::<u64>().prop_map(|seq| Locator::At(CommitSeq(seq))),
        ];
        let kind = prop_oneof![Just(RowKind::Point), Just(RowKind::End)];
        let cells = prop::collection::btree_map(any::<u16>(), cell(), 0..6);
        let vectors = prop::collection::btree_map(any::<u16>(), locator, 0..3);
        (kind, any::<u16>(), cells, vectors).prop_map(|(kind, known, cells, vectors)| RowRecord {
            kind,
            known,
            cells: cells.into_iter().collect(),
            vectors: vectors.into_iter().collect(),
        })
    }

    proptest! {
        #[test]
        fn records_round_trip(record in record()) {
            let bytes = record.encode().unwrap();
            prop_assert_eq!(RowRecord::decode(&bytes), Ok(record));
        }

        #[test]
        fn a_cut_or_longer_record_is_refused(record in record(), cut: prop::sample::Index) {
            let mut bytes = record.encode().unwrap();
            prop_assert!(RowRecord::decode(&bytes[..cut.index(bytes.len())]).is_err());
            bytes.push(0);
            prop_assert!(RowRecord::decode(&bytes).is_err());
        }

        #[test]
        fn garbage_is_an_error_or_a_record_and_never_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = RowRecord::decode(&bytes);
            let _ = RowRecord::decode(&[&[VERSION], &bytes[..]].concat());
        }
    }

    #[test]
    fn a_million_lists_in_lists_do_not_reach_the_stack() {
        // version, Point, known 2, one cell: column 1, then List of one Some(List of one Some(...
        let mut bytes = vec![VERSION, 0, 2, 1, 1];
        for _ in 0..1_000_000 {
            bytes.extend([9, 1, 1]);
        }
        assert!(RowRecord::decode(&bytes).is_err());
    }

    #[test]
    fn an_array_of_arrays_is_refused_when_written() {
        let nested = Cell::List(vec![Some(Cell::List(vec![None]))]);
        let record = RowRecord { cells: vec![(1, nested)], ..RowRecord::end() };
        assert!(matches!(record.encode(), Err(Error::Unsupported { .. })));
    }

    #[test]
    fn an_unknown_version_is_named() {
        let mut bytes = RowRecord::end().encode().unwrap();
        bytes[0] = 9;
        assert_eq!(RowRecord::decode(&bytes), Err("unknown version 9".to_owned()));
    }
}
