//! Topic `community`: founded by a user, joined and left by others; every change of members carries the new count.

use super::stock::Stock;
use super::{actor, picture, reason};
use crate::ids::Id;
use crate::json::Escaped;
use crate::mix::EventType;
use crate::scribe::Scribe;
use crate::text;

use super::user::User;

/// A community with so many members takes no more.
const MEMBERS_MAX: usize = 256;

#[derive(Debug)]
pub(crate) struct Community {
    pub(crate) id: Id,
    pub(crate) name: Escaped,
    /// Without the owner, who never leaves.
    members: Vec<Id>,
    owner_id: Id,
    suspended: bool,
    verified: bool,
}

impl Community {
    fn member_count(&self) -> i64 {
        1 + self.members.len() as i64
    }

    fn holds(&self, user_id: Id) -> bool {
        self.owner_id == user_id || self.members.contains(&user_id)
    }
}

pub(crate) fn created(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let owner = stock.users.any(&mut s.rng)?;
    let created_us = s.created_us();
    let name = text::firm(&mut s.rng, 100);
    let slug = text::slug(&format!("{name}-{}", s.rng.below(1_000_000)), 150);
    let community = Community {
        id: Id::new(&mut s.rng, created_us),
        name: Escaped::new(&name),
        members: Vec::new(),
        owner_id: owner.id,
        suspended: false,
        verified: false,
    };
    s.event(EventType::CommunityCreated, community.id, |s| {
        s.id("id", community.id);
        s.text("name", &community.name);
        s.once("slug", &slug);
        description(s);
        s.object("business_address", |s| {
            let country = text::country(&mut s.rng);
            s.plain("country", country);
            let (city, zip) = (text::city(&mut s.rng), text::zip(&mut s.rng));
            s.once("city", &city);
            s.once("zip_code", &zip);
        });
        s.object("owner", |s| {
            s.id("user_id", owner.id);
            s.text("display_name", &owner.name);
            s.text("avatar", &owner.avatar);
            s.flag("is_verified", owner.leader);
            s.text("business_email", &owner.email);
        });
        s.list("member_ids", |s| s.id_item(owner.id));
        let category = s.rng.choose(&["education", "beauty", "sports", "music", "food", "other"]);
        s.plain("category", category);
        let tags = s.rng.below(6);
        s.tags("tags", tags);
        s.object("branding", |s| {
            let cover = picture(s);
            s.text("cover_image", &cover);
            s.fields("\"logo\": null, \"primary_color\": \"#a1B2c3\", \"secondary_color\": null");
        });
        s.object("settings", settings);
        s.list("rules", rules);
        if s.rng.one_in(2) {
            s.null("links");
        } else {
            s.object("links", links);
        }
        s.literal(
            "stats",
            "{\"member_count\": 1, \"active_member_count\": 0, \"post_count\": 0, \"promotion_count\": 0, \
             \"total_likes\": 0, \"total_comments\": 0, \"total_shares\": 0, \"last_post_at\": null, \
             \"last_active_at\": null}",
        );
        s.fields(
            "\"status\": \"active\", \"deleted_at\": null, \"is_featured\": false, \"featured_until\": null, \
             \"is_verified\": false, \"verified_at\": null, \"version\": 1",
        );
        s.times(created_us);
    });
    stock.communities.add(&mut s.rng, community);
    Some(())
}

/// Mostly a few lines, for one in a dozen a treatise.
fn description(s: &mut Scribe) {
    let long = s.rng.one_in(12);
    let sentences = if long { s.rng.between(85, 110) } else { s.rng.between(2, 10) };
    s.prose("description", sentences);
    let sentences = s.rng.below(2);
    s.prose("tagline", sentences);
    s.object("purpose", |s| {
        let sentences = s.rng.between(1, 3);
        s.prose("mission_statement", sentences);
        s.list("goals", |s| (0..s.rng.between(1, 3)).for_each(|_| s.prose_item(1)));
        let sentences = s.rng.below(2);
        s.prose("target_audience", sentences);
    });
}

fn settings(s: &mut Scribe) {
    let visibility = s.rng.choose(&["public", "public", "private"]);
    s.plain("visibility", visibility);
    for name in ["requires_approval", "allow_member_posts", "moderate_posts"] {
        let flag = s.rng.one_in(2);
        s.flag(name, flag);
    }
    s.fields("\"max_members\": null, \"min_age\": 16, \"allowed_countries\": [], \"blocked_countries\": []");
}

fn links(s: &mut Scribe) {
    let website = text::url(&mut s.rng, 2_083);
    s.once("website", &website);
    s.fields("\"instagram\": \"@x\", \"twitter\": null, \"youtube\": null, \"discord\": null");
}

fn rules(s: &mut Scribe) {
    for order in 0..s.rng.below(3) {
        s.object_item(|s| {
            s.prose("rule_title", 1);
            let sentences = s.rng.between(1, 2);
            s.prose("rule_description", sentences);
            s.int("display_order", i64::from(order) - 1);
        });
    }
}

pub(crate) fn member_joined(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let Stock { users, communities, .. } = stock;
    let user: &User = users.any(&mut s.rng)?;
    let community = communities.find_mut(&mut s.rng, |community| {
        !community.suspended && community.members.len() < MEMBERS_MAX && !community.holds(user.id)
    })?;
    community.members.push(user.id);
    membership(s, EventType::CommunityMemberJoined, community, user.id);
    Some(())
}

pub(crate) fn member_left(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let community =
        stock.communities.find_mut(&mut s.rng, |community| !community.members.is_empty())?;
    let place = s.rng.index(community.members.len());
    let user_id = community.members.swap_remove(place);
    membership(s, EventType::CommunityMemberLeft, community, user_id);
    Some(())
}

fn membership(s: &mut Scribe, event_type: EventType, community: &Community, user_id: Id) {
    s.event(event_type, community.id, |s| {
        s.id("user_id", user_id);
        s.text("community_name", &community.name);
        s.int("member_count", community.member_count());
    });
}

pub(crate) fn suspended(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let community = stock.communities.find_mut(&mut s.rng, |community| !community.suspended)?;
    community.suspended = true;
    s.event(EventType::CommunitySuspended, community.id, |s| {
        s.text("community_name", &community.name);
        actor(s, "admin_id");
        reason(s);
    });
    Some(())
}

/// An event type without a table row of its own: it is only logged.
pub(crate) fn verified(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let community = stock.communities.find_mut(&mut s.rng, |community| !community.verified)?;
    community.verified = true;
    s.event(EventType::CommunityVerified, community.id, |s| {
        s.text("community_name", &community.name);
        actor(s, "admin_id");
    });
    Some(())
}
