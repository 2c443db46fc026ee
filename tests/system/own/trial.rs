//! `sluicegate try`, `sluicegate check --offline`: no server is asked.

use std::path::Path;
use std::process::{Command, Output};
use testkit::world::{program, said};

/// Runs the program where no server is.
fn run(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(program())
        .current_dir(directory)
        .args(["--set", "mapping.built_in=false", "--set", "mapping.directory=mappings"])
        .args(["--set", "kafka.bootstrap_servers=127.0.0.1:1", "--set", "mysql.port=1"])
        .args(arguments)
        .output()
        .unwrap()
}

fn own_events() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/own-events"))
}

#[test]
fn the_pairs_give_their_rows() {
    let directory = tempfile::tempdir().unwrap();
    let messages = std::fs::read_dir(own_events().join("messages")).unwrap();
    let mut messages: Vec<_> = messages.map(|entry| entry.unwrap().path()).collect();
    messages.sort();
    let all: String = messages.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let file = directory.path().join("all.jsonl");
    std::fs::write(&file, all).unwrap();
    let file = file.to_str().unwrap();
    let output = run(own_events(), &["try", "--file", file, "--expect", "expected.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let rows = String::from_utf8(output.stdout).unwrap();
    assert!(rows.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    let offline = run(own_events(), &["check", "--offline"]);
    assert_eq!(offline.status.code(), Some(0), "{}", said(&offline));
}

#[test]
fn a_misspelt_path_a_difference_and_a_fault_are_told() {
    let place = tempfile::tempdir().unwrap();
    let mappings = place.path().join("mappings");
    std::fs::create_dir(&mappings).unwrap();
    let write = |text: &str| std::fs::write(mappings.join("bills.toml"), text).unwrap();
    let mapping = "topic = 'bills'\nkey = 'bill'\n[envelope]\ntype = { value = 'bill' }\nid = 'id'\ntime = 'at'\n\
        key = 'bill'\ndata = '$message'\n[[log]]\ntable = 'bills'\nevents = ['*']\n\
        columns = [{ name = 'due', type = 'int', from = 'amount_dew' }, { name = 'city', type = 'text', from = 'to.city' }]\n";
    write(mapping);
    let line = |id: u32| {
        format!(
            "{{\"id\": \"{id}\", \"at\": \"2026-01-01T00:00:00Z\", \"bill\": \"b\", \"amount_due\": 5, \"to\": {{\"city\": \"x\"}}}}\n"
        )
    };
    std::fs::write(
        place.path().join("bills.jsonl"),
        format!("{}{}{{\"id\": 3}}\n", line(1), line(2)),
    )
    .unwrap();
    let arguments = ["try", "--file", "bills.jsonl", "--topic", "bills"];
    let output = run(place.path(), &arguments);
    let said_now = said(&output);
    assert_eq!(output.status.code(), Some(0), "{said_now}");
    assert!(
        said_now.contains("bills: amount_dew: in none of 3 messages; amount_due is in 2"),
        "{said_now}"
    );
    assert!(!said_now.contains("to.city: in none"), "{said_now}");
    assert!(said_now.contains("\"error_code\":\"envelope_field_type\""), "{said_now}");
    std::fs::write(
        place.path().join("rows.json"),
        "{\"bills\": [{\"bill\": \"b\", \"due\": 5}], \"dead_letters\": 0}",
    )
    .unwrap();
    let output = run(place.path(), &[&arguments[..], &["--expect", "rows.json"]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("difference: bills lacks"), "{}", said(&output));
    write(&mapping.replace("type = 'int'", "type = 'number'"));
    for arguments in [&arguments[..], &["check", "--offline"]] {
        let output = run(place.path(), arguments);
        assert!(said(&output).contains("bills.toml:12: number: unknown type"), "{}", said(&output));
        let expected = if arguments[0] == "try" { 2 } else { 1 };
        assert_eq!(output.status.code(), Some(expected), "{}", said(&output));
    }
}

#[test]
fn event_types_that_no_message_has_are_told() {
    let place = tempfile::tempdir().unwrap();
    let mappings = place.path().join("mappings");
    std::fs::create_dir(&mappings).unwrap();
    let mapping = "topic = 'shop.orders'\nkey = 'order_id'\n[envelope]\ntype = 'type'\nid = 'id'\ntime = '$kafka_timestamp'\n\
        key = '$key.id'\ndata = '$message'\n[entity]\ntable = 'orders'\ncreated_by = 'order.created'\ncolumns = []\n\
        [[log]]\ntable = 'order_events'\nevents = ['*']\ncolumns = []\n";
    std::fs::write(mappings.join("orders.toml"), mapping).unwrap();
    let line = |topic: &str, id: u32| {
        format!(
            "{{\"topic\": \"{topic}\", \"key\": {{\"id\": \"{id}\"}}, \"value\": {{\"id\": \"{id}\", \"type\": \"com.acme.order.created\"}}, \"timestamp\": 1764230400000}}\n"
        )
    };
    let lines = format!("{}{}{}", line("shop.orders", 1), line("shop.orders", 2), line("Shop", 3));
    std::fs::write(place.path().join("orders.jsonl"), lines).unwrap();
    let tried = run(place.path(), &["try", "--file", "orders.jsonl"]);
    assert_eq!(tried.status.code(), Some(0), "{}", said(&tried));
    let (rows, told) =
        (String::from_utf8_lossy(&tried.stdout), String::from_utf8_lossy(&tried.stderr));
    assert!(rows.contains("2025-11-27 08:00:00"), "the time of the message: {rows}");
    assert!(told.contains("3 messages; rows: dead_letters 1, order_events 2"), "{told}");
    assert!(told.contains("no mapping file covers the topic Shop; "), "{told}");
    let name = "event type order.created: in none of 2 events; com.acme.order.created is in 2";
    assert!(told.contains(name), "{told}");
}
