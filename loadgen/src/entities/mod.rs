//! One module per topic: what is remembered of an entity, the document that creates it, and the events of its life.
//! `stock` holds all that are alive.
//!
//! An event's function writes the message and gives `Some`, or gives `None` and writes nothing when no entity is in the
//! state the event needs.

pub(crate) mod community;
pub(crate) mod order;
pub(crate) mod post;
pub(crate) mod product;
pub(crate) mod promotion;
pub(crate) mod stock;
pub(crate) mod supplier;
pub(crate) mod user;

use crate::json::Escaped;
use crate::scribe::Scribe;
use crate::text;

/// An address as orders and suppliers hold it, where nothing of it is secret.
fn address(s: &mut Scribe) {
    let street = text::street(&mut s.rng);
    s.once("street_address_1", &street);
    match s.rng.below(3) {
        0 => s.plain("street_address_2", "Floor 4"),
        1 => s.literal("street_address_2", r#""c/o \"Gate\"""#),
        _ => s.null("street_address_2"),
    }
    let (city, state, zip) =
        (text::city(&mut s.rng), text::state(&mut s.rng), text::zip(&mut s.rng));
    s.once("city", &city);
    s.once("state", &state);
    s.once("zip_code", &zip);
    let country = text::country(&mut s.rng);
    s.plain("country", country);
}

/// The billing address: a secret one, or none.
fn billing_address(s: &mut Scribe) {
    if s.rng.one_in(2) {
        return s.null("billing_address");
    }
    s.object("billing_address", |s| {
        s.secret("billing_name", " Holder");
        s.secret("street_address_1", " Lane 1");
        s.null("street_address_2");
        for name in ["city", "state", "zip_code", "country"] {
            s.secret(name, "");
        }
    });
}

/// Who decided: mostly an administrator's id, sometimes whatever a test or a script put into the header.
fn actor(s: &mut Scribe, name: &str) {
    if s.rng.one_in(20) {
        let header = s.rng.choose(&["test_admin_id", "system", "ops@console", "moderation-bot/2"]);
        return s.plain(name, header);
    }
    let created_us = s.clock.now_us() - i64::from(s.rng.below(1_000_000)) * 1_000_000;
    let id = crate::ids::Id::new(&mut s.rng, created_us);
    s.id(name, id);
}

/// Why: one or two sentences, or null.
fn reason(s: &mut Scribe) {
    let sentences = s.rng.choose(&[0, 1, 1, 1, 1, 1, 2]);
    s.prose("reason", sentences);
}

/// A picture's link, escaped.
fn picture(s: &mut Scribe) -> Escaped {
    Escaped::new(&text::url(&mut s.rng, 2_048))
}
