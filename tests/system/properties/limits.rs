//! Limits: of a batch, and of a statement.

use proptest::prelude::*;
use sluicegate::buffer::{Batch, Limits};
use sluicegate::flatten::Flattener;
use sluicegate::flush::statement::{StatementLimits, Statements};
use sluicegate::mapping::Mapping;
use sluicegate::mysql::Dialect;
use sluicegate::mysql::JsonLimits;
use std::sync::Arc;
use std::time::Duration;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A batch that is asked after each message never holds more than its limit and one message.
    #[test]
    fn a_batch_passes_its_limits_by_one_message_at_most(
        rows in 1..50_usize,
        bytes in 1..5_000_usize,
        messages in prop::collection::vec((1..10_usize, 1..1_000_usize), 1..100),
    ) {
        let limits = Limits { rows, bytes, age: Duration::from_secs(1) };
        let (mut held, mut sealed) = ((0, 0), Vec::new());
        for message in &messages {
            held = (held.0 + message.0, held.1 + message.1);
            if limits.reached(held.0, held.1, Duration::ZERO).is_some() {
                prop_assert!(held.0 - message.0 < rows && held.1 - message.1 < bytes);
                sealed.push(held);
                held = (0, 0);
            } else {
                prop_assert!(held.0 < rows && held.1 < bytes);
            }
        }
        let sum = sealed.iter().chain([&held]).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        let all = messages.iter().fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        prop_assert_eq!(sum, all);
        prop_assert!(limits.reached(0, 0, Duration::from_secs(1)).is_some());
    }

    /// Every row is in exactly one statement, in order, and only a row alone may be too long.
    #[test]
    fn statements_split_the_rows(
        texts in prop::collection::vec("[a-c'\\\\\u{0}ß😀(),]{0,80}", 1..60),
        rows in 1..20_usize,
        bytes in 1..3_000_usize,
        mysql in any::<bool>(),
    ) {
        let mapping = Arc::new(Mapping::built_in().unwrap());
        let mut flattener = Flattener::new(Arc::clone(&mapping), JsonLimits::MARIADB);
        let mut batch = Batch::new(&mapping);
        for (number, text) in texts.iter().enumerate() {
            let event = serde_json::json!({
                "event_type": "user.login", "event_id": format!("row{number:04}"),
                "timestamp": "2025-01-06T00:00:00Z", "entity_id": "u", "data": {"email": text},
            });
            flattener.load_value("user", event.to_string().as_bytes(), &mut batch).unwrap();
        }
        let id = mapping.table("user_logins").unwrap();
        let table = &mapping.tables[id];
        let mut order = Vec::new();
        batch.rows(id).sorted(table, &mut order);
        let dialect = if mysql { Dialect::MySql } else { Dialect::MariaDb };
        let statements = Statements::new(&mapping, dialect);
        let limits = StatementLimits { rows, bytes };
        let (mut from, mut ids, mut text) = (0, Vec::new(), String::new());
        while from < order.len() {
            let next =
                statements.upsert((id, table), batch.rows(id), &order, from, limits, &mut text);
            let values = testkit::fuzz::rows_of(&text);
            prop_assert_eq!(values.len(), next - from);
            prop_assert!((1..=rows).contains(&values.len()));
            prop_assert!(text.len() <= bytes || values.len() == 1);
            ids.extend(values.iter().map(|row| row[4].clone()));
            from = next;
        }
        let wanted: Vec<_> =
            (0..texts.len()).map(|n| Some(format!("row{n:04}").into_bytes())).collect();
        prop_assert_eq!(ids, wanted);
    }
}
