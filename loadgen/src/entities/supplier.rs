//! Topic `supplier`: firms that sell.

use super::stock::Stock;
use super::{address, billing_address, picture};
use crate::ids::Id;
use crate::json::Escaped;
use crate::mix::EventType;
use crate::scribe::Scribe;
use crate::secret::TAX_ID_MARKER;
use crate::text;

#[derive(Debug)]
pub(crate) struct Supplier {
    pub(crate) id: Id,
    pub(crate) name: Escaped,
    pub(crate) logo: Option<Escaped>,
    email: Escaped,
}

pub(crate) fn registered(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let created_us = s.created_us();
    let supplier = Supplier {
        id: Id::new(&mut s.rng, created_us),
        name: Escaped::new(&text::firm(&mut s.rng, 200)),
        logo: s.rng.one_in(2).then(|| picture(s)),
        email: Escaped::new(&text::email(&mut s.rng)),
    };
    s.event(EventType::SupplierRegistered, supplier.id, |s| {
        s.id("id", supplier.id);
        s.password_hash();
        s.object("contact_info", |s| contact(s, &supplier));
        s.object("company_info", |s| company(s, &supplier));
        s.object("business_info", |s| business(s, &supplier));
        s.object("verification", |s| {
            s.plain("verification_status", "pending");
            s.fields(
                "\"verified_at\": null, \"verified_by\": null, \"rejected_at\": null, \"rejected_by\": null, \
                 \"rejection_reason\": null, \"submitted_documents\": [], \"terms_accepted\": true",
            );
            s.time("terms_accepted_at", created_us);
            s.flag("privacy_policy_accepted", true);
        });
        banking(s);
        s.literal(
            "permissions",
            "{\"can_create_products\": true, \"can_create_promotions\": true, \"can_access_analytics\": true, \
             \"max_products\": 1000, \"max_active_promotions\": 50, \"max_images_per_product\": 10}",
        );
        s.literal(
            "stats",
            "{\"product_count\": 0, \"active_product_count\": 0, \"promotion_count\": 0, \
             \"active_promotion_count\": 0, \"total_sales_cents\": 0, \"total_orders\": 0, \"average_rating\": 0.0, \
             \"total_reviews\": 0}",
        );
        s.security();
        s.fields("\"product_ids\": [], \"status\": \"active\", \"deleted_at\": null, \"version\": 1");
        s.times(created_us);
    });
    stock.suppliers.add(&mut s.rng, supplier);
    Some(())
}

fn contact(s: &mut Scribe, supplier: &Supplier) {
    s.text("primary_email", &supplier.email);
    s.literal("additional_emails", "[]");
    let phone = text::phone(&mut s.rng);
    s.plain("primary_phone", &phone);
    s.list("additional_phones", |s| {
        if s.rng.one_in(2) {
            let phone = text::phone(&mut s.rng);
            s.plain_item(&phone);
        }
    });
    s.null("fax");
    let person = text::person(&mut s.rng, 200);
    s.once("contact_person_name", &person);
    match s.rng.below(4) {
        0 => s.null("contact_person_title"),
        1 => s.plain("contact_person_title", "VP / R&D"),
        2 => s.literal("contact_person_title", r#""Head of \"Special\" Sales""#),
        _ => s.once("contact_person_title", "Geschäftsführerin"),
    }
    s.text("contact_person_email", &supplier.email);
    s.null("contact_person_phone");
}

fn company(s: &mut Scribe, supplier: &Supplier) {
    s.text("legal_name", &supplier.name);
    s.null("dba_name");
    let kind = s.rng.choose(&["llc", "corporation", "nonprofit", "partnership", "sole_proprietor"]);
    s.plain("company_type", kind);
    let tax_id = format!("{TAX_ID_MARKER}-{:09}", s.rng.below(1_000_000_000));
    s.plain("tax_id", &tax_id);
    let country = text::country(&mut s.rng);
    s.plain("tax_id_country", country);
    if s.rng.one_in(2) {
        s.secret("registration_number", "-895710061");
    } else {
        s.null("registration_number");
    }
    s.fields("\"registration_date\": \"1999-12-31T23:59:59\", \"registration_state\": null");
    s.object("business_address", address);
    if s.rng.one_in(2) {
        s.object("shipping_address", address);
    } else {
        s.null("shipping_address");
    }
    billing_address(s);
}

fn business(s: &mut Scribe, supplier: &Supplier) {
    let category = s.rng.choose(&[
        "automotive",
        "fashion",
        "beauty",
        "sports_outdoors",
        "home",
        "toys",
        "other",
    ]);
    s.plain("industry_category", category);
    let tags = s.rng.below(4);
    s.tags("industry_tags", tags);
    let website = text::url(&mut s.rng, 2_083);
    s.once("website", &website);
    s.text_or_null("logo", supplier.logo.as_ref());
    let sentences = s.rng.choose(&[0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 9, 14, 20]);
    s.prose("description", sentences);
    s.fields(
        "\"facebook_url\": null, \"instagram_handle\": null, \"twitter_handle\": null, \"linkedin_url\": null, \
         \"business_hours\": \"9\\u201317\", \"timezone\": \"Asia/Jerusalem\"",
    );
    let email = text::email(&mut s.rng);
    s.once("support_email", &email);
    s.null("support_phone");
}

fn banking(s: &mut Scribe) {
    if s.rng.one_in(2) {
        return s.null("banking_info");
    }
    s.object("banking_info", |s| {
        s.secret("bank_name", " Bank");
        s.secret("account_holder_name", " Holder");
        s.secret("account_number_last4", "");
        s.secret("routing_number", "10000");
        s.secret("swift_code", "DEFF");
        s.secret("stripe_account_id", "_acct");
        s.secret("paypal_email", "@example.org");
        s.secret("payout_currency", "");
        s.secret("payout_schedule", " weekly");
    });
}

pub(crate) fn login(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let supplier = stock.suppliers.any(&mut s.rng)?;
    s.event(EventType::SupplierLogin, supplier.id, |s| {
        s.text("email", &supplier.email);
        s.text("company_name", &supplier.name);
        let ip = text::ip(&mut s.rng);
        s.plain("ip_address", &ip);
    });
    Some(())
}

/// An event type without a table row of its own: it is only logged.
pub(crate) fn documents_submitted(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let supplier = stock.suppliers.any(&mut s.rng)?;
    s.event(EventType::SupplierDocumentsSubmitted, supplier.id, |s| {
        s.text("company_name", &supplier.name);
        let count = s.rng.between(1, 5);
        s.int("document_count", i64::from(count));
        s.plain("verification_status", "under_review");
        if s.rng.one_in(10) {
            s.object("upload", |s| {
                s.list("parts", |s| s.object_item(|s| s.secret_uuid("ACCESS_TOKEN")));
            });
        }
    });
    Some(())
}
