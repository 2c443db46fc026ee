//! The house rules that a machine can hold: rooms, lengths, no dead files, links that lead somewhere.
//!
//! It reads the tree and needs nothing else. Each finding says where and what to do.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod lengths;
mod links;
mod planted;
mod reached;
mod rooms;
mod source;
mod tree;

use tree::Tree;

#[track_caller]
fn check(rule: fn(&Tree) -> Vec<String>) {
    let findings = rule(&Tree::read());
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn rooms_use_what_they_may() {
    check(rooms::check);
}

#[test]
fn files_and_functions_are_short() {
    check(lengths::check);
}

#[test]
fn no_file_is_dead() {
    check(reached::check);
}

#[test]
fn links_lead_somewhere() {
    check(links::check);
}
