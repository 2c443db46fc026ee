//! Topic `order`: what users buy.

use super::stock::Stock;
use super::{address, billing_address, reason};
use crate::clock;
use crate::ids::Id;
use crate::mix::EventType;
use crate::scribe::Scribe;
use crate::text;

/// An order stops taking lines here, so the largest event stays at what was seen: 186 kB.
const ITEMS_END_BYTES: usize = 182_000;

#[derive(Debug)]
pub(crate) struct Order {
    id: Id,
    number: String,
    customer_id: Id,
    total_cents: i64,
    currency: &'static str,
    items: u32,
    completed: bool,
}

pub(crate) fn created(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let customer = stock.users.any(&mut s.rng)?;
    stock.products.any(&mut s.rng)?;
    let created_us = s.created_us();
    let id = Id::new(&mut s.rng, created_us);
    let mut order = Order {
        id,
        number: number(id, created_us),
        customer_id: customer.id,
        total_cents: 0,
        currency: text::currency(&mut s.rng),
        items: 0,
        completed: false,
    };
    s.event(EventType::OrderCreated, id, |s| {
        s.id("id", id);
        s.plain("order_number", &order.number);
        s.object("customer", |s| {
            s.id("user_id", customer.id);
            s.text("display_name", &customer.name);
            s.text("email", &customer.email);
            s.text_or_null("phone", customer.phone.as_ref());
        });
        s.list("items", |s| items(s, stock, &mut order));
        s.object("totals", |s| totals(s, &mut order));
        if s.rng.one_in(50) {
            s.null("shipping_address");
        } else {
            s.object("shipping_address", shipping_address);
        }
        billing_address(s);
        s.object("payment", payment);
        s.fields("\"refunds\": [], \"status\": \"pending\"");
        s.list("timeline", |s| {
            s.object_item(|s| {
                s.plain("status", "pending");
                s.time("timestamp", created_us);
                s.fields("\"note\": \"Order created\", \"updated_by\": null");
            });
        });
        s.object("audit", audit);
        attribution(s, stock);
        s.literal("notes", "[]");
        s.secret_uuid("idempotency_key");
        s.null("estimated_delivery_date");
        s.times(created_us);
    });
    stock.orders.add(&mut s.rng, order);
    Some(())
}

/// `ORD-20250114-E416`: the day, then the id's last digits; so not unique.
fn number(id: Id, created_us: i64) -> String {
    let tail = id.hex()[20..].to_ascii_uppercase();
    format!("ORD-{}-{}", clock::compact_date(created_us), String::from_utf8_lossy(&tail))
}

/// How many lines: mostly few, some dozens, none now and then, hundreds once in a while.
fn item_count(s: &mut Scribe) -> u32 {
    match s.rng.below(4_000) {
        0 => s.rng.between(60, 300),
        1..100 => 0,
        100..1_300 => s.rng.between(1, 2),
        1_300..2_500 => s.rng.between(2, 5),
        2_500..3_400 => s.rng.between(4, 9),
        3_400..3_860 => s.rng.between(8, 13),
        _ => s.rng.between(13, 22),
    }
}

fn items(s: &mut Scribe, stock: &Stock, order: &mut Order) {
    for line in 1..=item_count(s) {
        let Some(product) = stock.products.any(&mut s.rng) else {
            return;
        };
        if s.len() > ITEMS_END_BYTES {
            return;
        }
        let quantity = s.rng.choose(&[1, 1, 1, 1, 2, 2, 3, 5, 99]);
        let subtotal_cents = quantity * i64::from(product.price_cents);
        let discount_cents = if s.rng.one_in(8) { subtotal_cents / 10 } else { 0 };
        order.items = line;
        order.total_cents += subtotal_cents - discount_cents;
        s.object_item(|s| {
            s.plain("item_id", &format!("item_{line}"));
            s.object("product_snapshot", |s| {
                s.id("product_id", product.id);
                s.id("supplier_id", product.supplier_id);
                s.text("product_name", &product.name);
                s.text("product_slug", &product.slug);
                s.plain("sku", &format!("SKU-{}-0", product.sku));
                if s.rng.one_in(2) {
                    s.null("variant_name");
                    s.literal("variant_attributes", "{}");
                } else {
                    s.plain("variant_name", "XL 0");
                    s.object("variant_attributes", |s| s.word("Color"));
                }
                s.text("image_url", &product.picture);
                s.text("supplier_name", &product.supplier_name);
            });
            s.int("quantity", quantity);
            s.int("unit_price_cents", i64::from(product.price_cents));
            s.int("subtotal_cents", subtotal_cents);
            s.int("discount_cents", discount_cents);
            s.int("final_price_cents", subtotal_cents - discount_cents);
            s.fields(
                "\"fulfillment_status\": \"pending\", \"shipped_quantity\": 0, \"tracking_number\": null, \
                 \"carrier\": null, \"shipped_at\": null, \"delivered_at\": null",
            );
        });
    }
}

/// Closes the bill: the lines' sum, tax and shipping.
fn totals(s: &mut Scribe, order: &mut Order) {
    let subtotal_cents = order.total_cents;
    let discount_cents = if s.rng.one_in(10) { subtotal_cents / 20 } else { 0 };
    let tax_cents = (subtotal_cents - discount_cents) * 8 / 100;
    let shipping_cents = if s.rng.one_in(2) { 599 } else { 0 };
    order.total_cents = subtotal_cents - discount_cents + tax_cents + shipping_cents;
    s.int("subtotal_cents", subtotal_cents);
    s.int("discount_cents", discount_cents);
    s.int("tax_cents", tax_cents);
    s.int("shipping_cents", shipping_cents);
    s.int("total_cents", order.total_cents);
    s.plain("currency", order.currency);
}

fn shipping_address(s: &mut Scribe) {
    let recipient = text::person(&mut s.rng, 100);
    s.once("recipient_name", &recipient);
    let phone = text::phone(&mut s.rng);
    s.plain("phone", &phone);
    address(s);
    let sentences = s.rng.choose(&[0, 0, 0, 1, 2]);
    s.prose("delivery_notes", sentences);
}

fn payment(s: &mut Scribe) {
    for name in ["payment_method", "payment_provider", "transaction_id"] {
        s.secret(name, "");
    }
    s.fields("\"authorization_code\": null, \"status\": \"zQ9x pending\"");
    s.secret("card_last4", "");
    s.secret("card_brand", " Visa");
    s.fields(
        "\"authorized_at\": null, \"captured_at\": null, \"failed_at\": null, \"failure_reason\": null",
    );
}

fn audit(s: &mut Scribe) {
    let ip = text::ip(&mut s.rng);
    s.secret("ip_address", &ip);
    s.secret("user_agent", " Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0");
    s.fields(
        "\"risk_score\": 0.0, \"fraud_flags\": [], \"requires_review\": false, \"reviewed_by\": null, \
         \"reviewed_at\": null, \"review_notes\": null",
    );
}

/// Which promotion brought the customer, for one order in three.
fn attribution(s: &mut Scribe, stock: &Stock) {
    let promotion = if s.rng.one_in(3) { stock.promotions.any(&mut s.rng) } else { None };
    let Some(promotion) = promotion else {
        return s.null("attribution");
    };
    s.object("attribution", |s| {
        s.id("promotion_id", promotion.id);
        s.text("promotion_title", &promotion.title);
        match stock.communities.any(&mut s.rng) {
            Some(community) => s.id("community_id", community.id),
            None => s.null("community_id"),
        }
        s.fields("\"community_name\": null, \"referral_code\": null");
        s.word("utm_source");
        s.fields("\"utm_medium\": null, \"utm_campaign\": null");
    });
}

pub(crate) fn completed(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let order = stock.orders.find_mut(&mut s.rng, |order| !order.completed)?;
    order.completed = true;
    s.event(EventType::OrderCompleted, order.id, |s| {
        s.plain("order_number", &order.number);
        s.id("customer_id", order.customer_id);
        s.int("total_cents", order.total_cents);
        s.plain("currency", order.currency);
        s.int("item_count", i64::from(order.items));
        if !s.rng.one_in(40) {
            s.plain("status", "confirmed");
        }
    });
    Some(())
}

/// Ends an order; completed ones are cancelled too.
pub(crate) fn cancelled(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let order = stock.orders.take(&mut s.rng, |_| true)?;
    s.event(EventType::OrderCancelled, order.id, |s| {
        s.plain("order_number", &order.number);
        s.id("customer_id", order.customer_id);
        s.int("total_cents", order.total_cents);
        reason(s);
    });
    Some(())
}
