//! A document in the making: values are put at paths, and it is written without blanks.

use super::{REDACTED, one_of};
use crate::Chance;
use crate::fold::declared::json::keys;

/// The member that no two documents share.
pub(super) const NUMBER: &str = "n";

/// A value: an object, or any other as it is written.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Object(Vec<(String, Node)>),
    Written(String),
}

impl Node {
    pub(super) fn empty() -> Self {
        Self::Object(Vec::new())
    }

    /// Puts a value at a path, unless something is there or in the way.
    pub(super) fn put(&mut self, path: &str, value: Node) {
        let mut node = self;
        for key in keys(path) {
            let Self::Object(members) = node else { return };
            let at = members.iter().position(|(name, _)| *name == key);
            let at = at.unwrap_or_else(|| {
                members.push((key, Self::empty()));
                members.len() - 1
            });
            node = &mut members[at].1;
        }
        match node {
            Self::Object(members) if members.is_empty() => *node = value,
            _ => {}
        }
    }

    /// Adds the members of another object, unless there are such already.
    pub(super) fn merge(&mut self, other: Node) {
        let Self::Object(added) = other else { return };
        let Self::Object(members) = self else { return };
        for (key, value) in added {
            match members.iter_mut().find(|(name, _)| *name == key) {
                Some((_, node)) => node.merge(value),
                None => members.push((key, value)),
            }
        }
    }

    /// Removes or replaces a value somewhere in it; of a document that is to differ from all others not all of it.
    pub(super) fn spoil(&mut self, chance: &mut Chance, strange: &str, is_kept: bool) {
        match self {
            Self::Object(members) if !members.is_empty() && (is_kept || !chance.once_in(6)) => {
                let at = chance.below(members.len());
                if is_kept && members[at].0 == NUMBER {
                    return;
                }
                // An id that is strange but valid would soon name two events.
                let is_id = members[at].0 == "id";
                let strange =
                    if is_id { one_of(chance, &["[]", "\"a \"", "null"]) } else { strange };
                if chance.once_in(4) {
                    members.remove(at);
                } else {
                    members[at].1.spoil(chance, strange, false);
                }
            }
            other => *other = Self::Written(strange.to_owned()),
        }
    }

    /// Without blanks; with secrets, and with keys that come twice, of which the last one counts.
    pub(super) fn write(&self, chance: &mut Chance, text: &mut String) {
        let members = match self {
            Self::Written(written) => return text.push_str(written),
            Self::Object(members) => members,
        };
        text.push('{');
        let start = text.len();
        let member = |text: &mut String, key: &str| {
            if text.len() > start {
                text.push(',');
            }
            text.push_str(&serde_json::Value::from(key).to_string());
            text.push(':');
        };
        for (key, value) in members {
            if chance.once_in(20) {
                member(text, key);
                text.push_str(one_of(chance, &["null", "[1]", "{\"f1\":0}", "\"-\""]));
            }
            if chance.once_in(12) {
                member(text, one_of(chance, &["Password", "token", "more"]));
                text.push_str(one_of(chance, &["\"x,\\\"}\"", "{\"a\":[1]}", "null"]));
            }
            member(text, key);
            value.write(chance, text);
        }
        let has_pin = members.iter().any(|(key, _)| key == REDACTED);
        if !has_pin && chance.once_in(8) {
            member(text, "PIN");
            text.push_str("[1,{\"b\":2}]");
        }
        text.push('}');
    }
}
