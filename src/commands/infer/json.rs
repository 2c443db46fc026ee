//! JSON one level at a time, with its numbers as they are written.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt;

/// A value, as deep as it has been looked into.
#[derive(Debug)]
pub(super) enum Shape<'j> {
    Null,
    Bool,
    /// As it is written.
    Number(&'j str),
    Text(String),
    Array(Vec<&'j RawValue>),
    /// In the order of the text.
    Object(Vec<(String, &'j RawValue)>),
}

/// A whole document; `None` if it is not JSON.
pub(super) fn read(text: &str) -> Option<&RawValue> {
    serde_json::from_str(text).ok()
}

/// What a value is.
pub(super) fn shape(value: &RawValue) -> Shape<'_> {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'{') => Shape::Object(members(value)),
        Some(b'[') => Shape::Array(serde_json::from_str(text).unwrap_or_default()),
        Some(b'"') => Shape::Text(serde_json::from_str(text).unwrap_or_default()),
        Some(b't' | b'f') => Shape::Bool,
        Some(b'-' | b'0'..=b'9') => Shape::Number(text),
        _ => Shape::Null,
    }
}

/// The members of an object; of anything else, none.
pub(super) fn members(value: &RawValue) -> Vec<(String, &RawValue)> {
    serde_json::from_str::<Members<'_>>(value.get()).map(|members| members.0).unwrap_or_default()
}

/// The value at a path. Null counts as none.
pub(super) fn at<'j>(value: &'j RawValue, path: &[String]) -> Option<&'j RawValue> {
    let Some((key, rest)) = path.split_first() else {
        return Some(value).filter(|value| value.get() != "null");
    };
    let (_, member) = members(value).into_iter().find(|(name, _)| name == key)?;
    at(member, rest)
}

/// A text, or a whole number as a text: what a key may be.
pub(super) fn name(value: &RawValue) -> Option<String> {
    match shape(value) {
        Shape::Text(text) => Some(text),
        Shape::Number(number) if !number.contains(['.', 'e', 'E']) => Some(number.to_owned()),
        _ => None,
    }
}

/// Of keys that come twice, the last.
struct Members<'j>(Vec<(String, &'j RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members: Vec<(String, &'de RawValue)> = Vec::new();
                let mut places: HashMap<String, usize> = HashMap::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    match places.get(&key) {
                        Some(at) => members[*at].1 = value,
                        None => {
                            places.insert(key.clone(), members.len());
                            members.push((key, value));
                        }
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
