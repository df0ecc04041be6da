//! The length of source files is limited.

use std::{fs, path::Path};

use crate::{Failure, Violations, sources};

const MAX_LINES: usize = 600;

/// One line for each source file that is too long. Generated code is exempt.
pub(crate) fn check(root: &Path) -> Result<Violations, Failure> {
    let mut violations = Vec::new();
    for path in sources::written(root)? {
        let lines = fs::read_to_string(&path)?.lines().count();
        if lines > MAX_LINES {
            let shown = path.strip_prefix(root).unwrap_or(&path).display();
            violations.push(format!(
                "{shown}: {lines} lines, at most {MAX_LINES}: split it"
            ));
        }
    }
    Ok(violations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_named_unless_it_is_generated() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, lines: usize| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "//\n".repeat(lines)).unwrap();
        };
        put("a/src/fits.rs", 600);
        put("a/src/long.rs", 601);
        put("a/src/long.txt", 601);
        put("a/src/generated/long.rs", 601);
        put("target/long.rs", 601);
        let found = check(root.path()).unwrap();
        assert_eq!(found, ["a/src/long.rs: 601 lines, at most 600: split it"]);
    }
}
