//! Topic `promotion`: draft, submitted, approved by one or several, running, at an end.

use super::stock::Stock;
use super::{actor, picture, reason};
use crate::clock::DAY_US;
use crate::ids::Id;
use crate::json::Escaped;
use crate::mix::EventType;
use crate::scribe::Scribe;

use super::product::Product;

#[derive(Debug)]
pub(crate) struct Promotion {
    pub(crate) id: Id,
    pub(crate) title: Escaped,
    supplier_id: Id,
    kind: &'static str,
    /// Approvals that are still missing.
    approvals: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Draft,
    Pending,
    Scheduled,
    Active,
    Paused,
}

pub(crate) fn created(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let product = stock.products.any(&mut s.rng)?;
    let created_us = s.created_us();
    let (visibility, approvals) =
        s.rng.choose(&[("both", 2), ("both", 2), ("global", 1), ("communities", 1)]);
    let promotion = Promotion {
        id: Id::new(&mut s.rng, created_us),
        title: Escaped::new(&s.title(200)),
        supplier_id: product.supplier_id,
        kind: s.rng.choose(&["single", "single", "campaign", "campaign", "default"]),
        approvals,
        state: State::Draft,
    };
    s.event(EventType::PromotionCreated, promotion.id, |s| {
        s.id("id", promotion.id);
        s.plain("promotion_type", promotion.kind);
        s.object("supplier", |s| {
            s.id("supplier_id", product.supplier_id);
            s.text("business_name", &product.supplier_name);
            s.null("logo");
        });
        s.text("title", &promotion.title);
        let sentences = s.rng.choose(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14]);
        s.prose("description", sentences);
        let banner = picture(s);
        s.text("banner_image", &banner);
        s.list("products", |s| {
            s.object_item(|s| offer(s, product, created_us));
            let more = if promotion.kind == "single" { 0 } else { s.rng.below(3) };
            for _ in 0..more {
                let Some(product) = stock.products.any(&mut s.rng) else { return };
                s.object_item(|s| offer(s, product, created_us));
            }
        });
        s.object("visibility", |s| reach(s, visibility, stock));
        s.object("schedule", |s| schedule(s, created_us));
        s.fields("\"status\": \"draft\", \"status_reasons\": []");
        terms(s);
        s.literal(
            "stats",
            "{\"impressions\": 0, \"clicks\": 0, \"conversions\": 0, \"revenue_cents\": 0, \
             \"community_stats\": {}, \"click_through_rate\": 0.0, \"conversion_rate\": 0.0, \
             \"last_impression_at\": null, \"last_conversion_at\": null}",
        );
        s.fields(
            "\"is_auto_generated\": false, \"approval\": {\"global_approval\": null, \"community_approvals\": {}}, \
             \"rejection_history\": [], \"first_activated_at\": null, \"paused_at\": null, \
             \"cancellation_reason\": null, \"deleted_at\": null, \"version\": 1",
        );
        s.times(created_us);
    });
    stock.promotions.add(&mut s.rng, promotion);
    Some(())
}

fn offer(s: &mut Scribe, product: &Product, now_us: i64) {
    let percent = s.rng.choose(&[0, 10, 10, 20, 25, 33, 50, 100]);
    let price_cents = i64::from(product.price_cents);
    s.object("product_snapshot", |s| {
        s.id("product_id", product.id);
        s.text("product_name", &product.name);
        s.text("product_slug", &product.slug);
        s.text("product_image", &product.picture);
        s.int("original_price_cents", price_cents);
        s.plain("currency", product.currency);
        s.time("snapshot_at", now_us);
        s.null("variant_name");
    });
    s.int("discount_percent", percent);
    s.int("discounted_price_cents", price_cents - price_cents * percent / 100);
    s.plain("current_status", "active");
    s.int("current_price_cents", price_cents);
    s.flag("price_discrepancy", false);
    s.time("last_checked_at", now_us);
}

fn reach(s: &mut Scribe, visibility: &str, stock: &Stock) {
    s.plain("type", visibility);
    let community = if visibility == "global" { None } else { stock.communities.any(&mut s.rng) };
    s.list("community_ids", |s| {
        if let Some(community) = community {
            s.id_item(community.id);
        }
    });
    s.flag("is_global", visibility != "communities");
    s.int("community_count", i64::from(community.is_some()));
    s.int("estimated_reach", 0);
}

/// Start and end in all the ways that clients write a time: with `Z`, with an offset, with none.
fn schedule(s: &mut Scribe, now_us: i64) {
    let zone = s.rng.choose(&["Z", "Z", "+00:00", "+05:30", "-08:00", ""]);
    let start_us = now_us + i64::from(s.rng.below(20)) * DAY_US - 5 * DAY_US;
    let days = s.rng.choose(&[1, 7, 30, 365]);
    s.time_in("start_date", start_us, zone);
    if s.rng.one_in(15) {
        s.null("end_date");
    } else {
        s.time_in("end_date", start_us + days * DAY_US, zone);
    }
    s.plain("timezone", if zone == "+05:30" { "Asia/Kolkata" } else { "UTC" });
}

fn terms(s: &mut Scribe) {
    if s.rng.one_in(2) {
        return s.null("terms");
    }
    s.object("terms", |s| {
        let sentences = s.rng.between(1, 9);
        s.prose("terms_text", sentences);
        s.list("restrictions", |s| (0..s.rng.below(4)).for_each(|_| s.prose_item(1)));
        s.fields("\"min_purchase_amount_cents\": 1000, \"max_uses_per_user\": null");
    });
}

pub(crate) fn submitted(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let promotion =
        stock.promotions.find_mut(&mut s.rng, |promotion| promotion.state == State::Draft)?;
    promotion.state = State::Pending;
    s.event(EventType::PromotionSubmitted, promotion.id, |s| {
        origin(s, promotion);
        s.plain("promotion_type", promotion.kind);
        if !s.rng.one_in(40) {
            s.plain("status", "pending_approval");
        }
    });
    Some(())
}

/// One approval of those still missing; the last one makes it active. Running promotions are approved by further
/// communities.
pub(crate) fn approved(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let further = s.rng.one_in(3);
    let promotion = stock.promotions.find_mut(&mut s.rng, |promotion| {
        promotion.state == if further { State::Active } else { State::Pending }
    })?;
    promotion.approvals = promotion.approvals.saturating_sub(1);
    if promotion.approvals == 0 {
        promotion.state = State::Active;
    }
    s.event(EventType::PromotionApproved, promotion.id, |s| {
        origin(s, promotion);
        actor(s, "reviewer_id");
        s.plain("scope", if further { "community" } else { "global" });
        if promotion.approvals > 0 {
            s.plain("status", "pending_approval");
        } else if !further || s.rng.one_in(2) {
            s.plain("status", "active");
        }
    });
    Some(())
}

pub(crate) fn rejected(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let promotion =
        stock.promotions.find_mut(&mut s.rng, |promotion| promotion.state == State::Pending)?;
    promotion.state = State::Draft;
    s.event(EventType::PromotionRejected, promotion.id, |s| {
        origin(s, promotion);
        actor(s, "reviewer_id");
        s.plain("scope", "global");
        reason(s);
        if !s.rng.one_in(40) {
            s.plain("status", "draft");
        }
    });
    Some(())
}

pub(crate) fn scheduled(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let promotion =
        stock.promotions.find_mut(&mut s.rng, |promotion| promotion.state == State::Active)?;
    promotion.state = State::Scheduled;
    s.event(EventType::PromotionScheduled, promotion.id, |s| {
        origin(s, promotion);
        s.plain("promotion_type", promotion.kind);
        if !s.rng.one_in(40) {
            s.plain("status", "scheduled");
        }
    });
    Some(())
}

pub(crate) fn paused(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let promotion =
        stock.promotions.find_mut(&mut s.rng, |promotion| promotion.state == State::Active)?;
    promotion.state = State::Paused;
    s.event(EventType::PromotionPaused, promotion.id, |s| {
        origin(s, promotion);
        reason(s);
    });
    Some(())
}

pub(crate) fn resumed(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let promotion =
        stock.promotions.find_mut(&mut s.rng, |promotion| promotion.state == State::Paused)?;
    promotion.state = State::Active;
    s.event(EventType::PromotionResumed, promotion.id, |s| origin(s, promotion));
    Some(())
}

pub(crate) fn ended(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let promotion = stock.promotions.take(&mut s.rng, |promotion| {
        matches!(promotion.state, State::Active | State::Scheduled | State::Paused)
    })?;
    s.event(EventType::PromotionEnded, promotion.id, |s| origin(s, &promotion));
    Some(())
}

pub(crate) fn cancelled(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let promotion = stock.promotions.take(&mut s.rng, |_| true)?;
    s.event(EventType::PromotionCancelled, promotion.id, |s| {
        origin(s, &promotion);
        reason(s);
    });
    Some(())
}

fn origin(s: &mut Scribe, promotion: &Promotion) {
    s.text("title", &promotion.title);
    s.id("supplier_id", promotion.supplier_id);
}
