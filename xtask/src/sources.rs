//! The Rust sources of the repository.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;

/// All source files except generated ones, sorted.
pub(crate) fn written(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    visit(root, &mut found)?;
    found.sort();
    Ok(found)
}

fn visit(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_symlink() || name.starts_with('.') || name == "target" || name == "generated" {
            continue;
        }
        if path.is_dir() {
            visit(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}
