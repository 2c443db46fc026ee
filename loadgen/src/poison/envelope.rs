//! JSON, but not a message of the platform.

use super::Spoil::{By, Inject, Remove, Replace, Set};
use super::surgery::{inject, set};
use super::{Poison, poison};
use crate::mix::EventType as E;

pub(super) const POISONS: [Poison; 41] = [
    poison("an array", E::UserLogin, Replace("[1, 2, 3]")),
    poison("a number", E::UserLogin, Replace("42")),
    poison("true", E::UserLogin, Replace("true")),
    poison("a string", E::UserLogin, Replace("\"user.login\"")),
    poison("an empty object", E::UserLogin, Replace("{}")),
    poison("an array around a whole message", E::UserLogin, By(bracket)),
    poison("no event_type", E::UserLogin, Remove("event_type")),
    poison("no event_id", E::OrderCreated, Remove("event_id")),
    poison("no timestamp", E::UserRegistered, Remove("timestamp")),
    poison("no entity_id", E::PostCreated, Remove("entity_id")),
    poison("no data", E::UserLogin, Remove("data")),
    poison("event_type is null", E::UserLogin, Set("event_type", "null")),
    poison("event_type is a number", E::UserLogin, Set("event_type", "7")),
    poison("event_type in capitals", E::UserLogin, Set("event_type", "\"USER.LOGIN\"")),
    poison("event_type without its topic", E::UserLogin, Set("event_type", "\"login\"")),
    poison("event_type of another topic", E::UserLogin, Set("event_type", "\"supplier.login\"")),
    poison("event_type with a blank", E::UserLogin, Set("event_type", "\"user.log in\"")),
    poison("event_type of 120 characters", E::UserLogin, By(long_event_type)),
    poison("event_id is a number", E::UserLogin, Set("event_id", "123")),
    poison("event_id is empty", E::UserLogin, Set("event_id", "\"\"")),
    poison(
        "event_id of 60 characters",
        E::UserLogin,
        By(|json| inject(json, "event_id", &[b'0'; 24])),
    ),
    poison("event_id with a blank", E::UserLogin, Inject("event_id", b"a b")),
    poison("event_id beyond ASCII", E::UserLogin, Inject("event_id", b"\\u00e9")),
    poison("entity_id is a number", E::UserLogin, Set("entity_id", "123")),
    poison("entity_id is empty", E::SupplierRegistered, Set("entity_id", "\"\"")),
    poison(
        "entity_id of 64 characters",
        E::UserLogin,
        By(|json| inject(json, "entity_id", &[b'f'; 40])),
    ),
    poison("data is null", E::UserLogin, Set("data", "null")),
    poison("data is a list", E::UserLogin, Set("data", "[]")),
    poison("data is a string", E::OrderCompleted, Set("data", "\"{}\"")),
    poison("an empty timestamp", E::UserLogin, Set("timestamp", "\"\"")),
    poison("timestamp is a number", E::UserLogin, Set("timestamp", "1736150400.5")),
    poison("a month 13", E::UserLogin, Set("timestamp", "\"2025-13-01T00:00:00+00:00\"")),
    poison("a 30th of February", E::UserLogin, Set("timestamp", "\"2025-02-30T00:00:00+00:00\"")),
    poison("an hour 25", E::UserLogin, Set("timestamp", "\"2025-01-06T25:00:00+00:00\"")),
    poison("a second 60", E::UserLogin, Set("timestamp", "\"2025-01-06T08:00:60+00:00\"")),
    poison("a year 0", E::UserLogin, Set("timestamp", "\"0000-01-01T00:00:00+00:00\"")),
    poison("a year before 1000", E::UserLogin, Set("timestamp", "\"0999-12-31T23:59:59+00:00\"")),
    poison("a negative year", E::UserLogin, Set("timestamp", "\"-2025-01-06T00:00:00+00:00\"")),
    poison("a year 10000 in UTC", E::UserLogin, Set("timestamp", "\"9999-12-31T23:59:59-12:00\"")),
    poison("a date in American order", E::UserLogin, Set("timestamp", "\"01/06/2025 08:00\"")),
    poison("Arabic digits", E::UserLogin, Set("timestamp", "\"٢٠٢٥-01-06T08:00:00+00:00\"")),
];

fn bracket(json: &mut Vec<u8>) {
    json.insert(0, b'[');
    json.push(b']');
}

fn long_event_type(json: &mut Vec<u8>) {
    set(json, "event_type", format!("\"user.{}\"", "a".repeat(115)).as_bytes());
}
