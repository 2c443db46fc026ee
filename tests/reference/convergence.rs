//! Order and duplicates do not matter.

use crate::{Written, fold_messages, message};
use testkit::Chance;
use testkit::fold::{Expected, Verdict};

/// Events of a few entities with colliding times, rival creations, changes before creations, and rivals that share even
/// time and event id, which the contract rules out.
fn rivals() -> Vec<(&'static str, String)> {
    let mut events: Vec<Written> = Vec::new();
    for time in ["12:00:00", "12:00:01", "12:00:02"] {
        for entity_id in ["x1", "x2"] {
            events.extend([
                (
                    "user.registered",
                    "a",
                    time,
                    entity_id,
                    r#"{"contact_info": {"primary_email": "a"}, "status": "pending"}"#,
                ),
                (
                    "user.registered",
                    "c",
                    time,
                    entity_id,
                    r#"{"contact_info": {"primary_email": "c"}}"#,
                ),
                ("user.email_verified", "b", time, entity_id, r#"{"status": "active"}"#),
                ("user.email_verified", "b", time, entity_id, r#"{"status": "deleted"}"#),
                ("user.account_locked", "d", time, entity_id, "{}"),
                ("user.login", "e", time, entity_id, "{}"),
                (
                    "order.created",
                    "a",
                    time,
                    entity_id,
                    r#"{"order_number": "a", "items": [{"quantity": 1}, {}]}"#,
                ),
                (
                    "order.created",
                    "b",
                    time,
                    entity_id,
                    r#"{"order_number": "b", "items": [{"quantity": 2}]}"#,
                ),
                ("order.cancelled", "c", time, entity_id, "{}"),
                (
                    "community.member_joined",
                    "a",
                    time,
                    entity_id,
                    r#"{"user_id": "u", "member_count": 7}"#,
                ),
                ("community.member_left", "b", time, entity_id, r#"{"user_id": "u"}"#),
                ("post.hidden", "a", time, entity_id, "{}"),
                ("post.global_distribution_approved", "b", time, entity_id, "{}"),
            ]);
        }
    }
    events.into_iter().map(message).collect()
}

fn check(messages: &[(&str, String)], expected: &Expected, how: &str) {
    let actual = fold_messages(messages);
    assert_eq!(actual.tables, expected.tables, "{how}");
    assert!(actual.verdicts.iter().all(|verdict| *verdict == Verdict::Loaded), "{how}");
}

#[test]
fn any_order_gives_the_same_tables() {
    let mut messages = rivals();
    let expected = fold_messages(&messages);
    assert_eq!(expected.tables["users"].len(), 2);
    messages.reverse();
    check(&messages, &expected, "reversed");
    for seed in 1..=50 {
        Chance::new(seed).shuffle(&mut messages);
        check(&messages, &expected, &format!("shuffled, seed {seed}"));
    }
}

#[test]
fn duplicates_change_nothing() {
    let messages = rivals();
    let expected = fold_messages(&messages);
    for seed in 1..=20 {
        let mut doubled = [messages.clone(), messages.clone(), messages.clone()].concat();
        Chance::new(seed).shuffle(&mut doubled);
        doubled.truncate(doubled.len() / 2);
        doubled.extend(messages.clone());
        check(&doubled, &expected, &format!("duplicated, seed {seed}"));
    }
}
