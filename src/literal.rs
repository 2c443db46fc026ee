//! Bytes as SQL.

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// Writes bytes as a hex literal: they need not be UTF-8, but a statement must be.
pub fn push_hex(text: &mut String, bytes: &[u8]) {
    text.push_str("x'");
    text.extend(bytes.iter().flat_map(|byte| {
        [DIGITS[usize::from(byte >> 4)] as char, DIGITS[usize::from(byte & 15)] as char]
    }));
    text.push('\'');
}
