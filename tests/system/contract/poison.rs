//! Done when: every poisonous message gets its verdict, and the good ones between them all load.

use super::{events, messages};
use loadgen::TOPICS;
use serde_json::Value;
use std::collections::BTreeMap;
use testkit::{Row, Server, World, fold};

testkit::on_both_servers!(every_bad_message_has_its_verdict);

/// Topics of the poison file: one of them no mapping knows.
fn topics() -> Vec<&'static str> {
    TOPICS.into_iter().chain(["payment"]).collect()
}

async fn every_bad_message_has_its_verdict(server: Server) {
    let Some(mut world) = World::new(server) else { return };
    world.create_topics(&topics(), 1).await;
    world.set("kafka.topics", topics().join(","));
    // Good events before, after and between the bad ones.
    let (good, bad) = (messages("samples.jsonl"), messages("poison.jsonl"));
    let mut sent = Vec::new();
    let mut offsets: BTreeMap<String, i64> = BTreeMap::new();
    let mut places = Vec::new();
    let mut good_left = good.into_iter();
    for message in bad {
        sent.extend(good_left.by_ref().take(2));
        places.push((sent.len(), message.topic.to_string()));
        sent.push(message);
    }
    sent.extend(good_left);
    let mut at = BTreeMap::new();
    for (index, message) in sent.iter().enumerate() {
        let offset = offsets.entry(message.topic.to_string()).or_default();
        at.insert(index, *offset);
        *offset += 1;
    }
    let expected = fold::of(&sent, server).tables;
    world.produce(sent).await;
    let log = world.load();
    let letters: BTreeMap<(String, i64), Row> = world
        .rows("dead_letters")
        .await
        .into_iter()
        .map(|row| {
            (
                (row["topic"].as_str().unwrap().to_owned(), row["kafka_offset"].as_i64().unwrap()),
                row,
            )
        })
        .collect();
    let lines = std::fs::read_to_string(events("poison.jsonl")).unwrap();
    let mut dead = 0;
    for (line, (index, topic)) in lines.lines().zip(&places) {
        let line: Value = serde_json::from_str(line).unwrap();
        let (why, verdict) = (line["why"].as_str().unwrap(), line["expect"].as_str().unwrap());
        let letter = letters.get(&(world.topic(topic), at[index]));
        dead += usize::from(letter.is_some());
        match verdict {
            "dlq" => assert!(letter.is_some(), "{}: should be dead: {why}\n{log}", server.name()),
            "ok" | "log" => {
                assert!(letter.is_none(), "{}: should load: {why}: {letter:?}", server.name());
            }
            "either" => {}
            other => panic!("unknown verdict {other}"),
        }
        if let Some(letter) = letter {
            check_letter(letter, why);
        }
    }
    assert_eq!(letters.len(), dead, "nothing but the bad messages is dead");
    world.assert_tables("between poison", &expected).await;
    world.end().await;
}

fn check_letter(letter: &Row, why: &str) {
    let text = |column: &str| letter[column].as_str().unwrap_or_default();
    assert!(!text("error_code").is_empty() && text("error_text").len() > 10, "{why}: {letter:?}");
    assert!(text("error_code").bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{why}");
    assert!(!text("dead_at").is_empty() && letter["kafka_partition"] == 0, "{why}: {letter:?}");
}

/// Sentences name field, column and limit.
#[tokio::test]
async fn sentences() {
    let Some(world) = World::new(Server::MariaDb) else { return };
    world.create_topics(&["user"], 1).await;
    let login = |email: &str| {
        let value = format!(
            r#"{{"event_type":"user.login","event_id":"e1","timestamp":"2025-01-06T08:00:00Z","entity_id":"u1","data":{{"email":{email},"password":"hunter2"}}}}"#
        );
        loadgen::Message {
            topic: "user".into(),
            key: Some(b"u1".to_vec()),
            value: Some(value.into_bytes()),
            kind: loadgen::Kind::Valid,
        }
    };
    let mut cut = login("\"a@b.c\"");
    cut.value.as_mut().unwrap().truncate(134);
    let messages = vec![login("7"), login(&format!("\"{}\"", "x".repeat(321))), cut];
    world.produce(messages).await;
    world.load();
    let rows = world.rows("dead_letters").await;
    let row = |offset: i64| rows.iter().find(|row| row["kafka_offset"] == offset).unwrap();
    assert_eq!(row(0)["error_code"], "value_type");
    assert_eq!(
        row(0)["error_text"],
        "data.email is a number, not a string (column user_logins.email)"
    );
    assert_eq!(row(1)["error_code"], "value_too_long");
    assert_eq!(
        row(1)["error_text"],
        "data.email has 321 characters; the column holds 320 (column user_logins.email)"
    );
    let text = row(2)["error_text"].as_str().unwrap();
    assert!(
        text.ends_with("EOF while parsing a string at line 1 column 134; it has 134 bytes"),
        "{text}"
    );
    assert_eq!((&row(0)["event_type"], &row(0)["event_id"]), (&"user.login".into(), &"e1".into()));
    assert_eq!(row(0)["message_key"], "u1");
    let payload = row(0)["payload"].as_str().unwrap();
    assert!(payload.contains("\"email\":7") && !payload.contains("hunter2"), "{payload}");
    world.end().await;
}
