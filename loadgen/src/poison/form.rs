//! No JSON, or not JSON enough.

use super::Spoil::{By, Inject, Replace, Set};
use super::surgery::{inject, set};
use super::{Poison, poison};
use crate::mix::EventType as E;

pub(super) const POISONS: [Poison; 23] = [
    poison("no bytes at all", E::UserLogin, Replace("")),
    poison("plain text", E::UserLogin, Replace("hello world")),
    poison("cut off in the middle", E::OrderCreated, By(|json| json.truncate(json.len() / 2))),
    poison(
        "cut off before the last brace",
        E::UserRegistered,
        By(|json| json.truncate(json.len() - 1)),
    ),
    poison("cut off inside an escape", E::UserRegistered, By(cut_escape)),
    poison("two documents", E::UserLogin, By(|json| json.extend_from_within(..))),
    poison("something behind the document", E::SupplierLogin, By(|json| json.extend(b" end"))),
    poison("a comma before a brace", E::UserLogin, By(trailing_comma)),
    poison("single quotes", E::UserLogin, By(|json| single_quotes(json))),
    poison("a comment", E::SupplierLogin, By(|json| drop(json.splice(1..1, *b"/* why */")))),
    poison("a raw line break in a string", E::UserLogin, Inject("email", b"\n")),
    poison("a raw NUL in a string", E::SupplierLogin, Inject("company_name", b"\0")),
    poison("an escape that JSON has not", E::UserLogin, Inject("email", b"\\x41")),
    poison("Infinity", E::ProductCreated, Set("average_rating", "Infinity")),
    poison("NaN", E::PromotionCreated, Set("click_through_rate", "NaN")),
    poison("a leading zero", E::CommunityMemberJoined, Set("member_count", "007")),
    poison("overlong UTF-8", E::UserLogin, Inject("email", b"\xc0\x80")),
    poison("a byte that UTF-8 has not", E::UserRegistered, Inject("display_name", b"\xff")),
    poison("a surrogate in UTF-8", E::UserRegistered, Inject("display_name", b"\xed\xa0\x80")),
    poison("UTF-16 with a byte order mark", E::UserLogin, By(utf_16)),
    poison("a lone high surrogate", E::UserRegistered, Inject("display_name", b"\\ud800 ")),
    poison("a lone low surrogate", E::SupplierLogin, Inject("company_name", b"\\udc00")),
    poison("150 arrays in each other", E::UserLogin, By(deep)),
];

fn cut_escape(json: &mut Vec<u8>) {
    const HALF: &[u8] = b"\\u12";
    inject(json, "display_name", HALF);
    if let Some(start) = json.windows(HALF.len()).position(|window| window == HALF) {
        json.truncate(start + HALF.len());
    }
}

fn trailing_comma(json: &mut Vec<u8>) {
    json.pop();
    json.extend(b",}");
}

fn single_quotes(json: &mut [u8]) {
    json.iter_mut().filter(|byte| **byte == b'"').for_each(|byte| *byte = b'\'');
}

fn utf_16(json: &mut Vec<u8>) {
    let wide = json.iter().flat_map(|byte| [*byte, 0]);
    *json = b"\xff\xfe".iter().copied().chain(wide).collect();
}

fn deep(json: &mut Vec<u8>) {
    let (open, close) = ("[".repeat(150), "]".repeat(150));
    set(json, "role", format!("\"consumer\", \"deep\": {open}{close}").as_bytes());
}
