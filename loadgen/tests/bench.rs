//! The benchmark on real servers, as small as can be: every measurement is made, and nothing is left behind.
//!
//! It needs the program it measures beside `loadgen`; `cargo build`, or a test run of the whole workspace, puts it there.

#![allow(clippy::unwrap_used, reason = "a test may fail that way")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Whether the run has this server; it says itself when it goes without.
fn has(name: &str) -> bool {
    let variable = format!("SLUICEGATE_TEST_{}", name.to_uppercase());
    let left_out = std::env::var("SLUICEGATE_TEST_LEFT_OUT").unwrap_or_default();
    let is_left_out = left_out.split_whitespace().any(|left_out| left_out == name);
    let is_set = std::env::var(&variable).is_ok();
    assert!(
        is_set || is_left_out,
        "{variable} is not set: run `make test`, or `tests/servers/with -- cargo test`"
    );
    is_set
}

fn bench(arguments: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    // There the scripts with the servers' clients are.
    let output = command.current_dir(root).arg("bench").args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn check(server: &str) {
    if !has(server) || !has("kafka") {
        eprintln!("LEFT OUT: this run has no {server} or no kafka");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("result.json");
    let file = file.to_str().unwrap();
    let printed = bench(&[
        "--server",
        server,
        "--events",
        "2000",
        "--rounds",
        "1",
        "--partitions",
        "2",
        "--rest-seconds",
        "1",
        "--json",
        file,
    ]);
    let report: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(report["about"]["events"], 2_000);
    assert_eq!(report["about"]["server"], server);
    assert!(report["about"]["rows_by_table"]["users"].as_u64().unwrap() > 0);
    let names: Vec<&str> = report["figures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|figure| {
            assert!(figure["median"].as_f64().unwrap() >= 0.0, "{figure}");
            figure["name"].as_str().unwrap()
        })
        .collect();
    for name in [
        "events_per_second",
        "rows_per_second",
        "ratio_to_load_data_one_stream",
        "ratio_to_load_data_streams",
        "load_one_stream_rows_per_second",
    ] {
        assert!(names.contains(&name), "no {name} in {names:?}");
        assert!(printed.contains(name), "{printed}");
    }
    let compared = bench(&["compare", file, file]);
    assert!(compared.contains("1.000"), "{compared}");
}

#[test]
fn a_small_bench_of_mysql() {
    check("mysql");
}

#[test]
fn a_small_bench_of_mariadb() {
    check("mariadb");
}
