//! The files and functions that `ARCHITECTURE.md` names exist.

use std::fs;
use std::path::Path;

use crate::{Failure, Violations};

const PAGE: &str = "ARCHITECTURE.md";

/// One line for each missing file, and for each function that is missing in its file. A row names a
/// file and then its functions: `` `a/src/b.rs` `c`, `d` ``.
pub(crate) fn check(root: &Path) -> Result<Violations, Failure> {
    let page = fs::read_to_string(root.join(PAGE))?;
    let mut violations = Vec::new();
    for place in page.lines().filter_map(place_of) {
        let mut file: Option<(&str, String)> = None;
        for name in place.split('`').skip(1).step_by(2) {
            if name.contains('/') {
                let text = fs::read_to_string(root.join(name)).unwrap_or_default();
                if text.is_empty() {
                    violations.push(format!("{PAGE}: there is no file {name}"));
                }
                file = Some((name, text));
            } else if let Some((path, text)) = &file
                && !text.is_empty()
                && !has_function(text, name)
            {
                violations.push(format!("{PAGE}: {path} has no function {name}"));
            }
        }
    }
    Ok(violations)
}

/// The column "where" of a row in the tables that follow a block: step, where, runs on.
fn place_of(line: &str) -> Option<&str> {
    let mut columns = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
    let place = columns.nth(1)?;
    (place.starts_with('`') && place.contains(".rs`")).then_some(place)
}

fn has_function(text: &str, name: &str) -> bool {
    let defined = format!("fn {name}");
    let ends = |rest: &str| rest.starts_with(['(', '<']);
    text.split(&defined).skip(1).any(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_or_function_that_is_not_there_is_named() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a.rs"), "").unwrap();
        fs::create_dir(root.path().join("src")).unwrap();
        let code = "fn one() {}\npub fn two<T>() {}\nfn three_and_more() {}\n";
        fs::write(root.path().join("src/a.rs"), code).unwrap();
        let page = "| step | where | runs on |
| --- | --- | --- |
| `four` goes | `src/a.rs` `one`, `two` | task |
| on | `src/a.rs` `three`; `src/b.rs` `one` | task |
| `src/c.rs` | what | Fabric's |
";
        fs::write(root.path().join(PAGE), page).unwrap();
        let expected = [
            "ARCHITECTURE.md: src/a.rs has no function three",
            "ARCHITECTURE.md: there is no file src/b.rs",
        ];
        assert_eq!(check(root.path()).unwrap(), expected);
    }
}
