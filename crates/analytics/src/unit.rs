//! The unit of time in which rates are told.

use std::str::FromStr;

use crate::Error;

/// Kernels count days; a unit turns a rate per day into one per unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    Second,
    Minute,
    Hour,
    #[default]
    Day,
    Week,
    /// 30 days, as `time_scale` counts them.
    Month,
    /// 365.25 days
    Year,
}

impl Unit {
    /// How many days one unit has.
    #[must_use]
    pub fn days(self) -> f64 {
        match self {
            Self::Second => 1.0 / 86_400.0,
            Self::Minute => 1.0 / 1_440.0,
            Self::Hour => 1.0 / 24.0,
            Self::Day => 1.0,
            Self::Week => 7.0,
            Self::Month => 30.0,
            Self::Year => 365.25,
        }
    }
}

impl FromStr for Unit {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let name = name.trim().to_ascii_lowercase();
        Ok(match name.strip_suffix('s').unwrap_or(&name) {
            "second" => Self::Second,
            "minute" => Self::Minute,
            "hour" => Self::Hour,
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            "year" => Self::Year,
            _ => {
                return Err(Error::Invalid(
                    "the unit must be second, minute, hour, day, week, month or year",
                ));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_read_in_singular_and_plural() {
        assert_eq!("second".parse(), Ok(Unit::Second));
        assert_eq!(" Hours".parse(), Ok(Unit::Hour));
        assert!("fortnight".parse::<Unit>().is_err());
        assert_eq!(Unit::Week.days(), 7.0);
        assert!((Unit::Second.days() * 86_400.0 - 1.0).abs() < 1e-15);
    }
}
