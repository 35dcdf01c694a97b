//! Where a cursor stands in its rows, and how it gets from there to the rows that are wanted.
//!
//! Rows are counted from 1; a cursor stands on one of them, before the first or behind the last.
//! Going forward needs the stream only. Going back needs the rows that passed: a cursor declared
//! with SCROLL keeps them, up to [`KEPT_BYTES_MAX`].

use arrow::record_batch::RecordBatch;
use cvx_session::RowStream;
use cvx_types::{Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{FetchDirection, Value, ValueWithSpan};
use futures::StreamExt;

/// What a cursor with SCROLL may keep.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// Where to, in Postgres' four kinds; `None` is as far as there are rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Forward(Option<u64>),
    Backward(Option<u64>),
    Absolute(i64),
    Relative(i64),
}

impl Way {
    pub(super) fn of(direction: &FetchDirection) -> Result<Self> {
        use FetchDirection as D;
        Ok(match direction {
            D::Next => Self::Forward(Some(1)),
            D::Prior => Self::Backward(Some(1)),
            D::First => Self::Absolute(1),
            D::Last => Self::Absolute(-1),
            D::All | D::ForwardAll => Self::Forward(None),
            D::BackwardAll => Self::Backward(None),
            D::Absolute { limit } => Self::Absolute(count(limit)?),
            D::Relative { limit } => Self::Relative(count(limit)?),
            D::Count { limit } => Self::forward(count(limit)?),
            D::Forward { limit } => Self::forward(limit.as_ref().map_or(Ok(1), count)?),
            D::Backward { limit } => Self::forward(-limit.as_ref().map_or(Ok(1), count)?),
        })
    }

    fn forward(count: i64) -> Self {
        let rows = Some(count.unsigned_abs());
        if count < 0 { Self::Backward(rows) } else { Self::Forward(rows) }
    }
}

fn count(limit: &ValueWithSpan) -> Result<i64> {
    let number = match &limit.value {
        Value::Number(digits, _) => digits.parse::<i32>().ok(),
        _ => None,
    };
    number
        .map(i64::from)
        .ok_or_else(|| SqlError::new(SqlState::SYNTAX_ERROR, "a number of rows must be an integer"))
}

/// What is still to come of a FETCH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Forward(u64),
    Backward(u64),
    /// The row the cursor stands on, once more.
    Again,
}

/// A query's rows, and the place among them.
pub(super) struct Rows {
    /// None once it is read to its end, or failed.
    stream: Option<RowStream>,
    /// Rows read and not passed.
    ready: Option<RecordBatch>,
    /// Rows passed, with SCROLL: batches, each with the number of its first row.
    kept: Option<Vec<(u64, RecordBatch)>>,
    kept_bytes: usize,
    /// The row the cursor stands on; 0 before the first.
    at: u64,
    /// Whether it stands behind the last row, which is row `at`.
    behind: bool,
    /// Rows read from the stream so far, with SCROLL.
    read: u64,
}

impl Rows {
    pub(super) fn new(stream: RowStream, scroll: bool) -> Self {
        Self {
            stream: Some(stream),
            ready: None,
            kept: scroll.then(Vec::new),
            kept_bytes: 0,
            at: 0,
            behind: false,
            read: 0,
        }
    }

    pub(super) fn is_on_row(&self) -> bool {
        self.at > 0 && !self.behind
    }

    /// Goes where the rows of a FETCH begin.
    pub(super) async fn start(&mut self, way: Way) -> Result<Left> {
        match way {
            Way::Forward(Some(0)) | Way::Relative(0) => {
                self.check_scroll()?;
                Ok(Left::Again)
            }
            Way::Forward(rows) => Ok(Left::Forward(rows.unwrap_or(u64::MAX))),
            Way::Backward(rows) => {
                self.check_scroll()?;
                Ok(Left::Backward(rows.unwrap_or(u64::MAX)))
            }
            Way::Relative(rows) if rows > 0 => {
                self.pass(rows.unsigned_abs() - 1).await?;
                Ok(Left::Forward(1))
            }
            Way::Relative(rows) => {
                self.check_scroll()?;
                self.go_back(rows.unsigned_abs() - 1);
                Ok(Left::Backward(1))
            }
            Way::Absolute(row) if row >= 0 => self.start_at(row.unsigned_abs()).await,
            Way::Absolute(from_end) => {
                self.check_scroll()?;
                self.pass(u64::MAX).await?;
                self.go_back(from_end.unsigned_abs() - 1);
                Ok(Left::Backward(1))
            }
        }
    }

    async fn start_at(&mut self, row: u64) -> Result<Left> {
        let before = row.saturating_sub(1);
        let behind_it = self.at > before || self.behind || (row == 0 && self.at > 0);
        if behind_it {
            self.check_scroll()?;
            (self.at, self.behind) = (before.min(self.at), false);
        }
        self.pass(before.saturating_sub(self.at)).await?;
        Ok(Left::Forward(u64::from(row > 0)))
    }

    /// The next rows of a FETCH, a batch at most.
    pub(super) async fn next(&mut self, left: &mut Left) -> Result<Option<RecordBatch>> {
        match left {
            Left::Forward(0) | Left::Backward(0) => Ok(None),
            Left::Forward(rows) => {
                let piece = self.forward(*rows).await?;
                *rows -= piece.as_ref().map_or(*rows, |piece| piece.num_rows() as u64);
                Ok(piece)
            }
            Left::Backward(rows) => {
                let piece = self.backward();
                *rows -= if piece.is_some() { 1 } else { *rows };
                Ok(piece)
            }
            Left::Again => {
                *left = Left::Forward(0);
                Ok(self.is_on_row().then(|| self.kept_row(self.at)).flatten())
            }
        }
    }

    async fn pass(&mut self, mut rows: u64) -> Result<()> {
        while rows > 0 {
            let Some(piece) = self.forward(rows).await? else { break };
            rows -= piece.num_rows() as u64;
        }
        Ok(())
    }

    /// Up to `rows` rows behind the place, as many as lie together.
    async fn forward(&mut self, rows: u64) -> Result<Option<RecordBatch>> {
        if self.behind {
            return Ok(None);
        }
        if let Some(piece) = self.kept_from(self.at + 1, rows) {
            self.at += piece.num_rows() as u64;
            return Ok(Some(piece));
        }
        let Some(batch) = self.read_batch().await? else {
            self.behind = true;
            return Ok(None);
        };
        let cut = usize::try_from(rows).unwrap_or(usize::MAX).min(batch.num_rows());
        if cut < batch.num_rows() && self.kept.is_none() {
            self.ready = Some(batch.slice(cut, batch.num_rows() - cut));
        }
        self.at += cut as u64;
        Ok(Some(batch.slice(0, cut)))
    }

    async fn read_batch(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(batch) = self.ready.take() {
            return Ok(Some(batch));
        }
        loop {
            let Some(stream) = &mut self.stream else { return Ok(None) };
            match stream.next().await {
                Some(Ok(batch)) if batch.num_rows() == 0 => {}
                Some(Ok(batch)) => {
                    self.keep(&batch)?;
                    return Ok(Some(batch));
                }
                Some(Err(error)) => {
                    self.stream = None;
                    return Err(error);
                }
                None => self.stream = None,
            }
        }
    }

    fn keep(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        self.kept_bytes += batch.get_array_memory_size();
        if self.kept_bytes > KEPT_BYTES_MAX {
            self.stream = None;
            let message = format!("a cursor with SCROLL keeps at most {KEPT_BYTES_MAX} bytes");
            return Err(SqlError::new(SqlState::OUT_OF_MEMORY, message)
                .hint("Declare it with NO SCROLL, and fetch forward."));
        }
        kept.push((self.read + 1, batch.clone()));
        self.read += batch.num_rows() as u64;
        Ok(())
    }

    /// Kept rows from a row on.
    fn kept_from(&self, row: u64, rows: u64) -> Option<RecordBatch> {
        let kept = self.kept.as_ref()?;
        let place = kept.partition_point(|(first, _)| *first <= row).checked_sub(1)?;
        let (first, batch) = kept.get(place)?;
        let start = usize::try_from(row - first).ok().filter(|start| *start < batch.num_rows())?;
        let cut = usize::try_from(rows).unwrap_or(usize::MAX).min(batch.num_rows() - start);
        Some(batch.slice(start, cut))
    }

    fn kept_row(&self, row: u64) -> Option<RecordBatch> {
        self.kept_from(row, 1)
    }

    /// The row before the place.
    fn backward(&mut self) -> Option<RecordBatch> {
        self.go_back(1);
        self.kept_row(self.at)
    }

    fn go_back(&mut self, rows: u64) {
        // From behind the last row, one step back is the last row.
        let from = self.at + u64::from(self.behind);
        self.at = if rows == 0 { self.at } else { from.saturating_sub(rows) };
        self.behind = self.behind && rows == 0;
    }

    fn check_scroll(&self) -> Result<()> {
        if self.kept.is_some() {
            return Ok(());
        }
        let message = "cursor can only scan forward";
        Err(SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
            .hint("Declare it with SCROLL option to enable backward scan."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn stream(rows: i64, width: usize) -> RowStream {
        let numbers: Vec<i64> = (1..=rows).collect();
        let batches: Vec<_> = numbers
            .chunks(width)
            .map(|chunk| {
                let column: ArrayRef = Arc::new(Int64Array::from(chunk.to_vec()));
                Ok(RecordBatch::try_from_iter([("n", column)]).unwrap())
            })
            .collect();
        Box::pin(futures::stream::iter(batches))
    }

    /// What Postgres' manual says of FETCH, on a list.
    struct Model {
        rows: i64,
        at: i64,
    }

    impl Model {
        fn fetch(&mut self, way: Way) -> Vec<i64> {
            let end = self.rows + 1;
            let many = |rows: Option<u64>| rows.map_or(i64::MAX / 2, |rows| rows as i64);
            let on = |row: i64| (1..end).contains(&row).then_some(row).into_iter().collect();
            match way {
                Way::Forward(Some(0)) | Way::Relative(0) => on(self.at),
                Way::Forward(rows) => {
                    let last = (self.at + many(rows)).min(end);
                    let found = (self.at + 1..=last.min(self.rows)).collect();
                    self.at = last;
                    found
                }
                Way::Backward(rows) => {
                    let last = (self.at - many(rows)).max(0);
                    let found = (last.max(1)..self.at).rev().collect();
                    self.at = last;
                    found
                }
                Way::Relative(by) => {
                    self.at = (self.at + by).clamp(0, end);
                    on(self.at)
                }
                Way::Absolute(row) => {
                    self.at = if row < 0 { end + row } else { row }.clamp(0, end);
                    on(self.at)
                }
            }
        }
    }

    async fn fetch(rows: &mut Rows, way: Way) -> Result<Vec<i64>> {
        let mut left = rows.start(way).await?;
        let mut found = Vec::new();
        while let Some(piece) = rows.next(&mut left).await? {
            found.extend(piece.column(0).as_primitive::<Int64Type>().values());
        }
        Ok(found)
    }

    fn way() -> impl Strategy<Value = Way> {
        let some = || prop::option::weighted(0.9, 0..5u64);
        prop_oneof![
            4 => some().prop_map(Way::Forward),
            3 => some().prop_map(Way::Backward),
            2 => (-12..12i64).prop_map(Way::Absolute),
            2 => (-5..5i64).prop_map(Way::Relative),
        ]
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
    }

    proptest! {
        #[test]
        fn a_scrolling_cursor_is_a_finger_on_a_list(
            rows in 0..10i64, width in 1..4usize, ways in prop::collection::vec(way(), 0..12),
        ) {
            let mut model = Model { rows, at: 0 };
            let mut cursor = Rows::new(stream(rows, width), true);
            for way in ways {
                let found = run(fetch(&mut cursor, way)).unwrap();
                prop_assert_eq!(found, model.fetch(way), "{:?}", way);
            }
        }

        /// One that does not scroll gives the same or 55000, and an error moves it nowhere.
        #[test]
        fn a_forward_cursor_gives_the_same_or_refuses(
            rows in 0..10i64, width in 1..4usize, ways in prop::collection::vec(way(), 0..12),
        ) {
            let mut model = Model { rows, at: 0 };
            let mut cursor = Rows::new(stream(rows, width), false);
            for way in ways {
                match run(fetch(&mut cursor, way)) {
                    Ok(found) => prop_assert_eq!(found, model.fetch(way), "{:?}", way),
                    Err(error) => {
                        prop_assert_eq!(error.state.0, "55000");
                        let ahead = match way {
                            Way::Forward(rows) => rows != Some(0),
                            Way::Relative(by) => by > 0,
                            Way::Absolute(row) => row > model.at,
                            Way::Backward(_) => false,
                        };
                        prop_assert!(!ahead || model.at > model.rows, "{:?} at {}", way, model.at);
                    }
                }
            }
        }
    }
}
