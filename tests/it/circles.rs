//! Within a crate, modules depend on each other in one direction only.
//!
//! The rule: take any module, its own items as one node, and each of its children with all that is below it as another.
//! Between these nodes no imports may go round in a circle. So two siblings that use each other fail, and so does a
//! module that uses its child while the child uses the module's own items.
//!
//! An import is any path to an item, in a `use` or elsewhere, macros included. It counts for the module in which the
//! item is defined: re-exports are followed, and are no imports themselves. Tests may import what they like.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;
use syn::{Attribute, Item, Macro, UseTree, Visibility};

/// The crates of the library. This crate has only tests.
const CRATES: [&str; 4] = ["macros", "runtime", "runtime/protocol", "runtime/coordinator"];

/// The path of a module from the crate's root, or of a name within one.
type Name = Vec<String>;

/// How a name came into the scope of a module.
#[derive(Debug, Clone)]
enum Origin {
    /// Defined here.
    Own,
    /// A module below this one.
    Child,
    /// By a `use` of this path.
    Used(Name),
}

/// One module of a crate.
#[derive(Debug, Default)]
struct Module {
    names: BTreeMap<String, Vec<Origin>>,
    globs: Vec<Name>,
    /// Every path that its own items mention, as it is written.
    paths: BTreeSet<Name>,
}

/// The modules of a crate, by their path.
#[derive(Debug, Default)]
struct Crate {
    modules: BTreeMap<Name, Module>,
}

fn is_for_tests(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| {
        attr.path().is_ident("test")
            || attr.path().is_ident("cfg")
                && attr.meta.require_list().is_ok_and(|list| {
                    let condition = list.tokens.to_string();
                    condition == "test" || condition.starts_with("all (test")
                })
    })
}

impl Crate {
    /// Reads a crate from its root file.
    fn read(root: &Path) -> Self {
        let mut this = Self::default();
        let file = parse(root);
        let directory = root.parent().expect("a directory").to_owned();
        this.add(Name::new(), file.items, &directory);
        this
    }

    /// The crate of these modules, each with its source.
    fn of(sources: &[(&str, &str)]) -> Self {
        let mut this = Self::default();
        for (module, source) in sources {
            let name = module.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
            this.add(name, syn::parse_file(source).expect("Rust").items, Path::new("/nowhere"));
        }
        this
    }

    fn add(&mut self, name: Name, items: Vec<Item>, directory: &Path) {
        let mut module = Module::default();
        for item in items {
            if is_for_tests(attributes(&item)) {
                continue;
            }
            match item {
                Item::Mod(child) => {
                    let ident = child.ident.to_string();
                    module.names.entry(ident.clone()).or_default().push(Origin::Child);
                    let below = directory.join(&ident);
                    let child_name = [name.as_slice(), &[ident]].concat();
                    match child.content {
                        Some((_, items)) => self.add(child_name, items, &below),
                        None => {
                            if let Some(file) =
                                [below.with_extension("rs"), below.join("mod.rs")].iter().find(|f| f.exists())
                            {
                                self.add(child_name, parse(file).items, &below);
                            }
                        }
                    }
                }
                Item::Use(import) => {
                    let is_re_export = !matches!(import.vis, Visibility::Inherited);
                    module.import(&mut Name::new(), &import.tree, is_re_export);
                }
                item => {
                    if let Some(ident) = defined(&item) {
                        module.names.entry(ident).or_default().push(Origin::Own);
                    }
                    Paths(&mut module.paths).visit_item(&item);
                }
            }
        }
        self.modules.insert(name, module);
    }

    /// The modules in which the item of a path is defined, as it is written in a module; none if it is of another
    /// crate.
    fn resolve(&self, from: &Name, path: &[String], depth: u32) -> BTreeSet<Name> {
        let (Some((first, rest)), true) = (path.split_first(), depth < 20) else { return BTreeSet::new() };
        let parent = || from[..from.len().saturating_sub(1)].to_vec();
        match first.as_str() {
            "crate" | "branchwire" => self.within(&Name::new(), rest, depth),
            "self" => self.within(from, rest, depth),
            "super" => match rest.first().map(String::as_str) {
                Some("super") => self.resolve(&parent(), rest, depth + 1),
                _ => self.within(&parent(), rest, depth),
            },
            _ => self.within(from, path, depth),
        }
    }

    /// The same for a path that begins in a module.
    fn within(&self, module: &Name, path: &[String], depth: u32) -> BTreeSet<Name> {
        let Some(scope) = self.modules.get(module) else { return BTreeSet::new() };
        let Some((first, rest)) = path.split_first() else { return BTreeSet::from([module.clone()]) };
        let mut found = BTreeSet::new();
        for origin in scope.names.get(first).into_iter().flatten() {
            match origin {
                Origin::Own => {
                    found.insert(module.clone());
                }
                Origin::Child => {
                    found.extend(self.within(&[module.as_slice(), std::slice::from_ref(first)].concat(), rest, depth));
                }
                Origin::Used(target) => {
                    // A module's own import of a name that is also in another namespace must not lead back to itself.
                    if target.as_slice() != path {
                        let target = [target.as_slice(), rest].concat();
                        found.extend(self.resolve(module, &target, depth + 1));
                    }
                }
            }
        }
        if found.is_empty() {
            for glob in &scope.globs {
                let target = [glob.as_slice(), path].concat();
                found.extend(self.resolve(module, &target, depth + 1));
            }
        }
        found
    }

    /// Which module uses which.
    fn imports(&self) -> BTreeMap<&Name, BTreeSet<Name>> {
        let uses = |name: &Name, module: &Module| -> BTreeSet<Name> {
            module.paths.iter().flat_map(|path| self.resolve(name, path, 0)).filter(|target| target != name).collect()
        };
        self.modules.iter().map(|(name, module)| (name, uses(name, module))).collect()
    }

    /// The circles, each as the modules and imports that it is made of.
    fn circles(&self) -> Vec<String> {
        let imports = self.imports();
        let mut circles = Vec::new();
        for parent in self.modules.keys() {
            let node = |name: &Name| match name.strip_prefix(parent.as_slice()) {
                Some([]) => Some("itself".to_owned()),
                Some([child, ..]) => Some(child.clone()),
                None => None,
            };
            let mut edges: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
            for (from, targets) in &imports {
                for to in targets {
                    if let (Some(a), Some(b)) = (node(from), node(to))
                        && a != b
                    {
                        let example = format!("{} -> {}", from.join("::"), to.join("::"));
                        edges.entry(a).or_default().entry(b).or_insert(example);
                    }
                }
            }
            for start in edges.keys() {
                if let Some(circle) = round_trip(&edges, start) {
                    // Each circle once: from the first of its nodes.
                    if circle.iter().all(|(from, _)| from >= start) {
                        let place = if parent.is_empty() { "the crate".to_owned() } else { parent.join("::") };
                        let steps: Vec<_> = circle.into_iter().map(|(_, example)| example).collect();
                        circles.push(format!("in {place}: {}", steps.join(", ")));
                    }
                }
            }
        }
        circles
    }
}

/// The shortest way from a node back to it: each node with the import that leads on.
fn round_trip(edges: &BTreeMap<String, BTreeMap<String, String>>, start: &str) -> Option<Vec<(String, String)>> {
    let mut ways = vec![(start.to_owned(), Vec::new())];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for (at, way) in ways {
            for (to, example) in edges.get(&at).into_iter().flatten() {
                let mut way: Vec<_> = way.clone();
                way.push((at.clone(), example.clone()));
                if to == start {
                    return Some(way);
                }
                if seen.insert(to.clone()) {
                    longer.push((to.clone(), way));
                }
            }
        }
        ways = longer;
    }
    None
}

impl Module {
    fn import(&mut self, before: &mut Name, tree: &UseTree, is_re_export: bool) {
        let (name, alias) = match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(before, &path.tree, is_re_export);
                before.pop();
                return;
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(before, tree, is_re_export);
                }
                return;
            }
            UseTree::Glob(_) => {
                self.globs.push(before.clone());
                if !is_re_export {
                    self.paths.insert(before.clone());
                }
                return;
            }
            UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
            UseTree::Rename(rename) => (rename.ident.to_string(), rename.rename.to_string()),
        };
        let alias = if name == "self" { before.last().cloned().unwrap_or_default() } else { alias };
        let path = if name == "self" { before.clone() } else { [before.as_slice(), &[name]].concat() };
        if !is_re_export {
            self.paths.insert(path.clone());
        }
        self.names.entry(alias).or_default().push(Origin::Used(path));
    }
}

/// Collects the paths that an item mentions.
struct Paths<'a>(&'a mut BTreeSet<Name>);

impl Paths<'_> {
    /// The paths in the tokens of a macro: names with `::` between them.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Name::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                other => {
                    self.end(&mut path);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.end(&mut path);
    }

    /// One name alone may be a variable or a field.
    fn end(&mut self, path: &mut Name) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.0.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    /// `pub(super)` imports nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item defines.
fn defined(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

fn parse(file: &Path) -> syn::File {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn no_crate_has_a_circle_between_modules() {
    let mut circles = Vec::new();
    for name in CRATES {
        let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src/lib.rs");
        let read = Crate::read(&root);
        assert!(read.imports().values().any(|targets| !targets.is_empty()), "{name}: the imports are read");
        circles.extend(read.circles().into_iter().map(|circle| format!("{name}, {circle}")));
    }
    assert!(circles.is_empty(), "circles:\n{}", circles.join("\n"));
}

#[test]
fn two_siblings_that_use_each_other_are_a_circle_also_through_a_re_export() {
    let modules = |a: &'static str, b: &'static str| {
        Crate::of(&[("", "mod a; mod b; pub use a::A; pub use b::B;"), ("a", a), ("b", b)])
    };
    for (a, b) in [
        ("use crate::B; pub struct A(B);", "use crate::A; pub struct B(A);"),
        ("use super::{B as Other}; pub struct A(Other);", "pub struct B(crate::a::A);"),
        ("pub struct A; fn f() { super::b::B; }", "pub struct B; fn f() { println!(\"{}\", crate::A::x()); }"),
        ("pub struct A; macro_rules! m { () => { $crate::b::B }; }", "use super::*; pub struct B(A);"),
    ] {
        assert_eq!(modules(a, b).circles().len(), 1, "{a} {b}");
    }
    for (a, b) in [
        ("use crate::B; pub struct A(B);", "pub struct B;"),
        ("use crate::B; pub struct A(B);", "pub struct B; #[cfg(test)] mod tests { use crate::A; }"),
        ("use other::B; pub struct A(B);", "use crate::A; pub struct B(A);"),
    ] {
        assert_eq!(modules(a, b).circles(), Vec::<String>::new(), "{a} {b}");
    }
}

#[test]
fn whole_subtrees_count_and_so_do_the_items_of_a_module_itself() {
    let deep = Crate::of(&[
        ("", "mod a; mod b;"),
        ("a", "pub mod x; pub mod y;"),
        ("a::x", "use crate::b::B; pub struct X(B);"),
        ("a::y", "pub struct Y;"),
        ("b", "use crate::a::y::Y; pub struct B(Y);"),
    ]);
    assert_eq!(deep.circles(), ["in the crate: a::x -> b, b -> a::y"]);

    let own = |root| Crate::of(&[("", root), ("a", "use super::R; pub struct A(R);")]);
    assert_eq!(own("mod a; pub use a::A; pub struct R;").circles(), Vec::<String>::new());
    let visible = Crate::of(&[("", "mod a; fn f(a: a::A) {}"), ("a", "pub(super) struct A; pub(crate) fn g() {}")]);
    assert_eq!(visible.circles(), Vec::<String>::new());
    assert_eq!(own("mod a; pub use a::A; pub struct R; fn f(a: A) {}").circles().len(), 1);
}

#[test]
fn a_circle_of_three_is_reported_once_with_its_imports() {
    let three = Crate::of(&[
        ("", "mod a; mod b; mod c;"),
        ("a", "use crate::b::B; pub struct A(B);"),
        ("b", "use crate::c::C; pub struct B(C);"),
        ("c", "use crate::a::A; pub struct C(A);"),
    ]);
    assert_eq!(three.circles(), ["in the crate: a -> b, b -> c, c -> a"]);
}
