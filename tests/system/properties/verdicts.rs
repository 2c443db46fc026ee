//! Validation against the reference: whatever is done to a valid event, both say the same of it.

use loadgen::{Generator, Message, Mix, Plan};
use proptest::prelude::*;
use serde_json::{Value, json};
use sluicegate::buffer::Batch;
use sluicegate::flatten::Flattener;
use sluicegate::mapping::Mapping;
use sluicegate::mysql::JsonLimits;
use std::sync::{Arc, LazyLock};
use testkit::fold::{Input, why_dead};

static MAPPING: LazyLock<Arc<Mapping>> = LazyLock::new(|| Arc::new(Mapping::built_in().unwrap()));

fn messages() -> Vec<Message> {
    let plan = |mix| Plan { seed: 5, events: 300, mix, ..Plan::default() };
    Generator::new(plan(Mix::Realistic)).chain(Generator::new(plan(Mix::Lifecycle))).collect()
}

/// Values that one validation or another minds.
fn strange_values() -> Vec<Value> {
    let texts =
        [0, 1, 2, 3, 4, 50, 51, 100, 101, 320, 321, 2083, 2084].map(|n| json!("ß".repeat(n)));
    let others = [
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(-1),
        json!(2),
        json!(12.0),
        json!(1.5),
        json!(1e3),
        json!(1e300),
        json!(9_223_372_036_854_775_807_u64),
        json!(9_223_372_036_854_775_808_u64),
        json!([]),
        json!({}),
        json!([{}]),
        json!([null]),
        json!("12"),
        json!("active"),
        json!("2025-02-30T00:00:00Z"),
        json!("2025-01-06 00:00:00"),
        json!("2025-01-06T23:30:00.1234567-02:00"),
        json!("0999-01-01T00:00:00Z"),
        json!("x\u{0}"),
        json!("user.login"),
        json!("order.created"),
        json!("Order.created"),
        json!("a b"),
    ];
    texts.into_iter().chain(others).collect()
}

/// Replaces, removes or adds a value at a place that `steps` lead to.
fn mutate(value: &mut Value, steps: &[prop::sample::Index], new: &Value, remove: bool) {
    let Some((step, rest)) = steps.split_first() else {
        *value = new.clone();
        return;
    };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let key = fields.keys().nth(step.index(fields.len())).unwrap().clone();
            if rest.is_empty() && remove {
                fields.remove(&key);
            } else {
                mutate(&mut fields[&key], rest, new, remove);
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            let at = step.index(elements.len());
            mutate(&mut elements[at], rest, new, remove);
        }
        other => *other = new.clone(),
    }
}

fn assert_same_verdict(topic: &str, value: &[u8]) -> Result<(), TestCaseError> {
    for limits in [JsonLimits::MYSQL, JsonLimits::MARIADB] {
        let mut batch = Batch::new(&MAPPING);
        let mut flattener = Flattener::new(Arc::clone(&MAPPING), limits);
        let ours = flattener.load_value(topic, value, &mut batch);
        let ours = ours.map(drop).map_err(|faulty| faulty.reject);
        let theirs = why_dead(Input { topic, value: Some(value) }, limits.depth);
        prop_assert_eq!(
            ours.is_err(),
            theirs.is_some(),
            "{:?} against {:?}: {} {}",
            ours,
            theirs,
            topic,
            String::from_utf8_lossy(value)
        );
        prop_assert!(ours.is_ok() || batch.row_count() == 0);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None, cases: 2_000, ..ProptestConfig::default()
    })]

    #[test]
    fn values_of_any_type_and_size(
        message in prop::sample::select(messages()),
        steps in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
        in_data in any::<bool>(),
        new in prop::sample::select(strange_values()),
        remove in prop::bool::weighted(0.2),
    ) {
        let mut value: Value = serde_json::from_slice(message.value.as_ref().unwrap()).unwrap();
        let place = if in_data { &mut value["data"] } else { &mut value };
        mutate(place, &steps, &new, remove);
        assert_same_verdict(&message.topic, value.to_string().as_bytes())?;
    }

    #[test]
    fn bytes_put_in_and_taken_out(
        message in prop::sample::select(messages()),
        at in any::<prop::sample::Index>(),
        cut in 0..4_usize,
        put in prop::collection::vec(
            prop::sample::select(b"\"\\{}[]:,-+.0e9tnu \x00\x1f\xc3\xff".to_vec()), 0..4),
    ) {
        let mut bytes = message.value.unwrap();
        let at = at.index(bytes.len());
        let end = bytes.len().min(at + cut);
        bytes.splice(at..end, put);
        assert_same_verdict(&message.topic, &bytes)?;
    }
}
