//! DESIGN.md's rooms: what each part of `src/` may use, and that the arrows between them all point
//! the same way.

use crate::source::{CodePath, code, paths, without_tests};
use crate::tree::Tree;
use std::collections::BTreeSet;
use std::fmt;

/// Crates that only reckon: every room may use them.
const ANYWHERE: [&str; 9] = [
    "bytesize",
    "hashbrown",
    "humantime",
    "itoa",
    "memchr",
    "rustc_hash",
    "smart_default",
    "strsim",
    "thiserror",
];

/// What a room does beyond reckoning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Does {
    /// Files, sockets, terminals, processes, the environment.
    Io,
    /// Starts threads, or sleeps in one.
    Threads,
    Async,
    /// Writes SQL.
    Sql,
    Unsafe,
}
use Does::{Async, Io, Sql, Threads, Unsafe};

/// A part of `src/`: a file `PATH.rs` and what is below `PATH/`, less what has a row of its own.
pub(crate) struct Room {
    path: &'static str,
    /// Rooms above it in the table; names separated by blanks, as are those of the crates.
    rooms: &'static str,
    crates: &'static str,
    does: &'static [Does],
}

const fn room(
    path: &'static str,
    rooms: &'static str,
    crates: &'static str,
    does: &'static [Does],
) -> Room {
    Room { path, rooms, crates, does }
}

/// From the ground up: a room may use those above it in this list. What a row does not grant is
/// forbidden, and what it grants without need is a fault of the row.
const ROOMS: &[Room] = &[
    room("datetime", "", "", &[]),
    room("exact", "", "", &[]),
    room("literal", "", "", &[]),
    room("message", "", "rdkafka", &[]),
    room("clock", "datetime", "jiff", &[]),
    room("reject", "", "", &[]),
    room("offsets", "", "", &[]),
    room("commit", "offsets", "", &[]),
    room("ledger", "offsets commit", "", &[]),
    room("redact", "", "serde serde_json", &[]),
    room("health", "", "", &[]),
    room("metrics", "", "metrics", &[]),
    room("mysql", "", "socket2 sqlx tokio", &[Io, Async, Sql, Unsafe]),
    room("mysql/dialect", "", "", &[]),
    room("mysql/errors", "", "sqlx", &[]),
    room("mysql/retry", "", "sqlx", &[]),
    room("mysql/session", "", "", &[]),
    room("decode", "datetime reject", "serde simd_json", &[]),
    room("mapping", "datetime exact redact decode", "serde toml", &[]),
    room("mapping/directory", "", "", &[Io]),
    room("dead_letter", "datetime reject offsets", "serde_json", &[]),
    room("dead_letter/adopt", "offsets", "sqlx", &[Async]),
    room("buffer", "datetime offsets mapping dead_letter", "", &[]),
    room(
        "flatten",
        "datetime exact literal message reject redact mysql decode mapping buffer",
        "base64 sha2 simd_json",
        &[],
    ),
    room("schema", "offsets mysql decode mapping dead_letter ledger", "", &[]),
    room("schema/read", "mysql mapping dead_letter ledger", "sqlx", &[Async, Sql]),
    room(
        "flush",
        "datetime clock reject offsets health mysql mapping dead_letter buffer schema ledger",
        "metrics sqlx tokio tracing",
        &[Async],
    ),
    room("flush/bisect", "", "", &[]),
    room("flush/merge", "mysql mapping", "", &[]),
    room("flush/parts", "mapping buffer", "", &[]),
    room(
        "flush/statement",
        "datetime literal mysql mapping dead_letter buffer offsets ledger",
        "",
        &[Sql],
    ),
    room(
        "config",
        "offsets mysql buffer flatten flush",
        "rdkafka serde sqlx toml tracing_subscriber",
        &[Io],
    ),
    room("config/layers", "", "serde toml", &[Io]),
    room("consume", "clock offsets ledger", "rdkafka tracing", &[Io, Threads, Unsafe]),
    room(
        "pipeline",
        "datetime clock message reject offsets health mysql mapping buffer flush config consume ledger",
        "rdkafka tokio tracing",
        &[Threads, Async],
    ),
    room("pipeline/begin", "offsets config consume ledger", "", &[]),
    room(
        "pipeline/intake",
        "datetime message reject offsets decode mapping dead_letter buffer flatten config",
        "",
        &[],
    ),
    room("pipeline/lag", "", "rdkafka", &[]),
    room("pipeline/losses", "offsets", "", &[]),
    room(
        "pipeline/metrics",
        "datetime reject offsets metrics mapping buffer flush config",
        "metrics",
        &[],
    ),
    room(
        "pipeline/pump",
        "message offsets health buffer consume ledger flush",
        "rdkafka tracing",
        &[],
    ),
    room("pipeline/partitions", "offsets commit ledger", "", &[]),
    room("pipeline/timers", "", "", &[]),
    room("pipeline/until_end", "offsets", "rdkafka", &[]),
    room("migrate", "clock ledger mysql mapping schema", "sqlx tokio tracing", &[Async, Sql]),
    room(
        "status",
        "datetime clock health config",
        "metrics metrics_exporter_prometheus metrics_process serde tokio tracing tracing_subscriber",
        &[Async],
    ),
    room(
        "http",
        "metrics status",
        "axum hyper hyper_util metrics_exporter_prometheus serde_json tokio tracing",
        &[Io, Async],
    ),
    room(
        "commands",
        "datetime exact literal clock message reject offsets redact health mysql mapping dead_letter buffer flatten schema flush \
         config consume pipeline migrate status http ledger",
        "anyhow clap comfy_table console indicatif loadgen metrics_exporter_prometheus rdkafka serde \
         serde_json sqlx tempfile tokio tracing ureq",
        &[Io, Threads, Async, Sql],
    ),
    room("cli", "commands", "clap clap_complete", &[]),
    room(
        "main",
        "config status http commands",
        "anyhow clap clap_complete clap_mangen tokio tracing_subscriber",
        &[Io],
    ),
];

/// What some code uses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    Room(String),
    Crate(String),
    Does(Does),
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room(name) => write!(f, "the room `{name}`"),
            Self::Crate(name) => write!(f, "the crate `{name}`"),
            Self::Does(does) => write!(f, "{does:?}"),
        }
    }
}

impl Room {
    fn grants(&self) -> BTreeSet<Use> {
        let rooms = self.rooms.split_whitespace().map(|name| Use::Room(name.to_owned()));
        let crates = self.crates.split_whitespace().map(|name| Use::Crate(name.to_owned()));
        rooms.chain(crates).chain(self.does.iter().copied().map(Use::Does)).collect()
    }

    fn holds(&self, file: &str) -> bool {
        let inside = file.strip_prefix("src/").and_then(|file| file.strip_prefix(self.path));
        inside.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    }
}

pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let mut findings = order(ROOMS);
    let mut used: Vec<BTreeSet<Use>> = vec![BTreeSet::new(); ROOMS.len()];
    let names = Names::of(tree);
    for (file, text) in tree.ending(".rs").filter(|(file, _)| is_of_a_room(file)) {
        let own = (0..ROOMS.len()).filter(|at| ROOMS[*at].holds(file));
        let Some(own) = own.max_by_key(|at| ROOMS[*at].path.len()) else {
            findings
                .push(format!("{file}:1: this file is in no room: add one to tests/tidy/rooms.rs"));
            continue;
        };
        let grants = ROOMS[own].grants();
        for (line, what) in uses(file, text, &names) {
            if !grants.contains(&what) {
                let room = ROOMS[own].path;
                findings.push(format!(
                    "{file}:{line}: `{room}` may not use {what}: move this code, or grant it in tests/tidy/rooms.rs"
                ));
            }
            used[own].insert(what);
        }
    }
    for (room, used) in ROOMS.iter().zip(used) {
        if !tree.ending(".rs").any(|(file, _)| room.holds(file)) {
            findings.push(format!(
                "src/{}: no such file: take its row from tests/tidy/rooms.rs",
                room.path
            ));
            continue;
        }
        findings.extend(room.grants().difference(&used).map(|what| {
            format!(
                "src/{}: does not use {what}: take that from its row in tests/tidy/rooms.rs",
                room.path
            )
        }));
    }
    findings
}

/// `lib.rs` only lists the rooms; unit tests may use what they like.
fn is_of_a_room(file: &str) -> bool {
    let is_test = file.ends_with("/tests.rs") || file.contains("/tests/");
    file.starts_with("src/") && file != "src/lib.rs" && !is_test
}

/// Rooms that use only rooms above them cannot form a circle.
pub(crate) fn order(rooms: &[Room]) -> Vec<String> {
    let top = |path: &str| path.split('/').next().unwrap_or(path).to_owned();
    let mut findings = Vec::new();
    let mut above = BTreeSet::new();
    for room in rooms {
        above.insert(top(room.path));
        for other in room.rooms.split_whitespace().filter(|other| !above.contains(*other)) {
            findings.push(format!(
                "src/{}: uses `{other}`, which is not above it in tests/tidy/rooms.rs: that would close a circle",
                room.path
            ));
        }
    }
    findings
}

/// What there is to be used.
struct Names {
    rooms: BTreeSet<String>,
    crates: BTreeSet<String>,
}

impl Names {
    fn of(tree: &Tree) -> Self {
        let library = tree.0["src/lib.rs"].lines();
        let rooms = library.filter_map(|line| line.split_once("mod ")?.1.strip_suffix(';'));
        let manifest = tree.0["Cargo.toml"].lines();
        let dependencies = manifest
            .skip_while(|line| *line != "[dependencies]")
            .skip(1)
            .take_while(|line| !line.starts_with('['))
            .filter_map(|line| line.split([' ', '.']).next());
        let crates = dependencies.map(|name| name.replace('-', "_"));
        Self {
            rooms: rooms.map(str::to_owned).collect(),
            crates: crates
                .filter(|name| !name.is_empty() && !ANYWHERE.contains(&name.as_str()))
                .collect(),
        }
    }
}

fn uses(file: &str, text: &str, names: &Names) -> Vec<(usize, Use)> {
    let (lines, _) = without_tests(code(text));
    let paths = paths(&lines);
    let local = local_names(&paths);
    let top = file.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default();
    let mut uses: Vec<(usize, Use)> = Vec::new();
    for CodePath { line, segments } in &paths {
        uses.extend(use_of(segments, names, &local, top).map(|what| (*line, what)));
    }
    for (at, (line, written)) in lines.iter().zip(text.lines()).enumerate() {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        if words.clone().any(|word| matches!(word, "async" | "await")) {
            uses.push((at + 1, Use::Does(Async)));
        }
        if words.any(|word| word == "unsafe") {
            uses.push((at + 1, Use::Does(Unsafe)));
        }
        if line.contains(".elapsed()") && top != "clock" {
            uses.push((at + 1, Use::Room("clock".to_owned())));
        }
        let is_sql = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM "]
            .iter()
            .any(|verb| written.contains(&format!("\"{verb}")));
        if is_sql && !line.is_empty() {
            uses.push((at + 1, Use::Does(Sql)));
        }
    }
    uses
}

/// What the first segments of a path say is used.
fn use_of(segments: &[String], names: &Names, local: &BTreeSet<String>, top: &str) -> Option<Use> {
    let (first, second) = (segments.first()?, segments.get(1)?);
    match first.as_str() {
        "crate" | "sluicegate" => {
            (names.rooms.contains(second) && second != top).then(|| Use::Room(second.clone()))
        }
        // What went wrong, not doing it.
        "std" if segments.get(2).is_some_and(|third| third.starts_with("Error")) => None,
        "std" => match second.as_str() {
            "fs" | "io" | "net" | "process" | "env" | "os" => Some(Use::Does(Io)),
            "thread" => Some(Use::Does(Threads)),
            _ => None,
        },
        name => (names.crates.contains(name) && !local.contains(name))
            .then(|| Use::Crate(name.to_owned())),
    }
}

/// Modules that a file declares or imports; one may have the name of a crate.
fn local_names(paths: &[CodePath]) -> BTreeSet<String> {
    let imported =
        paths.iter().filter(|path| path.segments.len() > 1).filter_map(|path| path.segments.last());
    let after_mod = paths.windows(2).filter(|pair| pair[0].segments == ["mod"]);
    let declared = after_mod.filter_map(|pair| pair[1].segments.first());
    imported.chain(declared).cloned().collect()
}

/// A row for tests of the order.
pub(crate) fn row(path: &'static str, rooms: &'static str) -> Room {
    room(path, rooms, "", &[])
}
