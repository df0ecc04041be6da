//! The arrows between crates that the design allows.

use crate::{
    Violations,
    workspace::{Member, Workspace},
};

const LIBRARY: &[&str] = &["gossip-proto", "gossip-core", "gossip-driver"];

/// What each crate of the workspace may depend on within the workspace.
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
    ("xtask", &[]),
];

/// May depend on every crate of the workspace.
const TOP: &[&str] = &["gossip-node", "tests", "bench"];

/// Each executor, and the only library that may depend on it.
const EXECUTORS: &[(&str, &str)] = &[
    ("tokio", "runtime-tokio"),
    ("tokio-util", "runtime-tokio"),
    ("smol", "runtime-smol"),
    ("async-std", "runtime-smol"),
    ("async-net", "runtime-smol"),
    ("async-io", "runtime-smol"),
];

/// Free of executors even in their tests.
const PURE: &[&str] = &["gossip-proto", "gossip-core"];

/// The crates without input or output, and all that they may depend on outside the workspace.
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

/// One line for each arrow that is not allowed.
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
                "{} -> {name}: this arrow is not allowed",
                member.name
            ));
        }
        if let Some((_, outside)) = outside
            && !inside
            && !dependency.dev
            && !outside.contains(&name)
        {
            found.push(format!(
                "{} -> {name}: not among what it may depend on",
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
            found.push(format!("{} -> {name}: not even in tests", member.name));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn check_arrow(from: &str, to: &str, dev: bool) -> Violations {
        let member = |name: &str, dependencies| Member {
            name: name.to_owned(),
            rust_version: None,
            dependencies,
            targets: Vec::new(),
        };
        let arrow = Dependency {
            name: to.to_owned(),
            dev,
        };
        let mut members = vec![member(from, vec![arrow])];
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
    fn arrows_point_down() {
        assert!(check_arrow("gossip-core", "gossip-proto", false).is_empty());
        assert!(check_arrow("gossip-msp", "gossip-driver", false).is_empty());
        assert!(check_arrow("gossip-node", "runtime-tokio", false).is_empty());
        assert_eq!(
            check_arrow("gossip-proto", "gossip-core", false),
            ["gossip-proto -> gossip-core: this arrow is not allowed"]
        );
    }

    #[test]
    fn adapters_never_see_each_other() {
        assert_eq!(
            check_arrow("transport-tcp", "runtime-tokio", false).len(),
            1
        );
        assert!(check_arrow("transport-tcp", "runtime-tokio", true).is_empty());
    }

    #[test]
    fn the_simulator_uses_only_the_core() {
        assert!(check_arrow("gossip-sim", "gossip-core", false).is_empty());
        assert_eq!(check_arrow("gossip-sim", "gossip-driver", false).len(), 1);
    }

    #[test]
    fn an_executor_belongs_to_its_runtime() {
        assert!(check_arrow("runtime-tokio", "tokio", false).is_empty());
        assert_eq!(
            check_arrow("gossip-driver", "tokio", false),
            ["gossip-driver -> tokio: only runtime-tokio may depend on it"]
        );
        assert_eq!(check_arrow("runtime-tokio", "smol", false).len(), 1);
        assert!(check_arrow("gossip-driver", "tokio", true).is_empty());
    }

    #[test]
    fn the_core_stays_free_of_executors_even_in_tests() {
        assert_eq!(check_arrow("gossip-core", "tokio", true).len(), 1);
        assert_eq!(check_arrow("gossip-core", "runtime-smol", true).len(), 1);
    }

    #[test]
    fn the_pure_crates_depend_on_nothing_outside_but_what_is_listed() {
        assert!(check_arrow("gossip-core", "tracing", false).is_empty());
        assert!(check_arrow("gossip-core", "proptest", true).is_empty());
        for pure in ["gossip-proto", "gossip-core", "gossip-sim"] {
            assert_eq!(
                check_arrow(pure, "mio", false),
                [format!("{pure} -> mio: not among what it may depend on")]
            );
        }
        assert!(check_arrow("gossip-driver", "getrandom", false).is_empty());
    }

    #[test]
    fn an_unknown_crate_must_be_put_in_the_table() {
        assert_eq!(check_arrow("gossip-new", "gossip-core", false).len(), 1);
    }
}
