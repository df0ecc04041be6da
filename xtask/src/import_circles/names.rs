//! The names that a module or a block declares: definitions, child modules, imports, globs.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::{Item, Visibility};

use super::syntax::{Import, Path, attributes, imports, is_left_out, segments};

/// The names that one module or block declares.
#[derive(Debug, Default)]
pub(super) struct Names {
    declared: BTreeMap<String, Vec<Declaration>>,
    /// Paths imported with `*`, to modules or enums, and where the names are visible.
    pub(super) globs: Vec<(Path, Reach)>,
    /// Identifiers in macro calls, which may define items.
    pub(super) in_macros: BTreeSet<String>,
}

/// A declaration of a name, and where it is visible.
#[derive(Debug)]
pub(super) struct Declaration {
    pub(super) meaning: Meaning,
    pub(super) reach: Reach,
}

/// The meaning of a name.
#[derive(Debug)]
pub(super) enum Meaning {
    /// An item that is defined here; for an enum with the names of its variants.
    Item(BTreeSet<String>),
    /// A child module, by its number.
    Module(usize),
    /// The target of this path.
    Import(Path),
}

/// The module in which a name is visible, as a path from the declaring module; `None` for the whole
/// crate.
pub(super) type Reach = Option<Path>;

impl Names {
    /// The names that `items` declare, without child modules.
    pub(super) fn of<'a>(items: impl IntoIterator<Item = &'a Item>) -> Self {
        let mut names = Self::default();
        for item in items
            .into_iter()
            .filter(|item| !is_left_out(attributes(item)))
        {
            names.add(item);
        }
        names
    }

    /// The declarations of `name`: several if namespaces or configurations share it.
    pub(super) fn get(&self, name: &str) -> &[Declaration] {
        self.declared.get(name).map_or(&[], Vec::as_slice)
    }

    /// Adds a child module.
    pub(super) fn add_module(&mut self, name: String, visibility: &Visibility, module: usize) {
        self.declare(name, Meaning::Module(module), reach(visibility));
    }

    fn declare(&mut self, name: String, meaning: Meaning, reach: Reach) {
        let declarations = self.declared.entry(name).or_default();
        declarations.push(Declaration { meaning, reach });
    }

    fn add(&mut self, item: &Item) {
        if let Item::Use(item) = item {
            for import in imports(item) {
                match import {
                    Import::Name { path, name } => {
                        self.declare(name, Meaning::Import(path), reach(&item.vis));
                    }
                    Import::Glob(path) => self.globs.push((path, reach(&item.vis))),
                }
            }
        } else if let Item::Macro(item) = item {
            match &item.ident {
                Some(name) => self.declare(name.to_string(), Meaning::Item(BTreeSet::new()), None),
                None => add_identifiers(item.mac.tokens.clone(), &mut self.in_macros),
            }
        } else if let Some((name, visibility)) = definition(item) {
            let mut variants = BTreeSet::new();
            if let Item::Enum(item) = item {
                variants.extend(item.variants.iter().map(|one| one.ident.to_string()));
            }
            self.declare(name, Meaning::Item(variants), reach(visibility));
        }
    }
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the other items declare no name that a path can lead to"
)]
fn definition(item: &Item) -> Option<(String, &Visibility)> {
    let (name, visibility) = match item {
        Item::Const(item) => (&item.ident, &item.vis),
        Item::Enum(item) => (&item.ident, &item.vis),
        Item::Fn(item) => (&item.sig.ident, &item.vis),
        Item::Static(item) => (&item.ident, &item.vis),
        Item::Struct(item) => (&item.ident, &item.vis),
        Item::Trait(item) => (&item.ident, &item.vis),
        Item::TraitAlias(item) => (&item.ident, &item.vis),
        Item::Type(item) => (&item.ident, &item.vis),
        Item::Union(item) => (&item.ident, &item.vis),
        _ => return None,
    };
    Some((name.to_string(), visibility))
}

fn reach(visibility: &Visibility) -> Reach {
    match visibility {
        Visibility::Public(_) => None,
        Visibility::Restricted(within) => Some(segments(&within.path)),
        Visibility::Inherited => Some(vec!["self".to_owned()]),
    }
}

fn add_identifiers(tokens: TokenStream, identifiers: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(identifier) => {
                identifiers.insert(identifier.to_string());
            }
            TokenTree::Group(group) => add_identifiers(group.stream(), identifiers),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}
