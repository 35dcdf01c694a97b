//! Whether indexes are what they say, for `check`.

use super::{Indexes, Place};
use crate::Table;
use crate::segment::Segment;
use crate::tail::SegmentList;
use cvx_index::{Member, SegmentIndex};

impl Indexes {
    /// Tells what is wrong with the indexes of a table's sealed segments: a graph that does not
    /// keep its promises, or an index of other rows than its segment's.
    pub(crate) fn check(&self, table: &Table, list: &SegmentList, mut tell: impl FnMut(String)) {
        for def in &table.indexes {
            for segment in &list.sealed {
                let Some(place) = self.place(def.oid, segment) else { continue };
                if let Err(what) = check_place(&place, segment) {
                    let file = segment.file.as_ref().map_or(0, |meta| meta.id.0);
                    tell(format!("index {} of segment {file}: {what}", def.name));
                }
            }
        }
    }
}

fn check_place(place: &Place, segment: &Segment) -> Result<(), &'static str> {
    let Place { index, first, own } = place;
    // One over several segments is looked at once, for the first of them.
    if *first == 0 {
        index.check()?;
    }
    if let Some(own) = own {
        own.check()?;
        check_rows(own, 0, segment)?;
    }
    check_rows(index, *first, segment)
}

/// Whether an index has the rows of a segment at this place.
fn check_rows(index: &SegmentIndex, first: usize, segment: &Segment) -> Result<(), &'static str> {
    let mut start = 0;
    let members = index.members();
    let begins = |Member { rows, .. }: &&Member| {
        let begins = start == first;
        start += rows;
        begins
    };
    let Some(member) = members.iter().find(begins) else { return Err("no segment begins there") };
    let file = segment.file.as_ref().map(|meta| meta.id.0);
    if member.rows != segment.rows() || (members.len() > 1 && Some(member.label) != file) {
        return Err("it is of other rows");
    }
    Ok(())
}
