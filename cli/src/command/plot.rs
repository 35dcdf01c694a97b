//! `\plot table entity`: how far an entity moved at each step, as a line of blocks over time.
//!
//! The points come from TRAJECTORY in time order and only the last vector is kept. Where the
//! server knows CHANGEPOINTS, they are marked below, by the method asked for or the server's own:
//! `jump` marks what is unlike the steps drawn, the others a mean that shifted.

use super::describe::{columns, find};
use super::spark;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::sql::{identifier, literal};
use crate::wire::{Fault, Row, Transaction, texts};
use console::Term;
use postgres_protocol::message::backend::Message;

const WIDTH_MAX: usize = 100;

/// The methods of CHANGEPOINTS: a last word that is one of them is no column.
pub(super) const METHODS: [&str; 4] = ["pelt", "exact", "jump", "bocpd"];

/// The columns that matter.
struct Axes {
    time: String,
    /// An expression for the time in seconds.
    seconds: String,
    vector: String,
}

pub(super) fn plot(
    session: &mut Session,
    table: &str,
    entity: &str,
    column: Option<&str>,
    method: Option<&str>,
) -> Result<()> {
    let axes = axes(session, table, column)?;
    let entity = if entity.parse::<i64>().is_ok() { entity.to_owned() } else { literal(entity) };
    let steps = steps(session, table, &entity, &axes)?;
    if steps.sizes.is_empty() {
        let points = if steps.last.is_some() { "one point" } else { "no point" };
        return session.print(&format!("{table} {entity} has {points}: there is no step to plot."));
    }
    let breaks = change_points(session, table, &entity, &axes, method)?;
    print(session, &steps, breaks)
}

/// Which columns are the table's time and vector.
fn axes(session: &mut Session, table: &str, wanted: Option<&str>) -> Result<Axes> {
    let relation = find(session, table)?;
    let time = relation.option("valid_time").map(str::to_owned);
    let time = time.ok_or_else(|| Error::Usage(format!("{table} has no valid time")))?;
    let (mut vectors, mut time_type) = (Vec::new(), String::new());
    for row in columns(session, &relation)? {
        let [Some(name), Some(kind), ..] = row.as_slice() else { continue };
        if ["vector", "halfvec"].iter().any(|vector| kind.starts_with(vector)) {
            vectors.push(name.clone());
        }
        if *name == time {
            time_type.clone_from(kind);
        }
    }
    let vector = match (wanted, vectors.as_slice()) {
        (Some(wanted), vectors) if vectors.iter().any(|name| name == wanted) => wanted.to_owned(),
        (Some(wanted), _) => return Err(Error::Usage(format!("{wanted} is no vector of {table}"))),
        (None, [only]) => only.clone(),
        (None, []) => return Err(Error::Usage(format!("{table} has no vector"))),
        (None, many) => {
            let many = many.join(", ");
            return Err(Error::Usage(format!("{table} has several vectors: say which of {many}")));
        }
    };
    let seconds = match time_type.as_str() {
        "bigint" => format!("{} / 1000000.0", identifier(&time)),
        _ => format!("extract(epoch FROM {})", identifier(&time)),
    };
    Ok(Axes { time, seconds, vector })
}

/// What the trajectory amounts to.
#[derive(Default)]
struct Steps {
    /// When a step ended, in seconds, and how long it was.
    sizes: Vec<(f64, f64)>,
    /// The times as the server writes them.
    times: Vec<String>,
    last: Option<Vec<f64>>,
}

impl Steps {
    fn take(&mut self, row: Row) {
        let [Some(seconds), Some(time), Some(vector)] = <[_; 3]>::try_from(row).unwrap_or_default()
        else {
            return;
        };
        let elements = vector.trim_matches(['[', ']']).split(',').map(str::parse::<f64>);
        let (Ok(seconds), Ok(vector)) = (seconds.parse(), elements.collect::<Result<Vec<_>, _>>())
        else {
            return;
        };
        if let Some(last) = &self.last {
            let squares = last.iter().zip(&vector).map(|(a, b)| (a - b).powi(2));
            self.sizes.push((seconds, squares.sum::<f64>().sqrt()));
            self.times.push(time);
        }
        self.last = Some(vector);
    }
}

fn steps(session: &mut Session, table: &str, entity: &str, axes: &Axes) -> Result<Steps> {
    let (time, seconds) = (identifier(&axes.time), &axes.seconds);
    let vector = identifier(&axes.vector);
    let sql = format!(
        "SELECT {seconds}, {time}, {vector} FROM TRAJECTORY({table}, {entity}) \
         WHERE {vector} IS NOT NULL"
    );
    let _watch = session.interrupt.watch(session.connection.cancel_key());
    session.connection.send_query(&sql)?;
    let (mut steps, mut failed) = (Steps::default(), None);
    loop {
        match session.connection.next()? {
            Message::DataRow(body) => steps.take(texts(&body)?),
            Message::ErrorResponse(body) => failed = Some(Fault::read(body.fields())),
            Message::ReadyForQuery(_) => break,
            _ => {}
        }
    }
    failed.map_or(Ok(steps), |fault| Err(fault.into()))
}

/// When the entity's regime changed, or why that is not known.
fn change_points(
    session: &mut Session,
    table: &str,
    entity: &str,
    axes: &Axes,
    method: Option<&str>,
) -> Result<Result<Vec<f64>, String>> {
    // An error would end the transaction, and this is only decoration.
    if session.connection.transaction() != Transaction::None {
        return Ok(Err("not asked for inside a transaction".to_owned()));
    }
    let seconds = axes.seconds.replace(&identifier(&axes.time), "ts");
    let mut options = format!("column => {}", literal(&axes.vector));
    if let Some(method) = method {
        options += &format!(", method => {}", literal(method));
    }
    let sql =
        format!("SELECT {seconds} FROM CHANGEPOINTS({table}, {entity}, {options}) ORDER BY 1");
    match session.connection.rows(&sql) {
        Ok(rows) => {
            let times = rows.into_iter().flatten().flatten();
            Ok(Ok(times.filter_map(|time| time.parse().ok()).collect()))
        }
        Err(Error::Server(fault)) if ["42883", "0A000"].contains(&fault.sqlstate.as_str()) => {
            Ok(Err("this server has no CHANGEPOINTS".to_owned()))
        }
        Err(Error::Server(fault)) => Ok(Err(fault.message)),
        Err(other) => Err(other),
    }
}

fn print(session: &mut Session, steps: &Steps, breaks: Result<Vec<f64>, String>) -> Result<()> {
    let columns = usize::from(Term::stdout().size().1);
    let width = steps.sizes.len().clamp(2, WIDTH_MAX.min(columns.max(20) - 2));
    session.print(&spark::line(&steps.sizes, width))?;
    if let Ok(breaks) = &breaks
        && !breaks.is_empty()
    {
        session.print(&spark::marks(&steps.sizes, breaks, width))?;
    }
    let mut sorted: Vec<f64> = steps.sizes.iter().map(|(_, size)| *size).collect();
    sorted.sort_by(f64::total_cmp);
    let largest = steps.sizes.iter().enumerate().max_by(|(_, a), (_, b)| a.1.total_cmp(&b.1));
    let when = largest.and_then(|(at, _)| steps.times.get(at)).map_or("", String::as_str);
    let (from, to) = (steps.times.first(), steps.times.last());
    let named = |time: Option<&String>| time.cloned().unwrap_or_default();
    session.print(&format!("{} .. {}", named(from), named(to)))?;
    session.print(&format!(
        "{} steps, median {:.4}, largest {:.4} at {when}",
        sorted.len(),
        sorted[sorted.len() / 2],
        sorted[sorted.len() - 1],
    ))?;
    match breaks {
        Ok(breaks) => session.print(&format!("{} change points", breaks.len())),
        Err(why) => session.print(&format!("Change points: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_the_distance_to_the_point_before() {
        let mut steps = Steps::default();
        for (seconds, vector) in [("0", "[0,0]"), ("10", "[3,4]"), ("20", "[3,4]")] {
            steps.take(vec![
                Some(seconds.into()),
                Some(format!("t{seconds}")),
                Some(vector.into()),
            ]);
        }
        assert_eq!(steps.sizes, [(10.0, 5.0), (20.0, 0.0)]);
        assert_eq!(steps.times, ["t10", "t20"]);
    }

    #[test]
    fn a_point_without_vector_is_no_step() {
        let mut steps = Steps::default();
        steps.take(vec![Some("0".into()), Some("t".into()), None]);
        assert!(steps.sizes.is_empty() && steps.last.is_none());
    }
}
