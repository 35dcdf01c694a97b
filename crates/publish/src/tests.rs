use super::timeline::{Kind, OPEN, Timeline, Version};
use super::timelines::Timelines;
use cvx_core::EntityId;
use hashbrown::HashMap;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Change {
    Append { ts: i64 },
    Close,
    Correct,
    Clear,
    CloseAll,
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (0..5i64).prop_map(|ts| Change::Append { ts }),
        1 => Just(Change::Close),
        1 => Just(Change::Correct),
        1 => Just(Change::Clear),
        1 => Just(Change::CloseAll),
    ]
}

fn close(line: &mut Timeline, seq: u64) {
    for version in line.versions.iter_mut().filter(|version| version.to == OPEN) {
        version.to = seq;
        line.changed = seq;
    }
}

fn change(line: &mut Timeline, change: &Change, seq: u64) {
    match change {
        Change::Append { ts } => {
            line.versions.push(Version::open(*ts, seq, Kind::Point));
            line.changed = seq;
        }
        Change::Close | Change::CloseAll => close(line, seq),
        Change::Correct => line.corrected = true,
        Change::Clear => line.versions.clear(),
    }
}

proptest! {
    /// However it is kept, a timeline is what was made of it.
    #[test]
    fn births_and_lists_are_one_map(
        steps in prop::collection::vec((0..6u64, changes()), 0..40),
    ) {
        let (lines, mut plain) = (Timelines::default(), HashMap::<u64, Timeline>::new());
        for (seq, (entity, step)) in (1u64..).zip(&steps) {
            if matches!(step, Change::CloseAll) {
                lines.for_each_mut(|_, line| close(line, seq));
                plain.values_mut().for_each(|line| close(line, seq));
            } else {
                lines.write(EntityId(*entity), |line| change(line, step, seq));
                change(plain.entry(*entity).or_default(), step, seq);
            }
        }
        let mut seen = 0;
        lines.for_each(|_, _| seen += 1);
        prop_assert_eq!(seen, plain.len());
        prop_assert_eq!(lines.sizes().entities, plain.len());
        let versions: usize = plain.values().map(|line| line.versions.len()).sum();
        prop_assert_eq!(lines.sizes().versions, versions);
        for (entity, line) in &plain {
            lines.read(EntityId(*entity), |known| {
                let known = known.expect("it was written");
                prop_assert_eq!(known.versions, line.versions.as_slice());
                prop_assert_eq!(known.changed, line.changed);
                prop_assert_eq!(known.corrected, line.corrected);
                Ok(())
            })?;
        }
    }
}
