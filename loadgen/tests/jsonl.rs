//! What is written as lines comes back byte for byte.

#![allow(clippy::unwrap_used, reason = "a test may fail that way")]

use loadgen::{Generator, Kind, Message, Plan, read_jsonl, write_jsonl};

#[test]
fn lines_give_back_every_byte() {
    let plan =
        Plan { events: 2_000, duplicates: 0.1, disorder: 0.1, poison: 0.5, ..Plan::default() };
    let tombstone = Message {
        topic: "order".into(),
        key: Some(b"k\"\n".to_vec()),
        value: None,
        kind: Kind::Valid,
    };
    let mut messages: Vec<Message> = Generator::new(plan).chain([tombstone]).collect();
    let mut text = Vec::new();
    messages.iter().for_each(|message| write_jsonl(&mut text, message).unwrap());
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), messages.len());

    messages.iter_mut().for_each(|message| message.kind = Kind::Replayed);
    let mut back = read_jsonl(text.as_slice());
    for message in messages {
        assert_eq!(back.next().unwrap().unwrap(), message);
    }
    assert!(back.next().is_none());
}

#[test]
fn events_stand_in_their_line_as_they_are() {
    let mut text = Vec::new();
    let message = Generator::new(Plan::default()).next().unwrap();
    write_jsonl(&mut text, &message).unwrap();
    let text = String::from_utf8(text).unwrap();
    let (key, value) = (message.key.unwrap(), message.value.unwrap());
    assert_eq!(
        text,
        format!(
            "{{\"topic\": \"{}\", \"key\": \"{}\", \"value\": {}}}\n",
            message.topic,
            String::from_utf8(key).unwrap(),
            String::from_utf8(value).unwrap()
        )
    );
}

#[test]
fn every_line_is_json_and_bad_messages_say_why() {
    let plan = Plan { events: 500, poison: 1.0, ..Plan::default() };
    for message in Generator::new(plan) {
        let mut line = Vec::new();
        write_jsonl(&mut line, &message).unwrap();
        let line: serde_json::Value = serde_json::from_slice(&line).unwrap();
        match message.kind {
            Kind::Poison(why) => assert!(line["why"] == why && line["expect"] == "dlq"),
            _ => assert!(line["value"].is_object() && line["why"].is_null()),
        }
    }
}
