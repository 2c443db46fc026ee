//! The stream as a whole: the same for ever, mixed and sized as the contract says, whatever is put on top.

#![allow(clippy::unwrap_used, reason = "a test may fail that way")]

use std::collections::HashMap;

use loadgen::{Generator, Kind, Message, Mix, Plan};

/// FNV-1a over the lengths and bytes of topic, key and value.
fn digest(messages: impl Iterator<Item = Message>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in (bytes.len() as u64).to_le_bytes().iter().chain(bytes) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for message in messages {
        add(message.topic.as_bytes());
        add(message.key.as_deref().unwrap_or_default());
        add(message.value.as_deref().unwrap_or_default());
    }
    hash
}

/// Whoever changes one of these changes what every seed means: benchmarks and failing seeds of the past are lost.
#[test]
fn the_first_messages_are_pinned() {
    let check = |plan: Plan, expected: u64| {
        let found = digest(Generator::new(plan.clone()).take(10_000));
        assert_eq!(found, expected, "{plan:?}: {found:#x}");
    };
    let endless = Plan { seed: 42, events: 0, ..Plan::default() };
    check(endless.clone(), 0xa261_1fef_8493_6b30);
    check(Plan { mix: Mix::Logins, ..endless.clone() }, 0x05ed_63e6_104f_f31c);
    check(Plan { mix: Mix::Lifecycle, ..endless.clone() }, 0xe10a_472b_dbf9_f1b2);
    check(Plan { duplicates: 0.2, disorder: 0.2, poison: 0.05, ..endless }, 0xa839_81ca_70a7_3574);
}

#[test]
fn valid_events_do_not_depend_on_what_is_put_on_top() {
    let plain = Plan { seed: 9, events: 5_000, ..Plan::default() };
    let values = |plan: Plan| -> Vec<_> {
        let valid = |message: &Message| matches!(message.kind, Kind::Valid | Kind::Late);
        Generator::new(plan).filter(valid).map(|message| (message.topic, message.value)).collect()
    };
    let expected = values(plain.clone());
    assert_eq!(expected.len(), 5_000);
    assert_eq!(values(Plan { poison: 0.3, ..plain.clone() }), expected);
    assert_eq!(values(Plan { duplicates: 0.5, ..plain.clone() }), expected);
    let mut disordered = values(Plan { disorder: 0.5, duplicates: 0.1, poison: 0.1, ..plain });
    assert_ne!(disordered, expected);
    let mut sorted = expected;
    sorted.sort();
    disordered.sort();
    assert_eq!(disordered, sorted);
}

#[test]
fn shares_are_as_asked() {
    let plan =
        Plan { events: 20_000, duplicates: 0.2, disorder: 0.1, poison: 0.05, ..Plan::default() };
    let mut counts: HashMap<&str, i64> = HashMap::new();
    for message in Generator::new(plan) {
        *counts
            .entry(match message.kind {
                Kind::Valid => "valid",
                Kind::Late => "late",
                Kind::Duplicate => "duplicate",
                Kind::Poison(_) => "poison",
                Kind::Replayed => "replayed",
            })
            .or_default() += 1;
    }
    for (kind, expected) in
        [("valid", 18_000), ("late", 2_000), ("duplicate", 4_000), ("poison", 1_000)]
    {
        let count = counts[kind];
        assert!((count - expected).abs() < expected / 10, "{kind}: {count}");
    }
    assert_eq!(counts["valid"] + counts["late"], 20_000);
}

/// Section 6 of the contract: shares in percent, sizes in bytes.
#[test]
fn mix_and_sizes_are_those_of_the_contract() {
    let mut sizes: HashMap<String, Vec<usize>> = HashMap::new();
    for message in Generator::new(Plan { seed: 12, events: 100_000, ..Plan::default() }) {
        let value = message.value.unwrap();
        let event_type = value.split(|byte| *byte == b'"').nth(3).unwrap();
        sizes.entry(String::from_utf8(event_type.to_vec()).unwrap()).or_default().push(value.len());
    }
    assert_eq!(sizes.len(), 35, "every event type occurs");
    for (event_type, percent) in [
        ("user.login", 13),
        ("user.registered", 12),
        ("community.member_joined", 10),
        ("order.created", 8),
        ("product.created", 6),
        ("post.created", 6),
        ("order.completed", 4),
        ("product.published", 4),
        ("promotion.approved", 4),
        ("community.member_left", 3),
        ("supplier.login", 3),
    ] {
        let share = sizes[event_type].len() as f64 / 1_000.0;
        assert!((share - f64::from(percent)).abs() < 0.35, "{event_type}: {share} %");
    }
    for (event_type, mean, p95) in [
        ("order.created", 6_168, 13_478),
        ("product.created", 5_637, 11_080),
        ("community.created", 4_527, 13_848),
        ("promotion.created", 3_876, 5_935),
        ("supplier.registered", 3_652, 5_464),
        ("post.created", 3_038, 4_179),
        ("user.registered", 1_460, 2_200),
    ] {
        let mut sizes = sizes.remove(event_type).unwrap();
        sizes.sort_unstable();
        let found_mean = sizes.iter().sum::<usize>() / sizes.len();
        let found_p95 = sizes[sizes.len() * 95 / 100];
        assert!(found_mean.abs_diff(mean) * 100 < mean * 15, "{event_type}: mean {found_mean}");
        assert!(found_p95.abs_diff(p95) * 100 < p95 * 25, "{event_type}: p95 {found_p95}");
    }
    for (event_type, sizes) in sizes {
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        assert!((185..750).contains(&mean), "{event_type}: mean {mean}");
    }
}

#[test]
fn a_large_order_comes_once_in_a_while_and_none_is_beyond_what_was_seen() {
    let plan = Plan { seed: 2, events: 150_000, ..Plan::default() };
    let largest = Generator::new(plan).map(|message| message.size()).max().unwrap();
    assert!((120_000..=190_000).contains(&largest), "{largest}");
}
