use super::*;
use crate::segment::{BuildOptions, CodeQuery, SegmentIndex, Space, build_index};
use crate::trial::{self, Rows, cloud, in_cells, standard};
use cvx_core::Metric;
use cvx_core::code::Rotation;

fn image(rows: &Rows, metric: Metric, parallel: bool) -> Vec<u8> {
    build_index(&rows.block(), metric, &BuildOptions { degree: 4, parallel, ..in_cells() }).unwrap()
}

#[test]
fn every_row_is_in_one_cell_whoever_builds() {
    for (rows, dim) in [(1, 3), (63, 1), (2_000, 24)] {
        let (rows, _) = cloud(50, rows, dim, 8);
        let images = [true, false].map(|parallel| image(&rows, Metric::L2, parallel));
        assert!(images[0] == images[1], "cells depend on who builds them");
        let [image, _] = images;
        let index = SegmentIndex::open(image).unwrap();
        let count = ((rows.ts.len() as f64).sqrt() * 2.0) as usize;
        assert_eq!(index.cell_count(), count.min(rows.ts.len()));
        index.check().unwrap();
    }
}

/// Bounds by codes around centroids are below the scores, but for as many as chance lets be, and
/// closer to them than those around the centre of all.
#[test]
fn codes_of_cells_are_closer() {
    let (rows, queries) = cloud(51, 4_000, 128, 20);
    let index = SegmentIndex::open(image(&rows, Metric::L2, true)).unwrap();
    let (cells, codes) = (index.cells().unwrap(), index.codes());
    let rotation = Rotation::new(128);
    let (mut below, mut all, mut slack, mut slack_of_all) = (0, 0, 0.0, 0.0);
    for query in &queries[..8] {
        let mut rotated = vec![0.0; rotation.width()];
        rotation.rotate(query, 1.0, &mut rotated);
        let mut fine = CodeQuery::new(codes, Space::L2, &rotated);
        let mut near = CellQuery::new(cells, Space::L2, &rotated, 1.0);
        let (mut scores, mut bounds) = (Vec::new(), [0.0; BLOCK_ROWS]);
        for cell in near.by_ref().take(10).collect::<Vec<_>>() {
            for block in cells.slice(cell.cell, &(0..4_000)) {
                near.within(&cell, block, (2.0, f32::INFINITY), &mut bounds);
                let listed = cells.rows_of(block).iter().zip(&bounds);
                let (real, nobody): (Vec<_>, Vec<_>) = listed.partition(|(row, _)| **row != NOBODY);
                assert!(nobody.iter().all(|(_, bound)| **bound == f32::INFINITY));
                let listed: Vec<u32> = real.iter().map(|(row, _)| **row).collect();
                fine.scores(&listed, &mut scores);
                for ((row, bound), score) in real.iter().zip(&scores) {
                    all += 1;
                    below += usize::from(**bound <= *score);
                    slack += score - **bound;
                    slack_of_all += fine.slack(**row, 2.0);
                }
            }
        }
    }
    assert!(all > 1_000 && below * 100 >= all * 96, "{below} of {all}");
    assert!(slack < 0.7 * slack_of_all, "{slack} against {slack_of_all}");
}

/// The slices of a stretch hold all of its rows, and little more than whole blocks do.
#[test]
fn slices_hold_their_stretch() {
    let (rows, _) = cloud(52, 3_000, 16, 5);
    let index = SegmentIndex::open(image(&rows, Metric::Cosine, true)).unwrap();
    let cells = index.cells().unwrap();
    for stretch in [0..3_000, 0..1, 2_999..3_000, 700..1_300, 1_234..1_235, 5..5] {
        let mut found = vec![false; 3_000];
        for cell in 0..cells.count() as u32 {
            let slice = cells.slice(cell, &stretch);
            for row in slice.flat_map(|block| cells.rows_of(block)).filter(|row| **row != NOBODY) {
                found[*row as usize] = true;
            }
        }
        assert!(stretch.clone().all(|row| found[row as usize]), "{stretch:?}");
    }
}

/// Rows without structure lie in no cells: their builder sees that, and keeps none.
#[test]
fn cells_that_save_nothing_are_not_kept() {
    let options = BuildOptions { degree: 4, parallel: true, cells_from: 1, ..standard() };
    for (centres, kept) in [(10, true), (0, false)] {
        let (rows, _) = cloud(53, 6_000, 96, centres);
        let index = trial::index(&rows.block(), Metric::Cosine, &options).unwrap();
        assert_eq!(index.cell_count() > 0, kept, "{centres} centres");
        index.check().unwrap();
    }
    let (rows, _) = cloud(53, 6_000, 96, 10);
    let index = trial::index(&rows.block(), Metric::InnerProduct, &options).unwrap();
    assert_eq!(index.cell_count(), 0);
}
