//! `$content`: the first 128 bits of SHA-256 over the key and the message without its secrets.
//!
//! Before the key comes its length, as eight bytes, the least first; without a key, eight bytes 255.

use super::Message;
use super::file::File;
use super::json::{Json, SECRETS};
use sha2::{Digest, Sha256};

/// The id of a message, or of an element of it.
pub fn id(message: &Message, whole: &Json, file: &File) -> String {
    let key = message.kept_key(file);
    let length = key.as_ref().map_or(u64::MAX, |key| key.len() as u64);
    let bytes = [&length.to_le_bytes(), key.as_deref().unwrap_or_default(), whole.kept.as_bytes()];
    Sha256::digest(bytes.concat())[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is kept of a key: of JSON all but its secrets; of a text all, if a table takes it anyway; else only
/// what looks like an id, and stars for all other bytes.
pub fn kept_key(key: &[u8], file: &File) -> Vec<u8> {
    let is_json = matches!(key.first(), Some(b'{' | b'['));
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
