//! Without disorder, the story makes sense: nothing changes before it exists, nobody leaves who has not joined.

#![allow(clippy::unwrap_used, reason = "a test may fail that way")]

use std::collections::{HashMap, HashSet};

use loadgen::{Generator, Mix, Plan};
use serde_json::Value;

/// What has happened so far.
#[derive(Default)]
struct History {
    /// Topic and id to the last event that changed its state.
    state: HashMap<(String, String), String>,
    /// Community to its members without the owner.
    members: HashMap<String, HashSet<String>>,
    verified: HashSet<String>,
    asked_for_reset: HashSet<String>,
    suppliers_of: HashMap<String, String>,
}

impl History {
    fn exists(&self, topic: &str, id: &Value) -> bool {
        self.state.contains_key(&(topic.to_owned(), id.as_str().unwrap().to_owned()))
    }

    /// Notes an event, after asserting that it may happen now.
    fn add(&mut self, event: &Value) {
        let event_type = event["event_type"].as_str().unwrap();
        let (topic, action) = event_type.split_once('.').unwrap();
        let (id, data) = (event["entity_id"].as_str().unwrap(), &event["data"]);
        let before = self.state.get(&(topic.to_owned(), id.to_owned())).cloned();
        self.check_references(event_type, id, data);
        if matches!(action, "created" | "registered") {
            assert_eq!(before, None, "{event_type} {id} again");
            assert_eq!(data["id"], id);
        } else {
            let before = before.unwrap_or_else(|| panic!("{event_type} {id} before its creation"));
            assert!(follows(event_type, &before), "{event_type} {id} after {before}");
        }
        self.check_people(event_type, id, data);
        let is_change = !matches!(
            event_type,
            "user.login"
                | "user.email_verified"
                | "user.password_reset"
                | "user.password_reset_requested"
                | "supplier.login"
                | "supplier.documents_submitted"
                | "community.member_joined"
                | "community.member_left"
                | "community.verified"
                | "post.global_distribution_approved"
        );
        if is_change {
            self.state.insert((topic.to_owned(), id.to_owned()), action.to_owned());
        }
    }

    /// Whoever is named exists.
    fn check_references(&mut self, event_type: &str, id: &str, data: &Value) {
        match event_type {
            "order.created" => {
                assert!(self.exists("user", &data["customer"]["user_id"]));
                for item in data["items"].as_array().unwrap() {
                    let product = &item["product_snapshot"];
                    assert!(self.exists("product", &product["product_id"]));
                    let supplier = &self.suppliers_of[product["product_id"].as_str().unwrap()];
                    assert_eq!(product["supplier_id"], **supplier);
                }
            }
            "product.created" => {
                assert!(self.exists("supplier", &data["supplier_id"]));
                let supplier = data["supplier_id"].as_str().unwrap().to_owned();
                self.suppliers_of.insert(id.to_owned(), supplier);
            }
            "promotion.created" => {
                assert!(self.exists("supplier", &data["supplier"]["supplier_id"]));
            }
            "post.created" => {
                assert!(self.exists("user", &data["author"]["user_id"]));
                assert!(self.exists("community", &data["community_id"]));
            }
            "community.created" => assert!(self.exists("user", &data["owner"]["user_id"])),
            _ => {}
        }
    }

    /// Members are counted, mails are verified once, passwords reset when asked for.
    fn check_people(&mut self, event_type: &str, id: &str, data: &Value) {
        let members = self.members.entry(id.to_owned()).or_default();
        let user = data["user_id"].as_str().unwrap_or_default().to_owned();
        match event_type {
            "community.member_joined" => assert!(members.insert(user), "joined twice"),
            "community.member_left" => assert!(members.remove(&user), "left without joining"),
            "user.email_verified" => assert!(self.verified.insert(id.to_owned())),
            "user.password_reset_requested" => assert!(self.asked_for_reset.insert(id.to_owned())),
            "user.password_reset" => assert!(self.asked_for_reset.remove(id)),
            _ => {}
        }
        if let Some(count) = data["member_count"].as_u64() {
            assert_eq!(count, 1 + members.len() as u64);
        }
    }
}

/// Whether an entity whose last change was `before` may see this event.
fn follows(event_type: &str, before: &str) -> bool {
    match event_type {
        "user.account_locked" | "user.login" | "user.email_verified" => before != "account_locked",
        "order.completed" => before == "created",
        "order.cancelled" => before != "cancelled",
        "post.hidden" => before == "created",
        "post.deleted" | "post.global_distribution_approved" | "product.deleted" => {
            before != "deleted"
        }
        "product.published" => matches!(before, "created" | "out_of_stock"),
        "product.out_of_stock" => before == "published",
        "product.discontinued" => matches!(before, "published" | "out_of_stock"),
        "promotion.submitted" => matches!(before, "created" | "rejected"),
        "promotion.approved" => matches!(before, "submitted" | "approved" | "resumed"),
        "promotion.rejected" => matches!(before, "submitted" | "approved"),
        "promotion.scheduled" | "promotion.paused" => matches!(before, "approved" | "resumed"),
        "promotion.resumed" => before == "paused",
        "promotion.ended" => matches!(before, "approved" | "scheduled" | "paused" | "resumed"),
        "promotion.cancelled" => !matches!(before, "ended" | "cancelled"),
        "community.suspended" | "community.member_joined" => before != "suspended",
        _ => true,
    }
}

#[test]
fn nothing_happens_out_of_turn() {
    for mix in [Mix::Realistic, Mix::Lifecycle] {
        let mut history = History::default();
        let mut time = String::new();
        for message in Generator::new(Plan { seed: 8, events: 40_000, mix, ..Plan::default() }) {
            let event: Value = serde_json::from_slice(&message.value.unwrap()).unwrap();
            history.add(&event);
            let (seconds, fraction) = event["timestamp"].as_str().unwrap().split_at(19);
            let fraction = fraction.strip_suffix("+00:00").unwrap();
            let now =
                format!("{seconds}{}", if fraction.is_empty() { ".000000" } else { fraction });
            assert!(now > time && now.len() == 26, "{now} after {time}");
            time = now;
        }
    }
}
