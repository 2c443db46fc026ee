//! A file is read at one sitting, a function on one screen. What was longer before may only shrink.

use crate::source::{code, end_of_block, without_tests};
use crate::tree::Tree;
use std::collections::BTreeMap;

/// Without inline test modules.
const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// What is longer, with its length as it is.
const LONG_FILES: &[(&str, usize)] = &[];
const LONG_FUNCTIONS: &[(&str, usize)] = &[
    ("tests/deploy/grants.rs: kafka_acls_suffice_over_sasl_and_tls", 82),
    ("tests/reference/rows.rs: every_event_is_logged_in_one_table", 76),
];

pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let (mut files, mut functions) = (BTreeMap::new(), BTreeMap::new());
    for (path, text) in tree.ending(".rs") {
        let lines = code(text);
        functions.extend(function_lengths(path, &lines));
        files.insert(path.to_owned(), (1, without_tests(lines).1));
    }
    let mut findings = hold(&files, FILE_LINES_MAX, LONG_FILES, "file");
    findings.extend(hold(&functions, FUNCTION_LINES_MAX, LONG_FUNCTIONS, "function"));
    findings
}

/// By `path: name`: where each function begins, and its lines; of two with one name, the longer one.
fn function_lengths(path: &str, lines: &[String]) -> BTreeMap<String, (usize, usize)> {
    let mut lengths = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        if let Some(name) = function_name(line) {
            let length = end_of_block(lines, at) + 1 - at;
            let longest: &mut (usize, usize) =
                lengths.entry(format!("{path}: {name}")).or_default();
            if length > longest.1 {
                *longest = (at + 1, length);
            }
        }
    }
    lengths
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.trim_start().split_once("fn ")?;
    let is_qualifier = |word: &str| {
        matches!(word, "pub" | "const" | "async" | "unsafe" | "extern") || word.starts_with("pub(")
    };
    let is_declaration = before.split_whitespace().all(is_qualifier);
    let end = after.find(['(', '<'])?;
    is_declaration.then(|| &after[..end])
}

pub(crate) fn hold(
    lengths: &BTreeMap<String, (usize, usize)>,
    max: usize,
    known: &[(&str, usize)],
    what: &str,
) -> Vec<String> {
    let place =
        |name: &str, line: usize| format!("{}:{line}", name.split(':').next().unwrap_or(name));
    let mut findings = Vec::new();
    for (name, (line, length)) in lengths {
        let allowed =
            known.iter().find(|(known, _)| known == name).map_or(max, |(_, length)| *length);
        if *length > allowed {
            findings.push(format!(
                "{}: this {what} has {length} lines, more than {allowed}: split it",
                place(name, *line)
            ));
        }
    }
    for (name, allowed) in known {
        let (line, length) = lengths.get(*name).copied().unwrap_or_default();
        if length <= max {
            findings.push(format!(
                "{}: no {what} over {max} lines any more: remove `{name}` from the list in tests/tidy/lengths.rs",
                place(name, line)
            ));
        } else if length < *allowed {
            findings.push(format!(
                "{}: this {what} has shrunk to {length} lines: write that for `{name}` in tests/tidy/lengths.rs",
                place(name, line)
            ));
        }
    }
    findings
}
