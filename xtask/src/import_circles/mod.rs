//! The files of a crate must not import each other in a circle.
//!
//! An edge leads from a file to the file that *defines* an item which the first file imports or
//! names by a path. Re-exports and globs are followed, so names at the crate's root hide no edge.
//! The import of a module is no edge; a path to an item in it is. A module file and the files of
//! its descendants are exempt from each other. Test code and the arguments of macros are left out.

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

/// One entry for each circle, with its files in order and the items that each imports from the
/// next.
pub(crate) fn check(root: &Path, workspace: &Workspace) -> Result<Violations, Failure> {
    let mut violations = Violations::new();
    for member in &workspace.members {
        for target in &member.targets {
            let circles = circles_of(target)?;
            let describe = |circle| describe(&member.name, root, circle);
            violations.extend(circles.iter().map(describe));
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
