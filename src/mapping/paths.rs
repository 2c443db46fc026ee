//! Dotted paths → the tree of keys that flatten follows along the tape.

use super::plan::{Cell, PathNode, Place, Root, Source, Tree};
use std::collections::HashMap;

/// The paths that begin at one place.
pub(super) struct PathSet {
    begins: Root,
    paths: Vec<String>,
    lines: Vec<(String, usize)>,
}

/// The tree and the slot of each path.
pub(super) struct PathTree {
    begins: Root,
    pub(super) root: PathNode,
    slots: HashMap<String, usize>,
}

impl PathSet {
    pub(super) fn at(begins: Root) -> Self {
        Self { begins, paths: Vec::new(), lines: Vec::new() }
    }

    pub(super) fn add_cells<'c>(&mut self, cells: impl IntoIterator<Item = &'c Cell>) {
        for cell in cells {
            match &cell.source {
                Source::Slots(places) if self.begins == Root::Data => {
                    places.iter().for_each(|(_, path)| self.add(path));
                }
                Source::Places(places) => self.add_places(places),
                _ => {}
            }
        }
    }

    pub(super) fn add_places(&mut self, places: &[Place]) {
        for place in places {
            match place {
                Place::At(root, _, path) if *root == self.begins => self.add(path),
                _ => {}
            }
        }
    }

    pub(super) fn add(&mut self, path: &str) {
        self.paths.push(path.to_owned());
    }

    /// `lines` is the index of the plan that takes the array at `path`.
    pub(super) fn add_lines(&mut self, path: &str, lines: usize) {
        self.lines.push((path.to_owned(), lines));
    }

    /// Builds the tree. Numbers slots depth first, so that those below a node are one range.
    pub(super) fn build(&self) -> PathTree {
        let mut root = PathNode::default();
        let mut wanted = HashMap::new();
        for path in &self.paths {
            node_at(&mut root, path);
            wanted.insert(path.clone(), 0);
        }
        for (path, lines) in &self.lines {
            node_at(&mut root, path).lines = Some(*lines);
        }
        let mut next = 0;
        number(&mut root, &mut wanted, &mut next);
        PathTree { begins: self.begins, root, slots: wanted }
    }
}

impl PathTree {
    /// Sets the slots of the cells' paths.
    pub(super) fn resolve<'c>(&self, cells: impl IntoIterator<Item = &'c mut Cell>) {
        for cell in cells {
            match &mut cell.source {
                Source::Slots(places) if self.begins == Root::Data => {
                    places.iter_mut().for_each(|(slot, path)| *slot = self.slots[path]);
                }
                Source::Places(places) => self.resolve_places(places),
                _ => {}
            }
        }
    }

    pub(super) fn resolve_places(&self, places: &mut [Place]) {
        for place in places {
            match place {
                Place::At(root, slot, path) if *root == self.begins => *slot = self.slots[path],
                _ => {}
            }
        }
    }

    pub(super) fn into_tree(self) -> Tree {
        Tree { slots: self.slots.len(), root: self.root }
    }
}

/// The keys of a dotted path: `a.b`, `attributes."service.name"`. `None` if it is not one.
pub(super) fn keys(path: &str) -> Option<Vec<&str>> {
    let mut keys = Vec::new();
    let mut rest = path;
    loop {
        let (key, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
        };
        if key.is_empty() {
            return None;
        }
        keys.push(key);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() => return Some(keys),
            None => return None,
        }
    }
}

/// A path with quotes where it needs them, and nowhere else.
pub(super) fn canonical(path: &str) -> String {
    keys(path).unwrap_or_default().into_iter().map(quoted).collect::<Vec<_>>().join(".")
}

fn quoted(key: &str) -> String {
    if key.contains('.') { format!("\"{key}\"") } else { key.to_owned() }
}

/// The node of a canonical path.
fn node_at<'t>(root: &'t mut PathNode, path: &str) -> &'t mut PathNode {
    let mut node = root;
    for key in keys(path).unwrap_or_default() {
        let at = node.children.iter().position(|child| child.key == key);
        let at = at.unwrap_or_else(|| {
            let path = match node.path.as_str() {
                "" => quoted(key),
                parent => format!("{parent}.{}", quoted(key)),
            };
            node.filter.add(key.len(), key.bytes().next());
            node.children.push(PathNode { key: key.to_owned(), path, ..PathNode::default() });
            node.children.len() - 1
        });
        node = &mut node.children[at];
    }
    node
}

fn number(node: &mut PathNode, wanted: &mut HashMap<String, usize>, next: &mut usize) {
    let first = *next;
    if let Some(slot) = wanted.get_mut(&node.path) {
        *slot = *next;
        node.slot = Some(*next);
        *next += 1;
    }
    node.lines_below = node.lines.into_iter().collect();
    for child in &mut node.children {
        number(child, wanted, next);
        node.lines_below.extend_from_slice(&child.lines_below);
    }
    node.slots_below = (first, *next);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_below_a_node_are_one_range() {
        let mut set = PathSet::at(Root::Data);
        for path in ["a.b", "c", "a.d.e", "a"] {
            set.add(path);
        }
        set.add_lines("c", 0);
        set.add_lines("a.d.f", 1);
        let tree = set.build();
        assert_eq!(tree.slots.len(), 4);
        let a = &tree.root.children[0];
        assert_eq!((a.key.as_str(), a.slot, a.slots_below), ("a", Some(0), (0, 3)));
        assert_eq!(a.children[1].slots_below, (2, 3));
        assert_eq!(a.children[1].path, "a.d");
        let c = &tree.root.children[1];
        assert_eq!((c.slot, c.lines), (Some(3), Some(0)));
        assert_eq!(tree.slots["a.d.e"], 2);
        assert_eq!((&a.lines_below, &c.lines_below), (&vec![1], &vec![0]));
    }
}
