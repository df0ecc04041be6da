//! The modules of a crate, read from its files.

use std::fs;
use std::path::{Path as FilePath, PathBuf};

use syn::{Expr, Item, ItemMod, Lit, Meta};

use super::names::Names;
use super::syntax::{attributes, is_left_out};
use crate::Failure;

/// A module with its names and items.
pub(super) struct Module {
    /// The file that contains it. An inline module has the file of its parent.
    pub(super) file: PathBuf,
    /// The number of the module that declares it; `None` for the crate's root.
    pub(super) parent: Option<usize>,
    pub(super) names: Names,
    /// Its items, without child modules and test code.
    pub(super) items: Vec<Item>,
}

/// The modules of one crate; the first is the crate's root.
pub(super) struct Modules {
    all: Vec<Module>,
}

impl Modules {
    /// Reads the root file of a crate and the files of its modules, except for test modules.
    ///
    /// # Errors
    /// A file is missing, cannot be read, or is no Rust; with its path.
    pub(super) fn load(root: &FilePath) -> Result<Self, Failure> {
        let mut modules = Self { all: Vec::new() };
        let folder = root.parent().unwrap_or(root).to_path_buf();
        modules.load_file(root, folder, None)?;
        Ok(modules)
    }

    pub(super) fn get(&self, module: usize) -> &Module {
        &self.all[module]
    }

    pub(super) fn numbers(&self) -> std::ops::Range<usize> {
        0..self.all.len()
    }

    /// The outermost module in the same file.
    pub(super) fn of_file(&self, module: usize) -> usize {
        let file = &self.all[module].file;
        let parent = |module: &usize| self.all[*module].parent;
        let around = std::iter::successors(Some(module), parent);
        around
            .take_while(|one| self.all[*one].file == *file)
            .last()
            .unwrap_or(module)
    }

    /// Whether `module` is `ancestor` or inside it.
    pub(super) fn is_within(&self, module: usize, ancestor: usize) -> bool {
        let parent = |module: &usize| self.all[*module].parent;
        std::iter::successors(Some(module), parent).any(|one| one == ancestor)
    }

    /// `folder` is the folder of the child modules' files. Returns the module's number; `None` if
    /// the file is test code.
    fn load_file(
        &mut self,
        file: &FilePath,
        folder: PathBuf,
        parent: Option<usize>,
    ) -> Result<Option<usize>, Failure> {
        let text = fs::read_to_string(file).map_err(|error| named(file, &error))?;
        let parsed = syn::parse_file(&text).map_err(|error| named(file, &error))?;
        if is_left_out(&parsed.attrs) {
            return Ok(None);
        }
        self.add(file, folder, parent, parsed.items).map(Some)
    }

    fn add(
        &mut self,
        file: &FilePath,
        folder: PathBuf,
        parent: Option<usize>,
        items: Vec<Item>,
    ) -> Result<usize, Failure> {
        let items = items
            .into_iter()
            .filter(|item| !is_left_out(attributes(item)));
        let (children, items): (Vec<Item>, Vec<Item>) =
            items.partition(|item| matches!(item, Item::Mod(_)));
        let number = self.all.len();
        self.all.push(Module {
            file: file.to_path_buf(),
            parent,
            names: Names::of(&items),
            items,
        });
        for child in children {
            if let Item::Mod(child) = child {
                self.add_child(number, &folder, child)?;
            }
        }
        Ok(number)
    }

    fn add_child(
        &mut self,
        parent: usize,
        folder: &FilePath,
        child: ItemMod,
    ) -> Result<(), Failure> {
        let file = self.all[parent].file.clone();
        let name = child.ident.to_string();
        let inside = folder.join(&name);
        let number = if let Some((_, items)) = child.content {
            Some(self.add(&file, inside, Some(parent), items)?)
        } else if let Some(path) = path_attribute(&child) {
            let file = file.parent().unwrap_or(folder).join(path);
            let folder = file.parent().unwrap_or(folder).to_path_buf();
            self.load_file(&file, folder, Some(parent))?
        } else {
            let beside = folder.join(format!("{name}.rs"));
            let within = inside.join("mod.rs");
            let file = if beside.exists() { beside } else { within };
            self.load_file(&file, inside, Some(parent))?
        };
        if let Some(number) = number {
            self.all[parent].names.add_module(name, &child.vis, number);
        }
        Ok(())
    }
}

fn named(file: &FilePath, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", file.display())
}

fn path_attribute(module: &ItemMod) -> Option<String> {
    let attribute = module
        .attrs
        .iter()
        .find(|one| one.path().is_ident("path"))?;
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    let Expr::Lit(value) = &pair.value else {
        return None;
    };
    let Lit::Str(path) = &value.lit else {
        return None;
    };
    Some(path.value())
}
