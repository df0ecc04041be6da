//! No circle of imports between the files of a crate.
//!
//! An edge leads from a file to the file that *defines* an item which the first one imports or names by a
//! path: re-exports and globs are followed, so a name at the crate's root hides nothing. To import a
//! module is no edge; to name what is in it is one. A module that has child modules and the files below it
//! are exempt from each other. Tests are left out, and so is what macros are given.

mod graph;
mod imports;
mod lookup;
mod modules;
mod names;
mod syntax;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::Path;

use self::graph::{Circle, Graph};
use self::modules::Modules;
use crate::workspace::Workspace;
use crate::{Failure, Violations};

/// The crates that may have circles, and why.
const EXCEPTIONS: Exceptions<'_> = &[
    (
        "gossip-core",
        "its channels, gate and links are being laid out anew",
    ),
    (
        "gossip-driver",
        "its handles and listeners are being laid out anew",
    ),
    ("gossip-sim", "its world is being laid out anew"),
];

/// Names of crates and reasons.
type Exceptions<'a> = &'a [(&'a str, &'a str)];

/// One entry for each circle, its files in order, each with what it imports from the next one; and one
/// for each exception that is not needed.
pub(crate) fn check(root: &Path, workspace: &Workspace) -> Result<Violations, Failure> {
    check_with(root, workspace, EXCEPTIONS)
}

fn check_with(
    root: &Path,
    workspace: &Workspace,
    exceptions: Exceptions<'_>,
) -> Result<Violations, Failure> {
    let mut violations = Violations::new();
    for member in &workspace.members {
        let mut circles = Violations::new();
        for target in &member.targets {
            let found = circles_of(target)?;
            circles.extend(
                found
                    .iter()
                    .map(|circle| describe(&member.name, root, circle)),
            );
        }
        let excepted = exceptions.iter().any(|(name, _)| *name == member.name);
        if !excepted {
            violations.append(&mut circles);
        } else if circles.is_empty() {
            violations.push(format!(
                "{}: has no import circle any more: remove its exception from xtask/src/import_circles/mod.rs",
                member.name
            ));
        }
    }
    Ok(violations)
}

/// The circles of the crate whose root is the file `target`.
fn circles_of(target: &Path) -> Result<Vec<Circle>, Failure> {
    let modules = Modules::load(target)?;
    let mut graph = Graph::default();
    for module in modules.numbers() {
        let from = modules.of_file(module);
        for (to, item) in imports::of(&modules, module) {
            let to = modules.of_file(to);
            if !modules.is_within(from, to) && !modules.is_within(to, from) {
                graph.add(&modules.get(from).file, &modules.get(to).file, item);
            }
        }
    }
    Ok(graph.into_circles())
}

fn describe(name: &str, root: &Path, circle: &Circle) -> String {
    let shown = |path: &Path| {
        path.strip_prefix(root)
            .unwrap_or(path)
            .display()
            .to_string()
    };
    let mut text = format!(
        "{name}: {} files import each other: move what they share to a file that imports none of them",
        circle.len()
    );
    for edge in circle {
        let items: Vec<&str> = edge.items.iter().map(String::as_str).collect();
        let (from, to) = (shown(&edge.from), shown(&edge.to));
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  {from} imports {} from {to}", items.join(", "));
    }
    text
}
