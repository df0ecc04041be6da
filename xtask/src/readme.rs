//! The README's example is the one of the facade's front page, which is tested.

use std::fs;
use std::path::Path;

use crate::{Failure, Violations};

const FACADE: &str = "gossip/README.md";
const README: &str = "README.md";

/// One line if the first Rust example of one page differs from the other's.
pub(crate) fn check(root: &Path) -> Result<Violations, Failure> {
    let example = |page: &str| -> Result<String, Failure> {
        let text = fs::read_to_string(root.join(page))?;
        let example = first_example(&text).ok_or_else(|| format!("{page} has no Rust example"))?;
        Ok(example.to_owned())
    };
    let (shown, tested) = (example(README)?, example(FACADE)?);
    let mut lines = (1..).zip(shown.lines().zip(tested.lines()));
    let first = lines.find(|(_, (shown, tested))| shown != tested);
    let shorter = shown.lines().count().min(tested.lines().count()) + 1;
    Ok(if shown == tested {
        Vec::new()
    } else {
        let line = first.map_or(shorter, |(line, _)| line);
        vec![format!(
            "{README}: its example differs from that of {FACADE} from line {line} on: copy that one"
        )]
    })
}

fn first_example(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("\n```rust\n")?;
    let (example, _) = rest.split_once("\n```")?;
    Some(example)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_that_differs_is_named_with_its_line() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("gossip")).unwrap();
        let put = |page: &str, example: &str| {
            let text = format!("# A page\n```console\n$ ls\n```\n```rust\n{example}\n```\nmore\n");
            fs::write(root.path().join(page), text).unwrap();
        };
        put(FACADE, "one\ntwo\nthree");
        for (example, line) in [("one\nTWO\nthree", 2), ("one\ntwo", 3)] {
            put(README, example);
            let found = check(root.path()).unwrap();
            let expected = format!("from line {line} on: copy that one");
            assert!(
                found.len() == 1 && found[0].ends_with(&expected),
                "{found:?}"
            );
        }
        put(README, "one\ntwo\nthree");
        assert!(check(root.path()).unwrap().is_empty());
    }
}
