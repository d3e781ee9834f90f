//! Values of options with a special form: times, time zones, log filters.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::Retention;

/// A time zone, in seconds east of UTC.
pub(super) fn time_zone(text: &str) -> Result<i32, String> {
    crate::time_zone::parse(text).ok_or_else(|| {
        "expected a time zone such as `+08:00` or `-03:30`; with summer time, the present offset".to_owned()
    })
}

/// The name of a user, with characters that need no escape in quotes.
pub(super) fn user(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '%');
    if !text.is_empty() && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("expected letters, digits, and `_`, `-`, `.`, `@`, `%`".to_owned())
    }
}

/// An address that is called by HTTP.
#[cfg(feature = "otel")]
pub(super) fn http_url(text: &str) -> Result<url::Url, String> {
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => Err("expected an address such as `http://localhost:4318`".to_owned()),
    }
}

/// A place in a network: an address, or only its host and port.
pub(super) fn place(text: &str) -> Result<url::Url, String> {
    let url = if text.contains("://") { url::Url::parse(text) } else { url::Url::parse(&format!("http://{text}")) };
    let url = url.ok().filter(|url| url.has_host() && url.port_or_known_default().is_some());
    url.ok_or_else(|| "expected an address such as `http://bank:8080/in` or `bank:8080`".to_owned())
}

/// How long finished transactions are kept: a time, or `forever`.
pub(super) fn retention(text: &str) -> Result<Retention, String> {
    if text == "forever" { Ok(Retention::ForEver) } else { text.parse().map(|TimeSpan(time)| Retention::For(time)) }
}

/// A time: `3s`, `200ms`, `1h 30m`, `7d`. A number without a unit counts as seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeSpan(pub(super) Duration);

impl FromStr for TimeSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = match text.parse() {
            Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?,
            Err(_) => humantime::parse_duration(text)
                .map_err(|error| format!("expected a time such as `3s`, `0.5` or `200ms`: {error}"))?,
        };
        let bounds = Duration::from_millis(1)..=Duration::from_hours(87_600);
        if bounds.contains(&time) { Ok(Self(time)) } else { Err("expected a time from 1ms to ten years".to_owned()) }
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// What to log: a level, or targets with levels.
///
/// `EnvFilter` accepts any word as a target, so a misspelt level would silence the log. Therefore a single word must be
/// a level.
pub(super) fn log_filter(text: &str) -> Result<String, String> {
    let form = "expected a level (error, warn, info, debug, trace or off) or a list such as `info,branchwire=debug`";
    for word in text.split(',').map(str::trim) {
        if word.is_empty() || !word.contains(['=', '[', ':']) && word.parse::<LevelFilter>().is_err() {
            return Err(format!("`{word}` is not a level; {form}"));
        }
    }
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| format!("{error}; {form}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, millis) in [
            ("3", 3000),
            ("3s", 3000),
            ("0.5", 500),
            ("200ms", 200),
            ("1.5s", 1500),
            ("2m", 120_000),
            ("1m 30s", 90_000),
            ("7d", 604_800_000),
            ("1week", 604_800_000),
        ] {
            assert_eq!(text.parse(), Ok(TimeSpan(Duration::from_millis(millis))), "{text}");
        }
        for bad in ["", "s", "3x", "-1", "-1s", "0", "0s", "1e99", "NaN", "inf", "99999999999999999999s", "200y"] {
            assert!(bad.parse::<TimeSpan>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_place_is_an_address_or_a_host_and_a_port() {
        for (text, address) in [
            ("http://bank/in?a=1", "http://bank/in?a=1"),
            ("bank:8080", "http://bank:8080/"),
            ("127.0.0.1:8080/in", "http://127.0.0.1:8080/in"),
            ("[::1]:8080", "http://[::1]:8080/"),
        ] {
            assert_eq!(place(text).map(String::from), Ok(address.to_owned()));
        }
        for bad in ["", ":8080", "mailto://bank", "http://"] {
            assert!(place(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_log_filter_has_levels_and_a_misspelt_one_is_an_error() {
        for good in
            ["info", "WARN", "off", "0", "info,branchwire=debug", "branchwire_coordinator::runner=trace", "a[b]=info"]
        {
            assert_eq!(log_filter(good).as_deref(), Ok(good));
        }
        for bad in ["inof", "warning", "verbose", "info,branchwire", "branchwire=inof", "info,", "a=b=c", ""] {
            let error = log_filter(bad).expect_err(bad);
            assert!(error.contains("expected a level"), "{bad}: {error}");
        }
    }
}
