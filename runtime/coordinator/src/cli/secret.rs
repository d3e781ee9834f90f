//! Secrets of the program: from a file, or from a variable of the environment.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

/// The variables of the environment that hold secrets themselves.
pub(super) const HOLD_SECRETS: [&str; 3] = ["BRANCHWIRE_KEYS", "BRANCHWIRE_API_TOKENS", "BRANCHWIRE_LOOK_TOKENS"];

/// A secret from a file or from an environment variable: on the command line other users could read it. An empty
/// variable counts as not set, with a warning in the log: it may be a mistake.
pub(super) fn secret<T: FromStr<Err: Display>>(variable: &str, file: Option<&Path>) -> Result<Option<T>, String> {
    let value = std::env::var_os(variable);
    let is_empty = value.as_ref().is_some_and(|value| value.to_str().is_some_and(|text| text.trim().is_empty()));
    if is_empty {
        tracing::warn!("{variable} is empty: it counts as not set");
    }
    let (name, text) = match (value.filter(|_| !is_empty), file) {
        (Some(_), Some(_)) => return Err(format!("{variable} and {variable}_FILE are both set: remove one of them")),
        (None, None) => return Ok(None),
        (Some(text), None) => {
            (variable.to_owned(), text.into_string().map_err(|_| format!("{variable} is not UTF-8"))?)
        }
        (None, Some(file)) => {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(file);
            let text =
                text.map_err(|error| format!("the file that {variable}_FILE or its option names, {name}: {error}"))?;
            (name, text)
        }
    };
    text.parse().map(Some).map_err(|error| format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use branchwire_protocol::signature::Keys;

    use super::*;

    #[test]
    fn a_secret_comes_from_a_file_and_its_errors_do_not_show_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            secret::<Keys>("BRANCHWIRE_NOT_SET", Some(&file))
        };
        assert!(read("k:0123456789abcdef0123456789abcdef\n").unwrap().is_some());
        let error = read("k:s3cr3t").unwrap_err();
        assert!(error.contains("keys: key 1") && !error.contains("s3cr3t"), "{error}");
        assert!(secret::<Keys>("BRANCHWIRE_NOT_SET", None).unwrap().is_none());
        let missing = dir.path().join("missing");
        let error = secret::<Keys>("BRANCHWIRE_NOT_SET", Some(&missing)).unwrap_err();
        assert!(error.contains("missing: ") && error.contains("BRANCHWIRE_NOT_SET_FILE"), "{error}");
    }
}
