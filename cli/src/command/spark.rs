//! A series over time as one line of blocks.

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const MARK: char = '▲';

/// The column of a moment, where `from` is the first and `to` the last.
fn column(at: f64, from: f64, to: f64, width: usize) -> usize {
    let share = if to > from { (at - from) / (to - from) } else { 0.0 };
    let last = width.saturating_sub(1);
    // Saturates, so a moment outside is at the edge.
    ((share * last as f64).round() as usize).min(last)
}

/// The largest value of each column, as a block; a column without one is blank.
pub(super) fn line(series: &[(f64, f64)], width: usize) -> String {
    let (Some((from, _)), Some((to, _))) = (series.first(), series.last()) else {
        return String::new();
    };
    let mut largest = vec![None::<f64>; width];
    for (at, value) in series {
        let cell = &mut largest[column(*at, *from, *to, width)];
        *cell = Some(cell.map_or(*value, |other| other.max(*value)));
    }
    let top = series.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let block = |value: f64| {
        let share = if top > 0.0 { value / top } else { 0.0 };
        BLOCKS[((share * (BLOCKS.len() - 1) as f64).round() as usize).min(BLOCKS.len() - 1)]
    };
    largest.into_iter().map(|value| value.map_or(' ', block)).collect()
}

/// Marks below the columns of these moments.
pub(super) fn marks(series: &[(f64, f64)], moments: &[f64], width: usize) -> String {
    let (Some((from, _)), Some((to, _))) = (series.first(), series.last()) else {
        return String::new();
    };
    let mut line = vec![' '; width];
    for at in moments {
        line[column(*at, *from, *to, width)] = MARK;
    }
    line.into_iter().collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn heights_follow_values_and_columns_time() {
        let series = [(0.0, 0.0), (1.0, 0.5), (2.0, 1.0), (9.0, 1.0)];
        assert_eq!(line(&series, 10), "▁▅█      █");
        assert_eq!(marks(&series, &[2.0], 10), "  ▲");
    }

    #[test]
    fn one_column_shows_its_largest() {
        assert_eq!(line(&[(0.0, 1.0), (0.1, 4.0), (9.0, 2.0)], 2), "█▅");
        assert_eq!(line(&[(5.0, 0.0)], 3), "▁  ");
        assert_eq!(line(&[], 3), "");
    }

    proptest! {
        #[test]
        fn as_wide_as_asked(
            values in proptest::collection::vec(0.0..1e9_f64, 1..50),
            width in 1_usize..80,
        ) {
            let series: Vec<_> = values.iter().enumerate().map(|(at, v)| (at as f64, *v)).collect();
            prop_assert_eq!(line(&series, width).chars().count(), width);
            prop_assert!(marks(&series, &[-1.0, 1e12], width).chars().count() <= width);
        }
    }
}
