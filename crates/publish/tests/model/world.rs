//! A table, its writer and a reader.

use crate::address::RowAddr;
use crate::change::History;
use crate::closure::{Closed, Closures};
use crate::publication::Publication;
use crate::script::{Addr, Commit, Script, Step};
use crate::segments::{Run, SegmentList, Segments, copy_closures};
use crate::sight::{Sight, Verdict};
use crate::slice::TimeSlice;
use crate::sync;
use crate::timeline::Line;
use crate::timelines::Timelines;
use cvx_core::EntityId;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// Which order is kept: that of the engine, or one that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    AsItIs,
    /// The writer publishes before it changes.
    PublishedFirst,
    /// The reader takes the list before the moment.
    ListFirst,
    /// Closures are copied when runs are frozen.
    ClosuresCopiedEarly,
    /// Frozen runs go before their files come.
    SealedInTwoSteps,
}

/// Rows in order of (ts, entity, seq).
#[derive(Debug)]
struct Rows {
    addrs: Vec<Addr>,
    closures: Closures,
    sealed: bool,
}

impl Rows {
    fn new(addrs: Vec<Addr>) -> Self {
        let closures = Closures::open(addrs.len());
        Self { addrs, closures, sealed: false }
    }
}

impl Run for Rows {
    fn rows(&self) -> usize {
        self.addrs.len()
    }

    fn bytes(&self) -> usize {
        0
    }

    fn is_sealed(&self) -> bool {
        self.sealed
    }

    fn find(&self, addr: &RowAddr) -> Option<usize> {
        let wanted = (addr.entity.0, addr.ts.0, addr.seq.0);
        self.addrs.iter().position(|addr| *addr == wanted)
    }

    fn closures(&self) -> &Closures {
        &self.closures
    }
}

fn merged_order(runs: &[Arc<Rows>]) -> Vec<(usize, usize)> {
    let places = |(run, rows): (usize, &Arc<Rows>)| {
        (0..rows.rows()).map(|row| (run, row)).collect::<Vec<_>>()
    };
    let mut order: Vec<_> = runs.iter().enumerate().flat_map(places).collect();
    order.sort_by_key(|(run, row)| {
        let (entity, ts, seq) = runs[*run].addrs[*row];
        (ts, entity, seq)
    });
    order
}

fn merge(runs: &[Arc<Rows>]) -> Rows {
    let order = merged_order(runs);
    let addrs = order.iter().map(|(run, row)| runs[*run].addrs[*row]).collect();
    Rows { closures: copy_closures(runs, &order), addrs, sealed: false }
}

/// The last commit that is published, and the table.
struct Table {
    published: Publication<u64>,
    lines: Timelines,
    segments: Segments<Rows>,
}

impl Table {
    fn new(script: &Script) -> Self {
        let (published, lines) = (Publication::new(0), Timelines::default());
        let table = Self { published, lines, segments: Segments::default() };
        let mut writer = Writer::new(&table, script, Order::AsItIs);
        script.before.iter().for_each(|commit| writer.commit(commit));
        table
    }

    /// What a new transaction reads, and its snapshot.
    fn read(&self, slice: &TimeSlice, order: Order) -> (u64, Vec<Addr>) {
        let early = (order == Order::ListFirst).then(|| self.segments.load_full());
        let snapshot = *self.published.load_full();
        let list = early.unwrap_or_else(|| self.segments.load_full());
        let sight = Sight::resolve(slice, snapshot).expect("no slice here is empty");
        let mut seen = self.seen(&sight, &list);
        seen.sort_unstable();
        (snapshot, seen)
    }

    /// As the engine's judge goes about it: at a glance, by marks, by closures, by timelines.
    fn seen(&self, sight: &Sight, list: &SegmentList<Rows>) -> Vec<Addr> {
        let mut seen = Vec::new();
        for rows in list.iter() {
            let within = |addr: &Addr| sight.valid.is_none_or(|stretch| addr.1 <= stretch.last);
            let seq_max = rows.addrs.iter().map(|addr| addr.2).max().unwrap_or(0);
            let candidates = rows.addrs.iter().enumerate().filter(|(_, addr)| within(addr));
            let candidates: Vec<_> = candidates.collect();
            let Some((_, first)) = candidates.first() else { continue };
            if sight.sees_all(&rows.closures, seq_max, first.1) {
                seen.extend(candidates.iter().map(|(_, addr)| **addr));
                continue;
            }
            let touched = rows.closures.touched(0);
            let known = seq_max <= sight.base.last;
            for (row, addr) in candidates {
                let sure = known && touched >> row & 1 == 0;
                if sure || self.sees(sight, rows, row, *addr) {
                    seen.push(*addr);
                }
            }
        }
        seen
    }

    fn sees(&self, sight: &Sight, rows: &Rows, row: usize, (entity, ts, from): Addr) -> bool {
        match sight.judge(&rows.closures, row, ts, from) {
            Verdict::Seen => true,
            Verdict::Unseen => false,
            Verdict::Ask => self.lines.read(EntityId(entity), |line| {
                let line = Line(line.map_or(&[], |line| line.versions));
                let place = line.find(ts, from);
                place.is_some_and(|place| sight.sees_version(line, place, sight.base))
            }),
        }
    }
}

struct Writer<'a> {
    table: &'a Table,
    script: &'a Script,
    order: Order,
    frozen: Vec<Arc<Rows>>,
    /// The closures of frozen rows, where they are copied too early.
    early: Vec<Closed>,
}

fn closed(runs: &[Arc<Rows>]) -> Vec<Closed> {
    let order = merged_order(runs);
    order.iter().map(|(run, row)| runs[*run].closures.load(*row)).collect()
}

impl<'a> Writer<'a> {
    fn new(table: &'a Table, script: &'a Script, order: Order) -> Self {
        Self { table, script, order, frozen: vec![], early: vec![] }
    }

    fn run(&mut self) {
        for step in &self.script.steps {
            match step {
                Step::Commit(commit) => self.commit(commit),
                Step::Freeze => {
                    self.frozen = self.table.segments.freeze();
                    if self.order == Order::ClosuresCopiedEarly {
                        self.early = closed(&self.frozen);
                    }
                }
                Step::Seal => self.seal(),
                Step::Thaw => self.table.segments.thaw(std::mem::take(&mut self.frozen)),
            }
        }
    }

    fn commit(&mut self, commit: &Commit) {
        let Table { published, lines, segments } = self.table;
        let history = History { lines, segments, temporal: true };
        let (script, first) = (self.script, self.order == Order::PublishedFirst);
        let seq = **published.load() + 1;
        let change = || {
            let added = vec![Arc::new(Rows::new(commit.keys(seq)))];
            commit.with(seq, |changes| changes.apply(&history, &added));
            segments.append(added, |tail| {
                if tail.len() >= script.fan_in {
                    *tail = vec![Arc::new(merge(tail))];
                }
            });
        };
        if first {
            published.publish(|next| *next = seq);
            change();
        } else {
            published.publish(|next| {
                change();
                *next = seq;
            });
        }
    }

    fn seal(&mut self) {
        let segments = &self.table.segments;
        let runs = std::mem::take(&mut self.frozen);
        let order = merged_order(&runs);
        let addrs: Vec<_> = order.iter().map(|(run, row)| runs[*run].addrs[*row]).collect();
        if self.order == Order::SealedInTwoSteps {
            let list = SegmentList::clone(&segments.load());
            segments.store(SegmentList { frozen: vec![], ..list });
        }
        let early = &self.early;
        let copied_early = self.order == Order::ClosuresCopiedEarly;
        segments.seal(&runs, &[(addrs, order)], |addrs, closures| Rows {
            addrs: addrs.clone(),
            closures: if copied_early {
                Closures::from_rows(early.iter().copied())
            } else {
                closures
            },
            sealed: true,
        });
    }
}

#[track_caller]
fn agree(script: &Script, slice: &TimeSlice, (snapshot, seen): (u64, Vec<Addr>)) {
    let truth = script.truth(snapshot, slice);
    assert_eq!(seen, truth, "seen at commit {snapshot} of {script:?}, {slice:?}");
}

fn model(bound: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(bound));
    builder.check(run);
}

/// Reads beside the writer, in every interleaving, and meets every commit there is.
pub fn check(script: &Script, slice: TimeSlice, order: Order) {
    let script = Arc::new(script.clone());
    let met = Arc::new(Mutex::new(BTreeSet::new()));
    let (read, meet) = (Arc::clone(&script), Arc::clone(&met));
    model(2, move || {
        let table = Arc::new(Table::new(&read));
        let writing = {
            let (table, script) = (Arc::clone(&table), Arc::clone(&read));
            loom::thread::spawn(move || {
                sync::writes();
                Writer::new(&table, &script, order).run();
            })
        };
        let (snapshot, seen) = table.read(&slice, order);
        meet.lock().unwrap().insert(snapshot);
        agree(&read, &slice, (snapshot, seen));
        writing.join().expect("the writer stopped");
        let (snapshot, seen) = table.read(&slice, order);
        assert_eq!(snapshot, read.last());
        agree(&read, &slice, (snapshot, seen));
    });
    let all: BTreeSet<u64> = (script.before.len() as u64..=script.last()).collect();
    assert_eq!(*met.lock().unwrap(), all, "a reader beside the writer met few moments");
}

/// Reads beside a writer that stops at one of its steps until the reader is done, for each step;
/// answers how many there were. A reader that waits is a deadlock, which loom reports.
pub fn check_stopped(script: &Script, slice: TimeSlice, inside: bool) -> usize {
    let script = Arc::new(script.clone());
    let mut at = 0;
    loop {
        let script = Arc::clone(&script);
        let stopped = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let told = Arc::clone(&stopped);
        model(1, move || {
            let table = Arc::new(Table::new(&script));
            let resumed = sync::stop_at(at, inside);
            let writing = {
                let (table, script) = (Arc::clone(&table), Arc::clone(&script));
                loom::thread::spawn(move || {
                    sync::writes();
                    Writer::new(&table, &script, Order::AsItIs).run();
                })
            };
            agree(&script, &slice, table.read(&slice, Order::AsItIs));
            resumed.notify();
            writing.join().expect("the writer stopped");
            told.fetch_or(sync::stopped(), std::sync::atomic::Ordering::Relaxed);
        });
        if !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            return at;
        }
        at += 1;
    }
}
