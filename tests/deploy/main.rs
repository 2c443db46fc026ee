//! What is around the program: the files in `deploy/` and the commands in the documentation, tried
//! with the real things they are for.

#![allow(
    clippy::disallowed_methods,
    reason = "tests take time and find their servers in variables"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod archive;
mod chromium;
mod dashboard;
mod docs;
mod files;
mod grants;
mod page;
mod prometheus;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A path in this repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A file in this repository.
#[track_caller]
fn read(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Makes a program of a shell script.
fn write_script(path: &Path, text: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{text}")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
