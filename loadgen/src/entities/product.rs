//! Topic `product`: what suppliers sell.

use super::picture;
use super::stock::Stock;
use crate::ids::Id;
use crate::json::Escaped;
use crate::mix::EventType;
use crate::scribe::Scribe;
use crate::text;

#[derive(Debug)]
pub(crate) struct Product {
    pub(crate) id: Id,
    pub(crate) supplier_id: Id,
    pub(crate) supplier_name: Escaped,
    pub(crate) name: Escaped,
    pub(crate) slug: Escaped,
    pub(crate) picture: Escaped,
    pub(crate) currency: &'static str,
    pub(crate) price_cents: u32,
    pub(crate) sku: u32,
    category: &'static str,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Draft,
    Active,
    OutOfStock,
    Discontinued,
}

pub(crate) fn created(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let supplier = stock.suppliers.any(&mut s.rng)?;
    let created_us = s.created_us();
    let name = s.title(200);
    let product = Product {
        id: Id::new(&mut s.rng, created_us),
        supplier_id: supplier.id,
        supplier_name: supplier.name.clone(),
        slug: Escaped::new(&text::slug(&name, 250)),
        name: Escaped::new(&name),
        picture: picture(s),
        currency: text::currency(&mut s.rng),
        price_cents: price(s),
        sku: s.rng.below(1_000_000_000),
        category: s.rng.choose(&[
            "fashion",
            "sports_outdoors",
            "beauty",
            "electronics",
            "home",
            "food",
            "other",
        ]),
        state: State::Draft,
    };
    s.event(EventType::ProductCreated, product.id, |s| {
        s.id("id", product.id);
        s.id("supplier_id", product.supplier_id);
        s.object("supplier_info", |s| {
            s.id("id", product.supplier_id);
            s.text("name", &product.supplier_name);
            match &supplier.logo {
                Some(logo) => s.text("logo", logo),
                None => s.plain("logo", ""),
            }
        });
        s.text("name", &product.name);
        s.text("slug", &product.slug);
        let sentences = s.rng.below(4);
        s.prose("short_description", sentences);
        s.list("topic_descriptions", topics);
        s.plain("category", product.category);
        let condition = s.rng.choose(&["new", "new", "used_like_new", "used_good", "refurbished"]);
        s.plain("condition", condition);
        let unit = s.rng.choose(&["piece", "pair", "kg", "meter"]);
        s.plain("unit_type", unit);
        s.object("images", |s| images(s, &product));
        s.object("metadata", |s| metadata(s, &product));
        s.list("stock_locations", |s| (0..3).for_each(|place| s.object_item(|s| location(s, place))));
        s.object("variants", |s| (0..s.rng.below(7)).for_each(|place| variant(s, place, &product)));
        s.int("base_price_cents", i64::from(product.price_cents));
        s.plain("currency", product.currency);
        s.object("shipping", shipping);
        s.literal(
            "stats",
            "{\"view_count\": 0, \"favorite_count\": 0, \"purchase_count\": 0, \"active_promotion_count\": 0, \
             \"average_rating\": 0.0, \"total_reviews\": 0, \"conversion_rate\": 0.0, \"last_purchase_at\": null, \
             \"last_viewed_at\": null}",
        );
        s.fields(
            "\"status\": \"draft\", \"is_available\": false, \"deleted_at\": null, \"published_at\": null, \
             \"version\": 1",
        );
        s.times(created_us);
    });
    stock.products.add(&mut s.rng, product);
    Some(())
}

/// Mostly everyday prices; a few free things, a few beyond 32 bits once multiplied.
fn price(s: &mut Scribe) -> u32 {
    match s.rng.below(100) {
        0 => 0,
        1 => 2_000_000_000,
        2..12 => s.rng.between(20_000, 500_000),
        _ => s.rng.between(100, 20_000),
    }
}

/// The long description: up to 18 parts, once in a while a whole manual.
fn topics(s: &mut Scribe) {
    let count = if s.rng.one_in(4_000) {
        120
    } else {
        s.rng.choose(&[0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 6, 9, 18])
    };
    for order in 0..count {
        s.object_item(|s| {
            match s.rng.below(3) {
                0 => s.plain("topic", "Care"),
                1 => s.once("topic", "仕様"),
                _ => s.word("topic"),
            }
            let sentences = s.rng.between(1, 5);
            s.prose("description", sentences);
            s.int("display_order", order);
        });
    }
}

fn images(s: &mut Scribe, product: &Product) {
    s.text("primary_image", &product.picture);
    s.list("gallery_images", |s| {
        for _ in 0..s.rng.below(4) {
            let link = picture(s);
            s.text_item(&link);
        }
    });
    s.null("video_url");
}

fn metadata(s: &mut Scribe, product: &Product) {
    let sku = format!("BASE-{}", product.sku);
    s.plain("base_sku", &sku);
    s.null("barcode");
    if s.rng.one_in(2) {
        s.null("brand");
    } else {
        let brand = text::firm(&mut s.rng, 200);
        s.once("brand", &brand);
    }
    s.fields("\"manufacturer\": null, \"model_number\": null");
    let tags = s.rng.below(3);
    s.tags("tags", tags);
    match s.rng.below(8) {
        0 => s.literal("custom_attributes", r#"{"k\"1": "v\\1", "": "", "a.b": "$x"}"#),
        _ => s.literal("custom_attributes", "{}"),
    }
}

fn location(s: &mut Scribe, place: u32) {
    let id = format!("loc{place}");
    s.plain("location_id", &id);
    let (name, city) = (text::city(&mut s.rng), text::city(&mut s.rng));
    s.once("location_name", &name);
    s.null("street_address");
    s.once("city", &city);
    s.fields("\"state\": null, \"zip_code\": \"1\"");
    let country = text::country(&mut s.rng);
    s.plain("country", country);
    let quantity = s.rng.below(1_000);
    s.int("quantity", i64::from(quantity));
    s.fields("\"reserved\": 0, \"price_cents\": null");
}

/// One variant, under its name as the key.
fn variant(s: &mut Scribe, place: u32, product: &Product) {
    let name = format!("{} {place}", s.rng.pick(&["XL", "Blue", "Red / L", "128 GB", "Ø 40"]));
    let key = Escaped::new(&name);
    s.object(&String::from_utf8_lossy(key.as_bytes()), |s| {
        let number = s.rng.below(1_000_000);
        s.plain("variant_id", &format!("var_{place}_{number}"));
        s.text("variant_name", &key);
        s.list("attributes", |s| {
            for _ in 0..s.rng.below(3) {
                s.object_item(|s| {
                    s.plain("attribute_name", "Color");
                    s.word("attribute_value");
                });
            }
        });
        s.plain("sku", &format!("SKU-{}-{place}", product.sku));
        let extra = s.rng.below(1_000);
        s.int("price_cents", i64::from(product.price_cents) + i64::from(extra));
        s.null("cost_cents");
        let quantity = s.rng.below(500);
        s.int("quantity", i64::from(quantity));
        s.int("reserved", 0);
        let (width, weight) = (s.rng.between(100, 9_999), s.rng.below(50_000));
        s.literal(
            "package_dimensions",
            &format!(
                "{{\"width_cm\": {}.{}, \"height_cm\": 10.0, \"depth_cm\": 0.30000000000000004, \
                 \"weight_grams\": {weight}}}",
                width / 100,
                width % 10
            ),
        );
        if s.rng.one_in(2) {
            s.null("image_url");
        } else {
            let link = picture(s);
            s.text("image_url", &link);
        }
        s.flag("is_active", true);
    });
}

fn shipping(s: &mut Scribe) {
    let free = s.rng.one_in(3);
    s.flag("free_shipping", free);
    if free {
        s.null("shipping_cost_cents");
    } else {
        s.int("shipping_cost_cents", 599);
    }
    let country = text::country(&mut s.rng);
    s.plain("ships_from_country", country);
    s.list("ships_to_countries", |s| {
        for _ in 0..s.rng.below(3) {
            let country = text::country(&mut s.rng);
            s.plain_item(country);
        }
    });
    s.int("estimated_delivery_days", 7);
}

pub(crate) fn published(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let product = stock.products.find_mut(&mut s.rng, |product| {
        matches!(product.state, State::Draft | State::OutOfStock)
    })?;
    product.state = State::Active;
    s.event(EventType::ProductPublished, product.id, |s| {
        s.text("name", &product.name);
        s.id("supplier_id", product.supplier_id);
        s.plain("category", product.category);
        s.int("base_price_cents", i64::from(product.price_cents));
    });
    Some(())
}

pub(crate) fn out_of_stock(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let product = stock.products.find_mut(&mut s.rng, |product| product.state == State::Active)?;
    product.state = State::OutOfStock;
    leave(s, EventType::ProductOutOfStock, product);
    Some(())
}

pub(crate) fn discontinued(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let product = stock.products.find_mut(&mut s.rng, |product| {
        matches!(product.state, State::Active | State::OutOfStock)
    })?;
    product.state = State::Discontinued;
    leave(s, EventType::ProductDiscontinued, product);
    Some(())
}

pub(crate) fn deleted(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let product = stock.products.take(&mut s.rng, |_| true)?;
    leave(s, EventType::ProductDeleted, &product);
    Some(())
}

fn leave(s: &mut Scribe, event_type: EventType, product: &Product) {
    s.event(event_type, product.id, |s| {
        s.text("name", &product.name);
        s.id("supplier_id", product.supplier_id);
    });
}
