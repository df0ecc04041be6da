//! The tests named in the catalogue of scenarios and in the table of delivery guarantees exist.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::{Failure, Violations, sources};

const PAGES: &[&str] = &["tests/README.md", "gossip/README.md"];

/// For each test name, the path components of its files.
type Tests = BTreeMap<String, Vec<Vec<String>>>;

/// One line for each missing test in the last column of a table headed `test`, and for each row without a test,
/// unless the row says why it is not applicable or refers to a heading.
///
/// A test is a name in backticks, with some of its modules if the name alone is ambiguous: ``
/// `sends_are_bounded` ``, `` `link::sends_are_bounded` ``.
pub(crate) fn check(root: &Path) -> Result<Violations, Failure> {
    let tests = tests(root)?;
    let mut violations = Vec::new();
    for page in PAGES {
        let text = fs::read_to_string(root.join(page))?;
        for (scenario, column) in rows(&text) {
            let mut names = column.split('`').skip(1).step_by(2).peekable();
            if names.peek().is_none() && !is_excused(&text, column) {
                violations.push(format!("{page}: no test is named for: {scenario}"));
            }
            for name in names.filter(|name| !is_there(&tests, name)) {
                violations.push(format!("{page}: there is no test {name}"));
            }
        }
    }
    Ok(violations)
}

/// The first and the last column of each row of the tables whose last column is headed `test`.
fn rows(page: &str) -> Vec<(&str, &str)> {
    let mut rows = Vec::new();
    let mut names_tests = false;
    for line in page.lines() {
        let Some((first, last)) = columns(line) else {
            names_tests = false;
            continue;
        };
        if last == "test" {
            names_tests = true;
        } else if names_tests && !first.starts_with("---") {
            rows.push((first, last));
        }
    }
    rows
}

/// The first and the last column of a table's line.
fn columns(line: &str) -> Option<(&str, &str)> {
    let columns = line.strip_prefix("| ")?.strip_suffix(" |")?;
    let (first, rest) = columns.split_once(" | ")?;
    Some((first, rest.rsplit(" | ").next()?))
}

fn is_excused(page: &str, column: &str) -> bool {
    let is_heading = |section: &str| page.lines().any(|line| line == format!("### {section}"));
    column.starts_with("not applicable: ") || column.strip_prefix("under ").is_some_and(is_heading)
}

fn is_there(tests: &Tests, path: &str) -> bool {
    let mut parts = path.split("::").collect::<Vec<_>>();
    let Some(places) = parts.pop().and_then(|name| tests.get(name)) else {
        return false;
    };
    let has = |place: &Vec<String>, part: &&str| place.iter().any(|one| one == part);
    places
        .iter()
        .any(|place| parts.iter().all(|part| has(place, part)))
}

fn tests(root: &Path) -> Result<Tests, Failure> {
    let mut tests = Tests::new();
    for file in sources::written(root)? {
        let text = fs::read_to_string(&file)?;
        let place = file.strip_prefix(root)?.with_extension("");
        let place: Vec<String> = place
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        let mut is_test = false;
        for line in text.lines().map(str::trim_start) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some(name) = function(line) {
                if is_test {
                    let places = tests.entry(name.to_owned()).or_default();
                    places.push(place.clone());
                }
                is_test = false;
            }
        }
    }
    Ok(tests)
}

fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    let (name, _) = line.strip_prefix("fn ")?.split_once('(')?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_not_there_and_a_row_without_any_are_named() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let code = "#[test]\nfn one() {}\nfn helper() {}\n    #[tokio::test(flavor = \"x\")]\n    \
                    #[allow(dead_code)]\n    async fn two() {}\n";
        put("core/src/link/tests.rs", code);
        let page = "The `prose` is not looked at.

### Links

| scenario | test |
| --- | --- |
| all there | `one`, `link::two`, core `core::tests::one` |
| `code` of the scenario | `helper`; `three` |
| elsewhere | `pull::one` |
| unnamed | later |
| moot | not applicable: there are no threads |
| named already | under Links |
| named nowhere | under Membership |
";
        put("tests/README.md", page);
        let page = "| feature | module |\n| --- | --- |\n| `one` | `gone` |\n
| promise | test |\n| --- | --- |\n| kept | `one` |\n| broken | `gone` |\n";
        put("gossip/README.md", page);
        let expected = [
            "tests/README.md: there is no test helper",
            "tests/README.md: there is no test three",
            "tests/README.md: there is no test pull::one",
            "tests/README.md: no test is named for: unnamed",
            "tests/README.md: no test is named for: named nowhere",
            "gossip/README.md: there is no test gone",
        ];
        assert_eq!(check(root.path()).unwrap(), expected);
    }
}
