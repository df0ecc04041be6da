//! The dependencies between crates that the design allows.

use crate::{
    Violations,
    workspace::{Member, Workspace},
};

const LIBRARY: &[&str] = &["gossip-proto", "gossip-core", "gossip-driver"];

/// The crates of the workspace that each of them may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("gossip-proto", &[]),
    ("gossip-core", &["gossip-proto"]),
    ("gossip-driver", &["gossip-proto", "gossip-core"]),
    ("gossip-sim", &["gossip-proto", "gossip-core"]),
    ("runtime-tokio", LIBRARY),
    ("runtime-smol", LIBRARY),
    ("transport-tcp", LIBRARY),
    ("transport-mem", LIBRARY),
    ("gossip-msp", LIBRARY),
    ("gossip-ledger", LIBRARY),
    ("fabric-gossip", FACADE),
    ("xtask", &[]),
];

/// The crates that the facade re-exports.
const FACADE: &[&str] = &[
    "gossip-driver",
    "gossip-ledger",
    "gossip-msp",
    "gossip-sim",
    "runtime-smol",
    "runtime-tokio",
    "transport-mem",
    "transport-tcp",
];

/// Crates that may depend on all crates of the workspace.
const TOP: &[&str] = &["gossip-node", "tests", "bench"];

/// The executors, each with the only library that may depend on it.
const EXECUTORS: &[(&str, &str)] = &[
    ("tokio", "runtime-tokio"),
    ("tokio-util", "runtime-tokio"),
    ("smol", "runtime-smol"),
    ("async-std", "runtime-smol"),
    ("async-net", "runtime-smol"),
    ("async-io", "runtime-smol"),
];

/// Crates without executors, even in their tests.
const PURE: &[&str] = &["gossip-proto", "gossip-core"];

/// The crates without input or output, and their allowed dependencies outside the workspace.
const OUTSIDE: &[(&str, &[&str])] = &[
    (
        "gossip-proto",
        &["blake3", "bytes", "prost", "sha2", "thiserror"],
    ),
    (
        "gossip-core",
        &[
            "blake3",
            "bytes",
            "foldhash",
            "hashbrown",
            "rand_chacha",
            "rand_core",
            "serde",
            "thiserror",
            "tracing",
        ],
    ),
    (
        "gossip-sim",
        &[
            "blake3",
            "bytes",
            "rand_chacha",
            "rand_core",
            "serde",
            "thiserror",
        ],
    ),
];

/// One line for each dependency that is not allowed.
pub(crate) fn check(workspace: &Workspace) -> Violations {
    let names: Vec<&str> = workspace
        .members
        .iter()
        .map(|member| member.name.as_str())
        .collect();
    workspace
        .members
        .iter()
        .flat_map(|member| violations(member, &names))
        .collect()
}

fn violations(member: &Member, members: &[&str]) -> Violations {
    if TOP.contains(&member.name.as_str()) {
        return Vec::new();
    }
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == member.name) else {
        return vec![format!(
            "{}: not in the table of allowed dependencies",
            member.name
        )];
    };
    let pure = PURE.contains(&member.name.as_str());
    let outside = OUTSIDE.iter().find(|(name, _)| *name == member.name);
    let mut found = Vec::new();
    for dependency in &member.dependencies {
        let name = dependency.name.as_str();
        let inside = members.contains(&name);
        if inside && !dependency.dev && !allowed.contains(&name) {
            found.push(format!(
                "{} -> {name}: this dependency is not allowed",
                member.name
            ));
        }
        if let Some((_, outside)) = outside
            && !inside
            && !dependency.dev
            && !outside.contains(&name)
        {
            found.push(format!(
                "{} -> {name}: not an allowed dependency",
                member.name
            ));
        }
        let owner = EXECUTORS.iter().find(|(executor, _)| *executor == name);
        if let Some((_, owner)) = owner
            && (!dependency.dev || pure)
            && *owner != member.name
        {
            found.push(format!(
                "{} -> {name}: only {owner} may depend on it",
                member.name
            ));
        }
        if pure && dependency.dev && inside && !allowed.contains(&name) && name != member.name {
            found.push(format!(
                "{} -> {name}: not allowed, even in tests",
                member.name
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn check_dependency(from: &str, to: &str, dev: bool) -> Violations {
        let member = |name: &str, dependencies| Member {
            name: name.to_owned(),
            rust_version: None,
            dependencies,
            targets: Vec::new(),
        };
        let dependency = Dependency {
            name: to.to_owned(),
            dev,
        };
        let mut members = vec![member(from, vec![dependency])];
        members.extend(
            ALLOWED
                .iter()
                .map(|(name, _)| *name)
                .filter(|name| *name != from)
                .map(|name| member(name, vec![])),
        );
        check(&Workspace {
            members,
            packages: Vec::new(),
        })
    }

    #[test]
    fn dependencies_point_down() {
        assert!(check_dependency("gossip-core", "gossip-proto", false).is_empty());
        assert!(check_dependency("gossip-msp", "gossip-driver", false).is_empty());
        assert!(check_dependency("gossip-node", "runtime-tokio", false).is_empty());
        assert_eq!(
            check_dependency("gossip-proto", "gossip-core", false),
            ["gossip-proto -> gossip-core: this dependency is not allowed"]
        );
    }

    #[test]
    fn adapters_never_see_each_other() {
        assert_eq!(
            check_dependency("transport-tcp", "runtime-tokio", false).len(),
            1
        );
        assert!(check_dependency("transport-tcp", "runtime-tokio", true).is_empty());
    }

    #[test]
    fn no_library_depends_on_the_facade() {
        assert!(check_dependency("fabric-gossip", "transport-tcp", false).is_empty());
        assert!(check_dependency("gossip-node", "fabric-gossip", false).is_empty());
        assert_eq!(
            check_dependency("gossip-msp", "fabric-gossip", false).len(),
            1
        );
        assert_eq!(check_dependency("fabric-gossip", "xtask", false).len(), 1);
    }

    #[test]
    fn the_simulator_uses_only_the_core() {
        assert!(check_dependency("gossip-sim", "gossip-core", false).is_empty());
        assert_eq!(
            check_dependency("gossip-sim", "gossip-driver", false).len(),
            1
        );
    }

    #[test]
    fn an_executor_belongs_to_its_runtime() {
        assert!(check_dependency("runtime-tokio", "tokio", false).is_empty());
        assert_eq!(
            check_dependency("gossip-driver", "tokio", false),
            ["gossip-driver -> tokio: only runtime-tokio may depend on it"]
        );
        assert_eq!(check_dependency("runtime-tokio", "smol", false).len(), 1);
        assert!(check_dependency("gossip-driver", "tokio", true).is_empty());
    }

    #[test]
    fn the_core_stays_free_of_executors_even_in_tests() {
        assert_eq!(check_dependency("gossip-core", "tokio", true).len(), 1);
        assert_eq!(
            check_dependency("gossip-core", "runtime-smol", true).len(),
            1
        );
    }

    #[test]
    fn the_pure_crates_depend_on_nothing_outside_but_what_is_listed() {
        assert!(check_dependency("gossip-core", "tracing", false).is_empty());
        assert!(check_dependency("gossip-core", "proptest", true).is_empty());
        for pure in ["gossip-proto", "gossip-core", "gossip-sim"] {
            assert_eq!(
                check_dependency(pure, "mio", false),
                [format!("{pure} -> mio: not an allowed dependency")]
            );
        }
        assert!(check_dependency("gossip-driver", "getrandom", false).is_empty());
    }

    #[test]
    fn an_unknown_crate_must_be_put_in_the_table() {
        assert_eq!(
            check_dependency("gossip-new", "gossip-core", false).len(),
            1
        );
    }
}
