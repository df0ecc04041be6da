//! Resolves a path to the item that it names, through imports, re-exports and globs.

use std::collections::BTreeSet;

use super::modules::Modules;
use super::names::{Meaning, Names, Reach};

/// The target of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// A module of the crate.
    Module(usize),
    /// An item, and the module that defines it. Later segments of the path belong to the item, such
    /// as a variant or a method.
    Item { module: usize, name: String },
}

/// The position of a path: a module, and the enclosing blocks in it, the innermost last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) module: usize,
    pub(super) blocks: &'a [Names],
}

/// The resolution of one path. Lookups in progress are recorded, so that names that import each
/// other end it.
pub(super) struct Lookup<'a> {
    modules: &'a Modules,
    /// For each lookup in progress: the module that uses the name, the module that declares it, the
    /// name.
    visited: BTreeSet<(usize, usize, String)>,
}

impl<'a> Lookup<'a> {
    /// All targets of `path` in this crate: several if namespaces share a name, none if the path
    /// leads out of the crate.
    pub(super) fn follow(modules: &'a Modules, place: Place<'a>, path: &[String]) -> Vec<Target> {
        let visited = BTreeSet::new();
        let mut targets = Self { modules, visited }.path(place, path);
        targets.sort();
        targets.dedup();
        targets
    }

    fn path(&mut self, place: Place<'_>, path: &[String]) -> Vec<Target> {
        let (mut targets, mut rest) = self.start(place, path);
        while let Some((name, after)) = rest.split_first() {
            let step = |target: Target| match target {
                Target::Module(module) => self.in_module(place.module, module, name),
                Target::Item { .. } => vec![target],
            };
            targets = targets.into_iter().flat_map(step).collect();
            rest = after;
        }
        targets
    }

    /// The targets of the path's first segments, and the other segments.
    fn start<'p>(&mut self, place: Place<'_>, path: &'p [String]) -> (Vec<Target>, &'p [String]) {
        let Some((first, mut rest)) = path.split_first() else {
            return (Vec::new(), path);
        };
        let mut module = match first.as_str() {
            "crate" => 0,
            "self" => place.module,
            "super" => self.parent(place.module),
            name => return (self.in_scope(place, name), rest),
        };
        while let Some((segment, after)) = rest.split_first() {
            if segment != "super" {
                break;
            }
            module = self.parent(module);
            rest = after;
        }
        (vec![Target::Module(module)], rest)
    }

    fn parent(&self, module: usize) -> usize {
        self.modules.get(module).parent.unwrap_or(module)
    }

    /// The targets of a name without a path, in the enclosing blocks or else in the module.
    fn in_scope(&mut self, place: Place<'_>, name: &str) -> Vec<Target> {
        for (depth, names) in place.blocks.iter().enumerate().rev() {
            let outer = Place {
                module: place.module,
                blocks: &place.blocks[..depth],
            };
            let found = self.in_names(place.module, outer, names, name);
            if !found.is_empty() {
                return found;
            }
        }
        self.in_module(place.module, place.module, name)
    }

    /// The targets of `name` in `module` that are visible in the module `asking`.
    fn in_module(&mut self, asking: usize, module: usize, name: &str) -> Vec<Target> {
        if !self.visited.insert((asking, module, name.to_owned())) {
            return Vec::new();
        }
        let modules = self.modules;
        let place = Place {
            module,
            blocks: &[],
        };
        let found = self.in_names(asking, place, &modules.get(module).names, name);
        self.visited.remove(&(asking, module, name.to_owned()));
        found
    }

    /// The targets of `name` among `names`, which are declared at `place`.
    fn in_names(
        &mut self,
        asking: usize,
        place: Place<'_>,
        names: &Names,
        name: &str,
    ) -> Vec<Target> {
        let mut found = Vec::new();
        for declaration in names.get(name) {
            if !self.reaches(&declaration.reach, place.module, asking) {
                continue;
            }
            match &declaration.meaning {
                Meaning::Item(_) => found.push(item(place.module, name)),
                Meaning::Module(module) => found.push(Target::Module(*module)),
                Meaning::Import(path) => found.extend(self.path(place, path)),
            }
        }
        for (glob, reach) in &names.globs {
            if found.is_empty() && self.reaches(reach, place.module, asking) {
                found = self.in_glob(place, glob, name);
            }
        }
        if found.is_empty() && names.in_macros.contains(name) {
            found.push(item(place.module, name));
        }
        found
    }

    fn in_glob(&mut self, place: Place<'_>, glob: &[String], name: &str) -> Vec<Target> {
        let mut found = Vec::new();
        for target in self.path(place, glob) {
            match target {
                Target::Module(module) => found.extend(self.in_module(place.module, module, name)),
                Target::Item { module, name: of } if self.has_variant(module, &of, name) => {
                    found.push(item(module, &of));
                }
                Target::Item { .. } => {}
            }
        }
        found
    }

    fn has_variant(&self, module: usize, of: &str, name: &str) -> bool {
        let declarations = self.modules.get(module).names.get(of).iter();
        declarations
            .filter_map(|declaration| match &declaration.meaning {
                Meaning::Item(variants) => Some(variants),
                Meaning::Module(_) | Meaning::Import(_) => None,
            })
            .any(|variants| variants.contains(name))
    }

    /// Whether a declaration of `module` is visible in the module `asking`.
    fn reaches(&self, reach: &Reach, module: usize, asking: usize) -> bool {
        let Some(path) = reach else {
            return true;
        };
        let mut within = module;
        for segment in path {
            within = match segment.as_str() {
                "self" => within,
                "super" => self.parent(within),
                // `pub(in path)` names an enclosing module; the whole crate is an approximation.
                _ => 0,
            };
        }
        self.modules.is_within(asking, within)
    }
}

fn item(module: usize, name: &str) -> Target {
    Target::Item {
        module,
        name: name.to_owned(),
    }
}
