//! A message of the platform, with a payload that its tables cannot take.

use super::Spoil::{By, Remove, Set};
use super::surgery::{remove, set};
use super::{Poison, poison};
use crate::mix::EventType as E;

pub(super) const POISONS: [Poison; 40] = [
    // Wrong types.
    poison("email is a number", E::UserLogin, Set("email", "42")),
    poison("role is an object", E::UserLogin, Set("role", "{\"name\": \"consumer\"}")),
    poison("title is a list", E::PromotionCreated, Set("title", "[\"Sale\"]")),
    poison("contact_info is a string", E::UserRegistered, Set("contact_info", "\"a@example.com\"")),
    poison("items is an object", E::OrderCreated, Set("items", "{}")),
    poison("items holds a null", E::OrderCreated, Set("items", "[null]")),
    poison("total_cents in a string", E::OrderCreated, Set("total_cents", "\"1999\"")),
    poison("quantity is a fraction", E::OrderCreated, Set("quantity", "2.5")),
    poison("member_count in words", E::CommunityMemberJoined, Set("member_count", "\"many\"")),
    poison("a boolean in a string", E::CommunityCreated, Set("requires_approval", "\"true\"")),
    poison("a boolean of 2", E::CommunityCreated, Set("requires_approval", "2")),
    poison("published_at is a number", E::PostCreated, Set("published_at", "1736150400")),
    poison("start_date is no time", E::PromotionCreated, Set("start_date", "\"next Tuesday\"")),
    poison("a 31st of April", E::PromotionCreated, Set("end_date", "\"2025-04-31T00:00:00Z\"")),
    // Out of range.
    poison("a negative member_count", E::CommunityMemberLeft, Set("member_count", "-1")),
    poison("a negative price", E::ProductCreated, Set("base_price_cents", "-1")),
    poison(
        "a price of 10^30",
        E::ProductCreated,
        Set("base_price_cents", "1000000000000000000000000000000"),
    ),
    poison(
        "one more than 64 bits hold",
        E::OrderCreated,
        Set("total_cents", "9223372036854775808"),
    ),
    poison("1e30 cents", E::OrderCreated, Set("total_cents", "1e30")),
    // Not in the list.
    poison("a status that users have not", E::UserRegistered, Set("status", "\"banned\"")),
    poison("a role that users have not", E::UserRegistered, Set("role", "\"admin\"")),
    poison("a type that posts have not", E::PostCreated, Set("post_type", "\"story\"")),
    poison("an author that posts have not", E::PostCreated, Set("author_type", "\"robot\"")),
    poison(
        "a type that promotions have not",
        E::PromotionCreated,
        Set("promotion_type", "\"flash\""),
    ),
    poison("an empty post_type", E::PostCreated, Set("post_type", "\"\"")),
    // Missing.
    poison("a user without e-mail", E::UserRegistered, Set("primary_email", "null")),
    poison("a supplier without contact", E::SupplierRegistered, Set("contact_info", "null")),
    poison("an order without number", E::OrderCreated, Remove("order_number")),
    poison("a product without supplier", E::ProductCreated, Remove("supplier_id")),
    poison("a member without id", E::CommunityMemberJoined, Remove("user_id")),
    poison("a leaver whose id is null", E::CommunityMemberLeft, Set("user_id", "null")),
    // Too long.
    poison("a currency of 4", E::OrderCreated, Set("currency", "\"USDT\"")),
    poison("a country of 3", E::SupplierRegistered, Set("tax_id_country", "\"USA\"")),
    poison("an order status of 60", E::OrderCompleted, By(long_status)),
    poison("an e-mail of 400", E::UserLogin, By(|json| long(json, "email", "e", 400))),
    poison("an ip_address of 65", E::SupplierLogin, By(|json| long(json, "ip_address", "1", 65))),
    poison(
        "an admin_id of 300",
        E::CommunitySuspended,
        By(|json| long(json, "admin_id", "a", 300)),
    ),
    poison("a slug of 251", E::ProductCreated, By(|json| long(json, "slug", "s", 251))),
    poison("a product name of 201", E::ProductCreated, By(long_name)),
    poison(
        "101 emoji",
        E::UserRegistered,
        By(|json| long(json, "display_name", "\\ud83d\\ude00", 101)),
    ),
];

/// The value of `key` becomes a string of `count` times `text`.
fn long(json: &mut Vec<u8>, key: &str, text: &str, count: usize) {
    set(json, key, format!("\"{}\"", text.repeat(count)).as_bytes());
}

/// An order can be completed without saying a status, so it is put beside a field that always is there.
fn long_status(json: &mut Vec<u8>) {
    remove(json, "status");
    set(json, "item_count", format!("1, \"status\": \"{}\"", "s".repeat(60)).as_bytes());
}

/// The supplier's name would come first.
fn long_name(json: &mut Vec<u8>) {
    remove(json, "supplier_info");
    long(json, "name", "\\u00e9", 201);
}
