//! Every crate that a manifest names has its reason written down.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The crates that a manifest depends on in any way, without our own.
fn named(manifest: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut among_dependencies = false;
    for line in manifest.lines() {
        if let Some(table) = line.strip_prefix('[') {
            among_dependencies = table.ends_with("dependencies]");
        } else if let Some((name, _)) =
            line.split_once(['.', ' ', '=']).filter(|_| among_dependencies && !line.contains("path = "))
        {
            names.insert(name.to_owned());
        }
    }
    names.retain(|name| !name.starts_with("branchwire") && name != "#");
    names
}

/// The crates in the first column of the table.
fn explained(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn each_direct_dependency_has_its_reason_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let workspace = read("Cargo.toml");
    let members = workspace.split_once("members = [").and_then(|(_, rest)| rest.split_once(']')).expect("members").0;
    let members = members.split(',').map(|member| member.trim().trim_matches('"')).filter(|member| !member.is_empty());
    let named: BTreeSet<_> = members.flat_map(|member| named(&read(&format!("{member}/Cargo.toml")))).collect();
    assert!(named.contains("axum") && named.contains("trybuild"), "the manifests are read: {named:?}");
    assert_eq!(explained(&read("runtime/docs/dependencies.md")), named);
}

/// A crate of contracts is compiled by everyone who sends: it must not bring a server, a client and the databases.
#[test]
fn a_crate_that_only_declares_contracts_does_without_axum_reqwest_and_sqlx() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let tree = |features: &[&str]| {
        let tree = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "--locked",
                "-p",
                "branchwire",
                "-e",
                "normal",
                "--prefix",
                "none",
                "-f",
                "{p}",
            ])
            .args(features)
            .current_dir(&root)
            .output()
            .expect("cargo runs");
        assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
        let tree = String::from_utf8(tree.stdout).expect("names");
        tree.lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect::<BTreeSet<_>>()
    };
    let (service, contract) = (tree(&[]), tree(&["--no-default-features"]));
    for heavy in ["axum", "reqwest", "sqlx", "tokio", "hyper"] {
        assert!(service.contains(heavy), "the tree is read: {service:?}");
        assert!(!contract.contains(heavy), "{heavy}: {contract:?}");
    }
}

/// A newcomer copies the versions from the README, and the compiler's notes name them.
#[test]
fn the_versions_that_are_in_the_api_are_named_as_they_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let workspace = read("Cargo.toml");
    let version = |name: &str| {
        let line = workspace.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}"));
        let version = line.split('"').nth(1).expect("a version");
        version.split('.').take(2).collect::<Vec<_>>().join(".")
    };
    let (axum, sqlx, rust) = (version("axum = "), version("sqlx = "), version("rust-version = "));
    let readme = read("README.md");
    for said in [format!("axum = \"{axum}\""), format!("sqlx = {{ version = \"{sqlx}\""), format!("Rust {rust}")] {
        assert!(readme.contains(&said), "the README does not say `{said}`");
    }
    for (file, said) in [
        ("runtime/src/database/mod.rs", format!("sqlx {sqlx}")),
        ("runtime/src/database/mod.rs", format!("axum {axum}")),
        ("runtime/src/serve/extract.rs", format!("axum {axum}")),
        ("runtime/src/lib.rs", format!("(mod@axum) {axum} and [`sqlx`](mod@sqlx) {sqlx}")),
    ] {
        assert!(read(file).contains(&said), "{file} does not say `{said}`");
    }
}
