//! Texts and bytes as SQL.

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// Writes bytes as a hex literal: they need not be UTF-8, but a statement must be.
pub fn push_hex(text: &mut String, bytes: &[u8]) {
    text.push_str("x'");
    text.extend(bytes.iter().flat_map(|byte| {
        [DIGITS[usize::from(byte >> 4)] as char, DIGITS[usize::from(byte & 15)] as char]
    }));
    text.push('\'');
}

/// Writes a string literal. In a utf8mb4 session with backslash escapes, only these three bytes need
/// escaping; a NUL would be fine in a packet, but not in every log that a server may keep.
pub fn push_text(text: &mut String, value: &str) {
    text.push('\'');
    let mut rest = value;
    while let Some(at) = memchr::memchr3(b'\'', b'\\', 0, rest.as_bytes()) {
        text.push_str(&rest[..at]);
        text.push_str(match rest.as_bytes()[at] {
            b'\'' => "\\'",
            b'\\' => "\\\\",
            _ => "\\0",
        });
        rest = &rest[at + 1..];
    }
    text.push_str(rest);
    text.push('\'');
}
