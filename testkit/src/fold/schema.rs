//! The contract's entity tables as data.
//!
//! Absent: anything about versions, order or messages.

use super::column::{Column, chars, count_of, flag, length, moment, nothing, text, words};

/// All tables.
pub const TABLES: [&str; 18] = [
    "users",
    "user_logins",
    "user_events",
    "suppliers",
    "supplier_logins",
    "supplier_events",
    "orders",
    "order_items",
    "order_events",
    "posts",
    "post_events",
    "products",
    "product_events",
    "promotions",
    "promotion_events",
    "communities",
    "community_memberships",
    "community_events",
];

/// A topic and the table that its entities live in.
pub struct Entity {
    pub topic: &'static str,
    pub table: &'static str,
    pub key: &'static str,
    /// The action of the creation event, which sets all `columns`.
    pub(crate) created_by: &'static str,
    pub(crate) columns: &'static [Column],
    /// The columns that other events set, too.
    pub(crate) changing: &'static [&'static str],
}

/// The seven topics.
pub(crate) const ENTITIES: [Entity; 7] =
    [USERS, SUPPLIERS, ORDERS, POSTS, PRODUCTS, PROMOTIONS, COMMUNITIES];

/// The entity of a topic.
pub fn entity(topic: &str) -> Option<&'static Entity> {
    ENTITIES.iter().find(|entity| entity.topic == topic)
}

const USERS: Entity = Entity {
    topic: "user",
    table: "users",
    key: "user_id",
    created_by: "registered",
    columns: &[
        chars("email", 320, "contact_info.primary_email").required(),
        chars("display_name", 100, "profile.display_name"),
        words("role", &["consumer", "leader"], "role"),
        words("status", &["pending", "active", "suspended", "deleted"], "status"),
        chars("avatar", 2_048, "profile.avatar"),
        text("bio", "profile.bio"),
        chars("phone", 100, "contact_info.phone"),
        chars("business_name", 200, "profile.celebrity_business_info.business_name"),
        chars("business_type", 50, "profile.celebrity_business_info.business_type"),
        chars("country", 2, "profile.celebrity_business_info.address.country"),
        chars("city", 100, "profile.celebrity_business_info.address.city"),
        chars("state", 100, "profile.celebrity_business_info.address.state"),
    ],
    changing: &["status"],
};

const SUPPLIERS: Entity = Entity {
    topic: "supplier",
    table: "suppliers",
    key: "supplier_id",
    created_by: "registered",
    columns: &[
        chars("email", 320, "contact_info.primary_email").required(),
        chars("phone", 100, "contact_info.primary_phone"),
        chars("contact_person_name", 200, "contact_info.contact_person_name"),
        chars("contact_person_title", 200, "contact_info.contact_person_title"),
        chars("legal_name", 200, "company_info.legal_name"),
        chars("company_type", 50, "company_info.company_type"),
        chars("tax_id", 100, "company_info.tax_id"),
        chars("tax_id_country", 2, "company_info.tax_id_country"),
        chars("street_address", 200, "company_info.business_address.street_address_1"),
        chars("city", 100, "company_info.business_address.city"),
        chars("state", 100, "company_info.business_address.state"),
        chars("zip_code", 20, "company_info.business_address.zip_code"),
        chars("country", 2, "company_info.business_address.country"),
        chars("industry_category", 100, "business_info.industry_category"),
        text("description", "business_info.description"),
        chars("website", 2_083, "business_info.website"),
        chars("status", 50, "status"),
    ],
    changing: &[],
};

const ORDERS: Entity = Entity {
    topic: "order",
    table: "orders",
    key: "order_id",
    created_by: "created",
    columns: &[
        chars("order_number", 50, "order_number").required(),
        chars("customer_id", 50, "customer.user_id"),
        chars("customer_email", 320, "customer.email"),
        chars("customer_name", 100, "customer.display_name"),
        count_of("subtotal_cents", "totals.subtotal_cents"),
        count_of("discount_cents", "totals.discount_cents"),
        count_of("shipping_cents", "totals.shipping_cents"),
        count_of("tax_cents", "totals.tax_cents"),
        count_of("total_cents", "totals.total_cents"),
        chars("currency", 3, "totals.currency"),
        chars("shipping_street", 200, "shipping_address.street_address_1"),
        chars("shipping_city", 100, "shipping_address.city"),
        chars("shipping_state", 100, "shipping_address.state"),
        chars("shipping_zip", 20, "shipping_address.zip_code"),
        chars("shipping_country", 2, "shipping_address.country"),
        chars("status", 50, "status"),
        length("item_count", "items"),
    ],
    changing: &["status"],
};

/// The columns of `order_items`, read from one element of `items`.
pub(crate) const ORDER_LINE: &[Column] = &[
    chars("product_id", 50, "product_snapshot.product_id"),
    chars("product_name", 200, "product_snapshot.product_name"),
    nothing("variant_id"),
    count_of("quantity", "quantity"),
    count_of("unit_price_cents", "unit_price_cents"),
    count_of("total_cents", "final_price_cents"),
];

const POSTS: Entity = Entity {
    topic: "post",
    table: "posts",
    key: "post_id",
    created_by: "created",
    columns: &[
        words("post_type", &["text", "image", "video", "poll", "link"], "post_type"),
        chars("author_id", 50, "author.user_id"),
        words("author_type", &["user", "leader", "community"], "author.author_type"),
        chars("author_name", 100, "author.display_name"),
        text("text_content", "text_content"),
        chars("community_id", 50, "community_id"),
        chars("community_name", 100, "community_name"),
        chars("status", 50, "status"),
        count_of("likes_count", "stats.like_count"),
        count_of("comments_count", "stats.comment_count"),
        count_of("shares_count", "stats.share_count"),
        count_of("views_count", "stats.view_count"),
        chars("global_status", 50, "global_distribution.status"),
        moment("published_at", "published_at"),
    ],
    changing: &["status", "global_status"],
};

const PRODUCTS: Entity = Entity {
    topic: "product",
    table: "products",
    key: "product_id",
    created_by: "created",
    columns: &[
        chars("supplier_id", 50, "supplier_id").required(),
        chars("name", 200, "name"),
        chars("slug", 250, "slug"),
        chars("category", 100, "category"),
        nothing("subcategory"),
        count_of("base_price_cents", "base_price_cents"),
        chars("currency", 3, "currency"),
        text("description", "short_description"),
        chars("status", 50, "status"),
    ],
    changing: &["status"],
};

const PROMOTIONS: Entity = Entity {
    topic: "promotion",
    table: "promotions",
    key: "promotion_id",
    created_by: "created",
    columns: &[
        words("promotion_type", &["single", "campaign", "default"], "promotion_type"),
        chars("title", 200, "title"),
        text("description", "description"),
        chars("supplier_id", 50, "supplier.supplier_id"),
        chars("supplier_name", 200, "supplier.business_name"),
        chars("visibility_type", 50, "visibility.type"),
        moment("start_date", "schedule.start_date"),
        moment("end_date", "schedule.end_date"),
        chars("status", 50, "status"),
    ],
    changing: &["status"],
};

const COMMUNITIES: Entity = Entity {
    topic: "community",
    table: "communities",
    key: "community_id",
    created_by: "created",
    columns: &[
        chars("name", 100, "name"),
        chars("slug", 150, "slug"),
        text("description", "description"),
        chars("owner_id", 50, "owner.user_id"),
        chars("owner_name", 100, "owner.display_name"),
        chars("visibility", 50, "settings.visibility"),
        flag("requires_approval", "settings.requires_approval"),
        count_of("member_count", "stats.member_count"),
        chars("status", 50, "status"),
    ],
    changing: &["member_count", "status"],
};
