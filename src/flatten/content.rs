//! `$content`: a hash of what a message says, without its secrets.

use super::cuts;
use super::event::Part;
use super::walk::Found;
use crate::decode::{Decoder, Document};
use crate::redact::{Secrets, mask_key};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt::Write;

/// Bytes of the hash, which is SHA-256 cut to these.
const BYTES: usize = 16;

/// Writes the id of the event in `part` of a document: the same for the same text and the same things `beside`
/// it, wherever the message is in Kafka. What is beside it has lost its secrets already.
pub(super) fn write_id<'b>(
    document: &Document<'_>,
    part: Part,
    beside: impl IntoIterator<Item = Option<Cow<'b, [u8]>>>,
    secrets: &Secrets,
    found: &mut Found,
    id: &mut String,
) {
    let mut hash = Sha256::new();
    for value in beside {
        // The length keeps it apart from what follows; nothing is not an empty text.
        let len = value.as_ref().map_or(u64::MAX, |value| value.len() as u64);
        hash.update(len.to_le_bytes());
        hash.update(value.as_deref().unwrap_or_default());
    }
    cuts::find(document, part.at, secrets, found);
    let source = &document.source[part.start..part.end];
    // simd-json has checked that the whole message is UTF-8.
    let source = std::str::from_utf8(source).unwrap_or_default();
    cuts::pieces(source, part.start, &found.cuts).for_each(|piece| hash.update(piece));
    for byte in &hash.finalize()[..BYTES] {
        // Writing to a String cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
}

/// Whether a key or a header may be a JSON object or array.
pub(super) fn is_like_json(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// The key of a message without its secrets: of JSON as in the message, of anything else what
/// [`mask_key`] leaves. The same key always gives the same, and so does what it has given.
pub(super) fn key_without_secrets(key: &[u8], secrets: &Secrets) -> Vec<u8> {
    if let Some(kept) = of_json(key, secrets) {
        return kept;
    }
    // What is masked once may be understood less: a masked value is not JSON.
    let mut kept = mask_key(key, secrets);
    loop {
        let again = mask_key(&kept, secrets);
        if again == kept {
            return kept;
        }
        kept = again;
    }
}

/// A text that looks like JSON without its secrets; as it is if it is none after all.
pub(super) fn json_without_secrets(text: &[u8], secrets: &Secrets) -> Vec<u8> {
    of_json(text, secrets).unwrap_or_else(|| text.to_vec())
}

fn of_json(text: &[u8], secrets: &Secrets) -> Option<Vec<u8>> {
    let without =
        |document: &Document<'_>| cuts::without_secrets(document, secrets, &mut Found::default());
    is_like_json(text).then(|| Decoder::default().decode(text, without).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A letter's key gives a replayed message the id that the message had.
        #[test]
        fn a_key_that_has_lost_its_secrets_stays_as_it_is(
            key in " ?[{\\[]?[\"a-c:, {}\\[\\]é1]{0,12}(\"(password|token)\": ?(\"x\"|[0-9]|\\{)?)?[\"a-c:, {}\\[\\]1]{0,12}"
        ) {
            let secrets = Secrets::default();
            let once = key_without_secrets(key.as_bytes(), &secrets);
            prop_assert_eq!(&key_without_secrets(&once, &secrets), &once);
        }
    }
}
