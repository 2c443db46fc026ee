//! Topic `post`: what users write in communities.

use super::stock::Stock;
use super::{actor, picture, reason};
use crate::ids::Id;
use crate::mix::EventType;
use crate::scribe::Scribe;
use crate::text;

use super::community::Community;
use super::user::User;

#[derive(Debug)]
pub(crate) struct Post {
    id: Id,
    author_id: Id,
    community_id: Id,
    hidden: bool,
    /// Asked for distribution beyond its community, and not answered yet.
    wants_world: bool,
}

pub(crate) fn created(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let author = stock.users.any(&mut s.rng)?;
    let community = stock.communities.any(&mut s.rng)?;
    let created_us = s.created_us();
    let wants_world = s.rng.below(3) > 0;
    let draft = s.rng.one_in(20);
    let id = Id::new(&mut s.rng, created_us);
    s.event(EventType::PostCreated, id, |s| {
        s.id("id", id);
        body(s, author, community, stock);
        stats(s);
        s.plain("status", if draft { "draft" } else { "published" });
        s.null("deleted_at");
        s.object("global_distribution", |s| {
            s.flag("requested", wants_world);
            s.plain("status", if wants_world { "pending" } else { "none" });
            if wants_world {
                s.time("requested_at", created_us);
            } else {
                s.null("requested_at");
            }
            s.fields(
                "\"reviewed_at\": null, \"reviewed_by\": null, \"rejection_reason\": null, \"revoked_at\": null, \
                 \"revoked_by\": null, \"revoke_reason\": null",
            );
        });
        s.fields(
            "\"is_pinned\": false, \"pinned_at\": null, \"pinned_by\": null, \"hidden_at\": null, \
             \"hidden_by\": null, \"hidden_reason\": null",
        );
        if draft {
            s.null("published_at");
        } else {
            s.time("published_at", created_us);
        }
        s.int("version", 1);
        s.times(created_us);
    });
    let post =
        Post { id, author_id: author.id, community_id: community.id, hidden: false, wants_world };
    stock.posts.add(&mut s.rng, post);
    Some(())
}

/// From the type to the mentions.
fn body(s: &mut Scribe, author: &User, community: &Community, stock: &Stock) {
    let kind = s.rng.choose(&["text", "text", "text", "image", "image", "video", "poll", "link"]);
    s.plain("post_type", kind);
    s.object("author", |s| {
        s.id("user_id", author.id);
        s.text("display_name", &author.name);
        s.text("avatar", &author.avatar);
        let official = s.rng.one_in(30);
        s.plain(
            "author_type",
            if official {
                "community"
            } else if author.leader {
                "leader"
            } else {
                "user"
            },
        );
        s.flag("is_verified", author.leader);
    });
    let sentences = if s.rng.one_in(5_000) { 250 } else { s.rng.between(5, 18) };
    s.prose("text_content", if kind == "link" { 0 } else { sentences });
    s.list("media", |s| {
        if kind == "image" || kind == "video" {
            (0..s.rng.between(1, 3)).for_each(|_| s.object_item(|s| medium(s, kind)));
        }
    });
    if kind == "link" {
        s.object("link_preview", |s| {
            let link = picture(s);
            s.text("url", &link);
            let sentences = s.rng.between(1, 3);
            s.prose("title", sentences);
            s.fields("\"description\": null, \"image\": null, \"site_name\": null");
        });
    } else {
        s.null("link_preview");
    }
    if kind == "poll" {
        s.object("poll", poll);
    } else {
        s.null("poll");
    }
    s.id("community_id", community.id);
    s.text("community_name", &community.name);
    let tags = s.rng.below(4);
    s.tags("tags", tags);
    s.list("mentions", |s| {
        for _ in 0..s.rng.below(4) {
            let Some(user) = stock.users.any(&mut s.rng) else {
                return;
            };
            s.object_item(|s| {
                s.id("user_id", user.id);
                s.text("display_name", &user.name);
            });
        }
    });
}

fn medium(s: &mut Scribe, kind: &str) {
    s.plain("media_type", kind);
    let link = text::url(&mut s.rng, 2_083);
    s.once("media_url", &link);
    s.fields("\"thumbnail_url\": null, \"width\": 1080, \"height\": null");
    if kind == "video" {
        s.int("duration_seconds", 12);
        s.int("size_bytes", 3_595_566_657);
    } else {
        s.fields("\"duration_seconds\": null, \"size_bytes\": null");
    }
}

fn poll(s: &mut Scribe) {
    s.prose("question", 1);
    s.list("options", |s| {
        for option in 0..s.rng.between(2, 6) {
            s.object_item(|s| {
                s.plain("option_id", &option.to_string());
                s.word("option_text");
                s.int("vote_count", 0);
            });
        }
    });
    s.fields("\"allows_multiple_votes\": false, \"ends_at\": null, \"total_votes\": 0");
}

/// All zero, but for imported posts.
fn stats(s: &mut Scribe) {
    let imported = s.rng.one_in(10);
    s.object("stats", |s| {
        for (name, most) in [
            ("view_count", 5_000_000),
            ("like_count", 100_000),
            ("comment_count", 5_000),
            ("share_count", 2_000),
            ("save_count", 100),
        ] {
            let count = if imported { s.rng.below(most) } else { 0 };
            s.int(name, i64::from(count));
        }
        s.literal("engagement_rate", if imported { "250.0" } else { "0.0" });
        s.null("last_comment_at");
    });
}

pub(crate) fn global_distribution_approved(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let post = stock.posts.find_mut(&mut s.rng, |post| post.wants_world)?;
    post.wants_world = false;
    s.event(EventType::PostGlobalDistributionApproved, post.id, |s| {
        origin(s, post);
        actor(s, "admin_id");
    });
    Some(())
}

pub(crate) fn hidden(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let post = stock.posts.find_mut(&mut s.rng, |post| !post.hidden)?;
    post.hidden = true;
    s.event(EventType::PostHidden, post.id, |s| {
        origin(s, post);
        actor(s, "hidden_by");
        reason(s);
    });
    Some(())
}

pub(crate) fn deleted(s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    let post = stock.posts.take(&mut s.rng, |_| true)?;
    s.event(EventType::PostDeleted, post.id, |s| {
        origin(s, &post);
        actor(s, "deleted_by");
    });
    Some(())
}

fn origin(s: &mut Scribe, post: &Post) {
    s.id("author_id", post.author_id);
    s.id("community_id", post.community_id);
}
