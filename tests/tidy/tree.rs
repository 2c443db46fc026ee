//! The files of the repository in memory, so that a test can plant a fault in them.

use std::collections::BTreeMap;
use std::path::Path;

/// Folders that are made, not written.
const MADE: [&str; 3] = ["target", "artifacts", "coverage"];
/// Hidden folders that hold what people wrote.
const HIDDEN: [&str; 2] = [".ci", ".github"];

/// Path from the root, with `/`, and text; empty for what is not text.
#[derive(Clone)]
pub(crate) struct Tree(pub(crate) BTreeMap<String, String>);

impl Tree {
    pub(crate) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut tree = Self(BTreeMap::new());
        tree.add(root, "");
        tree
    }

    fn add(&mut self, root: &Path, folder: &str) {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = join(folder, &name);
            if entry.file_type().unwrap().is_dir() {
                let is_hidden = name.starts_with('.') && !HIDDEN.contains(&name.as_str());
                if !is_hidden && !MADE.contains(&name.as_str()) {
                    self.add(root, &path);
                }
            } else {
                let text = std::fs::read(root.join(&path)).map(String::from_utf8);
                self.0.insert(path, text.unwrap().unwrap_or_default());
            }
        }
    }

    pub(crate) fn has_folder(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        path.is_empty() || self.0.keys().any(|file| file.starts_with(&inside))
    }

    /// Paths and texts of the files whose name ends like this.
    pub(crate) fn ending<'t>(&'t self, end: &'t str) -> impl Iterator<Item = (&'t str, &'t str)> {
        let all = self.0.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        all.filter(move |(path, _)| path.ends_with(end))
    }
}

/// The folder of a file; empty at the root.
pub(crate) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path that is relative to a folder, with its `.` and `..` resolved.
pub(crate) fn join(folder: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}
