//! Verdicts: the envelope, and the types and widths of what is mapped.

use crate::{MARIADB, MYSQL, Written, message};
use testkit::fold::{Input, Verdict, fold, why_dead};

const USER: &str = r#"{"contact_info": {"primary_email": "a@b.c"}}"#;

/// Why the message is dead on MySQL: the whole reason, or nothing for a good message.
fn check(topic: &str, value: &str, expected: Option<&str>) {
    let reason = why_dead(Input { topic, value: Some(value.as_bytes()) }, MYSQL);
    assert_eq!(reason.as_deref(), expected, "{topic}: {value}");
}

fn check_data(event_type: &'static str, data: &str, expected: Option<&str>) {
    let (topic, value) = message((event_type, "e1", "12:00:00", "x1", "DATA"));
    check(topic, &value.replace("DATA", data), expected);
}

#[test]
fn a_tombstone_is_skipped_and_verdicts_come_in_order() {
    let (topic, value) = message(("user.password_reset", "e1", "12:00:00", "u1", "{}"));
    let good = Input { topic, value: Some(value.as_bytes()) };
    let inputs = [
        good,
        Input { topic: "user", value: None },
        Input { topic: "user", value: Some(b"") },
        Input { topic: "user", value: Some(b"null") },
        good,
        Input { topic: "order", ..good },
        Input { topic: "unknown", ..good },
        Input { topic: "unknown", value: None },
    ];
    let expected = fold(inputs, MYSQL);
    use Verdict::{Dead, Loaded, Skipped};
    assert_eq!(expected.verdicts, [Loaded, Skipped, Dead, Dead, Loaded, Dead, Dead, Skipped]);
    assert_eq!(expected.tables.len(), 18);
    assert_eq!(expected.tables.values().map(Vec::len).sum::<usize>(), 1);
}

#[test]
fn all_envelope_fields_are_required_and_typed() {
    let good = r#"{"event_type":"user.x","event_id":"e1","timestamp":"2025-01-06T00:00:00Z","entity_id":"u1","data":{}}"#;
    check("user", good, None);
    check("user", &good.replace("{\"event_type", "{\"extra\":[1],\"event_type"), None);
    for (from, to, reason) in [
        (r#""event_type":"user.x","#, "", "event_type: not a string"),
        (r#""event_type":"user.x","#, r#""event_type":null,"#, "event_type: not a string"),
        (r#""event_id":"e1","#, "", "event_id: not a string"),
        (r#""event_id":"e1","#, r#""event_id":1,"#, "event_id: not a string"),
        (r#""timestamp":"2025-01-06T00:00:00Z","#, "", "timestamp: not a string"),
        (r#""timestamp":"2025-01-06T00:00:00Z","#, r#""timestamp":"now","#, "timestamp: not one"),
        (r#""entity_id":"u1","#, "", "entity_id: not a string"),
        (r#""entity_id":"u1","#, r#""entity_id":["u1"],"#, "entity_id: not a string"),
        (r#","data":{}"#, "", "data: not an object"),
        (r#""data":{}"#, r#""data":null"#, "data: not an object"),
        (r#""data":{}"#, r#""data":[]"#, "data: not an object"),
        (r#""data":{}"#, r#""data":"{}""#, "data: not an object"),
    ] {
        assert!(good.contains(from));
        check("user", &good.replace(from, to), Some(reason));
    }
    check("user", &good.replace(r#""data":{}"#, r#""data":7,"data":{}"#), None);
    check("user", &format!("[{good}]"), Some("the message is not an object"));
    check("payment", good, Some("an unknown topic"));
    check("order", good, Some("event_type: of another topic"));
}

#[test]
fn event_types_and_ids_have_a_shape() {
    let longest = format!("user.{}", "x".repeat(95));
    let too_long = format!("user.{}", "x".repeat(96));
    let shape = Some("event_type: not <topic>.<action>");
    for (event_type, reason) in [
        ("user.0_9", None),
        ("user._", None),
        (longest.as_str(), None),
        (too_long.as_str(), Some("event_type: too long")),
        ("user.", shape),
        (".x", shape),
        ("user", shape),
        ("", shape),
        ("user.x.y", shape),
        ("user.X", shape),
        ("user.x-y", shape),
        ("user.é", shape),
        (" user.x", shape),
        ("user.x\\n", shape),
        ("users.x", Some("event_type: of another topic")),
    ] {
        let (_, value) = message(("user.x", "e1", "12:00:00", "u1", "{}"));
        check("user", &value.replace("user.x", event_type), reason);
    }
    let (fifty, fifty_one) = ("i".repeat(50), "i".repeat(51));
    for (id, is_one) in [
        ("!~", true),
        (fifty.as_str(), true),
        (fifty_one.as_str(), false),
        ("", false),
        ("a b", false),
        ("a\\n", false),
        ("a\\u0000", false),
        ("\\u007f", false),
        ("é", false),
    ] {
        let (_, value) = message(("user.x", "EVENT", "12:00:00", "ENTITY", "{}"));
        let value = value.replace("EVENT", id).replace("ENTITY", "u1");
        check("user", &value, (!is_one).then_some("event_id: not an id"));
        let (_, value) = message(("user.x", "e1", "12:00:00", "ENTITY", "{}"));
        check("user", &value.replace("ENTITY", id), (!is_one).then_some("entity_id: not an id"));
    }
}

#[test]
fn the_depth_of_data_has_a_limit_per_server() {
    // `data` is level 1, and what is not mapped or not kept counts, too.
    for (event_type, key) in [("user.x", "a"), ("user.login", "a"), ("user.x", "password")] {
        for limit in [MYSQL, MARIADB] {
            for (arrays, is_dead) in [(limit - 1, false), (limit, true), (125, true), (2_000, true)]
            {
                let nested = format!("{{\"{key}\":{}7{}}}", "[".repeat(arrays), "]".repeat(arrays));
                let (topic, value) = message((event_type, "e1", "12:00:00", "u1", "DATA"));
                let value = value.replace("DATA", &nested);
                let reason = why_dead(Input { topic, value: Some(value.as_bytes()) }, limit);
                assert_eq!(reason.is_some(), is_dead, "{event_type} {key} {limit} {arrays}");
            }
        }
    }
}

#[test]
fn the_envelope_may_nest_to_1024() {
    // The envelope itself is level 1.
    for (arrays, reason) in [(1_023, None), (1_024, Some("JSON: nested too deep"))] {
        let (topic, value) = message(("user.x", "e1", "12:00:00", "u1", "{}"));
        let extra = format!("{{\"extra\":{}{},", "[".repeat(arrays), "]".repeat(arrays));
        check(topic, &value.replacen('{', &extra, 1), reason);
    }
}

#[test]
fn mysql_takes_keys_up_to_65535_bytes() {
    for (length, dead_on_mysql) in [(65_535, false), (65_536, true)] {
        for data in [r#"{"KEY":1}"#, r#"{"a":[{"b":1},{"token":{"KEY":1}}]}"#] {
            // Two bytes per character: bytes are what counts.
            let key = format!("{}{}", "é".repeat(length / 2), "x".repeat(length % 2));
            let (topic, value) = message(("user.login", "e1", "12:00:00", "u1", "DATA"));
            let value = value.replace("DATA", &data.replace("KEY", &key));
            let input = Input { topic, value: Some(value.as_bytes()) };
            assert_eq!(why_dead(input, MYSQL).is_some(), dead_on_mysql, "{length}");
            assert_eq!(why_dead(input, MARIADB), None, "{length}");
        }
    }
}

#[test]
fn strings_fit_their_columns() {
    let user = |field: &str, text: &str| {
        let field = format!(r#""profile":{{"{field}":"{text}"}}"#);
        format!(r#"{{"contact_info":{{"primary_email":"a"}},{field}}}"#)
    };
    // VARCHAR counts characters, TEXT bytes.
    check_data("user.registered", &user("display_name", &"😀".repeat(100)), None);
    check_data(
        "user.registered",
        &user("display_name", &"x".repeat(101)),
        Some("display_name: too many characters"),
    );
    check_data("user.registered", &user("bio", &"x".repeat(65_535)), None);
    check_data("user.registered", &user("bio", &format!("{}x", "é".repeat(32_767))), None);
    check_data("user.registered", &user("bio", &"é".repeat(32_768)), Some("bio: too many bytes"));
    check_data("user.registered", &user("display_name", "a\\u0000b"), None);
    for role in ["\"boss\"", "\"Leader\"", "\"leader \"", "\"\""] {
        let data = USER.replacen('{', &format!("{{\"role\":{role},"), 1);
        check_data("user.registered", &data, Some("role: not one of the words"));
    }
    for no_string in ["1", "true", "[]", "{}", "1.5"] {
        let data = USER.replacen('{', &format!("{{\"role\":{no_string},"), 1);
        check_data("user.registered", &data, Some("role: not a string"));
    }
}

#[test]
fn required_values_are_there() {
    for (event_type, reason) in [
        ("user.registered", "email: missing"),
        ("supplier.registered", "email: missing"),
        ("order.created", "order_number: missing"),
        ("product.created", "supplier_id: missing"),
        ("community.member_joined", "user_id: missing"),
        ("community.member_left", "user_id: missing"),
    ] {
        check_data(event_type, "{}", Some(reason));
    }
    check_data(
        "user.registered",
        r#"{"contact_info": {"primary_email": null}}"#,
        Some("email: missing"),
    );
    check_data("user.registered", r#"{"contact_info": null}"#, Some("email: missing"));
    check_data("user.registered", r#"{"contact_info": {"primary_email": ""}}"#, None);
    check_data("community.member_joined", r#"{"user_id": ""}"#, None);
    for event_type in ["post.created", "promotion.created", "community.created", "user.login"] {
        check_data(event_type, "{}", None);
    }
}

#[test]
fn a_path_leads_through_objects_only() {
    for (data, reason) in [
        (r#"{"contact_info":"x"}"#, "email: no object above primary_email"),
        (r#"{"contact_info":[]}"#, "email: no object above primary_email"),
        (
            r#"{"contact_info":{"primary_email":"a"},"profile":7}"#,
            "display_name: no object above display_name",
        ),
        (
            r#"{"contact_info":{"primary_email":"a"},"profile":{"celebrity_business_info":false}}"#,
            "business_name: no object above business_name",
        ),
    ] {
        check_data("user.registered", data, Some(reason));
    }
    check_data("post.created", r#"{"stats":null,"author":{},"global_distribution":null}"#, None);
    check_data("post.created", r#"{"poll":7}"#, None);
    check_data("user.x", r#"{"contact_info":"x"}"#, None);
}

#[test]
fn counts_are_whole_and_from_0_to_2_63() {
    let member_left = |count: &str, reason: Option<&str>| {
        let data = format!(r#"{{"user_id":"u","member_count":{count}}}"#);
        check_data("community.member_left", &data, reason);
    };
    for count in
        ["0", "-0", "-0.0", "12.0", "1e3", "9223372036854775807", "9223372036854774784.0", "null"]
    {
        member_left(count, None);
    }
    for (count, reason) in [
        ("-1", "negative or too large"),
        ("-1.0", "negative or too large"),
        ("2.5", "a fraction"),
        ("1e-3", "a fraction"),
        ("9223372036854775808", "too large"),
        ("9223372036854775808.0", "negative or too large"),
        ("1000000000000000000000000000000", "negative or too large"),
        ("1e300", "negative or too large"),
        ("\"12\"", "not a number"),
        ("true", "not a number"),
        ("[]", "not a number"),
    ] {
        member_left(count, Some(&format!("member_count: {reason}")));
    }
    member_left("1e400", Some("JSON: a number too large"));
    check_data("user.x", r#"{"a":1000000000000000000000000000000}"#, None);
}

#[test]
fn mysql_takes_no_zero_with_a_huge_exponent() {
    let huge = Some("data: a zero with an exponent too large");
    for (number, reason) in [
        ("0e308", None),
        ("0e309", huge),
        ("-0E+999", huge),
        ("0.0e309", None),
        ("0.0e310", huge),
        ("0e-999", None),
        ("1e-999", None),
    ] {
        for data in ["{\"a\":NUMBER}", "{\"a\":[[1,NUMBER]]}", "{\"a\":NUMBER,\"a\":1}"] {
            let data = data.replace("NUMBER", number);
            check_data("user.x", &data, reason);
            let (topic, value) = message(("user.x", "e1", "12:00:00", "u1", "DATA"));
            let value = value.replace("DATA", &data);
            assert_eq!(why_dead(Input { topic, value: Some(value.as_bytes()) }, MARIADB), None);
            let value = value.replacen('{', &format!("{{\"extra\":{number},"), 1);
            let value = value.replace(&data, "{}");
            check("user", &value, None);
        }
    }
}

#[test]
fn booleans_may_be_written_0_and_1() {
    for (flag, reason) in [
        ("true", None),
        ("0", None),
        ("1", None),
        ("1.0", None),
        ("null", None),
        ("2", Some("requires_approval: not a boolean")),
        ("\"true\"", Some("requires_approval: not a number")),
        ("\"1\"", Some("requires_approval: not a number")),
    ] {
        let data = format!(r#"{{"settings":{{"requires_approval":{flag}}}}}"#);
        check_data("community.created", &data, reason);
    }
}

#[test]
fn an_order_is_loaded_whole_or_not_at_all() {
    for (items, reason) in [
        (r#""items":null"#, None),
        (r#""items":[]"#, None),
        (r#""items":[{}]"#, None),
        (r#""items":[{"product_snapshot":null}]"#, None),
        (r#""items":{}"#, Some("item_count: not an array")),
        (r#""items":"[]""#, Some("item_count: not an array")),
        (r#""items":[{},null]"#, Some("items: an element that is not an object")),
        (r#""items":[[]]"#, Some("items: an element that is not an object")),
        (r#""items":[{},{"quantity":2.5}]"#, Some("quantity: a fraction")),
        (r#""items":[{"product_snapshot":7}]"#, Some("product_id: no object above product_id")),
    ] {
        check_data("order.created", &format!(r#"{{"order_number":"o",{items}}}"#), reason);
    }
    check_data("order.completed", r#"{"items":7,"order_number":7}"#, None);
}

#[test]
fn what_a_change_or_a_log_reads_is_checked_and_nothing_else() {
    let long = format!("\"{}\"", "x".repeat(51));
    for (event_type, field, bad, reason) in [
        ("user.email_verified", "status", "\"banned\"", "status: not one of the words"),
        ("user.email_verified", "status", "\"\"", "status: not one of the words"),
        ("order.completed", "status", long.as_str(), "status: too many characters"),
        ("promotion.approved", "status", "7", "status: not a string"),
        ("user.login", "role", "{}", "role: not a string"),
        ("supplier.login", "ip_address", "7", "ip_address: not a string"),
        ("product.unheard_of", "supplier_id", &long, "supplier_id: too many characters"),
        ("promotion.unheard_of", "reviewer_id", "7", "reviewer_id: not a string"),
        ("promotion.created", "reason", "7", "reason: not a string"),
        ("community.verified", "admin_id", &long, "admin_id: too many characters"),
        ("community.created", "admin_id", "7", "admin_id: not a string"),
        ("post.unheard_of", "deleted_by", "7", "actor_id: not a string"),
        ("post.created", "published_at", "7", "published_at: not a string"),
        ("post.created", "published_at", "\"2025-01-06\"", "published_at: not a timestamp"),
        (
            "promotion.created",
            "schedule",
            r#"{"end_date":"0999-01-01T00:00:00"}"#,
            "end_date: not a timestamp",
        ),
    ] {
        check_data(event_type, &format!("{{\"{field}\":{bad}}}"), Some(reason));
    }
    for (event_type, data) in [
        ("user.account_locked", r#"{"status":7,"email":7}"#),
        ("promotion.paused", r#"{"status":7}"#),
        ("user.email_verified", r#"{"email":7}"#),
        ("product.published", r#"{"name":7}"#),
        ("promotion.created", r#"{"supplier_id":7}"#),
        ("post.created", r#"{"hidden_by":7,"admin_id":7}"#),
        ("post.hidden", r#"{"hidden_by":"a","admin_id":7}"#),
    ] {
        check_data(event_type, data, None);
    }
}

#[test]
fn strictness_holds_for_what_is_not_read() {
    for unread in [r#""\ud800""#, "NaN", "Infinity", "1e400", "\"\u{1}\"", "01"] {
        let data = format!(r#"{{"unread":{unread},"unread":1}}"#);
        let written: Written = ("user.x", "e1", "12:00:00", "u1", "DATA");
        let (topic, value) = message(written);
        let value = value.replace("DATA", &data);
        assert!(
            why_dead(Input { topic, value: Some(value.as_bytes()) }, MYSQL).is_some(),
            "{unread}"
        );
    }
}
