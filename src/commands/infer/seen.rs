//! What was at each path of a sample: how often, of which kinds and sizes. No value is kept.

use super::json::{self, Shape};
use super::numbers::Numbers;
use crate::datetime;
use crate::redact::Secrets;
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

/// Objects that are deeper are taken as one value.
const DEPTH_MAX: usize = 5;
/// An object with more keys than this in a sample has data in its keys.
const MEMBERS_MAX: usize = 300;
/// An object with more keys than this, of which one is in a third of the objects at most, has data in its keys
/// if their values are of one kind.
const FEW_MEMBERS: usize = 12;
const COMMON_SHARE: usize = 3;
/// Texts that stand for "none" in columns of numbers.
pub(super) const NULLS: [&str; 2] = ["-", ""];

/// What was at a path.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// In how many events it was, null included.
    pub(super) count: usize,
    pub(super) nulls: usize,
    pub(super) booleans: usize,
    pub(super) arrays: usize,
    /// Of these, arrays of objects and nothing else.
    pub(super) batches: usize,
    pub(super) objects: usize,
    pub(super) numbers: Numbers,
    pub(super) texts: Texts,
    /// How many were the same as the key of their message.
    pub(super) like_key: usize,
    distinct: FxHashSet<u64>,
    members: Vec<(String, Seen)>,
    places: FxHashMap<String, usize>,
    has_data_keys: bool,
}

#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) count: usize,
    pub(super) chars_max: usize,
    /// Whether there were several, all of one length.
    pub(super) is_fixed: bool,
    pub(super) bytes_max: usize,
    /// By the place in [`NULLS`].
    pub(super) nulls: [usize; NULLS.len()],
    pub(super) dates: usize,
    pub(super) times: usize,
    /// Digits as a number has them: not 007.
    pub(super) numbers: Numbers,
    /// Those that cannot be a key or an id.
    pub(super) no_names: usize,
}

/// Notes events, and leaves secrets out.
#[derive(Debug, Default)]
pub(super) struct Collector {
    secrets: Secrets,
    /// Keys of credentials, which are dropped everywhere.
    pub(super) dropped: BTreeSet<String>,
    /// Keys that look like those of credentials, and hold texts.
    pub(super) doubtful: BTreeSet<String>,
}

impl Collector {
    /// Notes a value; `key` is the key of its message.
    pub(super) fn note(&mut self, seen: &mut Seen, value: &RawValue, key: Option<&str>) {
        self.note_at(seen, value, key, 0);
    }

    /// Notes the members of an object that are known from others.
    pub(super) fn note_known(&mut self, seen: &mut Seen, object: &RawValue, key: Option<&str>) {
        for (name, value) in json::members(object) {
            if seen.member(&name).is_some() {
                self.note_member(seen, name, value, key, 0);
            }
        }
    }

    fn note_at(&mut self, seen: &mut Seen, value: &RawValue, key: Option<&str>, depth: usize) {
        seen.count += 1;
        match json::shape(value) {
            Shape::Null => seen.nulls += 1,
            Shape::Bool => seen.booleans += 1,
            Shape::Number(number) => {
                seen.numbers.note(number);
                seen.note_name(number, key);
            }
            Shape::Text(text) => {
                seen.texts.note(&text);
                seen.note_name(&text, key);
            }
            Shape::Array(elements) => {
                seen.arrays += 1;
                let is_object = |element: &&RawValue| element.get().starts_with('{');
                seen.batches += usize::from(elements.iter().all(is_object));
            }
            Shape::Object(members) => {
                seen.objects += 1;
                for (name, value) in members {
                    self.note_member(seen, name, value, key, depth);
                }
            }
        }
    }

    fn note_member(
        &mut self,
        seen: &mut Seen,
        name: String,
        value: &RawValue,
        key: Option<&str>,
        depth: usize,
    ) {
        if self.secrets.contains(&name) {
            self.dropped.insert(name);
        } else if self.secrets.are_named_in(&name)
            && value.get().starts_with('"')
            && !looks_like_data(&name)
        {
            self.doubtful.insert(name);
        } else if depth < DEPTH_MAX
            && let Some(member) = seen.member_for(&name)
        {
            self.note_at(member, value, key, depth + 1);
        }
    }

    /// Whether a header may hold a credential.
    pub(super) fn is_secret_header(&self, name: &str) -> bool {
        self.secrets.are_named_in(name)
    }

    /// Removes what is below a key that turned out to be doubtful.
    pub(super) fn prune(&self, seen: &mut Seen) {
        let secrets = Secrets::with(self.doubtful.iter().map(String::as_str));
        seen.prune(&secrets);
    }
}

impl Seen {
    /// The place to note a member; `None` if there are too many.
    fn member_for(&mut self, name: &str) -> Option<&mut Self> {
        let next = self.members.len();
        let at = match self.places.get(name) {
            Some(at) => *at,
            None if next >= MEMBERS_MAX || looks_like_data(name) => {
                self.has_data_keys = true;
                return None;
            }
            None => {
                self.places.insert(name.to_owned(), next);
                self.members.push((name.to_owned(), Self::default()));
                next
            }
        };
        Some(&mut self.members[at].1)
    }

    fn note_name(&mut self, text: &str, key: Option<&str>) {
        self.like_key += usize::from(key == Some(text));
        let mut hasher = FxHasher::default();
        text.hash(&mut hasher);
        self.distinct.insert(hasher.finish());
    }

    fn prune(&mut self, secrets: &Secrets) {
        self.members.retain(|(name, _)| !secrets.contains(name));
        self.places.clear();
        for (at, (name, member)) in self.members.iter_mut().enumerate() {
            self.places.insert(name.clone(), at);
            member.prune(secrets);
        }
    }

    /// In the order in which they came.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.members.iter().map(|(name, seen)| (name.as_str(), seen))
    }

    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        self.places.get(name).map(|at| &self.members[*at].1)
    }

    pub(super) fn at(&self, path: &[String]) -> Option<&Self> {
        path.iter().try_fold(self, |seen, key| seen.member(key))
    }

    /// How often it had a value.
    pub(super) fn values(&self) -> usize {
        self.count - self.nulls
    }

    /// How many different texts and numbers there were.
    pub(super) fn distinct(&self) -> usize {
        self.distinct.len()
    }

    /// Whether all its values are objects, with keys that are names.
    pub(super) fn is_object(&self) -> bool {
        self.objects > 0
            && self.objects == self.values()
            && !self.is_map()
            && !self.members.is_empty()
    }

    /// Whether an object's keys are data: odd ones, or many of one kind of which each is rare.
    pub(super) fn is_map(&self) -> bool {
        let found: usize = self.members.iter().map(|(_, member)| member.count).sum();
        let are_rare = self.members.len() > FEW_MEMBERS
            && found * COMMON_SHARE <= self.objects * self.members.len();
        let mut kinds = self.members.iter().filter(|(_, member)| member.values() > 0);
        let kind = kinds.next().map(|(_, member)| member.kinds());
        let are_alike = kind.is_some_and(|kind| kinds.all(|(_, member)| member.kinds() == kind));
        self.has_data_keys || are_rare && are_alike
    }

    /// Of which kinds its values are.
    fn kinds(&self) -> [bool; 5] {
        let Self { booleans, arrays, objects, numbers, texts, .. } = self;
        [*booleans, *arrays, *objects, numbers.count, texts.count].map(|count| count > 0)
    }

    /// Whether every value may be a key or an id: a text or a whole number.
    pub(super) fn is_name(&self) -> bool {
        let Self { numbers, texts, .. } = self;
        self.values() > 0
            && numbers.count + texts.count == self.values()
            && numbers.fractions == 0
            && texts.no_names == 0
    }
}

impl Texts {
    fn note(&mut self, text: &str) {
        /// The longest key of an entity.
        const NAME_CHARS_MAX: usize = 255;
        let chars = text.chars().count();
        self.count += 1;
        let is_like_others = self.count == 2 || self.is_fixed;
        self.is_fixed = is_like_others && chars == self.chars_max;
        self.chars_max = self.chars_max.max(chars);
        self.bytes_max = self.bytes_max.max(text.len());
        for (count, null) in self.nulls.iter_mut().zip(NULLS) {
            *count += usize::from(text == null);
        }
        self.dates += usize::from(datetime::parse_date(text).is_ok());
        self.times += usize::from(datetime::parse(text).is_ok());
        if is_number(text) {
            self.numbers.note(text);
        }
        let is_name = (1..=NAME_CHARS_MAX).contains(&chars)
            && !text.ends_with(' ')
            && !text.chars().any(char::is_control);
        self.no_names += usize::from(!is_name);
    }
}

/// A number in plain digits, such as -12.50: not 007, which may be a code.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    are_digits(whole) && are_digits(fraction) && (whole == "0" || !whole.starts_with('0'))
}

/// Whether a key is rather a value: a number, an address, an identifier, a sentence.
fn looks_like_data(key: &str) -> bool {
    const NAME_CHARS_MAX: usize = 60;
    const IDENTIFIER_CHARS: usize = 16;
    let count = |is: fn(&u8) -> bool| key.bytes().filter(is).count();
    let (digits, letters) = (count(u8::is_ascii_digit), count(u8::is_ascii_alphabetic));
    key.is_empty()
        || key.chars().count() > NAME_CHARS_MAX
        || key.chars().any(char::is_control)
        || key.contains('"')
        || key.contains(' ')
        || key.find('@').is_some_and(|at| at > 0)
        || digits > 0 && letters == 0
        || key.len() >= IDENTIFIER_CHARS && digits >= 4 && digits * 4 >= key.len()
        || datetime::parse(key).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_data() {
        for key in
            ["", "42", "2026-01-02", "a@b.ch", "a\"b", "3fa85f64-5717-4562-b3fc-2c963f66afa6"]
        {
            assert!(looks_like_data(key), "{key}");
        }
        for key in ["id", "address_2", "service.name", "Größe", "@timestamp", "pk.sku", "sha256"]
        {
            assert!(!looks_like_data(key), "{key}");
        }
    }

    #[test]
    fn numbers_in_texts() {
        for text in ["0", "-3.25", "0.000", "512"] {
            assert!(is_number(text), "{text}");
        }
        for text in ["", "-", "007", "1e5", ".5", "1.", "1.2.3", "+1", "0x1"] {
            assert!(!is_number(text), "{text}");
        }
    }
}
