//! The options in force, and where each comes from: for `branchwire config`.

use std::fmt::{self, Write as _};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};

use super::config_file::ConfigFile;
use super::secret::HOLD_SECRETS;

/// Each option with its value and its source, in the order of the help.
#[derive(Debug)]
pub(super) struct InForce(Vec<Setting>);

#[derive(Debug)]
struct Setting {
    long: String,
    /// The values as they were written; `None` if there is none.
    value: Option<String>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Flag,
    /// This variable of the environment.
    Environment(String),
    /// A line of the file.
    File(String),
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(name) => write!(f, "environment, {name}"),
            Self::File(place) => write!(f, "file {place}"),
            Self::Default => f.write_str("default"),
        }
    }
}

impl InForce {
    /// What these matches say about these arguments.
    pub(super) fn of(matches: &ArgMatches, arguments: &[Arg], file: &ConfigFile) -> Self {
        Self(arguments.iter().filter_map(|argument| Setting::of(matches, argument, file)).collect())
    }

    /// For the console: what `branchwire config` prints.
    #[cfg(feature = "console")]
    pub(super) fn settings(&self) -> Vec<crate::Setting> {
        let of = |name: &str, value: String, origin: String| crate::Setting { name: name.to_owned(), value, origin };
        let options = self.0.iter().map(|it| {
            let value = it.value.as_ref().map_or_else(|| "not set".to_owned(), |value| shown(&it.long, value));
            of(&it.long, value, it.source.to_string())
        });
        let hidden = hidden().into_iter().map(|name| of(&name, "hidden".to_owned(), "environment".to_owned()));
        options.chain(hidden).collect()
    }

    /// Lines of TOML; the source stands behind each value.
    pub(super) fn toml(&self) -> String {
        let mut text = String::new();
        for Setting { long, value, source } in &self.0 {
            // A write to a `String` cannot fail.
            let _ = match value {
                None => writeln!(text, "# {long} is not set"),
                Some(value) => writeln!(text, "{long} = {}  # {source}", toml::Value::from(shown(long, value))),
            };
        }
        for name in hidden() {
            let _ = writeln!(text, "# {name} is set in the environment; its value is hidden");
        }
        text
    }
}

impl Setting {
    fn of(matches: &ArgMatches, argument: &Arg, file: &ConfigFile) -> Option<Self> {
        let (id, long) = (argument.get_id().as_str(), argument.get_long()?);
        let words = matches.try_get_raw(id).ok().flatten();
        let words = words.map(|words| words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>());
        let source = if matches.value_source(id) == Some(ValueSource::CommandLine) {
            Source::Flag
        } else if let Some(name) = variable_of(argument) {
            Source::Environment(name)
        } else if let Some(place) = file.place(long) {
            Source::File(place)
        } else {
            Source::Default
        };
        Some(Self { long: long.to_owned(), value: words.map(|words| words.join(",")), source })
    }
}

/// The argument's variable, if it is set to more than white space.
pub(super) fn variable_of(argument: &Arg) -> Option<String> {
    // After its variable was read an argument may have it no more; its name follows from the option's.
    let name = format!("BRANCHWIRE_{}", argument.get_long()?.to_uppercase().replace('-', "_"));
    is_set(&name).then_some(name)
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.to_string_lossy().trim().is_empty())
}

/// The variables that are set beside the options: those that hold secrets, and those of OpenTelemetry, which may.
fn hidden() -> Vec<String> {
    let mut names: Vec<_> = HOLD_SECRETS.iter().filter(|name| is_set(name)).map(|name| (*name).to_owned()).collect();
    if cfg!(feature = "otel") {
        let of_otel = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let of_otel = of_otel.filter(|name| name.starts_with("OTEL_") && is_set(name));
        names.extend(of_otel.collect::<std::collections::BTreeSet<_>>());
    }
    names
}

/// A value without passwords.
fn shown(long: &str, value: &str) -> String {
    match long {
        "store" => store(value),
        "alert-url" => hook(value),
        "otlp-endpoint" => collector(value),
        _ => value.to_owned(),
    }
}

/// An address without what may be a secret: its user, path and query.
fn hook(address: &str) -> String {
    match url::Url::parse(address) {
        Ok(url) => format!("{}/***", url.origin().ascii_serialization()),
        Err(_) => "***".to_owned(),
    }
}

/// An address without its user and query, which may be secrets.
fn collector(address: &str) -> String {
    match url::Url::parse(address) {
        Ok(url) => format!("{}{}", url.origin().ascii_serialization(), url.path()),
        Err(_) => "***".to_owned(),
    }
}

/// A store's address without what may be a password. An address may be malformed, so that a password can stand anywhere
/// before the last `@`, and in the parameters.
fn store(address: &str) -> String {
    if address.starts_with("sqlite:") {
        return address.to_owned();
    }
    let Some((scheme, rest)) = address.split_once("://") else { return "***".to_owned() };
    if !matches!(scheme, "postgres" | "postgresql" | "mysql" | "mariadb") {
        return "***".to_owned();
    }
    let (user, place) = rest.rsplit_once('@').map_or(("", rest), |(_, place)| ("***@", place));
    let (place, parameters) = place.split_once('?').map_or((place, ""), |(place, _)| (place, "?***"));
    format!("{scheme}://{user}{place}{parameters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_password_is_shown() {
        for (address, shown) in [
            ("sqlite://my%20store.db?mode=rw", "sqlite://my%20store.db?mode=rw"),
            ("postgres://u:hunter2@h:5432/d", "postgres://***@h:5432/d"),
            ("postgres://u:1/hunter2@h/d", "postgres://***@h/d"),
            ("postgres://u:1?hunter2@h/d", "postgres://***@h/d"),
            ("mysql://u:1#hunter2@h/d", "mysql://***@h/d"),
            ("postgres://h/d?password=hunter2", "postgres://h/d?***"),
            ("postgres://a:1,b:2/d", "postgres://a:1,b:2/d"),
            ("hunter2", "***"),
            ("oracle://hunter2", "***"),
        ] {
            assert_eq!(store(address), shown);
        }
        assert_eq!(collector("http://u:hunter2@c:4318/otlp?key=hunter2"), "http://c:4318/otlp");
        assert_eq!(hook("https://u:hunter2@chat:8443/hook/hunter2?k=hunter2"), "https://chat:8443/***");
    }
}
