//! Publication under a model checker: whatever the interleaving of one writer and a reader, and
//! whatever stale values memory may show, the reader sees the state of its moment.
//!
//! The modules of the crate are compiled here once more, as they are, against the primitives of
//! `sync`, which are loom's (after Norris and Demsky, CDSChecker, 2013). `script` says what a
//! writer does and, by brute force, what is to be seen after it. `world` holds the two threads.
//! Up to two preemptions of a thread that could go on are tried at every place; `LOOM_MAX_PREEMPTIONS=3`
//! tries more.
//!
//! Tests named `a_wrong_...` are tests of the checker: an order that is not kept has to be found.
#![allow(dead_code, reason = "the crate's modules as they are, whatever is asked of them here")]
#![expect(clippy::unwrap_used, reason = "a test may fail so")]

mod script;
mod sync;
mod world;

#[path = "../../src/address.rs"]
mod address;
#[path = "../../src/birth.rs"]
mod birth;
#[path = "../../src/change.rs"]
mod change;
#[path = "../../src/closure.rs"]
mod closure;
#[path = "../../src/publication.rs"]
mod publication;
#[path = "../../src/segments.rs"]
mod segments;
#[path = "../../src/sight.rs"]
mod sight;
#[path = "../../src/slice.rs"]
mod slice;
#[path = "../../src/timeline.rs"]
mod timeline;
#[path = "../../src/timelines.rs"]
mod timelines;

use script::{Commit, Script, Step};
use slice::{SystemSlice, TimeSlice, ValidSlice};
use sync::Weakness;
use world::{Order, check, check_stopped};

fn current() -> TimeSlice {
    TimeSlice::CURRENT
}

fn as_of(t: i64) -> TimeSlice {
    TimeSlice::as_of(cvx_core::ValidTime(t))
}

/// As it was known at an earlier commit.
fn known_at(valid: ValidSlice, seq: u64) -> TimeSlice {
    TimeSlice { valid, system: SystemSlice::AsOf(cvx_core::CommitSeq(seq)) }
}

fn history() -> TimeSlice {
    TimeSlice { valid: ValidSlice::All, system: SystemSlice::All }
}

fn valid_at(t: i64) -> ValidSlice {
    ValidSlice::AsOf(cvx_core::ValidTime(t))
}

/// A point is written, then its correction: the old version closed, the new one in another run.
fn update() -> Script {
    Script::after([Commit::rows(&[(1, 10)])], [Step::Commit(Commit::update(1, 10, 1))])
}

#[test]
fn an_update_is_seen_whole_or_not_at_all() {
    for slice in [current(), known_at(ValidSlice::All, 1), history()] {
        check(&update(), slice, Order::AsItIs);
    }
}

/// Runs are merged by the commit that finds them many, and have their closures with them.
#[test]
fn a_merge_of_runs_loses_and_doubles_nothing() {
    let script = Script::after(
        [Commit::rows(&[(1, 10)]), Commit::rows(&[(2, 10)])],
        [Step::Commit(Commit::update(1, 10, 1)), Step::Commit(Commit::rows(&[(3, 10)]))],
    )
    .merging(3);
    for slice in [current(), known_at(ValidSlice::All, 2)] {
        check(&script, slice, Order::AsItIs);
    }
}

#[test]
fn who_takes_over_is_known_with_the_point_that_does() {
    let script = Script::after(
        [Commit::rows(&[(1, 10)])],
        [Step::Commit(Commit::rows(&[(1, 20)])), Step::Commit(Commit::rows(&[(1, 30)]))],
    );
    for slice in [as_of(15), as_of(25), known_at(valid_at(25), 1), known_at(valid_at(35), 2)] {
        check(&script, slice, Order::AsItIs);
    }
}

/// A point comes late, and another goes: from then on the timeline is asked, which may know of
/// commits that the reader does not.
#[test]
fn a_correction_sends_readers_to_a_timeline_that_knows_more() {
    let script = Script::after(
        [Commit::rows(&[(1, 10)]), Commit::rows(&[(1, 30)])],
        [Step::Commit(Commit::rows(&[(1, 20)])), Step::Commit(Commit::close(1, 20, 3))],
    );
    for slice in [as_of(25), known_at(valid_at(25), 2), known_at(valid_at(25), 3)] {
        check(&script, slice, Order::AsItIs);
    }
}

#[test]
fn an_end_is_known_when_its_commit_is() {
    let script = Script::after([Commit::rows(&[(1, 10)])], [Step::Commit(Commit::end(1, 20))]);
    for slice in [as_of(25), known_at(valid_at(25), 1), current()] {
        check(&script, slice, Order::AsItIs);
    }
}

/// A row is closed while the sealer writes its file, and again after that file took its place.
#[test]
fn what_closes_while_a_file_is_written_is_closed_in_the_file() {
    let script = Script::after(
        [Commit::rows(&[(1, 10), (2, 10)])],
        [
            Step::Freeze,
            Step::Commit(Commit::update(1, 10, 1)),
            Step::Seal,
            Step::Commit(Commit::update(2, 10, 1)),
        ],
    );
    for slice in [current(), known_at(ValidSlice::All, 1)] {
        check(&script, slice, Order::AsItIs);
    }
}

#[test]
fn runs_that_come_back_from_the_sealer_are_there_all_the_time() {
    let script = Script::after(
        [Commit::rows(&[(1, 10)])],
        [Step::Freeze, Step::Commit(Commit::rows(&[(2, 10)])), Step::Thaw],
    );
    check(&script, current(), Order::AsItIs);
}

#[test]
fn truncation_is_one_moment() {
    let script = Script::after(
        [Commit::rows(&[(1, 10)]), Commit::rows(&[(1, 20)])],
        [Step::Commit(Commit::truncation())],
    );
    for slice in [current(), as_of(15), known_at(ValidSlice::All, 2)] {
        check(&script, slice, Order::AsItIs);
    }
}

/// The writer stops for good at any of its steps, as if its thread were never scheduled again: a
/// reader goes on, with an answer. Where it does not hold a timeline's lock, that is of every
/// reader.
#[test]
fn readers_do_not_wait_for_a_writer_that_stopped() {
    let sealed = Script::after(
        [Commit::rows(&[(1, 10)]), Commit::rows(&[(2, 10)])],
        [
            Step::Commit(Commit::update(1, 10, 1)),
            Step::Freeze,
            Step::Commit(Commit::rows(&[(3, 10)])),
            Step::Seal,
        ],
    )
    .merging(3);
    let stops = check_stopped(&sealed, current(), false);
    assert!(stops > 30, "the writer was stopped at {stops} places only");
    let late = Script::after(
        [Commit::rows(&[(1, 10)]), Commit::rows(&[(1, 30)]), Commit::rows(&[(1, 20)])],
        [Step::Commit(Commit::close(1, 20, 3))],
    );
    assert!(check_stopped(&late, as_of(25), false) > 10);
}

/// Readers of entities that were never corrected do not even wait where it holds one.
#[test]
fn a_lock_on_a_timeline_holds_up_nobody_who_need_not_ask_it() {
    let script = Script::after(
        [Commit::rows(&[(1, 10)])],
        [Step::Commit(Commit::rows(&[(1, 20)])), Step::Commit(Commit::update(1, 20, 2))],
    );
    assert!(check_stopped(&script, as_of(15), true) > 10);
}

/// The one wait there is: a reader that asks a timeline which the writer is changing.
#[test]
#[should_panic(expected = "deadlock")]
fn who_asks_a_timeline_waits_for_the_change_of_one_entity() {
    let late = Script::after(
        [Commit::rows(&[(1, 10)]), Commit::rows(&[(1, 30)]), Commit::rows(&[(1, 20)])],
        [Step::Commit(Commit::close(1, 20, 3))],
    );
    check_stopped(&late, as_of(25), true);
}

/// Nothing but what is published orders memory: closures may be stored and loaded as they like.
#[test]
fn publication_alone_orders_memory() {
    let _weak = sync::weaken(Weakness::Closures);
    for slice in [current(), known_at(ValidSlice::All, 1), as_of(15)] {
        check(&update(), slice, Order::AsItIs);
    }
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_wrong_memory_order_of_what_is_published_is_found() {
    let _weak = sync::weaken(Weakness::Cells);
    check(&update(), current(), Order::AsItIs);
}

#[test]
#[should_panic(expected = "seen at commit")]
fn a_wrong_order_of_changing_and_publishing_is_found() {
    check(&update(), current(), Order::PublishedFirst);
}

#[test]
#[should_panic(expected = "seen at commit")]
fn a_wrong_order_of_reading_the_list_and_the_moment_is_found() {
    check(&update(), current(), Order::ListFirst);
}

#[test]
#[should_panic(expected = "seen at commit")]
fn a_wrong_moment_of_copying_closures_is_found() {
    let script = Script::after(
        [Commit::rows(&[(1, 10)])],
        [Step::Freeze, Step::Commit(Commit::update(1, 10, 1)), Step::Seal],
    );
    check(&script, current(), Order::ClosuresCopiedEarly);
}

#[test]
#[should_panic(expected = "seen at commit")]
fn a_wrong_list_without_what_is_being_sealed_is_found() {
    let script = Script::after([Commit::rows(&[(1, 10)])], [Step::Freeze, Step::Seal]);
    check(&script, current(), Order::SealedInTwoSteps);
}
