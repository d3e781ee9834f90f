//! The schema version of our own additions to a database that is shared with a DTM server. It is kept in a table of
//! ours, `branchwire_meta`, as the value of `schema_version`.

/// The version that this program writes, and the newest that it knows.
pub(super) const VERSION: u32 = 1;

/// Checks that this program can work with the version that it found.
///
/// # Errors
/// A sentence, if the version is newer or is not a number.
pub(super) fn check(found: &str) -> Result<(), String> {
    match found.parse::<u32>() {
        Ok(version) if version <= VERSION => Ok(()),
        Ok(version) => Err(format!(
            "its tables are of schema version {version}, and this program knows versions up to {VERSION}: use a newer program"
        )),
        Err(_) => Err(format!("`branchwire_meta` has the schema version `{found}`, which is not a number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_version_is_refused() {
        assert_eq!(check("1"), Ok(()));
        assert!(check("2").unwrap_err().contains("schema version 2"));
        assert!(check("one").unwrap_err().contains("`one`"));
    }
}
