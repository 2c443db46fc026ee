//! One message into one event: what it sets and what it logs.
//!
//! Takes: a topic and the bytes of a message. Gives: an [`Event`] with all values as they are stored. Holds true: an
//! event is valid as a whole, so folding never fails. Fails: with a reason, on what must go to the dead letters.

use serde_json::{Map, Value, json};

use super::column::{self, Column};
use super::schema::{self, Entity};
use super::{Row, json as strict_json, logs, time};

/// How deep a JSON column of MySQL takes documents; it tells MySQL from MariaDB here.
const MYSQL_JSON_DEPTH: usize = 100;
/// How long a key in a JSON column of MySQL may be.
const MYSQL_KEY_BYTES_MAX: usize = 65_535;
const EVENT_TYPE_MAX: usize = 100;
const ID_MAX: usize = 50;

/// These keys are dropped from what is stored, whatever their case and depth.
const SECRETS: [&str; 19] = [
    "password_hash",
    "password",
    "passwd",
    "secret",
    "token",
    "access_token",
    "refresh_token",
    "reset_token",
    "verification_token",
    "api_key",
    "banking_info",
    "security",
    "payment",
    "audit",
    "idempotency_key",
    "tax_id",
    "registration_number",
    "date_of_birth",
    "billing_address",
];

/// A valid event.
pub(crate) struct Event {
    pub(crate) topic: &'static str,
    pub(crate) entity_id: String,
    pub(crate) event_id: String,
    /// In UTC, as text whose order is that of time.
    pub(crate) timestamp: String,
    pub(crate) is_creation: bool,
    /// The columns of the entity that this event gives a value: all for a creation event, at most one for others.
    pub(crate) sets: Row,
    /// The order lines of an order.created event.
    pub(crate) lines: Vec<Row>,
    pub(crate) log_table: &'static str,
    pub(crate) log_row: Row,
    event_type: String,
    data: Value,
}

impl Event {
    /// Equal for duplicates. Time and event id come first, and by contract they suffice; the rest makes the order total.
    pub(crate) fn identity(&self) -> [String; 5] {
        let Self { timestamp, event_id, entity_id, event_type, data, .. } = self;
        [timestamp, event_id, entity_id, event_type, &data.to_string()].map(String::clone)
    }
}

/// Reads a message that is not a tombstone.
pub(crate) fn read(topic: &str, message: &[u8], json_depth: usize) -> Result<Event, String> {
    let entity = schema::entity(topic).ok_or("an unknown topic")?;
    let document = strict_json::document(message)?;
    let Value::Object(envelope) = document.value else {
        return Err("the message is not an object".to_owned());
    };
    let event_type = string(&envelope, "event_type")?;
    let action = action(entity.topic, event_type)?;
    let event_id = id(&envelope, "event_id")?;
    let entity_id = id(&envelope, "entity_id")?;
    let timestamp = time::to_utc(string(&envelope, "timestamp")?).ok_or("timestamp: not one")?;
    let data = envelope.get("data").filter(|data| data.is_object()).ok_or("data: not an object")?;
    check_json_column(data, json_depth)?;
    if json_depth == MYSQL_JSON_DEPTH && document.has_huge_zero {
        return Err("data: a zero with an exponent too large".to_owned());
    }

    let is_creation = action == entity.created_by;
    let log = logs::log(entity.topic, action);
    let mut log_row = column::read(log.columns, data)?;
    log_row.insert(entity.key.to_owned(), json!(entity_id));
    log_row.insert("event_id".to_owned(), json!(event_id));
    log_row.insert("event_timestamp".to_owned(), json!(timestamp));
    if let Some(membership) = log.action {
        log_row.insert("action".to_owned(), json!(membership));
    }
    if log.keeps_event {
        log_row.insert("event_type".to_owned(), json!(event_type));
        log_row.insert("event_data".to_owned(), redacted(data));
    }
    Ok(Event {
        topic: entity.topic,
        entity_id: entity_id.to_owned(),
        event_id: event_id.to_owned(),
        timestamp,
        is_creation,
        sets: if is_creation {
            column::read(entity.columns, data)?
        } else {
            change(entity, action, data)?.into_iter().collect()
        },
        lines: if is_creation && entity.topic == "order" { lines(data)? } else { Vec::new() },
        log_table: log.table,
        log_row,
        event_type: event_type.to_owned(),
        data: data.clone(),
    })
}

/// The column that an event other than a creation event changes, and its new value.
fn change(entity: &Entity, action: &str, data: &Value) -> Result<Option<(String, Value)>, String> {
    let to = |value: &str| Ok(Some(("status".to_owned(), json!(value))));
    let status = || match column_of(entity, "status") {
        Some(column) => column.read(data),
        None => Ok(Value::Null),
    };
    let status_if_present =
        || Ok(Some(("status".to_owned(), status()?)).filter(|(_, new)| !new.is_null()));
    let status_or = |default: &str| Ok(status_if_present()?.or(to(default)?));

    match (entity.topic, action) {
        ("user", "email_verified") => status_if_present(),
        ("user", "account_locked") => to("suspended"),
        ("order", "completed") => status_or("confirmed"),
        ("order", "cancelled") => to(action),
        ("post", "deleted" | "hidden") => to(action),
        ("post", "global_distribution_approved") => {
            Ok(Some(("global_status".to_owned(), json!("approved"))))
        }
        ("product", "published") => to("active"),
        ("product", "out_of_stock" | "discontinued" | "deleted") => to(action),
        ("promotion", "submitted") => status_or("pending_approval"),
        ("promotion", "approved" | "scheduled") => status_if_present(),
        ("promotion", "rejected") => status_or("draft"),
        ("promotion", "paused" | "cancelled" | "ended") => to(action),
        ("promotion", "resumed") => to("active"),
        ("community", "member_joined" | "member_left") => {
            let count = column::count_of("member_count", "member_count").read(data)?;
            Ok(Some(("member_count".to_owned(), count)))
        }
        ("community", "suspended") => to("suspended"),
        _ => Ok(None),
    }
}

fn column_of(entity: &Entity, name: &str) -> Option<&'static Column> {
    entity.columns.iter().find(|column| column.name == name)
}

/// The rows of `items`, which the column `item_count` has found to be an array or null.
fn lines(data: &Value) -> Result<Vec<Row>, String> {
    let items = data.get("items").and_then(Value::as_array).into_iter().flatten();
    let line = |item: &Value| {
        if item.is_object() {
            column::read(schema::ORDER_LINE, item)
        } else {
            Err("items: an element that is not an object".to_owned())
        }
    };
    items.map(line).collect()
}

/// The part of `<topic>.<action>` behind the dot.
fn action<'t>(topic: &str, event_type: &'t str) -> Result<&'t str, String> {
    let is_word = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    match event_type.split_once('.') {
        _ if event_type.len() > EVENT_TYPE_MAX => Err("event_type: too long".to_owned()),
        Some((head, action)) if is_word(head) && is_word(action) => {
            if head == topic {
                Ok(action)
            } else {
                Err("event_type: of another topic".to_owned())
            }
        }
        _ => Err("event_type: not <topic>.<action>".to_owned()),
    }
}

/// 1 to 50 printable ASCII characters without blanks.
fn id<'e>(envelope: &'e Map<String, Value>, field: &str) -> Result<&'e str, String> {
    let id = string(envelope, field)?;
    let is_one = (1..=ID_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if is_one { Ok(id) } else { Err(format!("{field}: not an id")) }
}

fn string<'e>(envelope: &'e Map<String, Value>, field: &str) -> Result<&'e str, String> {
    envelope.get(field).and_then(Value::as_str).ok_or_else(|| format!("{field}: not a string"))
}

/// Whether the server's JSON column would take the document, secrets included. It is asked of every event, also of
/// those whose log table has no such column.
fn check_json_column(data: &Value, json_depth: usize) -> Result<(), String> {
    if depth(data) > json_depth {
        return Err("data: nested too deep".to_owned());
    }
    if json_depth == MYSQL_JSON_DEPTH && key_bytes_max(data) > MYSQL_KEY_BYTES_MAX {
        return Err("data: a key too long".to_owned());
    }
    Ok(())
}

/// How many arrays and objects lie in each other: 1 for `{}`, 2 for `{"a": []}`, 0 for a scalar.
fn depth(value: &Value) -> usize {
    match value {
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn key_bytes_max(value: &Value) -> usize {
    match value {
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| key.len().max(key_bytes_max(value))).max().unwrap_or(0)
        }
        Value::Array(elements) => elements.iter().map(key_bytes_max).max().unwrap_or(0),
        _ => 0,
    }
}

fn redacted(value: &Value) -> Value {
    let is_secret = |key: &str| SECRETS.iter().any(|secret| key.eq_ignore_ascii_case(secret));
    match value {
        Value::Object(fields) => {
            let public = fields.iter().filter(|(key, _)| !is_secret(key));
            Value::Object(public.map(|(key, value)| (key.clone(), redacted(value))).collect())
        }
        Value::Array(elements) => Value::Array(elements.iter().map(redacted).collect()),
        scalar => scalar.clone(),
    }
}
