//! Time zones as settings name them.

use cvx_types::{Result, SqlError, SqlState};
use std::str::FromStr;

/// The zone's name as clients will see it, or 22023.
pub fn check(name: &str) -> Result<String> {
    let trimmed = name.trim();
    let upper = trimmed.to_ascii_uppercase();
    if matches!(upper.as_str(), "UTC" | "GMT" | "Z" | "DEFAULT" | "LOCAL") {
        return Ok("UTC".to_owned());
    }
    let zone = chrono_tz::TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(trimmed));
    match zone {
        Some(zone) => Ok(zone.name().to_owned()),
        None if chrono::FixedOffset::from_str(trimmed).is_ok() => Ok(trimmed.to_owned()),
        None => Err(SqlError::new(
            SqlState::INVALID_PARAMETER,
            format!("invalid value for parameter \"TimeZone\": \"{name}\""),
        )),
    }
}
