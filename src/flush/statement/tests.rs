use super::*;
use crate::buffer::Batch;
use crate::flatten::Flattener;
use crate::mysql::JsonLimits;
use proptest::prelude::*;
use std::sync::Arc;

fn mapping() -> Arc<Mapping> {
    Arc::new(Mapping::built_in().unwrap())
}

fn batch(mapping: &Arc<Mapping>, events: &[(&str, String)]) -> Batch {
    let mut batch = Batch::new(mapping);
    let mut flattener = Flattener::new(Arc::clone(mapping), JsonLimits::MYSQL);
    for (topic, event) in events {
        flattener.load_value(topic, event.as_bytes(), &mut batch).unwrap();
    }
    batch
}

fn login(id: usize, email: &str) -> (&'static str, String) {
    let data = serde_json::json!({"event_type": "user.login", "event_id": format!("e{id:03}"),
        "timestamp": "2025-01-06T08:00:00.5Z", "entity_id": "u'1", "data": {"email": email}});
    ("user", data.to_string())
}

/// The statements for a table.
fn statements(
    mapping: &Mapping,
    batch: &Batch,
    table: &str,
    dialect: Dialect,
    limits: StatementLimits,
) -> Vec<(usize, String)> {
    let id = mapping.table(table).unwrap();
    let (rows, mut order) = (batch.rows(id), Vec::new());
    rows.sorted(&mapping.tables[id], &mut order);
    let statements = Statements::new(mapping, dialect);
    let (mut from, mut texts) = (0, Vec::new());
    while from < order.len() {
        let mut text = String::new();
        let next =
            statements.upsert((id, &mapping.tables[id]), rows, &order, from, limits, &mut text);
        texts.push((next - from, text));
        from = next;
    }
    texts
}

const WIDE: StatementLimits = StatementLimits { rows: 1000, bytes: 1 << 20 };

#[test]
fn a_log_statement() {
    let mapping = mapping();
    let batch = batch(&mapping, &[login(2, "b\\\0"), login(1, "a'")]);
    let texts = statements(&mapping, &batch, "user_logins", Dialect::MySql, WIDE);
    assert_eq!(
        texts,
        [(
            2,
            "INSERT INTO `user_logins` (`user_id`, `email`, `role`, `ip_address`, `event_id`, `event_timestamp`) VALUES \
             ('u\\'1','a\\'',NULL,NULL,'e001','2025-01-06 08:00:00.500000'),\
             ('u\\'1','b\\\\\\0',NULL,NULL,'e002','2025-01-06 08:00:00.500000') \
             AS `new row` ON DUPLICATE KEY UPDATE `event_id` = IF(`user_logins`.`event_id` = `new row`.`event_id` AND \
             `user_logins`.`event_timestamp` = `new row`.`event_timestamp`, `user_logins`.`event_id`, NULL)"
                .to_owned()
        )]
    );
}

#[test]
fn what_an_event_gave_before_is_written_once() {
    let mapping = mapping();
    let created = |event: &str| {
        let data = serde_json::json!({"event_type": "order.created", "event_id": event,
            "timestamp": "2025-01-06T08:00:00Z", "entity_id": "o",
            "data": {"order_number": "N", "items": [{"quantity": 1}, {"quantity": 2}]}});
        ("order", data.to_string())
    };
    let batch = batch(&mapping, &["e1", "e2", "e1", "e2", "e1"].map(created));
    let rows = |table: &str| {
        let texts = statements(&mapping, &batch, table, Dialect::MySql, WIDE);
        texts.iter().map(|(rows, _)| rows).sum::<usize>()
    };
    assert_eq!((rows("order_events"), rows("order_items"), rows("orders")), (2, 4, 1));
}

#[test]
fn each_dialect_names_the_incoming_row_its_own_way() {
    let mapping = mapping();
    let created = r#"{"event_type":"order.created","event_id":"e","timestamp":"2025-01-06T08:00:00Z","entity_id":"o","data":{"order_number":"N","items":[{"quantity":2}]}}"#;
    let batch = batch(&mapping, &[("order", created.to_owned())]);
    for table in ["orders", "order_items"] {
        let mysql = &statements(&mapping, &batch, table, Dialect::MySql, WIDE)[0].1;
        assert!(
            mysql.contains(") AS `new row` ON DUPLICATE KEY UPDATE ")
                && !mysql.contains("VALUES(`"),
            "{mysql}"
        );
        let mariadb = &statements(&mapping, &batch, table, Dialect::MariaDb, WIDE)[0].1;
        assert!(
            mariadb.contains("VALUES(`event_id`)") && !mariadb.contains("new row"),
            "{mariadb}"
        );
    }
    let key_names = mapping.key_names();
    let stale = StaleLines::all(&mapping, &key_names).next().unwrap();
    let looks = stale.look(&batch, 0..usize::MAX);
    assert_eq!(looks.len(), 1);
    assert!(looks[0].ends_with("AND owner.`order_id` IN ('o')"), "{}", looks[0]);
    let delete = stale.delete(&["o", "p'"]);
    assert!(delete.ends_with("AND line.`order_id` IN ('o','p\\'')"), "{delete}");
}

#[test]
fn a_change_needs_no_look_for_stale_lines() {
    let mapping = mapping();
    let changed = r#"{"event_type":"order.cancelled","event_id":"e","timestamp":"2025-01-06T08:00:00Z","entity_id":"o","data":{}}"#;
    let batch = batch(&mapping, &[("order", changed.to_owned())]);
    let key_names = mapping.key_names();
    let mut stale_lines = StaleLines::all(&mapping, &key_names);
    assert!(stale_lines.all(|stale| stale.look(&batch, 0..usize::MAX).is_empty()));
    let text = &statements(&mapping, &batch, "orders", Dialect::MySql, WIDE)[0].1;
    assert!(
        text.contains("VALUES ('o','',NULL,"),
        "a partial row has '' for what is required: {text}"
    );
}

#[test]
fn a_row_beyond_the_limit_goes_alone() {
    let mapping = mapping();
    let batch = batch(&mapping, &[login(1, "a"), login(2, &"b".repeat(300)), login(3, "c")]);
    let limits = StatementLimits { rows: 10, bytes: 400 };
    let texts = statements(&mapping, &batch, "user_logins", Dialect::MySql, limits);
    assert_eq!(texts.iter().map(|(rows, _)| *rows).collect::<Vec<_>>(), [1, 1, 1]);
    assert!(texts[1].1.len() > limits.bytes);
}

proptest! {
    #[test]
    fn statements_hold_every_row_within_their_limits(
        emails in prop::collection::vec("[a-z'\\\\]{0,60}", 1..40),
        rows in 1..10_usize,
        bytes in 200..2_000_usize,
    ) {
        let mapping = mapping();
        let events: Vec<_> = emails.iter().enumerate().map(|(id, email)| login(id, email)).collect();
        let batch = batch(&mapping, &events);
        let limits = StatementLimits { rows, bytes };
        let texts = statements(&mapping, &batch, "user_logins", Dialect::MySql, limits);
        prop_assert_eq!(texts.iter().map(|(rows, _)| rows).sum::<usize>(), emails.len());
        for (count, text) in &texts {
            prop_assert!(*count <= rows);
            prop_assert!(text.len() <= bytes || *count == 1);
            prop_assert_eq!(text.matches("'2025-01-06").count(), *count);
        }
    }

    /// A literal read back by the rules of the server's manual is the value.
    #[test]
    fn literals_are_read_back(value in "[\\PC\u{0}'\\\\\"%_\n\u{1a}]{0,40}") {
        let mut text = String::new();
        push_text(&mut text, &value);
        let inner = text.strip_prefix('\'').unwrap().strip_suffix('\'').unwrap();
        let (mut read, mut characters) = (String::new(), inner.chars());
        while let Some(character) = characters.next() {
            prop_assert_ne!(character, '\'', "an unescaped quote ends the literal");
            read.push(match character {
                '\\' => match characters.next().unwrap() {
                    '0' => '\0',
                    other => other,
                },
                other => other,
            });
        }
        prop_assert_eq!(read, value);
    }
}
