//! Topic `user`: people, and the leaders among them.

use super::picture;
use super::stock::Stock;
use crate::ids::Id;
use crate::json::Escaped;
use crate::mix::EventType;
use crate::scribe::Scribe;
use crate::text;

#[derive(Debug)]
pub(crate) struct User {
    pub(crate) id: Id,
    pub(crate) name: Escaped,
    pub(crate) email: Escaped,
    pub(crate) phone: Option<Escaped>,
    pub(crate) avatar: Escaped,
    pub(crate) leader: bool,
    verified: bool,
    locked: bool,
    wants_reset: bool,
}

impl User {
    fn role(&self) -> &'static str {
        if self.leader { "leader" } else { "consumer" }
    }

    fn new(s: &mut Scribe, created_us: i64) -> Self {
        let phone = s.rng.one_in(3).then(|| Escaped::new(&text::phone(&mut s.rng)));
        let avatar = if s.rng.one_in(2) {
            Escaped::new("https://cdn.example.com/avatars/default.jpg")
        } else {
            picture(s)
        };
        Self {
            id: Id::new(&mut s.rng, created_us),
            name: Escaped::new(&text::person(&mut s.rng, 100)),
            email: Escaped::new(&text::email(&mut s.rng)),
            phone,
            avatar,
            leader: s.rng.one_in(6),
            verified: false,
            locked: false,
            wants_reset: false,
        }
    }
}

pub(crate) fn registered(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let created_us = s.created_us();
    let user = User::new(s, created_us);
    s.event(EventType::UserRegistered, user.id, |s| {
        s.id("id", user.id);
        s.password_hash();
        s.object("contact_info", |s| {
            s.text("primary_email", &user.email);
            s.list("additional_emails", |s| {
                if s.rng.one_in(8) {
                    let email = text::email(&mut s.rng);
                    s.text_item(&Escaped::new(&email));
                }
            });
            s.text_or_null("phone", user.phone.as_ref());
            s.flag("phone_verified", user.phone.is_some());
            s.flag("email_verified", false);
        });
        s.plain("role", user.role());
        s.object("profile", |s| profile(s, &user));
        s.literal(
            "permissions",
            "{\"can_post\": true, \"can_comment\": true, \"can_manage_communities\": false, \
             \"max_communities_owned\": 5, \"can_create_promotions\": false}",
        );
        s.literal(
            "stats",
            "{\"following_count\": 0, \"follower_count\": 0, \"communities_owned\": 0, \"total_orders\": 0, \
             \"total_spent_cents\": 0}",
        );
        s.security();
        s.plain("status", "pending");
        s.fields("\"deleted_at\": null, \"version\": 1");
        s.times(created_us);
    });
    stock.users.add(&mut s.rng, user);
    Some(())
}

fn profile(s: &mut Scribe, user: &User) {
    s.text("display_name", &user.name);
    s.text("avatar", &user.avatar);
    let sentences = s.rng.choose(&[0, 0, 0, 1, 1, 2, 3]);
    s.prose("bio", sentences);
    if s.rng.one_in(2) {
        s.secret_date("date_of_birth");
    } else {
        s.null("date_of_birth");
    }
    if user.leader {
        s.object("celebrity_business_info", business);
    } else {
        s.null("celebrity_business_info");
    }
}

fn business(s: &mut Scribe) {
    let name = text::firm(&mut s.rng, 200);
    s.once("business_name", &name);
    let kind = s.rng.choose(&["agency", "brand_ambassador", "influencer", "artist"]);
    s.plain("business_type", kind);
    if s.rng.one_in(2) {
        s.secret("tax_id", "-3112378");
    } else {
        s.null("tax_id");
    }
    s.object("address", |s| {
        let (street, city, state) =
            (text::street(&mut s.rng), text::city(&mut s.rng), text::state(&mut s.rng));
        s.once("street", &street);
        s.once("city", &city);
        s.once("state", &state);
        let zip = text::zip(&mut s.rng);
        s.once("zip_code", &zip);
        let country = text::country(&mut s.rng);
        s.plain("country", country);
    });
    let email = text::email(&mut s.rng);
    s.once("business_email", &email);
    let phone = text::phone(&mut s.rng);
    s.plain("business_phone", &phone);
    let website = text::url(&mut s.rng, 2_083);
    s.once("website", &website);
    s.fields(
        "\"instagram_handle\": \"@someone\", \"twitter_handle\": null, \"tiktok_handle\": null, \
         \"youtube_channel\": null",
    );
    let (agency, agent) = (text::firm(&mut s.rng, 200), text::person(&mut s.rng, 100));
    s.once("agency_name", &agency);
    s.once("agent_name", &agent);
    s.fields("\"agent_email\": null, \"agent_phone\": null");
}

pub(crate) fn login(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let user = stock.users.find_mut(&mut s.rng, |user| !user.locked)?;
    s.event(EventType::UserLogin, user.id, |s| {
        s.text("email", &user.email);
        s.plain("role", user.role());
        let ip = text::ip(&mut s.rng);
        s.plain("ip_address", &ip);
    });
    Some(())
}

pub(crate) fn email_verified(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let user = stock.users.find_mut(&mut s.rng, |user| !user.verified && !user.locked)?;
    user.verified = true;
    s.event(EventType::UserEmailVerified, user.id, |s| {
        s.text("email", &user.email);
        if !s.rng.one_in(50) {
            s.plain("status", "active");
        }
    });
    Some(())
}

pub(crate) fn account_locked(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let user = stock.users.find_mut(&mut s.rng, |user| !user.locked)?;
    user.locked = true;
    s.event(EventType::UserAccountLocked, user.id, |s| {
        s.text("email", &user.email);
        let minutes = s.rng.choose(&[15, 30, 60]);
        s.int("failed_attempts", 5);
        s.int("lock_duration_minutes", minutes);
    });
    Some(())
}

pub(crate) fn password_reset_requested(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let user = stock.users.find_mut(&mut s.rng, |user| !user.wants_reset)?;
    user.wants_reset = true;
    s.event(EventType::UserPasswordResetRequested, user.id, |s| {
        s.text("email", &user.email);
        if s.rng.one_in(20) {
            s.secret_uuid("Reset_Token");
        }
    });
    Some(())
}

pub(crate) fn password_reset(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let user = stock.users.find_mut(&mut s.rng, |user| user.wants_reset)?;
    user.wants_reset = false;
    s.event(EventType::UserPasswordReset, user.id, |_| {});
    Some(())
}
