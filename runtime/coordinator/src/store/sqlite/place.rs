//! Whether a path still leads to the file that was opened there.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// A file at its path.
///
/// A removed file still takes writes as long as a process has it open, and loses them at the process's end.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    identity: Identity,
}

impl Place {
    /// The file that is now at `path`.
    ///
    /// # Errors
    /// A text for people, if there is none.
    pub(super) fn of(path: &Path) -> Result<Self, String> {
        let found = path.metadata().map_err(|error| format!("its file cannot be found: {error}"))?;
        Ok(Self { path: path.to_owned(), identity: identity(&found) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that the same file is still there.
    ///
    /// # Errors
    /// A text for people, if it is not.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.path.metadata() {
            Ok(found) if identity(&found) == self.identity => Ok(()),
            Ok(_) | Err(_) => Err(format!(
                "{} was removed or replaced while the coordinator runs: stop the coordinator, put the file back, start again",
                self.path.display()
            )),
        }
    }
}

/// Device and inode.
#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(found: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (found.dev(), found.ino())
}

/// Nothing: other systems do not remove a file that is open.
#[cfg(not(unix))]
type Identity = ();

#[cfg(not(unix))]
fn identity(_found: &Metadata) -> Identity {}
