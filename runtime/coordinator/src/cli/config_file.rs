//! A file with options, in TOML.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Arg, Command};
use toml::de::{DeTable, DeValue};

/// How similar an option's name must be to an unknown key, from 0 to 1, to be suggested.
const SIMILARITY_MIN: f64 = 0.8;

/// The options of a file, by their long names.
#[derive(Debug, Default)]
pub(super) struct ConfigFile {
    path: PathBuf,
    values: BTreeMap<String, Value>,
}

/// A value as it would be written on the command line, and the line on which its key is.
#[derive(Debug)]
struct Value {
    text: String,
    line: usize,
}

impl ConfigFile {
    /// Reads a file that may set these arguments.
    ///
    /// # Errors
    /// A text that names the file and the line: it cannot be read, is not TOML, has an unknown key or an invalid value.
    pub(super) fn read(path: &Path, known: &[Arg]) -> Result<Self, String> {
        let name = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
        let line_of = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        let table = DeTable::parse(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(span.start));
            format!("{name}, line {line}: {}", error.message())
        })?;
        let mut values = BTreeMap::new();
        for (key, value) in table.get_ref() {
            let line = line_of(key.span().start);
            let key = key.get_ref().as_ref();
            let text = option(key, value.get_ref(), known).map_err(|error| format!("{name}, line {line}: {error}"))?;
            values.insert(key.to_owned(), Value { text, line });
        }
        Ok(Self { path: path.to_owned(), values })
    }

    /// The value of an option.
    pub(super) fn value(&self, long: &str) -> Option<&str> {
        self.values.get(long).map(|value| value.text.as_str())
    }

    /// The file and the line in which an option is set.
    pub(super) fn place(&self, long: &str) -> Option<String> {
        self.values.get(long).map(|value| format!("{}, line {}", self.path.display(), value.line))
    }
}

/// The value of one key, after a check that the option takes it.
fn option(key: &str, value: &DeValue<'_>, known: &[Arg]) -> Result<String, String> {
    let Some(argument) = known.iter().find(|argument| argument.get_long() == Some(key)) else {
        return Err(unknown(key, known));
    };
    let text = written(value).ok_or_else(|| format!("`{key}` takes a text, a number or a list of texts"))?;
    let alone = Command::new("branchwire").arg(argument.clone().env(clap::builder::Resettable::Reset));
    match alone.try_get_matches_from(["branchwire".to_owned(), format!("--{key}={text}")]) {
        Ok(_) => Ok(text),
        Err(error) => {
            let error = error.to_string();
            let first = error.lines().next().unwrap_or_default();
            Err(first.trim_start_matches("error: ").to_owned())
        }
    }
}

fn unknown(key: &str, known: &[Arg]) -> String {
    let similar = |long: &&str| strsim::jaro_winkler(key, long);
    let nearest = known.iter().filter_map(Arg::get_long).max_by(|a, b| similar(a).total_cmp(&similar(b)));
    match nearest {
        Some(long) if similar(&long) >= SIMILARITY_MIN => format!("unknown key `{key}`: did you mean `{long}`?"),
        _ => format!("unknown key `{key}`: `branchwire --help` names the options"),
    }
}

/// A value as it is written on the command line; a list with commas.
fn written(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(yes) => Some(yes.to_string()),
        DeValue::Array(list) => {
            let words: Option<Vec<_>> = list.iter().map(|word| written(word.get_ref())).collect();
            words.map(|words| words.join(","))
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ConfigFile, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("branchwire.toml");
        std::fs::write(&file, text).unwrap();
        let number = clap::value_parser!(u16);
        let known = [
            Arg::new("retry").long("retry-interval"),
            Arg::new("calls").long("calls-max").value_parser(number),
            Arg::new("networks").long("allow-networks"),
        ];
        ConfigFile::read(&file, &known).map_err(|error| {
            let (_, error) = error.split_once("branchwire.toml, ").expect("it names the file");
            error.to_owned()
        })
    }

    #[test]
    fn a_key_is_a_long_option_and_a_list_has_commas() {
        let file = read("retry-interval = '5s'\n# limits\ncalls-max = 1_000\nallow-networks = ['10.0.0.0/8', '::1']\n");
        let file = file.unwrap();
        assert_eq!(file.value("retry-interval"), Some("5s"));
        assert_eq!(file.value("calls-max"), Some("1000"));
        assert_eq!(file.value("allow-networks"), Some("10.0.0.0/8,::1"));
        assert_eq!(file.value("listen"), None);
        assert!(file.place("calls-max").unwrap().ends_with("branchwire.toml, line 3"));
    }

    #[test]
    fn an_error_has_the_line_and_a_suggestion() {
        for (text, error) in [
            ("\nretry-intervall = '5s'", "line 2: unknown key `retry-intervall`: did you mean `retry-interval`?"),
            ("retry_interval = '5s'", "line 1: unknown key `retry_interval`: did you mean `retry-interval`?"),
            ("zzz = 1", "line 1: unknown key `zzz`: `branchwire --help` names the options"),
            ("[calls-max]\nn = 1", "line 1: `calls-max` takes a text, a number or a list of texts"),
        ] {
            assert_eq!(read(text).unwrap_err(), error);
        }
        let error = read("\n\ncalls-max = 70000").unwrap_err();
        assert!(error.starts_with("line 3: invalid value '70000' for '--calls-max"), "{error}");
        assert!(read("calls-max = 1\ncalls-max = 2").unwrap_err().starts_with("line 2: "));
        assert!(read("calls-max").unwrap_err().starts_with("line 1: "));
    }
}
