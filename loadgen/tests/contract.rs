//! Every valid event is loaded by the contract, no bad one is, and secrets are marked.

#![allow(clippy::unwrap_used, reason = "a test may fail that way")]

mod support;

use std::collections::{HashMap, HashSet};

use loadgen::{Generator, Kind, Mix, Plan, SECRET_MARKERS, TAX_ID_MARKER, TOPICS, poison_kinds};
use serde_json::Value;

/// Section 5: at any depth, without case.
const SECRET_KEYS: &str = "password_hash password passwd secret token access_token refresh_token \
    reset_token verification_token api_key banking_info security payment audit idempotency_key \
    tax_id registration_number date_of_birth billing_address";

#[test]
fn valid_events_keep_the_contract() {
    for mix in [Mix::Realistic, Mix::Logins, Mix::Lifecycle] {
        let plan = Plan { seed: 3, events: 15_000, mix, ..Plan::default() };
        for message in Generator::new(plan) {
            let value = message.value.unwrap();
            assert!(value.is_ascii() && value.len() <= 200_000);
            let event = support::check(&message.topic, &value)
                .unwrap_or_else(|problem| panic!("{problem}: {}", String::from_utf8_lossy(&value)));
            assert_eq!(message.key.unwrap(), event["entity_id"].as_str().unwrap().as_bytes());
            assert!(TOPICS.contains(&&*message.topic));
        }
    }
}

#[test]
fn bad_messages_break_the_contract_and_come_in_all_kinds() {
    let plan = Plan { seed: 4, events: 3_000, poison: 1.0, ..Plan::default() };
    let mut seen: HashMap<&str, u32> = HashMap::new();
    for message in Generator::new(plan) {
        if let Kind::Poison(why) = message.kind {
            let value = message.value.unwrap();
            let verdict = support::check(&message.topic, &value);
            assert!(verdict.is_err(), "{why} is loaded: {}", String::from_utf8_lossy(&value));
            *seen.entry(why).or_default() += 1;
        }
    }
    assert_eq!(seen.keys().copied().collect::<HashSet<_>>(), poison_kinds().collect());
    assert!(seen.len() > 100, "{} kinds", seen.len());
    assert!(seen.values().all(|count| *count >= 10), "{seen:?}");
}

#[test]
fn every_secret_text_is_marked_and_no_other_is() {
    let plan = Plan { seed: 5, events: 10_000, ..Plan::default() };
    let mut secrets = 0;
    for message in Generator::new(plan) {
        let event: Value = serde_json::from_slice(&message.value.unwrap()).unwrap();
        let supplier = event["event_type"] == "supplier.registered";
        walk("", &event, false, &mut |path, text, secret| {
            let tax_id = supplier && path == "/data/company_info/tax_id";
            let marked = SECRET_MARKERS.iter().any(|marker| text.contains(marker));
            assert_eq!(marked, secret && !tax_id, "{path}: {text}");
            assert!(!tax_id || text.contains(TAX_ID_MARKER));
            secrets += u32::from(secret);
        });
    }
    assert!(secrets > 5_000, "{secrets}");
}

/// Every text, and whether it is or lies under a secret.
fn walk(path: &str, value: &Value, secret: bool, visit: &mut impl FnMut(&str, &str, bool)) {
    match value {
        Value::String(text) => visit(path, text, secret),
        Value::Array(items) => items.iter().for_each(|item| walk(path, item, secret, visit)),
        Value::Object(fields) => {
            for (key, value) in fields {
                let hidden = SECRET_KEYS.split(' ').any(|name| name.eq_ignore_ascii_case(key));
                walk(&format!("{path}/{key}"), value, secret || hidden, visit);
            }
        }
        _ => {}
    }
}

#[test]
fn columns_are_filled_to_the_limit_and_texts_are_odd() {
    let plan = Plan { seed: 6, events: 30_000, ..Plan::default() };
    let (mut full, mut nul, mut pairs, mut whole_seconds, mut empty_orders) = (0, 0, 0, 0, 0);
    for message in Generator::new(plan) {
        let value = String::from_utf8(message.value.unwrap()).unwrap();
        let holds = |needle: &str| value.contains(needle);
        nul += u32::from(holds("\\u0000"));
        pairs += u32::from(holds("\\ud83d\\ude"));
        empty_orders += u32::from(holds("\"items\": []"));
        let event: Value = serde_json::from_str(&value).unwrap();
        whole_seconds += u32::from(!event["timestamp"].as_str().unwrap().contains('.'));
        let name = event["data"]["profile"]["display_name"].as_str().unwrap_or_default();
        full += u32::from(name.chars().count() == 100 && name.len() == 400);
    }
    assert!(
        full > 2 && nul > 100 && pairs > 100 && empty_orders > 10,
        "{full} {nul} {pairs} {empty_orders}"
    );
    assert!((50..200).contains(&whole_seconds), "{whole_seconds}");
}
