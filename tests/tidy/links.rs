//! Links between the documents lead somewhere, and their anchors are headings.

use crate::tree::{Tree, folder, join};
use std::collections::BTreeSet;

/// A relative link of a document.
pub(crate) struct Link<'t> {
    pub(crate) file: &'t str,
    pub(crate) line: usize,
    /// From the root; the document itself where the link is only an anchor.
    pub(crate) target: String,
    anchor: Option<&'t str>,
}

pub(crate) fn check(tree: &Tree) -> Vec<String> {
    links(tree).iter().filter_map(|link| fault(tree, link)).collect()
}

fn fault(tree: &Tree, link: &Link<'_>) -> Option<String> {
    let Link { file, line, target, anchor } = link;
    let text = tree.0.get(target);
    if text.is_none() && !tree.has_folder(target) {
        return Some(format!("{file}:{line}: `{target}` does not exist: correct the link"));
    }
    let anchor = (*anchor)?;
    let has_heading = text.is_some_and(|text| anchors(text).contains(anchor));
    (!has_heading)
        .then(|| format!("{file}:{line}: `{target}` has no heading `#{anchor}`: correct the link"))
}

pub(crate) fn links(tree: &Tree) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    for (file, text) in tree.ending(".md") {
        for (line, text) in prose(text) {
            let ends = text.match_indices("](").map(|(at, _)| &text[at + 2..]);
            let written = ends.filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
            for link in written.filter(|link| !link.contains(':')) {
                let (path, anchor) = match link.split_once('#') {
                    Some((path, anchor)) => (path, Some(anchor)),
                    None => (link, None),
                };
                let target =
                    if path.is_empty() { file.to_owned() } else { join(folder(file), path) };
                links.push(Link { file, line, target, anchor });
            }
        }
    }
    links
}

/// The lines outside code blocks, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        (!is_code && !is_fence).then_some((number + 1, line))
    })
}

/// The anchors of a document's headings, as GitHub makes them: lower case, blanks as hyphens, other
/// marks left out.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|(_, line)| line.starts_with('#'));
    let slug = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    };
    headings.map(|(_, heading)| slug(heading)).collect()
}
