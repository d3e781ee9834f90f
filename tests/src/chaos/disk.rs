//! A small disk of its own for the coordinator's file, which can be filled and emptied while it works.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::Failure;

/// Enough for a round's transactions and their log.
const SIZE: &str = "size=64m";

/// A mounted file system in memory. It is gone with this process, however that ends.
#[derive(Debug)]
pub(super) struct SmallDisk {
    directory: PathBuf,
    /// Unmounts when its input ends.
    keeper: Child,
    input: Option<ChildStdin>,
}

impl SmallDisk {
    /// Mounts one at `directory`, which is created; `None` where mounting is not allowed.
    pub(super) fn mount(directory: &Path) -> Result<Option<Self>, Failure> {
        fs::create_dir(directory)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(directory).stderr(Stdio::null());
        // The program is missing, or mounting is not allowed.
        if !mount.status().is_ok_and(|status| status.success()) {
            return Ok(None);
        }
        let mut keeper = Command::new("sh");
        keeper.args(["-c", r#"cat; umount -l "$0""#]).arg(directory).stdin(Stdio::piped());
        let mut keeper = keeper.spawn()?;
        let input = keeper.stdin.take();
        Ok(Some(Self { directory: directory.to_owned(), keeper, input }))
    }

    /// Fills the disk.
    pub(super) fn fill(&self) -> Result<(), Failure> {
        let mut ballast = File::create(self.ballast())?;
        let block = [0; 4096];
        loop {
            match ballast.write_all(&block) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Makes room again.
    pub(super) fn empty(&self) -> Result<(), Failure> {
        Ok(fs::remove_file(self.ballast())?)
    }

    fn ballast(&self) -> PathBuf {
        self.directory.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        self.input = None;
        // The process ends by itself. Wait for it, so that the directory can be removed.
        let _ = self.keeper.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_disk_is_full_until_it_is_emptied_and_goes_away_with_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("disk");
        let Some(disk) = SmallDisk::mount(&place).unwrap() else {
            println!("skipped: mounting is not allowed");
            return;
        };
        disk.fill().unwrap();
        let refused = fs::write(place.join("file"), [1; 4096]).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        disk.empty().unwrap();
        fs::write(place.join("file"), [1; 4096]).unwrap();
        drop(disk);
        assert!(!place.join("file").exists());
    }
}
