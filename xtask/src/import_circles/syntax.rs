//! Reads paths, imports and conditions from the syntax tree.

use syn::punctuated::Punctuated;
use syn::{Attribute, ImplItem, Item, ItemUse, Meta, Token, TraitItem, UseTree};

/// The segments of a path, such as `crate`, `link`, `Links`. Empty if the path leads out of the
/// crate.
pub(super) type Path = Vec<String>;

/// A name of a `use`, or a `*`.
#[derive(Debug)]
pub(super) enum Import {
    /// `name` is declared for the target of `path`; `_` cannot be used.
    Name { path: Path, name: String },
    /// All names of the module or enum at this path.
    Glob(Path),
}

/// The segments of `path` without generic arguments.
pub(super) fn segments(path: &syn::Path) -> Path {
    if path.leading_colon.is_some() {
        return Path::new();
    }
    let segments = path.segments.iter();
    segments.map(|segment| segment.ident.to_string()).collect()
}

/// The imports of a `use` item.
pub(super) fn imports(item: &ItemUse) -> Vec<Import> {
    let mut imports = Vec::new();
    if item.leading_colon.is_none() {
        add_imports(&item.tree, &mut Path::new(), &mut imports);
    }
    imports
}

fn add_imports(tree: &UseTree, prefix: &mut Path, imports: &mut Vec<Import>) {
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            add_imports(&path.tree, prefix, imports);
            prefix.pop();
        }
        UseTree::Name(one) => add_name(prefix, one.ident.to_string(), None, imports),
        UseTree::Rename(one) => {
            let name = Some(one.rename.to_string());
            add_name(prefix, one.ident.to_string(), name, imports);
        }
        UseTree::Glob(_) => imports.push(Import::Glob(prefix.clone())),
        UseTree::Group(group) => {
            for tree in &group.items {
                add_imports(tree, prefix, imports);
            }
        }
    }
}

/// `last` is `self` in `use a::b::{self}`, which imports `b`.
fn add_name(prefix: &Path, last: String, name: Option<String>, imports: &mut Vec<Import>) {
    let mut path = prefix.clone();
    if last != "self" || prefix.is_empty() {
        path.push(last);
    }
    if let Some(name) = name.or_else(|| path.last().cloned()) {
        imports.push(Import::Name { path, name });
    }
}

/// Whether the attributes restrict an item to tests or documentation.
pub(super) fn is_left_out(attributes: &[Attribute]) -> bool {
    let conditions = attributes.iter().filter(|one| one.path().is_ident("cfg"));
    conditions
        .filter_map(|one| one.parse_args::<Meta>().ok())
        .any(|condition| holds(&condition) == Some(false))
}

/// The value of a `cfg` condition without tests and documentation; `None` if it depends on anything
/// else.
fn holds(condition: &Meta) -> Option<bool> {
    if condition.path().is_ident("test") || condition.path().is_ident("doc") {
        return Some(false);
    }
    let Meta::List(list) = condition else {
        return None;
    };
    let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    let parts: Vec<Option<bool>> = parts.ok()?.iter().map(holds).collect();
    if list.path.is_ident("not") {
        return parts.first().copied().flatten().map(|held| !held);
    }
    let decisive = list.path.is_ident("any");
    if parts.contains(&Some(decisive)) {
        return Some(decisive);
    }
    parts.iter().all(Option::is_some).then_some(!decisive)
}

/// The attributes of an item.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "syn keeps what it cannot parse as tokens, without attributes"
)]
pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The attributes of an item of an `impl`.
#[allow(clippy::wildcard_enum_match_arm, reason = "as for items")]
pub(super) fn attributes_in_impl(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        ImplItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}

/// The attributes of an item of a trait.
#[allow(clippy::wildcard_enum_match_arm, reason = "as for items")]
pub(super) fn attributes_in_trait(item: &TraitItem) -> &[Attribute] {
    match item {
        TraitItem::Const(item) => &item.attrs,
        TraitItem::Fn(item) => &item.attrs,
        TraitItem::Type(item) => &item.attrs,
        TraitItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}
