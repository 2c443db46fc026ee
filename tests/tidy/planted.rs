//! The rules hold: a fault planted in the tree is found, at its place, and nothing else is.

use crate::{lengths, links, reached, rooms, tree::Tree};

/// Plants a fault in the tree, and holds that the rule finds exactly what is expected.
#[track_caller]
fn check(rule: fn(&Tree) -> Vec<String>, plant: impl FnOnce(&mut Tree), expected: &str) {
    let mut tree = Tree::read();
    let before = rule(&tree);
    plant(&mut tree);
    let findings: Vec<String> =
        rule(&tree).into_iter().filter(|finding| !before.contains(finding)).collect();
    assert!(
        matches!(&findings[..], [one] if one.starts_with(expected)),
        "{expected}: {findings:#?}"
    );
}

/// Puts lines before all others of a file, or makes it.
fn prepend(path: &'static str, lines: &'static str) -> impl FnOnce(&mut Tree) {
    move |tree| tree.0.entry(path.to_owned()).or_default().insert_str(0, lines)
}

fn append(path: &'static str, lines: &'static str) -> impl FnOnce(&mut Tree) {
    move |tree| tree.0.entry(path.to_owned()).or_default().push_str(lines)
}

#[test]
fn a_room_uses_what_it_may_not() {
    for (path, line, expected) in [
        ("src/decode.rs", "use sqlx::Row;\n", "`decode` may not use the crate `sqlx`"),
        ("src/decode.rs", "use std::{fs, mem};\n", "`decode` may not use Io"),
        ("src/flatten/cells.rs", "use crate::clock;\n", "`flatten` may not use the room `clock`"),
        (
            "src/flatten/cells.rs",
            "const A: u64 = x.elapsed();\n",
            "`flatten` may not use the room `clock`",
        ),
        ("src/buffer/rows.rs", "async fn f() {}\n", "`buffer` may not use Async"),
        (
            "src/commit.rs",
            "use crate::{\n    mysql::Class,\n};\n",
            "`commit` may not use the room `mysql`",
        ),
        (
            "src/consume.rs",
            "fn f() { serde_json::json!(1); }\n",
            "`consume` may not use the crate `serde_json`",
        ),
        ("src/flush/merge.rs", "use tokio::time;\n", "`flush/merge` may not use the crate `tokio`"),
        ("src/pipeline/pump.rs", "use std::thread;\n", "`pipeline/pump` may not use Threads"),
        ("src/redact.rs", "unsafe fn f() {}\n", "`redact` may not use Unsafe"),
        ("src/pipeline.rs", "const A: &str = \"SELECT 1\";\n", "`pipeline` may not use Sql"),
    ] {
        let number = if line.contains("mysql::Class") { 2 } else { 1 };
        check(rooms::check, prepend(path, line), &format!("{path}:{number}: {expected}"));
    }
}

#[test]
fn unit_tests_comments_and_texts_are_free() {
    let lines = "// crate::mysql\nconst A: &str = r#\"crate::mysql\"#;\n\
        #[cfg(test)]\nmod more {\n    use sqlx::Row;\n}\n";
    let before = rooms::check(&Tree::read());
    let mut tree = Tree::read();
    prepend("src/decode.rs", lines)(&mut tree);
    assert_eq!(rooms::check(&tree), before);
}

#[test]
fn a_room_is_new_or_has_let_go() {
    check(
        rooms::check,
        prepend("src/attic.rs", "//! Old things.\n"),
        "src/attic.rs:1: this file is in no room",
    );
    let letting_go = |tree: &mut Tree| {
        tree.0.insert("src/clock.rs".to_owned(), "use jiff::Zoned;\n".to_owned());
    };
    let moved_out = |tree: &mut Tree| drop(tree.0.remove("src/health.rs"));
    check(rooms::check, moved_out, "src/health: no such file");
    check(rooms::check, letting_go, "src/clock: does not use the room `datetime`");
}

#[test]
fn the_table_closes_a_circle() {
    let [finding] =
        &rooms::order(&[rooms::row("decode", "flatten"), rooms::row("flatten", "decode")])[..]
    else {
        panic!("not one finding");
    };
    assert!(finding.starts_with("src/decode: uses `flatten`, which is not above it"), "{finding}");
}

#[test]
fn something_grows() {
    let long_file: &'static str = "// A line.\n".repeat(400).leak();
    check(lengths::check, append("src/clock.rs", long_file), "src/clock.rs:1: this file has 4");
    let long: &'static str =
        format!("fn long(\n    a: u8,\n) {{\n{}}}\n", "    a();\n".repeat(67)).leak();
    check(
        lengths::check,
        prepend("src/clock.rs", long),
        "src/clock.rs:1: this function has 71 lines",
    );
    // Tests in the file do not count as its length.
    let tests: &'static str = format!("#[cfg(test)]\nmod more {{\n{long_file}}}\n").leak();
    let mut tree = Tree::read();
    let before = lengths::check(&tree);
    append("src/clock.rs", tests)(&mut tree);
    assert_eq!(lengths::check(&tree), before);
}

#[test]
fn an_exception_is_too_large_or_not_needed() {
    let files = [("a.rs".to_owned(), (1, 450)), ("b.rs".to_owned(), (1, 300))].into();
    let hold = |known: &[(&str, usize)]| lengths::hold(&files, 400, known, "file");
    assert!(hold(&[("a.rs", 450)]).is_empty());
    let [shrunk] = &hold(&[("a.rs", 451)])[..] else { panic!("not one finding") };
    assert!(shrunk.starts_with("a.rs:1: this file has shrunk to 450 lines"), "{shrunk}");
    for gone in ["b.rs", "c.rs"] {
        let findings = hold(&[("a.rs", 450), (gone, 420)]);
        let [finding] = &findings[..] else { panic!("not one finding") };
        assert!(finding.contains("no file over 400 lines any more"), "{finding}");
    }
}

#[test]
fn a_file_is_dead() {
    for (path, expected) in [
        ("src/flush/attic.rs", "src/flush/attic.rs:1: no `mod` and no target leads here"),
        ("tests/contract/attic.rs", "tests/contract/attic.rs:1: no `mod` and no target leads here"),
        ("docs/attic.md", "docs/attic.md:1: no document links here"),
        ("deploy/attic.yml", "deploy/attic.yml:1: no file names it"),
        ("tests/contract/attic.jsonl", "tests/contract/attic.jsonl:1: no file names it"),
    ] {
        check(reached::check, prepend(path, "\n"), expected);
    }
    let no_module = |tree: &mut Tree| {
        let library = tree.0.get_mut("src/lib.rs").unwrap();
        *library = library.replace("pub mod reject;\n", "");
    };
    check(reached::check, no_module, "src/reject.rs:1: no `mod` and no target leads here");
}

#[test]
fn a_link_leads_nowhere() {
    for (line, expected) in [
        ("[a](docs/attic.md)\n", "README.md:1: `docs/attic.md` does not exist"),
        ("[a](docs/errors.md#attic)\n", "README.md:1: `docs/errors.md` has no heading `#attic`"),
        ("[a](#attic)\n", "README.md:1: `README.md` has no heading `#attic`"),
    ] {
        check(links::check, prepend("README.md", line), expected);
    }
}
