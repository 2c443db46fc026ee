//! The text of a document without its secrets.

use super::walk::{Found, walk};
use crate::decode::Document;
use crate::mapping::EventPlan;
use crate::mysql::JsonLimits;
use crate::redact::Secrets;

/// The pieces of `source` between the `cuts`. `source` starts at byte `start` of the message; cuts count
/// from the beginning of the message.
pub(super) fn pieces<'s>(
    source: &'s str,
    start: usize,
    cuts: &'s [(usize, usize)],
) -> impl Iterator<Item = &'s str> {
    let starts = std::iter::once(0).chain(cuts.iter().map(move |cut| cut.1 - start));
    let ends = cuts.iter().map(move |cut| cut.0 - start).chain(std::iter::once(source.len()));
    starts.zip(ends).map(|(start, end)| &source[start..end])
}

/// Finds the secrets in the value at `root`.
pub(super) fn find(document: &Document<'_>, root: usize, secrets: &Secrets, found: &mut Found) {
    let plan = EventPlan::default();
    let walked = walk(document, root, &plan, secrets, (JsonLimits::NONE, usize::MAX), found);
    debug_assert!(walked.is_ok(), "without wanted values and limits, a walk cannot fail");
}

/// The whole document without its secrets, otherwise as it arrived.
pub(super) fn without_secrets(
    document: &Document<'_>,
    secrets: &Secrets,
    found: &mut Found,
) -> Vec<u8> {
    find(document, 0, secrets, found);
    let mut text = Vec::with_capacity(document.source.len());
    let mut from = 0;
    for &(start, end) in &found.cuts {
        text.extend_from_slice(&document.source[from..start]);
        from = end;
    }
    text.extend_from_slice(&document.source[from..]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Decoder;
    use proptest::prelude::*;
    use serde_json::Value;

    fn redacted(text: &str) -> String {
        let secrets = Secrets::default();
        let bytes = Decoder::default()
            .decode(text.as_bytes(), |document| {
                without_secrets(document, &secrets, &mut Found::default())
            })
            .unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn members_go_with_their_comma() {
        let check = |text: &str, expected: &str| assert_eq!(redacted(text), expected);
        check(r#"{"a": 1, "token": 2, "b": 3}"#, r#"{"a": 1, "b": 3}"#);
        check(r#"{"token": 2, "b": 3}"#, r#"{"b": 3}"#);
        check(r#"{"token": "x\"}", "PassWord" : {"a":[1,"}"]} , "b": 3}"#, r#"{"b": 3}"#);
        check(r#"{ "token": null }"#, r#"{  }"#);
        check(r#"{"a":1 , "token":[[]]}"#, r#"{"a":1 }"#);
        check(r#"{"a":{"secret":{"token":1}},"token":1,"secret":2}"#, r#"{"a":{}}"#);
        check(r#"[{"tok\u0065n":1,"b":[{"api_key":2}]}]"#, r#"[{"b":[{}]}]"#);
        check(r#"{"tokens": 1, "tax_id_country": 2}"#, r#"{"tokens": 1, "tax_id_country": 2}"#);
    }

    /// The same on a parsed document, written simply.
    fn reference(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.retain(|key, _| !Secrets::default().contains(key));
                members.values_mut().for_each(reference);
            }
            Value::Array(elements) => elements.iter_mut().for_each(reference),
            _ => {}
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,6}|[\\\\\"{}\\[\\],:\u{0}-\u{1f}]{0,6}".prop_map(Value::String),
        ];
        let key = prop_oneof![
            "[a-z\\\\\"]{0,3}",
            prop::sample::select(&crate::redact::SECRET_KEYS[..]).prop_map(str::to_owned),
            Just("ToKeN".to_owned()),
        ];
        leaf.prop_recursive(4, 24, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::vec((key.clone(), inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_the_reference(mut value in json(), pretty in any::<bool>()) {
            let text =
                if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let got: Value = serde_json::from_str(&redacted(&text.unwrap())).unwrap();
            reference(&mut value);
            prop_assert_eq!(got, value);
        }
    }
}
