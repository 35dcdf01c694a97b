//! What a worker does next: a statement or a block of them, and the changes it stands for.

use super::model::{Change, Key, Model, Row, Table};
use rand::Rng as _;
use rand::rngs::StdRng;
use std::ops::Range;

/// One thing sent to the server.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// One row, by a prepared statement with binary parameters.
    Insert(Key, Row),
    /// Rows of one table in one INSERT.
    InsertMany(Vec<(Key, Row)>),
    /// Rows of one table by binary COPY.
    Copy(Vec<(Key, Row)>),
    Update(Key, Row),
    /// Every point of an entity, `n + 1`.
    UpdateEntity(i64),
    Delete(Key),
    /// Every point of an entity.
    DeleteEntity(i64),
    /// The rows without valid time whose ids lie in a range.
    DeletePlain(i64, i64),
    /// A good row and one whose key is taken by something else: refused whole.
    Duplicate((Key, Row), (Key, Row)),
}

impl Action {
    /// The rows its tag must count, where that does not depend on what is there.
    pub(super) fn rows(&self) -> Option<u64> {
        match self {
            Self::Insert(..) | Self::Update(..) | Self::Delete(_) => Some(1),
            Self::InsertMany(rows) | Self::Copy(rows) => Some(rows.len() as u64),
            Self::UpdateEntity(_)
            | Self::DeleteEntity(_)
            | Self::DeletePlain(..)
            | Self::Duplicate(..) => None,
        }
    }
}

/// What is acknowledged as one.
#[derive(Clone, Debug)]
pub(super) enum Unit {
    One(Action),
    Committed(Vec<Action>),
    RolledBack(Vec<Action>),
}

impl Unit {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Committed(_) => "block",
            Self::RolledBack(_) => "rolled back",
            Self::One(action) => match action {
                Action::Insert(..) => "insert",
                Action::InsertMany(_) => "insert of many",
                Action::Copy(_) => "copy",
                Action::Update(..) | Action::UpdateEntity(_) => "update",
                Action::Delete(_) | Action::DeleteEntity(_) | Action::DeletePlain(..) => "delete",
                Action::Duplicate(..) => "duplicate",
            },
        }
    }
}

/// Where a worker's new keys come from: they only grow, whatever became of earlier ones.
#[derive(Debug)]
pub(super) struct Planner {
    pub rng: StdRng,
    ids: Range<i64>,
    tick: i64,
    plain_id: i64,
}

/// Rows of a worker beyond which it deletes.
const ROWS_MAX: usize = 1500;

impl Planner {
    pub(super) fn new(rng: StdRng, ids: Range<i64>) -> Self {
        Self { rng, plain_id: ids.start, ids, tick: 0 }
    }

    /// The next unit, and what it changes in `model`.
    pub(super) fn next(&mut self, model: &Model) -> (Unit, Vec<Change>) {
        if self.rng.random_bool(0.25) {
            return self.block(model);
        }
        let action = self.action(model);
        let changes = changes(&action, model);
        (Unit::One(action), changes)
    }

    fn block(&mut self, model: &Model) -> (Unit, Vec<Change>) {
        let (mut inside, mut actions, mut all) = (model.clone(), Vec::new(), Vec::new());
        for _ in 0..self.rng.random_range(1..=4) {
            let action = self.action(&inside);
            if matches!(action, Action::Duplicate(..)) {
                continue; // It would fail the block.
            }
            let changes = changes(&action, &inside);
            inside.apply(&changes);
            all.extend(changes);
            actions.push(action);
        }
        if self.rng.random_bool(0.2) {
            (Unit::RolledBack(actions), Vec::new())
        } else {
            (Unit::Committed(actions), all)
        }
    }

    fn action(&mut self, model: &Model) -> Action {
        if model.count(Table::Plain) > ROWS_MAX / 2 {
            return Action::DeletePlain(self.ids.start, self.plain_id - 50);
        }
        if model.rows.len() > ROWS_MAX {
            return Action::DeleteEntity(self.ids());
        }
        let any = self.pick(model);
        match (self.rng.random_range(0..100), any) {
            (0..15, Some((key, _))) => Action::Update(key, self.row()),
            (15..20, _) => Action::UpdateEntity(self.ids()),
            (20..28, Some((key, _))) => Action::Delete(key),
            (28..30, _) => Action::DeleteEntity(self.ids()),
            (30..35, Some((key, row))) => {
                let fresh = self.key(key.table);
                Action::Duplicate(
                    (fresh, self.row()),
                    (key, Row { n: row.n.wrapping_add(1), ..row }),
                )
            }
            (35..45, _) => Action::Copy(self.rows(20..200)),
            (45..65, _) => Action::InsertMany(self.rows(2..20)),
            _ => {
                let table = self.table();
                Action::Insert(self.key(table), self.row())
            }
        }
    }

    fn pick(&mut self, model: &Model) -> Option<(Key, Row)> {
        let at = self.rng.random_range(0..model.rows.len().max(1));
        model.rows.iter().nth(at).map(|(key, row)| (*key, *row))
    }

    fn table(&mut self) -> Table {
        if self.rng.random_bool(0.7) { Table::Docs } else { Table::Plain }
    }

    fn ids(&mut self) -> i64 {
        self.rng.random_range(self.ids.start..self.ids.start + 12)
    }

    fn key(&mut self, table: Table) -> Key {
        match table {
            Table::Docs => {
                self.tick += 1;
                Key { table, id: self.ids(), tick: self.tick }
            }
            Table::Plain => {
                self.plain_id += 1;
                Key { table, id: self.plain_id, tick: 0 }
            }
        }
    }

    fn row(&mut self) -> Row {
        Row { n: self.rng.random(), seed: self.rng.random() }
    }

    fn rows(&mut self, count: Range<usize>) -> Vec<(Key, Row)> {
        let (count, table) = (self.rng.random_range(count), self.table());
        (0..count).map(|_| (self.key(table), self.row())).collect()
    }
}

/// What an action does to the rows that are there.
fn changes(action: &Action, model: &Model) -> Vec<Change> {
    let of_entity = |id: i64| {
        let mine = move |key: &Key| key.table == Table::Docs && key.id == id;
        model.rows.iter().filter(move |(key, _)| mine(key))
    };
    match action {
        Action::Insert(key, row) | Action::Update(key, row) => vec![(*key, Some(*row))],
        Action::InsertMany(rows) | Action::Copy(rows) => {
            rows.iter().map(|(key, row)| (*key, Some(*row))).collect()
        }
        Action::UpdateEntity(id) => {
            let more = |row: &Row| Row { n: row.n / 2 + 1, ..*row };
            of_entity(*id).map(|(key, row)| (*key, Some(more(row)))).collect()
        }
        Action::Delete(key) => vec![(*key, None)],
        Action::DeleteEntity(id) => of_entity(*id).map(|(key, _)| (*key, None)).collect(),
        Action::DeletePlain(from, to) => {
            let doomed = |key: &&Key| key.table == Table::Plain && (*from..*to).contains(&key.id);
            model.rows.keys().filter(doomed).map(|key| (*key, None)).collect()
        }
        Action::Duplicate(..) => Vec::new(),
    }
}
