//! Which log table an event goes to, and the columns that table has of its own.

use super::column::{Column, chars, count_of, text};

/// The log row of a kind of event: key, event id and timestamp as everywhere, and these.
pub(crate) struct Log {
    pub(crate) table: &'static str,
    pub(crate) columns: &'static [Column],
    /// What `community_memberships.action` says.
    pub(crate) action: Option<&'static str>,
    /// Whether the row has `event_type` and `event_data`.
    pub(crate) keeps_event: bool,
}

/// Where the events of a known topic are logged: every event somewhere, once.
pub(crate) fn log(topic: &str, action: &str) -> Log {
    match (topic, action) {
        ("user", "login") => own_table("user_logins", USER_LOGIN),
        ("user", _) => events_table("user_events", &[]),
        ("supplier", "login") => own_table("supplier_logins", SUPPLIER_LOGIN),
        ("supplier", _) => events_table("supplier_events", &[]),
        ("order", _) => events_table("order_events", &[]),
        ("post", "created") => events_table("post_events", POST_CREATED),
        ("post", _) => events_table("post_events", POST),
        ("product", _) => events_table("product_events", PRODUCT),
        ("promotion", "created") => events_table("promotion_events", PROMOTION_CREATED),
        ("promotion", _) => events_table("promotion_events", PROMOTION),
        ("community", "member_joined") => membership("joined"),
        ("community", "member_left") => membership("left"),
        _ => events_table("community_events", COMMUNITY),
    }
}

const USER_LOGIN: &[Column] = &[
    chars("email", 320, "email"),
    chars("role", 50, "role"),
    chars("ip_address", 64, "ip_address"),
];

const SUPPLIER_LOGIN: &[Column] = &[
    chars("email", 320, "email"),
    chars("company_name", 200, "company_name"),
    chars("ip_address", 64, "ip_address"),
];

const POST_CREATED: &[Column] = &[chars("actor_id", 50, "author.user_id")];

const POST: &[Column] = &[chars("actor_id", 50, "hidden_by|deleted_by|admin_id")];

const PRODUCT: &[Column] = &[chars("supplier_id", 50, "supplier_id")];

const PROMOTION_CREATED: &[Column] = &[
    chars("supplier_id", 50, "supplier.supplier_id"),
    chars("reviewer_id", 50, "reviewer_id"),
    text("reason", "reason"),
];

const PROMOTION: &[Column] = &[
    chars("supplier_id", 50, "supplier_id"),
    chars("reviewer_id", 50, "reviewer_id"),
    text("reason", "reason"),
];

const COMMUNITY: &[Column] = &[chars("admin_id", 50, "admin_id"), text("reason", "reason")];

const MEMBERSHIP: &[Column] =
    &[chars("user_id", 50, "user_id").required(), count_of("member_count", "member_count")];

fn own_table(table: &'static str, columns: &'static [Column]) -> Log {
    Log { table, columns, action: None, keeps_event: false }
}

fn events_table(table: &'static str, columns: &'static [Column]) -> Log {
    Log { table, columns, action: None, keeps_event: true }
}

fn membership(action: &'static str) -> Log {
    Log {
        table: "community_memberships",
        columns: MEMBERSHIP,
        action: Some(action),
        keeps_event: false,
    }
}
