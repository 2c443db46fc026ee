//! The contract, written down a second time and plainly: what a message must be to be loaded.

use serde_json::Value;

/// What a column takes.
enum Column {
    /// So many characters.
    Text(usize),
    /// So many characters, and never null.
    Required(usize),
    /// A TEXT column: 65,535 bytes of UTF-8.
    Long,
    OneOf(&'static [&'static str]),
    Count,
    Flag,
    Time,
}

use Column::{Count, Flag, Long, OneOf, Required, Text, Time};

/// Event type, path inside `data`, column. `items[]` is every element of the list.
const COLUMNS: &[(&str, &str, Column)] = &[
    ("user.registered", "contact_info.primary_email", Required(320)),
    ("user.registered", "profile.display_name", Text(100)),
    ("user.registered", "role", OneOf(&["consumer", "leader"])),
    ("user.registered", "status", OneOf(&["pending", "active", "suspended", "deleted"])),
    ("user.registered", "profile.avatar", Text(2048)),
    ("user.registered", "profile.bio", Long),
    ("user.registered", "contact_info.phone", Text(100)),
    ("user.registered", "profile.celebrity_business_info.business_name", Text(200)),
    ("user.registered", "profile.celebrity_business_info.business_type", Text(50)),
    ("user.registered", "profile.celebrity_business_info.address.country", Text(2)),
    ("user.registered", "profile.celebrity_business_info.address.city", Text(100)),
    ("user.registered", "profile.celebrity_business_info.address.state", Text(100)),
    ("user.email_verified", "status", OneOf(&["pending", "active", "suspended", "deleted"])),
    ("user.login", "email", Text(320)),
    ("user.login", "role", Text(50)),
    ("user.login", "ip_address", Text(64)),
    ("supplier.registered", "contact_info.primary_email", Required(320)),
    ("supplier.registered", "contact_info.primary_phone", Text(100)),
    ("supplier.registered", "contact_info.contact_person_name", Text(200)),
    ("supplier.registered", "contact_info.contact_person_title", Text(200)),
    ("supplier.registered", "company_info.legal_name", Text(200)),
    ("supplier.registered", "company_info.company_type", Text(50)),
    ("supplier.registered", "company_info.tax_id", Text(100)),
    ("supplier.registered", "company_info.tax_id_country", Text(2)),
    ("supplier.registered", "company_info.business_address.street_address_1", Text(200)),
    ("supplier.registered", "company_info.business_address.city", Text(100)),
    ("supplier.registered", "company_info.business_address.state", Text(100)),
    ("supplier.registered", "company_info.business_address.zip_code", Text(20)),
    ("supplier.registered", "company_info.business_address.country", Text(2)),
    ("supplier.registered", "business_info.industry_category", Text(100)),
    ("supplier.registered", "business_info.description", Long),
    ("supplier.registered", "business_info.website", Text(2083)),
    ("supplier.registered", "status", Text(50)),
    ("supplier.login", "email", Text(320)),
    ("supplier.login", "company_name", Text(200)),
    ("supplier.login", "ip_address", Text(64)),
    ("order.created", "order_number", Required(50)),
    ("order.created", "customer.user_id", Text(50)),
    ("order.created", "customer.email", Text(320)),
    ("order.created", "customer.display_name", Text(100)),
    ("order.created", "totals.subtotal_cents", Count),
    ("order.created", "totals.discount_cents", Count),
    ("order.created", "totals.shipping_cents", Count),
    ("order.created", "totals.tax_cents", Count),
    ("order.created", "totals.total_cents", Count),
    ("order.created", "totals.currency", Text(3)),
    ("order.created", "shipping_address.street_address_1", Text(200)),
    ("order.created", "shipping_address.city", Text(100)),
    ("order.created", "shipping_address.state", Text(100)),
    ("order.created", "shipping_address.zip_code", Text(20)),
    ("order.created", "shipping_address.country", Text(2)),
    ("order.created", "status", Text(50)),
    ("order.created", "items[].product_snapshot.product_id", Text(50)),
    ("order.created", "items[].product_snapshot.product_name", Text(200)),
    ("order.created", "items[].quantity", Count),
    ("order.created", "items[].unit_price_cents", Count),
    ("order.created", "items[].final_price_cents", Count),
    ("order.completed", "status", Text(50)),
    ("post.created", "post_type", OneOf(&["text", "image", "video", "poll", "link"])),
    ("post.created", "author.user_id", Text(50)),
    ("post.created", "author.author_type", OneOf(&["user", "leader", "community"])),
    ("post.created", "author.display_name", Text(100)),
    ("post.created", "text_content", Long),
    ("post.created", "community_id", Text(50)),
    ("post.created", "community_name", Text(100)),
    ("post.created", "status", Text(50)),
    ("post.created", "stats.like_count", Count),
    ("post.created", "stats.comment_count", Count),
    ("post.created", "stats.share_count", Count),
    ("post.created", "stats.view_count", Count),
    ("post.created", "global_distribution.status", Text(50)),
    ("post.created", "published_at", Time),
    ("post.deleted", "deleted_by", Text(50)),
    ("post.hidden", "hidden_by", Text(50)),
    ("post.global_distribution_approved", "admin_id", Text(50)),
    ("product.created", "supplier_id", Required(50)),
    ("product.created", "name", Text(200)),
    ("product.created", "slug", Text(250)),
    ("product.created", "category", Text(100)),
    ("product.created", "base_price_cents", Count),
    ("product.created", "currency", Text(3)),
    ("product.created", "short_description", Long),
    ("product.created", "status", Text(50)),
    ("promotion.created", "promotion_type", OneOf(&["single", "campaign", "default"])),
    ("promotion.created", "title", Text(200)),
    ("promotion.created", "description", Long),
    ("promotion.created", "supplier.supplier_id", Text(50)),
    ("promotion.created", "supplier.business_name", Text(200)),
    ("promotion.created", "visibility.type", Text(50)),
    ("promotion.created", "schedule.start_date", Time),
    ("promotion.created", "schedule.end_date", Time),
    ("promotion.created", "status", Text(50)),
    ("promotion.approved", "status", Text(50)),
    ("promotion.approved", "reviewer_id", Text(50)),
    ("promotion.rejected", "reason", Long),
    ("promotion.cancelled", "reason", Long),
    ("community.created", "name", Text(100)),
    ("community.created", "slug", Text(150)),
    ("community.created", "description", Long),
    ("community.created", "owner.user_id", Text(50)),
    ("community.created", "owner.display_name", Text(100)),
    ("community.created", "settings.visibility", Text(50)),
    ("community.created", "settings.requires_approval", Flag),
    ("community.created", "stats.member_count", Count),
    ("community.created", "status", Text(50)),
    ("community.member_joined", "user_id", Required(50)),
    ("community.member_joined", "member_count", Count),
    ("community.member_left", "user_id", Required(50)),
    ("community.member_left", "member_count", Count),
    ("community.suspended", "admin_id", Text(50)),
    ("community.suspended", "reason", Long),
];

/// The message as JSON, if it would be loaded; else the reason why it would not.
pub(crate) fn check(topic: &str, value: &[u8]) -> Result<Value, String> {
    // serde_json refuses what strict JSON refuses, lone surrogates, and more than 128 levels.
    let message: Value = serde_json::from_slice(value).map_err(|error| error.to_string())?;
    let text = |name: &str| message[name].as_str().ok_or_else(|| format!("{name} is not a string"));
    let event_type = text("event_type")?;
    let action = event_type.strip_prefix(topic).and_then(|rest| rest.strip_prefix('.'));
    let action = action.ok_or("event_type of another topic")?;
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    if event_type.len() > 100 || action.is_empty() || !action.bytes().all(plain) {
        return Err("event_type".to_owned());
    }
    for name in ["event_id", "entity_id"] {
        let id = text(name)?;
        if !(1..=50).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("{name} {id:?}"));
        }
    }
    if !is_time(text("timestamp")?) {
        return Err("timestamp".to_owned());
    }
    if !message["data"].is_object() {
        return Err("data is not an object".to_owned());
    }
    for (_, path, column) in COLUMNS.iter().filter(|(of, ..)| *of == event_type) {
        check_path(&message["data"], path, column)
            .map_err(|problem| format!("{path}: {problem}"))?;
    }
    Ok(message)
}

fn check_path(value: &Value, path: &str, column: &Column) -> Result<(), String> {
    let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
    let next = &value[step.trim_end_matches("[]")];
    let values = match (step.ends_with("[]"), next) {
        (true, Value::Array(values)) => values.as_slice(),
        (true, Value::Null) => &[],
        (true, _) => return Err(format!("{step} is not a list")),
        (false, value) => std::slice::from_ref(value),
    };
    for value in values {
        match rest {
            Some(rest) if value.is_object() => check_path(value, rest, column)?,
            Some(_) if !value.is_null() || step.ends_with("[]") => {
                return Err(format!("{step} is not an object"));
            }
            _ => check_value(if rest.is_some() { &Value::Null } else { value }, column)?,
        }
    }
    Ok(())
}

fn check_value(value: &Value, column: &Column) -> Result<(), String> {
    let fits = match (column, value) {
        (Required(_), Value::Null) => false,
        (_, Value::Null) => true,
        (Text(limit) | Required(limit), Value::String(text)) => text.chars().count() <= *limit,
        (Long, Value::String(text)) => text.len() <= 65_535,
        (OneOf(list), Value::String(text)) => list.contains(&text.as_str()),
        (Count, Value::Number(number)) => number.as_i64().is_some_and(|count| count >= 0),
        (Flag, Value::Bool(_)) => true,
        (Time, Value::String(text)) => is_time(text),
        _ => false,
    };
    if fits { Ok(()) } else { Err("does not fit".to_owned()) }
}

/// A real time in the years 1000 to 9999 of UTC, in one of the contract's notations.
fn is_time(text: &str) -> bool {
    time(text).is_some_and(|year| (1000..=9999).contains(&year))
}

/// Its year in UTC.
fn time(text: &str) -> Option<i64> {
    let (day, rest) = text.split_at_checked(10)?;
    let (clock, rest) = rest.strip_prefix(['T', ' '])?.split_at_checked(8)?;
    let [year, month, day] = numbers(day, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let at = jiff::civil::DateTime::new(
        year,
        month as i8,
        day as i8,
        hour as i8,
        minute as i8,
        second as i8,
        0,
    );
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            (fraction.len() - zone.len() <= 9).then_some(zone)?
        }
        None => rest,
    };
    let offset = match zone.split_at_checked(1) {
        None | Some(("Z", "")) => 0,
        Some((sign @ ("+" | "-"), offset)) => {
            let [hours, minutes] = numbers(offset, ':', [2, 2])?;
            let seconds = i64::from(hours) * 3_600 + i64::from(minutes) * 60;
            if sign == "+" { seconds } else { -seconds }
        }
        Some(_) => return None,
    };
    let utc = at.ok()?.checked_sub(jiff::SignedDuration::from_secs(offset)).ok()?;
    Some(i64::from(utc.year()))
}

fn numbers<const N: usize>(text: &str, between: char, lens: [usize; N]) -> Option<[i16; N]> {
    let parts: Vec<_> = text.split(between).collect();
    let mut out = [0; N];
    for ((part, len), number) in parts.iter().zip(lens).zip(&mut out) {
        let digits = part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit());
        *number = digits.then(|| part.parse().ok()).flatten()?;
    }
    (parts.len() == N).then_some(out)
}
