//! Rows: what the events of an entity give together, and what is logged.

use serde_json::json;

use crate::{Written, fold_messages, fold_written, message, only_columns_of, row, value};

/// Folds the events and compares a table by the columns that `expected` names.
fn check(events: &[Written], table: &str, expected: &str) {
    let tables = fold_written(events).tables;
    let expected: Vec<_> = value(expected).as_array().unwrap().iter().map(row).collect();
    assert_eq!(tables[table].len(), expected.len(), "{table}: {:?}", tables[table]);
    for (actual, expected) in tables[table].iter().zip(&expected) {
        assert_eq!(&only_columns_of(expected, actual), expected, "{table} of {events:?}");
    }
}

const REGISTERED: &str = r#"{"contact_info": {"primary_email": "a@b.c"}, "status": "pending"}"#;

#[test]
fn a_creation_alone_has_no_change_versions() {
    check(
        &[("user.registered", "e1", "12:00:00", "u1", REGISTERED)],
        "users",
        r#"[{"user_id": "u1", "email": "a@b.c", "role": null, "bio": null, "status": "pending", "event_id": "e1",
            "event_timestamp": "2025-01-06 12:00:00.000000", "status_changed_at": null, "status_changed_by": null}]"#,
    );
    check(
        &[(
            "supplier.registered",
            "e1",
            "12:00:00",
            "s1",
            r#"{"contact_info": {"primary_email": ""},
            "company_info": {"tax_id": "T"}, "status": "active"}"#,
        )],
        "suppliers",
        r#"[{"supplier_id": "s1", "email": "", "tax_id": "T", "status": "active", "website": null}]"#,
    );
}

#[test]
fn the_newest_change_wins() {
    check(
        &[
            ("user.registered", "e1", "12:00:00", "u1", REGISTERED),
            ("user.account_locked", "e2", "14:00:00", "u1", "{}"),
            ("user.email_verified", "e3", "13:00:00", "u1", r#"{"status": "active"}"#),
        ],
        "users",
        r#"[{"status": "suspended", "event_id": "e1", "status_changed_at": "2025-01-06 14:00:00.000000",
            "status_changed_by": "e2"}]"#,
    );
    // At one time the greater event id wins.
    check(
        &[
            ("user.account_locked", "e2", "14:00:00", "u1", "{}"),
            ("user.email_verified", "e3", "14:00:00", "u1", r#"{"status": "active"}"#),
        ],
        "users",
        r#"[{"status": "active", "status_changed_by": "e3"}]"#,
    );
    // A newer creation event sets the changing columns, too.
    check(
        &[
            ("user.registered", "e1", "12:00:00", "u1", REGISTERED),
            ("user.account_locked", "e2", "11:59:59.999999", "u1", "{}"),
        ],
        "users",
        r#"[{"status": "pending", "status_changed_at": null, "status_changed_by": null}]"#,
    );
    // Also to nothing: a missing field equals null.
    check(
        &[
            (
                "user.registered",
                "e1",
                "12:00:00",
                "u1",
                r#"{"contact_info": {"primary_email": "a"}}"#,
            ),
            ("user.account_locked", "e2", "11:00:00", "u1", "{}"),
        ],
        "users",
        r#"[{"status": null, "status_changed_at": null, "status_changed_by": null}]"#,
    );
}

#[test]
fn a_creation_ranks_before_others_of_its_time() {
    check(
        &[
            ("user.registered", "e9", "12:00:00", "u1", REGISTERED),
            ("user.account_locked", "e1", "12:00:00", "u1", "{}"),
        ],
        "users",
        r#"[{"status": "suspended", "event_id": "e9", "status_changed_by": "e1"}]"#,
    );
}

#[test]
fn of_two_creations_the_newer_one_counts_with_its_lines() {
    let two = r#"{"order_number": "A", "items": [{"quantity": 1}, {"quantity": 2}]}"#;
    let one = r#"{"order_number": "B", "items": [{"quantity": 3}]}"#;
    for (older, newer) in [
        (
            ("order.created", "e1", "12:00:00", "o1", two),
            ("order.created", "e2", "12:00:00", "o1", one),
        ),
        (
            ("order.created", "e2", "11:00:00", "o1", two),
            ("order.created", "e1", "12:00:00", "o1", one),
        ),
    ] {
        let events = [newer, older];
        check(&events, "orders", r#"[{"order_number": "B", "item_count": 1}]"#);
        check(
            &events,
            "order_items",
            r#"[{"order_id": "o1", "line_no": 1, "quantity": 3, "variant_id": null, "product_id": null,
                "event_timestamp": "2025-01-06 12:00:00.000000"}]"#,
        );
        check(&events, "order_events", r#"[{}, {}]"#);
        assert_eq!(fold_written(&events).tables["order_items"][0]["event_id"], json!(newer.1));
    }
    let events = [
        ("order.created", "e1", "11:00:00", "o1", two),
        ("order.created", "e2", "12:00:00", "o1", r#"{"order_number": "C"}"#),
    ];
    check(&events, "orders", r#"[{"order_number": "C", "item_count": null}]"#);
    check(&events, "order_items", "[]");
}

#[test]
fn order_lines_are_numbered_and_sorted_by_order() {
    check(
        &[
            ("order.created", "e1", "12:00:00", "o2", r#"{"order_number": "", "items": [{}]}"#),
            (
                "order.created",
                "e2",
                "13:00:00",
                "o1",
                r#"{"order_number": "", "items": [{}, {"quantity": 2, "unit_price_cents": 1e1,
                    "final_price_cents": 20.0, "product_snapshot": {"product_id": "p", "product_name": "n"}}]}"#,
            ),
        ],
        "order_items",
        r#"[{"order_id": "o1", "line_no": 1}, {"order_id": "o1", "line_no": 2, "product_id": "p",
            "product_name": "n", "quantity": 2, "unit_price_cents": 10, "total_cents": 20, "event_id": "e2"},
            {"order_id": "o2", "line_no": 1, "event_id": "e1"}]"#,
    );
}

#[test]
fn a_change_without_creation_makes_a_partial_row() {
    check(
        &[("order.completed", "e1", "12:00:00", "o1", "{}")],
        "orders",
        r#"[{"order_id": "o1", "order_number": "", "customer_id": null, "total_cents": null, "item_count": null,
            "status": "confirmed", "event_id": null, "event_timestamp": null, "status_changed_by": "e1",
            "status_changed_at": "2025-01-06 12:00:00.000000"}]"#,
    );
    check(
        &[("user.account_locked", "e1", "12:00:00", "u1", "{}")],
        "users",
        r#"[{"email": "", "status": "suspended", "role": null}]"#,
    );
    check(
        &[("product.published", "e1", "12:00:00", "p1", r#"{"supplier_id": "s"}"#)],
        "products",
        r#"[{"supplier_id": "", "status": "active", "base_price_cents": null}]"#,
    );
    check(
        &[("post.global_distribution_approved", "e1", "12:00:00", "p1", "{}")],
        "posts",
        r#"[{"status": null, "status_changed_at": null, "status_changed_by": null, "global_status": "approved",
            "global_status_changed_at": "2025-01-06 12:00:00.000000", "global_status_changed_by": "e1"}]"#,
    );
}

#[test]
fn an_event_that_changes_nothing_makes_no_row() {
    for event_type in
        ["user.login", "user.email_verified", "user.password_reset", "user.unheard_of"]
    {
        check(&[(event_type, "e1", "12:00:00", "u1", "{}")], "users", "[]");
    }
    for event_type in ["promotion.approved", "promotion.scheduled", "promotion.unheard_of"] {
        check(&[(event_type, "e1", "12:00:00", "x", r#"{"status": null}"#)], "promotions", "[]");
    }
    check(&[("supplier.login", "e1", "12:00:00", "s1", "{}")], "suppliers", "[]");
    check(&[("community.verified", "e1", "12:00:00", "c1", "{}")], "communities", "[]");
}

#[test]
fn every_change_of_the_contract() {
    for (event_type, table, data, status) in [
        ("user.email_verified", "users", r#"{"status": "deleted"}"#, "deleted"),
        ("user.account_locked", "users", r#"{"status": "active"}"#, "suspended"),
        ("order.completed", "orders", r#"{"status": "paid"}"#, "paid"),
        ("order.completed", "orders", r#"{"status": ""}"#, ""),
        ("order.completed", "orders", r#"{"status": null}"#, "confirmed"),
        ("order.cancelled", "orders", "{}", "cancelled"),
        ("post.deleted", "posts", "{}", "deleted"),
        ("post.hidden", "posts", "{}", "hidden"),
        ("product.published", "products", "{}", "active"),
        ("product.out_of_stock", "products", "{}", "out_of_stock"),
        ("product.discontinued", "products", "{}", "discontinued"),
        ("product.deleted", "products", "{}", "deleted"),
        ("promotion.submitted", "promotions", r#"{"status": "s"}"#, "s"),
        ("promotion.submitted", "promotions", "{}", "pending_approval"),
        ("promotion.approved", "promotions", r#"{"status": "s"}"#, "s"),
        ("promotion.scheduled", "promotions", r#"{"status": "s"}"#, "s"),
        ("promotion.rejected", "promotions", r#"{"status": "s"}"#, "s"),
        ("promotion.rejected", "promotions", "{}", "draft"),
        ("promotion.paused", "promotions", r#"{"status": "s"}"#, "paused"),
        ("promotion.cancelled", "promotions", "{}", "cancelled"),
        ("promotion.ended", "promotions", "{}", "ended"),
        ("promotion.resumed", "promotions", "{}", "active"),
        ("community.suspended", "communities", "{}", "suspended"),
    ] {
        let expected = format!(r#"[{{"status": "{status}", "status_changed_by": "e1"}}]"#);
        check(&[(event_type, "e1", "12:00:00", "x1", data)], table, &expected);
    }
}

#[test]
fn member_count_is_set_even_to_nothing() {
    let created: Written = (
        "community.created",
        "e1",
        "12:00:00",
        "c1",
        r#"{"stats": {"member_count": 1}, "status": "active"}"#,
    );
    let joined: Written = (
        "community.member_joined",
        "e2",
        "13:00:00",
        "c1",
        r#"{"user_id": "u", "member_count": 2.0}"#,
    );
    let left: Written = ("community.member_left", "e3", "14:00:00", "c1", r#"{"user_id": "u"}"#);
    check(
        &[created, joined],
        "communities",
        r#"[{"member_count": 2, "member_count_changed_by": "e2", "status": "active", "status_changed_by": null}]"#,
    );
    check(
        &[created, joined, left],
        "communities",
        r#"[{"member_count": null, "member_count_changed_at": "2025-01-06 14:00:00.000000",
            "member_count_changed_by": "e3"}]"#,
    );
    check(
        &[left],
        "communities",
        r#"[{"member_count": null, "member_count_changed_by": "e3", "event_id": null}]"#,
    );
    check(
        &[left, joined],
        "community_memberships",
        r#"[{"community_id": "c1", "user_id": "u", "action": "joined", "member_count": 2, "event_id": "e2"},
            {"community_id": "c1", "user_id": "u", "action": "left", "member_count": null, "event_id": "e3"}]"#,
    );
}

#[test]
fn every_event_is_logged_in_one_table() {
    for (event_type, table, data, logged) in [
        (
            "user.login",
            "user_logins",
            r#"{"email": "e", "role": "r"}"#,
            r#"{"email": "e", "role": "r", "ip_address": null}"#,
        ),
        (
            "supplier.login",
            "supplier_logins",
            r#"{"company_name": "c"}"#,
            r#"{"company_name": "c", "supplier_id": "x1"}"#,
        ),
        (
            "user.keys",
            "user_events",
            r#"{"k\u0000": 1, "": 2}"#,
            r#"{"event_type": "user.keys", "event_data": {"k\u0000": 1, "": 2}}"#,
        ),
        (
            "post.created",
            "post_events",
            r#"{"author": {"user_id": "a"}, "admin_id": "b"}"#,
            r#"{"actor_id": "a"}"#,
        ),
        (
            "post.hidden",
            "post_events",
            r#"{"hidden_by": "h", "deleted_by": "d"}"#,
            r#"{"actor_id": "h"}"#,
        ),
        (
            "post.deleted",
            "post_events",
            r#"{"hidden_by": null, "deleted_by": "d", "admin_id": "a"}"#,
            r#"{"actor_id": "d"}"#,
        ),
        ("post.pinned", "post_events", r#"{"admin_id": "a"}"#, r#"{"actor_id": "a"}"#),
        ("product.created", "product_events", r#"{"supplier_id": "s"}"#, r#"{"supplier_id": "s"}"#),
        (
            "promotion.created",
            "promotion_events",
            r#"{"supplier": {"supplier_id": "s"}, "supplier_id": "t"}"#,
            r#"{"supplier_id": "s"}"#,
        ),
        (
            "promotion.paused",
            "promotion_events",
            r#"{"supplier_id": "s", "reviewer_id": "r", "reason": "y"}"#,
            r#"{"supplier_id": "s", "reviewer_id": "r", "reason": "y"}"#,
        ),
        (
            "community.verified",
            "community_events",
            r#"{"admin_id": "a"}"#,
            r#"{"admin_id": "a", "reason": null}"#,
        ),
        ("supplier.documents_submitted", "supplier_events", "{}", r#"{"event_data": {}}"#),
        (
            "order.refunded",
            "order_events",
            "{}",
            r#"{"event_type": "order.refunded", "event_id": "e1"}"#,
        ),
    ] {
        let events = [(event_type, "e1", "12:00:00", "x1", data)];
        check(&events, table, &format!("[{logged}]"));
        let tables = fold_written(&events).tables;
        let is_log = |name: &str| {
            ["_events", "_logins", "_memberships"].iter().any(|end| name.ends_with(end))
        };
        let rows = tables.iter().filter(|(name, _)| is_log(name)).map(|(_, rows)| rows.len());
        assert_eq!(rows.sum::<usize>(), 1, "{event_type}");
    }
}

#[test]
fn secrets_are_dropped_at_any_depth_and_in_any_case() {
    check(
        &[(
            "user.x",
            "e1",
            "12:00:00",
            "u1",
            r#"{"Password": 1, "a": [{"TOKEN": {"b": 1}, "tokens": 2}, [{"Api_Key": 3}]], "security": {}, "tax_id ": 4,
                "payment": null, "tax_id_country": "DE", "c": {"audit": 1, "d": "secret"}}"#,
        )],
        "user_events",
        r#"[{"event_data": {"a": [{"tokens": 2}, [{}]], "tax_id ": 4, "tax_id_country": "DE", "c": {"d": "secret"}}}]"#,
    );
}

#[test]
fn every_secret_of_the_contract_is_dropped() {
    const NAMES: &str = "password_hash password passwd secret token access_token refresh_token reset_token \
        verification_token api_key banking_info security payment audit idempotency_key tax_id registration_number \
        date_of_birth billing_address";
    assert_eq!(NAMES.split_whitespace().count(), 19);
    for name in NAMES.split_whitespace() {
        let data =
            format!(r#"{{"a": {{"{name}": {{}}, "b": "{name}"}}, "{}": 1}}"#, name.to_uppercase());
        let (topic, message) = message(("user.x", "e1", "12:00:00", "u1", "DATA"));
        let tables = fold_messages(&[(topic, message.replace("DATA", &data))]).tables;
        assert_eq!(tables["user_events"][0]["event_data"], json!({"a": {"b": name}}), "{name}");
    }
}
