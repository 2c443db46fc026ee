//! `sluicegate infer`: the file that it prints loads what it was made from, once a user has chosen, and holds no
//! value of it.

use super::pairs::{Line, directory, send};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Output;
use testkit::choices::first_of_each;
use testkit::world::said;
use testkit::{DEADLINE, Server, World};

testkit::on_both_servers!(samples_become_tables);

/// The messages of a file, and the mapping that was inferred from them.
struct Sample {
    file: PathBuf,
    lines: Vec<Line>,
    text: String,
}

/// Needs no server that answers.
fn offline(place: &Path, arguments: &[&str]) -> Output {
    std::process::Command::new(testkit::world::program())
        .current_dir(place)
        .args(["--set", "mapping.built_in=false", "--set", "mapping.directory=mappings"])
        .args(["--set", "kafka.bootstrap_servers=127.0.0.1:1", "--set", "mysql.port=1"])
        .args(arguments)
        .output()
        .unwrap()
}

fn samples() -> Vec<Sample> {
    let entries = std::fs::read_dir(directory().join("messages")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |file: PathBuf| {
        let output = offline(Path::new("/"), &["infer", "--file", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}: {}", file.display(), said(&output));
        let lines = std::fs::read_to_string(&file).unwrap().lines().map(Line::read).collect();
        Sample { lines, text: String::from_utf8(output.stdout).unwrap(), file }
    };
    files.into_iter().map(read).collect()
}

/// Writes mappings as users do: chosen, and with tables of different names.
fn write(place: &Path, samples: &[Sample]) {
    let mappings = place.join("mappings");
    std::fs::create_dir_all(&mappings).unwrap();
    for (index, sample) in samples.iter().enumerate() {
        let own = format!("table = \"s{index}_");
        let chosen = first_of_each(&sample.text).replace("table = \"", &own);
        std::fs::write(mappings.join(format!("s{index}.toml")), chosen).unwrap();
    }
}

/// What `try` makes of all messages: rows by table.
fn tried(place: &Path, samples: &[Sample]) -> BTreeMap<String, i64> {
    let all = samples.iter().map(|sample| std::fs::read_to_string(&sample.file).unwrap());
    std::fs::write(place.join("all.jsonl"), all.collect::<String>()).unwrap();
    let output = offline(place, &["try", "--file", "all.jsonl"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let mut rows = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let table = line["table"].as_str().unwrap();
        assert_ne!(table, "dead_letters", "{line}");
        *rows.entry(table.to_owned()).or_default() += 1;
    }
    rows
}

#[test]
fn each_sample_loads_once_a_user_has_chosen() {
    let place = tempfile::tempdir().unwrap();
    let samples = samples();
    write(place.path(), &samples);
    let checked = offline(place.path(), &["check", "--offline"]);
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    let rows = tried(place.path(), &samples);
    for (index, sample) in samples.iter().enumerate() {
        let prefix = format!("s{index}_");
        let found = rows.iter().find(|(table, _)| table.starts_with(&prefix));
        let (_, found) = found.unwrap_or_else(|| panic!("no row of {}", sample.file.display()));
        if sample.text.contains("[[log]]") {
            let events =
                sample.text.split("events: ").nth(1).and_then(|rest| rest.split('.').next());
            assert_eq!(found.to_string(), events.unwrap(), "a row for each event\n{}", sample.text);
        }
    }
}

#[test]
fn no_value_is_printed() {
    // Words of the formats and of sluicegate's own sentences.
    let words = ["event", "insert", "update", "delete", "list", "request", "payload", "data"];
    for sample in samples() {
        let (mut told, mut values) = (BTreeSet::new(), BTreeSet::new());
        for line in &sample.lines {
            told.extend(line.topic.split('.').chain([line.topic.as_str()]).map(str::to_owned));
            told.extend(line.headers.keys().cloned());
            values.extend(line.headers.values().cloned());
            values.extend(line.key.clone());
            for text in line.value.iter().chain(&line.key) {
                if let Ok(value) = serde_json::from_str(text) {
                    collect(&value, &mut told, &mut values);
                }
            }
        }
        let is_long = |value: &&String| value.len() >= 4 && !told.contains(*value);
        for value in values.iter().filter(is_long).filter(|value| !words.contains(&value.as_str()))
        {
            assert!(!has_word(&sample.text, value), "{value} is in\n{}", sample.text);
        }
    }
}

fn collect(value: &Value, keys: &mut BTreeSet<String>, values: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                keys.insert(key.clone());
                collect(value, keys, values);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|value| collect(value, keys, values)),
        Value::String(text) => drop(values.insert(text.clone())),
        Value::Number(number) => drop(values.insert(number.to_string())),
        Value::Null | Value::Bool(_) => {}
    }
}

/// Whether a text contains a value that is not part of a longer word.
fn has_word(text: &str, value: &str) -> bool {
    let is_of_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(value).any(|(at, _)| {
        let after = text[at + value.len()..].chars().next();
        !is_of_word(text[..at].chars().next_back()) && !is_of_word(after)
    })
}

#[test]
fn what_is_open_does_not_run() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("mappings")).unwrap();
    let values = "{\"at\": \"2026-01-01T00:00:00Z\", \"city\": \"Bern\", \"n\": 1}\n";
    std::fs::write(place.path().join("values.jsonl"), values).unwrap();
    let inferred = offline(place.path(), &["infer", "--file", "values.jsonl", "--topic", "walks"]);
    assert_eq!(inferred.status.code(), Some(0), "{}", said(&inferred));
    assert!(String::from_utf8_lossy(&inferred.stderr).contains("TODOs: 2"), "{}", said(&inferred));
    std::fs::write(place.path().join("mappings/walks.toml"), inferred.stdout).unwrap();
    let checked = offline(place.path(), &["check", "--offline"]);
    assert_eq!(checked.status.code(), Some(1), "{}", said(&checked));
    let open = "walks.toml:8: TODO: `id` is still open; choose \"$content\" (the same message is the same event), or";
    assert!(said(&checked).contains(open), "{}", said(&checked));
    assert!(
        said(&checked).contains("walks.toml:10: TODO: `key` is still open"),
        "{}",
        said(&checked)
    );
    let tried = offline(place.path(), &["try", "--file", "values.jsonl", "--topic", "walks"]);
    assert_eq!(tried.status.code(), Some(2), "{}", said(&tried));
}

/// From Kafka where the messages are of one topic, and with real tables.
async fn samples_become_tables(server: Server) {
    let Some(mut world) = World::new(server) else { return };
    let place = tempfile::tempdir().unwrap();
    let mut samples = samples();
    let topics: BTreeSet<&str> =
        samples.iter().flat_map(|sample| &sample.lines).map(|line| line.topic.as_str()).collect();
    world.create_topics(&topics.into_iter().collect::<Vec<_>>(), 2).await;
    send(&world, samples.iter().flat_map(|sample| sample.lines.clone()).collect()).await;
    for sample in &mut samples {
        let topics: BTreeSet<&str> = sample.lines.iter().map(|line| line.topic.as_str()).collect();
        if let [topic] = topics.into_iter().collect::<Vec<_>>()[..] {
            sample.text = world.succeed(&["infer", "--topic", topic]);
        }
    }
    write(place.path(), &samples);
    let expected = tried(place.path(), &samples);
    world.set("mapping.built_in", false);
    world.set("mapping.directory", place.path().join("mappings").display());
    world.succeed(&["migrate"]);
    world.load();
    assert_eq!(world.rows("dead_letters").await, [], "{}", server.name());
    for (table, rows) in expected {
        assert_eq!(world.count(&table).await, rows, "{}: {table}", server.name());
    }
    world.end().await;
}

fn message(value: &str) -> Line {
    Line {
        topic: "walks".to_owned(),
        key: None,
        value: Some(value.to_owned()),
        headers: BTreeMap::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_read_without_a_trace() {
    let Some(world) = World::new(Server::MySql) else { return };
    world.create_topics(&["walks", "empty"], 5).await;
    let mut lines: Vec<Line> = (0..60)
        .map(|n| message(&format!("{{\"at\": \"2026-01-01T00:00:00Z\", \"steps\": {n}}}")))
        .collect();
    lines.push(message("not JSON"));
    send(&world, lines).await;
    let text = world.succeed(&["infer", "--topic", "walks"]);
    assert!(text.contains("Messages: 61; events: 60."), "{text}");
    assert!(text.contains("so dead letters: 1."), "{text}");
    assert!(text.contains("topic = \"walks\""), "{text}");
    let text = world.succeed(&["infer", "--topic", "walks", "--messages", "10"]);
    assert!(text.contains("Messages: 10;"), "{text}");

    for (topic, problem) in [("empty", "has no messages"), ("missing", "does not exist")] {
        let output = world.execute(&["infer", "--topic", topic]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains(problem) && output.stdout.is_empty(), "{}", said(&output));
    }
    let output = world.execute(&["infer"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));

    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &world.kafka);
    let group = world.group_id();
    tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = config.create().unwrap();
        let groups = consumer.fetch_group_list(None, DEADLINE).unwrap();
        assert!(groups.groups().iter().all(|found| found.name() != group), "a group was made");
    })
    .await
    .unwrap();
}
