//! What WITH, SET and RESET say of a table's monitor.

use cvx_engine::{ColumnDef, Monitor};
use cvx_types::{Result, SqlError, SqlState};

/// The options named, as they were said.
#[derive(Debug, Default)]
pub(super) struct MonitorSaid {
    on: Option<bool>,
    column: Option<String>,
    mean_run: Option<f64>,
    threshold: Option<f64>,
    min_segment: Option<u32>,
}

pub(super) const KNOWN: &str =
    "monitor, monitor_column, monitor_mean_run, monitor_threshold, monitor_min_segment";

/// A table as its monitor needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watchable<'a> {
    pub(super) columns: &'a [ColumnDef],
    pub(super) is_temporal: bool,
}

impl MonitorSaid {
    /// Takes an option; false if it is none of a monitor's, none if the value is no good.
    pub(super) fn take(&mut self, name: &str, value: Option<&str>) -> Option<bool> {
        match name {
            "monitor" => {
                self.on = Some(match value?.to_ascii_lowercase().as_str() {
                    "bocpd" => true,
                    "none" => false,
                    _ => return None,
                });
            }
            "monitor_column" => self.column = Some(value?.to_owned()),
            "monitor_mean_run" => self.mean_run = Some(value?.parse().ok()?),
            "monitor_threshold" => self.threshold = Some(value?.parse().ok()?),
            "monitor_min_segment" => {
                self.min_segment = Some(value?.parse().ok().filter(|points| *points > 0)?);
            }
            _ => return Some(false),
        }
        Some(true)
    }

    fn says_nothing(&self) -> bool {
        let Self { on, column, mean_run, threshold, min_segment } = self;
        on.is_none()
            && column.is_none()
            && mean_run.is_none()
            && threshold.is_none()
            && min_segment.is_none()
    }

    /// The monitor that a table has then.
    pub(super) fn settle(
        self,
        before: Option<Monitor>,
        table: Watchable<'_>,
    ) -> Result<Option<Monitor>> {
        if self.says_nothing() {
            return Ok(before);
        }
        let on = self.on.unwrap_or(before.is_some());
        if !on {
            let alone = Self { on: None, ..self }.says_nothing();
            let needs = || invalid("options of a monitor need monitor = 'bocpd'");
            return if alone { Ok(None) } else { Err(needs()) };
        }
        if !table.is_temporal {
            return Err(invalid("a monitor needs a table with valid time"));
        }
        let column = match (&self.column, before) {
            (None, Some(before)) => before.column,
            (named, _) => column(table.columns, named.as_deref())?,
        };
        let standard = before.unwrap_or(Monitor::standard(column));
        let monitor = Monitor {
            column,
            mean_run: self.mean_run.unwrap_or(standard.mean_run),
            threshold: self.threshold.unwrap_or(standard.threshold),
            min_segment: self.min_segment.unwrap_or(standard.min_segment),
        };
        let checked = monitor.settings().check();
        checked.map_err(|error| invalid(&format!("a monitor's {error}")))?;
        Ok(Some(monitor))
    }
}

/// What a monitor has after RESET of an option; nothing is left of it without `monitor`.
pub(super) fn reset(before: Option<Monitor>, name: &str) -> Option<Option<Monitor>> {
    let with = |change: fn(&mut Monitor, Monitor)| {
        before.map(|mut monitor| {
            let standard = Monitor::standard(monitor.column);
            change(&mut monitor, standard);
            monitor
        })
    };
    Some(match name {
        "monitor" => None,
        // There is one column at most that it could be: it stays.
        "monitor_column" => before,
        "monitor_mean_run" => with(|monitor, standard| monitor.mean_run = standard.mean_run),
        "monitor_threshold" => with(|monitor, standard| monitor.threshold = standard.threshold),
        "monitor_min_segment" => {
            with(|monitor, standard| monitor.min_segment = standard.min_segment)
        }
        _ => return None,
    })
}

/// The vector column meant: the one there is, or the one named.
fn column(columns: &[ColumnDef], named: Option<&str>) -> Result<u16> {
    let mut vectors = columns.iter().filter(|column| column.dimension().is_some());
    match named {
        Some(name) if !columns.iter().any(|column| column.name == name) => Err(SqlError::new(
            SqlState::UNDEFINED_COLUMN,
            format!("column \"{name}\" named in option \"monitor_column\" does not exist"),
        )),
        Some(name) => match vectors.find(|column| column.name == name) {
            Some(column) => Ok(column.id),
            None => Err(invalid(&format!("column \"{name}\" has no dimension to watch"))),
        },
        None => match (vectors.next(), vectors.next()) {
            (Some(one), None) => Ok(one.id),
            (None, _) => Err(invalid("a monitor needs a vector column with a dimension")),
            (Some(_), Some(_)) => Err(SqlError::new(
                SqlState::AMBIGUOUS_COLUMN,
                "the table has several vector columns",
            )
            .hint("Say which by monitor_column = 'name'.")),
        },
    }
}

fn invalid(message: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER, message)
}
