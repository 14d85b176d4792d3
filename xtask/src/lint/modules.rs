//! Which module of a crate uses which, read from the sources with `syn`.
//!
//! A module uses another one if one of its paths names an item that is defined there: in a `use`, a type, a signature,
//! a function's body or the arguments of a macro. Re-exports are followed to the definition. Code under `#[cfg(test)]`
//! is left out, and every other `cfg` counts as set, so that all ports of a crate are seen at once. Methods and fields
//! are not seen: only a type checker knows their modules.
//!
//! A module may name the modules inside it, and these may name what it defines. If `a::b::c` uses `a::d`, then the pair
//! (`a::b`, `a::d`) counts, so every circle is one of modules side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// A path as it is written, without generic arguments.
type Words = Vec<String>;

/// One crate. Modules are named by their path, the root by "".
#[derive(Default)]
pub(super) struct Crate {
    modules: BTreeMap<String, Module>,
    /// Names of `macro_rules!` and the modules that define them.
    macros: BTreeMap<String, String>,
}

#[derive(Default)]
struct Module {
    items: BTreeSet<String>,
    children: BTreeSet<String>,
    /// What `use` brings in, by name; `cfg` may choose among several.
    imports: BTreeMap<String, Vec<Words>>,
    globs: Vec<Words>,
    paths: BTreeSet<Words>,
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Module(String),
    /// An item, by the module that defines it.
    ItemOf(String),
}

impl Crate {
    /// Reads the crate with this root file.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut read = Self::default();
        let folder = root.parent().context("a root without a folder")?;
        read.file(root, folder, String::new())?;
        Ok(read)
    }

    fn file(&mut self, file: &Path, children: &Path, module: String) -> Result<()> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let parsed = syn::parse_file(&text).with_context(|| file.display().to_string())?;
        self.items(&parsed.items, file, children, module)
    }

    fn items(&mut self, items: &[Item], file: &Path, children: &Path, module: String) -> Result<()> {
        let mut reader = Reader { module: Module::default(), nested: Vec::new(), macros: Vec::new() };
        items.iter().for_each(|item| reader.visit_item(item));
        let Reader { module: read, nested, macros } = reader;
        self.macros.extend(macros.into_iter().map(|name| (name, module.clone())));
        let entry = self.modules.entry(module.clone()).or_default();
        entry.items.extend(read.items);
        entry.children.extend(read.children);
        entry.globs.extend(read.globs);
        entry.paths.extend(read.paths);
        for (name, paths) in read.imports {
            entry.imports.entry(name).or_default().extend(paths);
        }
        for nested in nested {
            let name = nested.ident.to_string();
            let path = join(&module, &name);
            if let Some((_, items)) = &nested.content {
                self.items(items, file, &children.join(&name), path)?;
                continue;
            }
            let stated = written_path(&nested.attrs);
            let (file, children) = match stated {
                Some(stated) => {
                    let file = file.parent().unwrap_or(children).join(stated);
                    let folder = file.parent().map(Path::to_path_buf);
                    (file, folder.unwrap_or_default())
                }
                None => {
                    let beside = children.join(&name).with_extension("rs");
                    let inside = children.join(&name).join("mod.rs");
                    (if beside.exists() { beside } else { inside }, children.join(&name))
                }
            };
            self.file(&file, &children, path)?;
        }
        Ok(())
    }

    /// Where a path that stands in `module` leads; nothing for other crates and for what is not a path of items.
    fn resolve(&self, module: &str, path: &[String], depth: usize) -> Vec<Target> {
        let Some((first, rest)) = path.split_first().filter(|_| depth < 32) else { return Vec::new() };
        match first.as_str() {
            "crate" => self.inside("", rest, depth + 1),
            "self" => self.inside(module, rest, depth + 1),
            "super" => {
                let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
                if rest.first().is_some_and(|next| next == "super") {
                    return self.resolve(parent, rest, depth + 1);
                }
                self.inside(parent, rest, depth + 1)
            }
            _ => self.inside(module, path, depth + 1),
        }
    }

    /// Where the rest of a path leads from within a module.
    fn inside(&self, at: &str, path: &[String], depth: usize) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else { return vec![Target::Module(at.to_owned())] };
        let Some(module) = self.modules.get(at) else { return Vec::new() };
        if module.children.contains(first) {
            return self.inside(&join(at, first), rest, depth + 1);
        }
        if module.items.contains(first) {
            return vec![Target::ItemOf(at.to_owned())];
        }
        if let Some(imports) = module.imports.get(first) {
            let whole = |import: &Words| [import.as_slice(), rest].concat();
            // `use name::Thing as name` names another crate.
            let other = |import: &&Words| import.first() != Some(first);
            return imports
                .iter()
                .filter(other)
                .flat_map(|import| self.resolve(at, &whole(import), depth + 1))
                .collect();
        }
        let globs = module.globs.iter().flat_map(|glob| self.resolve(at, glob, depth + 8));
        let modules = globs.filter_map(|target| match target {
            Target::Module(module) if module != at => Some(module),
            _ => None,
        });
        modules.flat_map(|module| self.inside(&module, path, depth + 8)).collect()
    }

    /// Every pair of siblings of which the first uses the second.
    pub(super) fn uses(&self) -> Uses {
        let mut uses = BTreeMap::new();
        for (name, module) in &self.modules {
            let imports = module.imports.values().flatten().chain(&module.globs);
            for path in module.paths.iter().chain(imports) {
                let mut targets = self.resolve(name, path, 0);
                if targets.is_empty() && path.len() == 1 {
                    targets.extend(self.macros.get(&path[0]).map(|module| Target::ItemOf(module.clone())));
                }
                for target in targets {
                    let (Target::Module(used) | Target::ItemOf(used)) = target;
                    if let Some(siblings) = siblings(name, &used) {
                        uses.entry(siblings).or_insert_with(|| format!("{name}: {}", path.join("::")));
                    }
                }
            }
        }
        Uses(uses)
    }
}

/// The uses between modules side by side, with a path that shows each.
pub(super) struct Uses(BTreeMap<(String, String), String>);

impl Uses {
    /// A line for each use between modules of a circle.
    pub(super) fn within(&self, circle: &[String]) -> String {
        let uses = &self.0;
        let lines = uses.iter().filter(|((from, to), _)| circle.contains(from) && circle.contains(to));
        lines.map(|((from, to), path)| format!("  {from} uses {to}, as in {path}\n")).collect()
    }

    /// The circles: sets of siblings each of which reaches every other one.
    pub(super) fn circles(&self) -> BTreeSet<Vec<String>> {
        let uses = &self.0;
        let mut next = BTreeMap::<&str, Vec<&str>>::new();
        uses.keys().for_each(|(from, to)| next.entry(from).or_default().push(to));
        let reached = |from: &str| {
            let mut reached = BTreeSet::new();
            let mut pending: Vec<&str> = next.get(from).cloned().unwrap_or_default();
            while let Some(module) = pending.pop() {
                if reached.insert(module) {
                    pending.extend(next.get(module).into_iter().flatten());
                }
            }
            reached
        };
        let reach: BTreeMap<&str, BTreeSet<&str>> = next.keys().map(|from| (*from, reached(from))).collect();
        let back = |from: &str, to: &str| reach.get(to).is_some_and(|reached| reached.contains(from));
        let circle = |from: &str| -> Vec<String> {
            reach[from].iter().filter(|to| back(from, to)).map(|&to| to.to_owned()).collect()
        };
        reach.keys().map(|from| circle(from)).filter(|circle| !circle.is_empty()).collect()
    }
}

/// The two modules side by side, in the first folder that has both; none if one module is inside the other.
fn siblings(from: &str, to: &str) -> Option<(String, String)> {
    let (from, to): (Vec<&str>, Vec<&str>) = (from.split("::").collect(), to.split("::").collect());
    let alike = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let is_inside = |module: &[&str]| module.len() <= alike || module == [""];
    let name = |module: &[&str]| module[..=alike].join("::");
    (!is_inside(&from) && !is_inside(&to)).then(|| (name(&from), name(&to)))
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

/// The file that `#[path = "…"]` states, also inside of `cfg_attr`.
fn written_path(attributes: &[Attribute]) -> Option<PathBuf> {
    attributes.iter().find_map(|attribute| {
        let text = quote::ToTokens::to_token_stream(&attribute.meta).to_string();
        let (_, stated) = text.split_once("path = \"")?;
        Some(PathBuf::from(stated.split('"').next()?))
    })
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let tokens = attribute.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default();
        attribute.path().is_ident("cfg") && (tokens == "test" || tokens.starts_with("all (test"))
    })
}

struct Reader {
    module: Module,
    nested: Vec<syn::ItemMod>,
    macros: Vec<String>,
}

impl Reader {
    fn import(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, before)),
            UseTree::Glob(_) => self.module.globs.push(before.to_vec()),
            UseTree::Name(name) if name.ident == "self" => {
                let last = before.last().cloned().unwrap_or_default();
                self.module.imports.entry(last).or_default().push(before.to_vec());
            }
            UseTree::Name(name) => {
                self.module.imports.entry(name.ident.to_string()).or_default().push(with(&name.ident));
            }
            UseTree::Rename(rename) => {
                self.module.imports.entry(rename.rename.to_string()).or_default().push(with(&rename.ident));
            }
        }
    }

    /// The paths among the arguments of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Words::new();
        let mut colons = 2;
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    if colons < 2 {
                        self.named(std::mem::take(&mut path));
                    }
                    path.push(word.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => colons += 1,
                other => {
                    self.named(std::mem::take(&mut path));
                    colons = 2;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.named(path);
    }

    /// A single word among tokens may be a variable; an item's type begins with a capital letter.
    fn named(&mut self, path: Words) {
        if path.len() > 1 || path.first().is_some_and(|word| word.starts_with(char::is_uppercase)) {
            self.path(path);
        }
    }

    fn path(&mut self, path: Words) {
        if !path.is_empty() {
            self.module.paths.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name): (&[Attribute], Option<&syn::Ident>) = match item {
            Item::Const(item) => (&item.attrs, Some(&item.ident)),
            Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
            Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
            Item::Mod(item) => (&item.attrs, None),
            Item::Static(item) => (&item.attrs, Some(&item.ident)),
            Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            Item::Type(item) => (&item.attrs, Some(&item.ident)),
            Item::Union(item) => (&item.attrs, Some(&item.ident)),
            Item::Impl(item) => (&item.attrs, None),
            Item::Use(item) => (&item.attrs, None),
            _ => (&[], None),
        };
        if is_test(attributes) {
            return;
        }
        self.module.items.extend(name.map(ToString::to_string));
        match item {
            Item::Mod(item) => {
                self.module.children.insert(item.ident.to_string());
                self.nested.push(item.clone());
            }
            Item::Use(item) => self.import(&item.tree, &[]),
            Item::Macro(item) if item.ident.is_some() => {
                self.macros.extend(item.ident.as_ref().map(ToString::to_string));
                self.tokens(item.mac.tokens.clone());
            }
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_foreign_item_fn(&mut self, item: &'ast syn::ForeignItemFn) {
        self.module.items.insert(item.sig.ident.to_string());
        visit::visit_foreign_item_fn(self, item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.path(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        visit::visit_macro(self, called);
        self.tokens(called.tokens.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The circles of a crate of these files.
    fn circles(name: &str, files: &[(&str, &str)]) -> Vec<String> {
        let folder = std::env::temp_dir().join(format!("microusc-modules-{name}-{}", std::process::id()));
        for (file, text) in files {
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let read = Crate::read(&folder.join("lib.rs")).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        read.uses().circles().into_iter().map(|circle| circle.join(" ")).collect()
    }

    const ROOT: (&str, &str) = ("lib.rs", "mod a; mod b; pub use b::B; pub const SHARED: u32 = 1;");

    #[test]
    fn modules_that_point_one_way_are_no_circle() {
        let a = ("a.rs", "use crate::{B, SHARED}; fn f() -> B { B(SHARED) } pub const X: u32 = 1;");
        let b = ("b.rs", "pub struct B(pub u32); #[cfg(test)] mod tests { use crate::a::X; }");
        assert_eq!(circles("none", &[ROOT, a, b]), Vec::<String>::new());
    }

    #[test]
    fn a_planted_circle_is_found_however_the_second_module_is_named() {
        let a =
            ("a.rs", "use crate::B; pub const X: u32 = 1; pub struct A(B); pub mod deep { pub fn f() {} }");
        for (name, back) in [
            ("import", "use super::a::X; pub struct B(pub u32);"),
            ("renamed", "use crate::a as other; pub struct B(pub u32); fn f() -> u32 { other::X }"),
            ("body", "pub struct B(pub u32); fn f() -> u32 { crate::a::X }"),
            ("type", "pub struct B(pub Option<Box<crate::a::A>>);"),
            ("macro", "pub struct B(pub u32); fn f() { assert_eq!(1, crate::a::X, \"\"); }"),
            ("glob", "use crate::a::*; pub struct B(pub u32); fn f() -> u32 { X }"),
            ("child", "pub struct B(pub u32); mod c { fn f() { super::super::a::deep::f(); } }"),
            ("port", "pub struct B(pub u32); #[cfg(feature = \"port\")] mod c { use crate::a::X; }"),
        ] {
            assert_eq!(circles(name, &[ROOT, a, ("b.rs", back)]), ["a b"], "{name}");
        }
    }

    #[test]
    fn files_are_found_where_the_compiler_looks_for_them() {
        let root = ("lib.rs", "mod a; #[cfg_attr(x, path = \"elsewhere/c.rs\")] mod b;");
        let a = ("a/mod.rs", "pub mod inner; pub const X: u32 = 1;");
        let inner = ("a/inner.rs", "use crate::b::Y;");
        let b = ("elsewhere/c.rs", "pub use crate::a::X as Z; pub const Y: u32 = Z;");
        assert_eq!(circles("files", &[root, a, inner, b]), ["a b"]);
    }

    #[test]
    fn a_circle_inside_of_a_folder_is_found() {
        let root = (
            "lib.rs",
            "mod a { mod one { pub use super::two::T; pub struct O; } mod two { pub struct T(super::one::O); } }",
        );
        assert_eq!(circles("folder", &[root]), ["a::one a::two"]);
    }
}
