//! What is seen of a user's own mapping: its topics, tables and types are those of metrics, status and letters.

use super::pairs::{Line, send};
use sluicegate::status::Status;
use testkit::{Instance, Server, World, wait_for};

const MAPPING: &str = r#"
topic = "bills"
ignore = ["bill.draft", "$tombstone"]
[envelope]
type = "kind"
id = "$position"
time = "$kafka_timestamp"
data = "$message"
[[entity]]
table = "bills"
key = { name = "bill", from = "bill" }
created_by = "bill.*"
columns = [{ name = "amount", type = "decimal(12,2)", from = "amount" }]
"#;

fn line(value: Option<String>) -> Line {
    Line { topic: "bills".to_owned(), key: None, value, headers: [].into() }
}

#[tokio::test]
async fn an_own_mapping_is_seen_by_its_names() {
    let Some(mut world) = World::new(Server::MySql) else { return };
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("bills.toml"), MAPPING).unwrap();
    world.set("mapping.built_in", false);
    world.set("mapping.directory", directory.path().display());
    world.create_topics(&["bills"], 1).await;
    let bill = |kind: &str, number: usize| {
        line(Some(format!(r#"{{"kind": "{kind}", "bill": "{number}", "amount": "1.50"}}"#)))
    };
    // Types that are made of data would be as many series.
    let mut lines: Vec<Line> = (0..50).map(|n| bill(&format!("bill.paid{n}"), n)).collect();
    lines.extend((0..7).map(|n| bill("bill.draft", n)));
    lines.extend((0..20).map(|n| bill(&format!("other{n}"), n)));
    lines.extend([line(None), line(None)]);
    send(&world, lines).await;
    world.serve_http();
    let instance = Instance::start(&world);
    let status = wait_for("everything to be loaded", || {
        let answer = instance.get("/status")?;
        let status: Status = serde_json::from_str(answer.body()).unwrap();
        (status.throughput.messages == 79 && status.lag.first()?.messages == 0).then_some(status)
    });
    let topic = world.topic("bills");
    let lag: Vec<(&str, u64)> =
        status.lag.iter().map(|lag| (lag.topic.as_str(), lag.ignored)).collect();
    assert_eq!(lag, [(topic.as_str(), 9)]);
    let letters: Vec<(&str, &str, u64)> = status
        .dead_letters
        .iter()
        .map(|one| (one.topic.as_str(), one.reason.as_str(), one.count))
        .collect();
    assert_eq!(letters, [(topic.as_str(), "event_type_unknown", 20)]);
    assert!(
        status.flush.tables.iter().any(|one| one.table == "bills"),
        "{:?}",
        status.flush.tables
    );
    let metrics = instance.metrics().unwrap();
    let types: Vec<&str> = metrics.all().filter(|series| series.contains("event_type=")).collect();
    assert!(types.iter().any(|series| series.contains("event_type=\"bill.*\"")), "{types:?}");
    assert!(types.len() < 5, "one series a type of the mapping: {types:?}");
    let foreign: Vec<&str> = metrics
        .all()
        .filter(|series| series.contains("\"orders\"") || series.contains("\"user"))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    let shown = world.succeed(&["status", "--once"]);
    assert!(shown.contains("ignored") && shown.contains(&topic), "{shown}");
    world.end().await;
}
