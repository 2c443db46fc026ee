//! Of equal keys the last one counts, wherever they are and whatever the others hold.
//!
//! A document with equal keys gives the verdict and the rows of the same document as serde_json reads
//! it, which keeps the last.

use proptest::prelude::*;
use serde_json::Value;
use sluicegate::buffer::{Batch, Column};
use sluicegate::flatten::Flattener;
use sluicegate::mapping::{ColumnType, Mapping};
use sluicegate::mysql::JsonLimits;
use sluicegate::reject::Code;
use std::sync::{Arc, LazyLock};

/// The built-in mapping, and a topic with arrays of lines below an object and in one another's way.
static MAPPING: LazyLock<Arc<Mapping>> = LazyLock::new(|| {
    const BASKET: &str = r#"
topic = "basket"
key = "basket_id"
ignore = ["*"]
[entity]
table = "baskets"
created_by = "basket.created"
columns = [
  { name = "note", type = "text", from = ["items.note", "note"] },
  { name = "lines", type = "bigint", from = "customer.items", convert = "length" },
]
[[entity.lines]]
table = "basket_items"
each = "customer.items"
number = "line_no"
columns = [{ name = "quantity", type = "bigint", from = "product_snapshot.quantity" }]
[[entity.lines]]
table = "basket_notes"
each = "customer.totals.items"
number = "line_no"
columns = [{ name = "quantity", type = "bigint", from = "quantity" }]
"#;
    let own = [("basket.toml", BASKET)];
    let files = sluicegate::mapping::BUILT_IN.into_iter().chain(own);
    Arc::new(Mapping::compile(files).unwrap())
});

/// JSON as it is written, equal keys included.
#[derive(Debug, Clone)]
enum Written {
    Text(&'static str),
    Array(Vec<Written>),
    Object(Vec<(&'static str, Written)>),
}

impl std::fmt::Display for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list =
            |f: &mut std::fmt::Formatter<'_>, parts: Vec<String>| f.write_str(&parts.join(","));
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Array(elements) => {
                f.write_str("[")?;
                list(f, elements.iter().map(ToString::to_string).collect())?;
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                list(f, members.iter().map(|(key, value)| format!("{key:?}:{value}")).collect())?;
                f.write_str("}")
            }
        }
    }
}

fn value() -> impl Strategy<Value = Written> {
    let leaf = prop::sample::select(vec!["null", "5", "\"x\"", "true", "-1", "\"5\"", "[]", "{}"]);
    let key = prop::sample::select(vec![
        "items",
        "customer",
        "totals",
        "product_snapshot",
        "quantity",
        "status",
        "note",
        "user_id",
        "token",
    ]);
    leaf.prop_map(Written::Text).prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Written::Array),
            3 => prop::collection::vec((key.clone(), inner), 0..5).prop_map(Written::Object),
        ]
    })
}

/// The verdict, or every cell; JSON as a value.
fn outcome(topic: &str, message: &str) -> Result<Vec<String>, Code> {
    let mut batch = Batch::new(&MAPPING);
    let mut flattener = Flattener::new(Arc::clone(&MAPPING), JsonLimits::MYSQL);
    flattener
        .load_value(topic, message.as_bytes(), &mut batch)
        .map_err(|faulty| faulty.reject.code)?;
    let mut cells = Vec::new();
    for (id, table) in MAPPING.tables.iter().enumerate() {
        for row in 0..batch.rows(id).len() {
            for (index, spec) in table.columns.iter().enumerate() {
                let cell = match batch.rows(id).column(index) {
                    Column::Number(numbers) => numbers[row].to_string(),
                    Column::Text(texts) if spec.ty == ColumnType::Json => {
                        let text = texts.get(row).unwrap();
                        serde_json::from_str::<Value>(text).unwrap().to_string()
                    }
                    Column::Text(texts) => format!("{:?}", texts.get(row)),
                };
                cells.push(format!("{}.{}[{row}]: {cell}", table.name, spec.name));
            }
        }
    }
    Ok(cells)
}

/// As serde_json reads it.
fn last_wins(message: &str) -> String {
    serde_json::from_str::<Value>(message).unwrap().to_string()
}

fn message(topic: &str, data: &str) -> String {
    format!(
        r#"{{"event_type":"{topic}.created","event_id":"e1","timestamp":"2025-01-06T00:00:00Z","entity_id":"o1","data":{data}}}"#
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None, cases: 4_000, ..ProptestConfig::default()
    })]

    #[test]
    fn in_data(
        topic in prop::sample::select(vec!["order", "basket"]),
        members in prop::collection::vec(
            (prop::sample::select(vec!["items", "customer", "status", "totals", "note"]), value()),
            0..6),
    ) {
        let mut members = members;
        members.push(("order_number", Written::Text("\"n\"")));
        let message = message(topic, &Written::Object(members).to_string());
        prop_assert_eq!(outcome(topic, &message), outcome(topic, &last_wins(&message)), "{}", message);
    }

    #[test]
    fn in_the_envelope(
        first in prop::sample::select(vec![
            "null", "7", "\"\"", "[]", "{\"data\":1}", "\"user.login\"", "\"e 1\"", "{\"status\":7}",
        ]),
        field in prop::sample::select(vec![
            "event_type", "event_id", "timestamp", "entity_id", "data", "d\\u0061ta",
        ]),
        last in any::<bool>(),
    ) {
        let good = message("order", r#"{"order_number":"n","items":[{"quantity":1}]}"#);
        let member = format!("\"{field}\":{first}");
        let twice = if last {
            format!("{},{member}}}", good.strip_suffix('}').unwrap())
        } else {
            good.replacen('{', &format!("{{{member},"), 1)
        };
        prop_assert_eq!(outcome("order", &twice), outcome("order", &last_wins(&twice)), "{}", twice);
    }
}

/// Those that were seen.
#[test]
fn what_came_first_is_forgotten() {
    for (topic, data) in [
        ("order", r#"{"order_number":"n","items":[5],"items":[]}"#),
        ("order", r#"{"order_number":"n","items":7,"items":[{"quantity":1}]}"#),
        ("order", r#"{"order_number":"n","customer":7,"customer":{"user_id":"u"}}"#),
        ("order", r#"{"order_number":"n","items":[{"product_snapshot":7,"product_snapshot":{}}]}"#),
        ("order", r#"{"order_number":7,"order_number":"n"}"#),
        ("basket", r#"{"customer":{"items":[{},{}]},"customer":{}}"#),
        ("basket", r#"{"customer":{"items":[{"product_snapshot":1}]},"customer":null}"#),
    ] {
        let message = message(topic, data);
        let found = outcome(topic, &message);
        assert_eq!(found, outcome(topic, &last_wins(&message)), "{data}");
        assert!(found.is_ok(), "{data}");
    }
}
