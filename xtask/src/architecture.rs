//! The files and functions that `ARCHITECTURE.md` and `CONTRIBUTING.md` name exist.

use std::fs;
use std::path::Path;

use crate::{Failure, Violations};

const PAGES: [&str; 2] = ["ARCHITECTURE.md", "CONTRIBUTING.md"];

/// One line for each missing file, and for each function that is missing in its file. A path in
/// backticks with a folder and the extension `.rs` is a file. In the second column of a table the
/// names that follow a file are its functions: `` `a/src/b.rs` `c`, `d` ``.
pub(crate) fn check(root: &Path) -> Result<Violations, Failure> {
    let mut violations = Vec::new();
    for page in PAGES {
        let text = fs::read_to_string(root.join(page))?;
        for line in text.lines() {
            check_files(root, page, line, &mut violations);
            if let Some(place) = place_of(line) {
                check_functions(root, page, place, &mut violations);
            }
        }
    }
    Ok(violations)
}

fn check_files(root: &Path, page: &str, line: &str, violations: &mut Violations) {
    for name in in_backticks(line).filter(|name| is_file(name)) {
        if !root.join(name).is_file() {
            violations.push(format!("{page}: there is no file {name}"));
        }
    }
}

fn check_functions(root: &Path, page: &str, place: &str, violations: &mut Violations) {
    let mut file: Option<(&str, String)> = None;
    for name in in_backticks(place) {
        if is_file(name) {
            file = fs::read_to_string(root.join(name))
                .ok()
                .map(|text| (name, text));
        } else if let Some((path, text)) = &file
            && !has_function(text, name)
        {
            violations.push(format!("{page}: {path} has no function {name}"));
        }
    }
}

fn in_backticks(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_file(name: &str) -> bool {
    let plain = name.contains('/') && !name.contains(['*', '{', ' ']);
    plain && Path::new(name).extension().is_some_and(|ext| ext == "rs")
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

A path in prose, `src/c.rs`, a pattern, `src/*.rs`, and a command, `cargo run src/d.rs`.
";
        fs::write(root.path().join("ARCHITECTURE.md"), page).unwrap();
        fs::write(
            root.path().join("CONTRIBUTING.md"),
            "See `src/e.rs`, not `a.rs`.",
        )
        .unwrap();
        let expected = [
            "ARCHITECTURE.md: there is no file src/b.rs",
            "ARCHITECTURE.md: src/a.rs has no function three",
            "ARCHITECTURE.md: there is no file src/c.rs",
            "CONTRIBUTING.md: there is no file src/e.rs",
        ];
        assert_eq!(check(root.path()).unwrap(), expected);
    }
}
