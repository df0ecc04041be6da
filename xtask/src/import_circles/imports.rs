//! The items that a module imports or names by a path.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};
use syn::{
    Arm, Attribute, Block, Field, FieldValue, ImplItem, Item, ItemMod, ItemUse, Local, Macro,
    PatIdent, Signature, Stmt, TraitItem, Variant,
};

use super::lookup::{Lookup, Place, Target};
use super::modules::Modules;
use super::names::Names;
use super::syntax::{
    Import, attributes, attributes_in_impl, attributes_in_trait, imports, is_left_out, segments,
};

/// The items of the crate that `module` names, without its child modules; each with the module that
/// defines it.
pub(super) fn of(modules: &Modules, module: usize) -> BTreeSet<(usize, String)> {
    let mut visitor = Visitor {
        modules,
        module,
        blocks: Vec::new(),
        variables: BTreeSet::new(),
        found: BTreeSet::new(),
    };
    for item in &modules.get(module).items {
        visitor.visit_item(item);
    }
    visitor.found
}

struct Visitor<'a> {
    modules: &'a Modules,
    module: usize,
    /// The names that the enclosing blocks declare, the innermost last.
    blocks: Vec<Names>,
    /// The variables of the function so far; they hide functions of the same name.
    variables: BTreeSet<String>,
    found: BTreeSet<(usize, String)>,
}

impl Visitor<'_> {
    fn add(&mut self, path: &[String]) {
        let place = Place {
            module: self.module,
            blocks: &self.blocks,
        };
        for target in Lookup::follow(self.modules, place, path) {
            if let Target::Item { module, name } = target {
                self.found.insert((module, name));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for import in imports(item) {
            match import {
                Import::Name { path, .. } | Import::Glob(path) => self.add(&path),
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = segments(path);
        if segments.len() != 1 || !self.variables.contains(&segments[0]) {
            self.add(&segments);
        }
        visit::visit_path(self, path);
    }

    /// A pattern of one name is a variant or a constant, or else a new variable.
    fn visit_pat_ident(&mut self, pattern: &'ast PatIdent) {
        let name = pattern.ident.to_string();
        if name.starts_with(char::is_uppercase) {
            self.add(&[name]);
        } else {
            self.variables.insert(name);
        }
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_signature(&mut self, signature: &'ast Signature) {
        self.variables.clear();
        visit::visit_signature(self, signature);
    }

    fn visit_block(&mut self, block: &'ast Block) {
        let items = block.stmts.iter().filter_map(|statement| match statement {
            Stmt::Item(item) => Some(item),
            Stmt::Local(_) | Stmt::Expr(..) | Stmt::Macro(_) => None,
        });
        self.blocks.push(Names::of(items));
        visit::visit_block(self, block);
        self.blocks.pop();
    }

    /// Only the path of the macro: its arguments are no Rust before expansion.
    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    /// Visited as a module of its own.
    fn visit_item_mod(&mut self, _: &'ast ItemMod) {}

    fn visit_item(&mut self, item: &'ast Item) {
        if !is_left_out(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if !is_left_out(attributes_in_impl(item)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        if !is_left_out(attributes_in_trait(item)) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast Field) {
        if !is_left_out(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_field_value(&mut self, field: &'ast FieldValue) {
        if !is_left_out(&field.attrs) {
            visit::visit_field_value(self, field);
        }
    }

    fn visit_variant(&mut self, variant: &'ast Variant) {
        if !is_left_out(&variant.attrs) {
            visit::visit_variant(self, variant);
        }
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        if !is_left_out(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_local(&mut self, local: &'ast Local) {
        if !is_left_out(&local.attrs) {
            visit::visit_local(self, local);
        }
    }
}
