//! No source file longer than a reader's patience.

use std::{fs, path::Path};

use crate::{Failure, Violations};

const MOST_LINES: usize = 600;

/// One line for each source file that is too long. Generated code is exempt.
pub(crate) fn check(root: &Path) -> Result<Violations, Failure> {
    let mut violations = Vec::new();
    visit(root, root, &mut violations)?;
    violations.sort();
    Ok(violations)
}

fn visit(root: &Path, folder: &Path, violations: &mut Violations) -> Result<(), Failure> {
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
            visit(root, &path, violations)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let lines = fs::read_to_string(&path)?.lines().count();
            if lines > MOST_LINES {
                let shown = path.strip_prefix(root).unwrap_or(&path).display();
                violations.push(format!(
                    "{shown}: {lines} lines, at most {MOST_LINES}: split it"
                ));
            }
        }
    }
    Ok(())
}
