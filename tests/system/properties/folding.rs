//! Folding in parts: the rows of two batches folded together are the rows of one.

use proptest::prelude::*;
use sluicegate::buffer::{Batch, Rows};
use sluicegate::flatten::Flattener;
use sluicegate::mapping::{Mapping, Table};
use sluicegate::mysql::JsonLimits;
use std::sync::Arc;

/// Events of one promotion: the kind, a time, an id.
fn events() -> impl Strategy<Value = Vec<String>> {
    const KINDS: [(&str, &str); 4] = [
        ("created", r#"{"title":"TITLE","status":"draft"}"#),
        ("submitted", "{}"),
        ("approved", r#"{"status":"TITLE"}"#),
        ("paused", "{}"),
    ];
    let event = (0..KINDS.len(), 0..4_u8, 0..3_u8).prop_map(|(kind, second, id)| {
        let (action, data) = KINDS[kind];
        // An id names one event.
        let data = data.replace("TITLE", &format!("{kind}{second}{id}"));
        format!(
            r#"{{"event_type":"promotion.{action}","event_id":"e{id}-{kind}","timestamp":"2025-01-06T00:00:0{second}Z","entity_id":"p","data":{data}}}"#
        )
    });
    prop::collection::vec(event, 1..8)
}

/// The row that some events fold to, cell by cell.
type Cells = Vec<Result<i64, Option<String>>>;

fn cells(table: &Table, rows: &Rows) -> Cells {
    assert_eq!(rows.len(), 1);
    let cell = |(column, spec): (usize, &sluicegate::mapping::ColumnSpec)| {
        if spec.storage == sluicegate::mapping::Storage::Number {
            Ok(rows.column(column).number(0))
        } else {
            Err(rows.column(column).text(0).map(str::to_owned))
        }
    };
    table.columns.iter().enumerate().map(cell).collect()
}

fn loaded(mapping: &Arc<Mapping>, events: &[String]) -> Cells {
    let mut flattener = Flattener::new(Arc::clone(mapping), JsonLimits::MYSQL);
    let mut batch = Batch::new(mapping);
    for event in events {
        flattener.load_value("promotion", event.as_bytes(), &mut batch).unwrap();
    }
    let id = mapping.table("promotions").unwrap();
    cells(&mapping.tables[id], batch.rows(id))
}

/// Folds rows that have been folded before.
fn folded(table: &Table, parts: &[&Cells]) -> Cells {
    let mut rows = Rows::new(table);
    for part in parts {
        for (column, cell) in part.iter().enumerate() {
            match cell {
                Ok(number) => rows.push_number(column, *number),
                Err(text) => rows.push_text(column, text.as_deref()),
            }
        }
        rows.end_row();
        rows.fold_since(table, rows.len() - 1);
    }
    cells(table, &rows)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn folding_is_associative_commutative_and_idempotent(
        (a, b, c) in (events(), events(), events())
    ) {
        let mapping = Arc::new(Mapping::built_in().unwrap());
        let table = &mapping.tables[mapping.table("promotions").unwrap()];
        let all = loaded(&mapping, &[a.clone(), b.clone(), c.clone()].concat());
        let (a, b, c) = (loaded(&mapping, &a), loaded(&mapping, &b), loaded(&mapping, &c));
        let (ab, bc) = (folded(table, &[&a, &b]), folded(table, &[&b, &c]));
        prop_assert_eq!(&folded(table, &[&ab, &c]), &all);
        prop_assert_eq!(&folded(table, &[&a, &bc]), &all);
        prop_assert_eq!(&folded(table, &[&b, &a]), &ab);
        prop_assert_eq!(&folded(table, &[&c, &ab]), &all);
        prop_assert_eq!(&folded(table, &[&ab, &ab, &a]), &ab);
    }
}
