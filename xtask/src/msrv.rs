//! No dependency needs a newer compiler than the workspace states.

use crate::{Violations, workspace::Workspace};

/// One line for each package that needs a newer compiler.
pub(crate) fn check(workspace: &Workspace) -> Violations {
    let stated = workspace
        .members
        .iter()
        .filter_map(|member| member.rust_version.as_deref());
    let Some(ours) = stated.min_by_key(|version| parts(version)) else {
        return vec!["the workspace states no rust-version".to_owned()];
    };
    let newer = |needs: &&str| parts(needs) > parts(ours);
    let packages = workspace.packages.iter();
    packages
        .filter_map(|package| {
            let needs = package.rust_version.as_deref().filter(newer)?;
            let (name, version) = (&package.name, &package.version);
            Some(format!(
                "{name} {version} needs Rust {needs}, the workspace states {ours}"
            ))
        })
        .collect()
}

fn parts(version: &str) -> [u64; 3] {
    let mut parts = [0; 3];
    for (part, text) in parts.iter_mut().zip(version.split('.')) {
        *part = text.parse().unwrap_or(u64::MAX);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::{Member, Package};

    fn workspace(ours: &str, needs: &str) -> Workspace {
        Workspace {
            members: vec![Member {
                name: "ours".to_owned(),
                rust_version: Some(ours.to_owned()),
                dependencies: Vec::new(),
                targets: Vec::new(),
            }],
            packages: vec![Package {
                name: "theirs".to_owned(),
                version: "1.2.3".to_owned(),
                rust_version: Some(needs.to_owned()),
            }],
        }
    }

    #[test]
    fn a_package_that_needs_a_newer_compiler_is_named() {
        assert_eq!(
            check(&workspace("1.90", "1.91.1")),
            ["theirs 1.2.3 needs Rust 1.91.1, the workspace states 1.90"]
        );
    }

    #[test]
    fn older_and_equal_compilers_are_fine() {
        assert!(check(&workspace("1.90", "1.90.0")).is_empty());
        assert!(check(&workspace("1.90", "1.9")).is_empty());
    }
}
