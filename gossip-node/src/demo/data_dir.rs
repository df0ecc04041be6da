//! The folder of the ledgers.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::failure::Failure;

const LEDGER_FILE: &str = "ledger.redb";

/// A folder with one sub-folder per peer. A temporary one is removed on drop, also when the command
/// fails or is interrupted.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    temporary: Option<TempDir>,
}

impl DataDir {
    /// Prepares `path`, or a temporary folder.
    pub(crate) fn prepare(path: Option<&Path>, keep: bool) -> Result<Self, Failure> {
        let Some(path) = path else {
            let mut temporary = tempfile::Builder::new()
                .prefix("gossip-demo-")
                .tempdir()
                .map_err(|error| Failure::data(&std::env::temp_dir(), error))?;
            temporary.disable_cleanup(keep);
            return Ok(Self {
                path: temporary.path().to_owned(),
                temporary: Some(temporary),
            });
        };
        fs::create_dir_all(path).map_err(|error| Failure::data(path, error))?;
        if let Some(old) = old_ledger(path)? {
            let reason = format!(
                "{} is left from an earlier run: remove it or name another folder",
                old.display()
            );
            return Err(Failure::data(path, reason));
        }
        Ok(Self {
            path: path.to_owned(),
            temporary: None,
        })
    }

    /// The folder of the ledgers, if it is kept after the run.
    pub(crate) fn remains(&self, keep: bool) -> Option<&Path> {
        (keep || self.temporary.is_none()).then_some(&self.path)
    }

    /// Makes the folder of `peer`; returns the path of the ledger file in it.
    pub(crate) fn ledger(&self, peer: &str) -> Result<PathBuf, Failure> {
        let folder = self.path.join(peer);
        match fs::create_dir(&folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                Err(Failure::data(&folder, error))
            }
            Ok(()) | Err(_) => Ok(folder.join(LEDGER_FILE)),
        }
    }
}

fn old_ledger(path: &Path) -> Result<Option<PathBuf>, Failure> {
    let entries = fs::read_dir(path).map_err(|error| Failure::data(path, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| Failure::data(path, error))?;
        let ledger = entry.path().join(LEDGER_FILE);
        if ledger.exists() {
            return Ok(Some(ledger));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_folder_is_removed_unless_kept() {
        for keep in [false, true] {
            let dir = DataDir::prepare(None, keep).unwrap();
            let ledger = dir.ledger("peer0.org1").unwrap();
            fs::write(&ledger, "x").unwrap();
            let path = dir.path.clone();
            assert_eq!(dir.remains(keep).is_some(), keep);
            drop(dir);
            assert_eq!(path.exists(), keep);
            if keep {
                fs::remove_dir_all(path).unwrap();
            }
        }
    }

    #[test]
    fn a_folder_with_old_ledgers_is_refused_and_not_changed() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let ledger = DataDir::prepare(Some(&path), false)
            .unwrap()
            .ledger("peer0.org1")
            .unwrap();
        assert!(
            DataDir::prepare(Some(&path), false).is_ok(),
            "an empty folder is no old ledger"
        );
        fs::write(&ledger, "x").unwrap();
        let error = DataDir::prepare(Some(&path), false)
            .unwrap_err()
            .to_string();
        assert!(error.contains("earlier run"), "{error}");
        assert!(ledger.exists());
    }
}
