//! The workspace according to `cargo metadata`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Failure;

/// The workspace's crates, and all packages that they depend on.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// The crates of the workspace.
    pub(crate) members: Vec<Member>,
    /// All packages of the dependency graph, members included.
    pub(crate) packages: Vec<Package>,
}

/// A crate of the workspace.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) rust_version: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
    /// The root files of its library, binaries, examples and benchmarks, but not of its tests.
    pub(crate) targets: Vec<PathBuf>,
}

/// A dependency of a member.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Used only in the crate's tests and examples.
    pub(crate) dev: bool,
}

/// A package of the dependency graph.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) rust_version: Option<String>,
}

/// Runs `cargo metadata`.
pub(crate) fn load(root: &Path) -> Result<Workspace, Failure> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    parse(&serde_json::from_slice(&output.stdout)?)
}

fn parse(metadata: &Value) -> Result<Workspace, Failure> {
    let members = metadata["workspace_members"]
        .as_array()
        .ok_or("no workspace members")?;
    let packages = metadata["packages"].as_array().ok_or("no packages")?;
    let mut workspace = Workspace::default();
    for package in packages {
        let name = text(&package["name"]);
        let rust_version = package["rust_version"].as_str().map(str::to_owned);
        if members.contains(&package["id"]) {
            let dependencies = package["dependencies"].as_array().into_iter().flatten();
            let targets = package["targets"].as_array().into_iter().flatten();
            workspace.members.push(Member {
                name: name.clone(),
                rust_version: rust_version.clone(),
                dependencies: dependencies.map(dependency).collect(),
                targets: targets
                    .filter(|target| !is_test(target))
                    .map(root_file)
                    .collect(),
            });
        }
        let version = text(&package["version"]);
        workspace.packages.push(Package {
            name,
            version,
            rust_version,
        });
    }
    Ok(workspace)
}

fn dependency(value: &Value) -> Dependency {
    Dependency {
        name: text(&value["name"]),
        dev: value["kind"] == "dev",
    }
}

fn is_test(target: &Value) -> bool {
    target["kind"]
        .as_array()
        .is_some_and(|kinds| kinds.contains(&"test".into()))
}

fn root_file(target: &Value) -> PathBuf {
    PathBuf::from(text(&target["src_path"]))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_their_arrows_are_found() {
        let metadata = serde_json::json!({
            "workspace_members": ["path+file:///a#0.1.0"],
            "packages": [
                { "id": "path+file:///a#0.1.0", "name": "a", "version": "0.1.0",
                  "rust_version": "1.90", "dependencies": [
                    { "name": "b", "kind": null }, { "name": "c", "kind": "dev" } ],
                  "targets": [ { "kind": ["lib"], "src_path": "/a/src/lib.rs" },
                    { "kind": ["test"], "src_path": "/a/tests/all.rs" } ] },
                { "id": "registry#b@1.0.0", "name": "b", "version": "1.0.0",
                  "rust_version": null, "dependencies": [] },
            ],
        });
        let workspace = parse(&metadata).unwrap();
        assert_eq!(workspace.members.len(), 1);
        let dependencies: Vec<_> = workspace.members[0]
            .dependencies
            .iter()
            .map(|dependency| (dependency.name.as_str(), dependency.dev))
            .collect();
        assert_eq!(dependencies, [("b", false), ("c", true)]);
        assert_eq!(workspace.members[0].targets, [Path::new("/a/src/lib.rs")]);
        assert_eq!(workspace.packages.len(), 2);
        assert_eq!(workspace.packages[0].rust_version.as_deref(), Some("1.90"));
        assert_eq!(workspace.packages[1].rust_version, None);
    }
}
