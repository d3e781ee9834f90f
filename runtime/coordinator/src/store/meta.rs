//! The schema version of our own additions to a database that is shared with a DTM server. It is kept in a table of
//! ours, `branchwire_meta`, as the value of `schema_version`.

/// The version that this program writes, and the newest that it knows: an index of the patterns, `trans_global_pattern`.
pub(super) const VERSION: u32 = 2;

/// The version of tables that a DTM server, or the first release, has made.
pub(super) const FIRST: u32 = 1;

/// Reads the version that was found.
///
/// # Errors
/// A sentence, if this program does not know the version, or it is not a number.
pub(super) fn check(found: &str) -> Result<u32, String> {
    match found.parse::<u32>() {
        Ok(version) if version <= VERSION => Ok(version),
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
        assert_eq!((check("1"), check("2")), (Ok(1), Ok(2)));
        assert!(check("3").unwrap_err().contains("schema version 3"));
        assert!(check("one").unwrap_err().contains("`one`"));
    }
}
