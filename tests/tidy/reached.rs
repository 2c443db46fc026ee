//! No dead files: code is reached from a target, a document by a link, and the rest is named where
//! it is used.

use crate::links::links;
use crate::source::code;
use crate::tree::{Tree, folder, join};
use std::collections::BTreeSet;

/// Folders whose files are named in a file that uses them.
const NAMED: [&str; 5] = ["benches/", "deploy/", "fuzz/", "src/", "tests/"];
/// Folders that are read as a whole, and by what.
const WHOLE: [(&str, &str); 2] =
    [("fuzz/corpus/", "cargo-fuzz"), ("deploy/grafana/provisioning/", "Grafana")];
/// Files that cargo and git know by their names.
const KNOWN: [&str; 3] = ["Cargo.toml", "clippy.toml", ".gitignore"];
/// What is named only here is not used: the past, and the faults that the tests plant.
const IDLE: [&str; 2] = ["CHANGELOG.md", "tests/tidy/"];

pub(crate) fn check(tree: &Tree) -> Vec<String> {
    [dead_code(tree), dead_documents(tree), dead_data(tree)].concat()
}

fn dead_code(tree: &Tree) -> Vec<String> {
    let mut reached = BTreeSet::new();
    let mut next = targets(tree);
    while let Some(path) = next.pop() {
        if let Some(text) = tree.0.get(&path)
            && reached.insert(path.clone())
        {
            next.extend(modules(tree, &path, text));
        }
    }
    let dead = tree.ending(".rs").filter(|(path, _)| !reached.contains(*path));
    dead.map(|(path, _)| {
        format!("{path}:1: no `mod` and no target leads here: delete it, or declare it")
    })
    .collect()
}

/// The files that cargo compiles first: those it finds by itself, and those that a manifest names.
fn targets(tree: &Tree) -> Vec<String> {
    let mut targets = Vec::new();
    for (manifest, text) in tree.ending("Cargo.toml") {
        let package = folder(manifest);
        targets.extend(["src/lib.rs", "src/main.rs", "build.rs"].map(|file| join(package, file)));
        let paths = text.lines().filter_map(|line| line.strip_prefix("path = \""));
        targets.extend(paths.map(|path| join(package, path.trim_end_matches('"'))));
        for kind in ["src/bin", "tests", "examples", "benches"] {
            let inside = format!("{}/", join(package, kind));
            targets.extend(tree.ending(".rs").filter_map(|(path, _)| {
                let name = path.strip_prefix(&inside)?;
                let is_target = !name.contains('/')
                    || name.ends_with("/main.rs") && name.matches('/').count() == 1;
                is_target.then(|| path.to_owned())
            }));
        }
    }
    targets
}

/// Where the modules may be that a file declares.
fn modules(tree: &Tree, path: &str, text: &str) -> Vec<String> {
    let stem = path.trim_end_matches(".rs");
    let is_root = ["/main", "/lib", "/mod"].iter().any(|end| stem.ends_with(end))
        || targets(tree).iter().any(|target| target == path);
    let own = if is_root { folder(path) } else { stem };
    let written: Vec<&str> = text.lines().collect();
    let mut files = Vec::new();
    for (at, line) in code(text).iter().enumerate() {
        let Some(name) = line.trim_end_matches(';').split("mod ").nth(1) else { continue };
        if !line.ends_with(';') {
            continue;
        }
        let attribute =
            at.checked_sub(1).and_then(|above| written[above].trim().strip_prefix("#[path = \""));
        match attribute {
            Some(path_of) => files.push(join(folder(path), path_of.trim_end_matches("\"]"))),
            None => {
                files.extend([format!("{own}/{name}.rs"), format!("{own}/{name}/mod.rs")]);
            }
        }
    }
    files
}

fn dead_documents(tree: &Tree) -> Vec<String> {
    let links = links(tree);
    let is_linked = |path: &str| {
        links
            .iter()
            .any(|link| link.file != path && (link.target == path || link.target == folder(path)))
    };
    let documents = tree.0.keys().filter(|path| path.starts_with("docs/") && !is_linked(path));
    documents
        .map(|path| format!("{path}:1: no document links here: delete it, or link it"))
        .collect()
}

fn dead_data(tree: &Tree) -> Vec<String> {
    let is_below =
        |path: &str, folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
    let is_data = |path: &str| {
        is_below(path, &NAMED)
            && !is_below(path, &WHOLE.map(|(folder, _)| folder))
            && !path.ends_with(".rs")
            && !KNOWN.iter().any(|name| path.ends_with(name))
    };
    let users: Vec<_> = tree.0.iter().filter(|(path, _)| !is_below(path, &IDLE)).collect();
    let is_named = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        users.iter().any(|(other, text)| *other != path && text.contains(name))
    };
    let dead = tree.0.keys().filter(|path| is_data(path) && !is_named(path));
    dead.map(|path| format!("{path}:1: no file names it: delete it, or use it")).collect()
}
