//! `$content`: the first 128 bits of SHA-256 over the key, the event type, the headers that the file reads (in the
//! order of their names), and the message, all without their secrets.
//!
//! Before each but the message comes its length, as eight bytes, the least first; eight bytes 255 if it is missing.

use super::Message;
use super::file::File;
use super::json::{Json, SECRETS};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The id of a message, or of an element of it.
pub fn id(message: &Message, event_type: &str, whole: &Json, file: &File) -> String {
    let mut bytes = Vec::new();
    let mut add = |value: Option<&[u8]>| {
        bytes.extend(value.map_or(u64::MAX, |value| value.len() as u64).to_le_bytes());
        bytes.extend(value.unwrap_or_default());
    };
    add(message.kept_key(file).as_deref());
    add(Some(event_type.as_bytes()));
    let names: BTreeSet<&str> =
        file.places().filter_map(|place| place.strip_prefix("$header.")).collect();
    for name in names {
        let last = message.headers.iter().rev().find(|(known, _)| known == name);
        add(last.map(|(_, value)| kept_header(value, file)).as_deref());
    }
    bytes.extend(whole.kept.as_bytes());
    Sha256::digest(bytes)[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_like_json(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))
}

fn kept_header(value: &[u8], file: &File) -> Vec<u8> {
    let json = Json::parse(value, &file.redact).filter(|_| is_like_json(value));
    json.map_or(value.to_vec(), |json| json.kept.into_bytes())
}

/// What is kept of a key: of JSON all but its secrets; of a text all, if a table takes it anyway; else only
/// what looks like an id, and stars for all other bytes.
pub fn kept_key(key: &[u8], file: &File) -> Vec<u8> {
    let is_json = is_like_json(key);
    if let Some(json) = Json::parse(key, &file.redact).filter(|_| is_json) {
        return json.kept.into_bytes();
    }
    let of_id = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/@|+#".contains(byte);
    let is_taken = !is_json && file.places().any(|place| place == "$key");
    if is_taken || key.iter().all(of_id) && !names_a_secret(key, file) {
        return key.to_vec();
    }
    vec![b'*'; key.len()]
}

fn names_a_secret(key: &[u8], file: &File) -> bool {
    let letters = |text: &str| -> String {
        text.to_lowercase().chars().filter(|letter| letter.is_alphanumeric()).collect()
    };
    let key = letters(&String::from_utf8_lossy(key));
    let redact = file.redact.iter().map(String::as_str);
    SECRETS.into_iter().chain(redact).any(|secret| key.contains(&letters(secret)))
}
