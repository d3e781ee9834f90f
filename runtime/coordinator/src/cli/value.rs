//! Values of options that have a form of their own: times and time zones.

use std::time::Duration;

use crate::Retention;

/// A time zone, in seconds east of UTC.
pub(super) fn time_zone(text: &str) -> Result<i32, String> {
    let parse = || {
        let (sign, rest) = match text.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let (hours, minutes) = rest.split_once(':')?;
        let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |text: &str| digits(text).then(|| text.parse::<i32>().ok())?;
        // The zones of the world.
        let (hours, minutes) = (number(hours).filter(|h| *h <= 14)?, number(minutes).filter(|m| *m < 60)?);
        Some(sign * (hours * 3_600 + minutes * 60))
    };
    parse()
        .ok_or_else(|| "expected a time zone such as `+08:00` or `-03:30`; for summer time, the present one".to_owned())
}

pub(super) fn retention(text: &str) -> Result<Retention, String> {
    if text == "forever" { Ok(Retention::ForEver) } else { duration(text).map(Retention::For) }
}

/// A time: `3`, `3s`, `0.5`, `200ms`, `5m`, `2h`, `7d`. Without a unit: seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0), ("", 1.0)];
    let with_unit = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
    let (number, unit) = with_unit.unwrap_or((text, 1.0));
    let number: f64 = number.trim().parse().map_err(|_| "expected a time such as `3s`, `0.5` or `200ms`".to_owned())?;
    Duration::try_from_secs_f64(number * unit).map_err(|error| error.to_string()).and_then(|time| {
        let bounds = Duration::from_millis(1)..=Duration::from_hours(87_600);
        if bounds.contains(&time) { Ok(time) } else { Err("expected a time from 1ms to ten years".to_owned()) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, millis) in [("3", 3000), ("3s", 3000), ("0.5", 500), ("200ms", 200), ("1.5s", 1500), ("2m", 120_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "s", "3w", "-1", "0", "1e99", "NaN"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn time_zones_are_east_or_west() {
        for (text, seconds) in [("+00:00", 0), ("+08:00", 28_800), ("-03:30", -12_600), ("+14:00", 50_400)] {
            assert_eq!(time_zone(text), Ok(seconds), "{text}");
        }
        for bad in ["", "+", "8", "+8:00", "+08:60", "+15:00", "08:00", "+0800", "UTC", "+-1:00"] {
            assert!(time_zone(bad).is_err(), "{bad}");
        }
    }
}
