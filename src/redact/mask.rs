//! Masking of secrets in messages that cannot be parsed.
//!
//! A broken message may still be read by a person, and may still hold a password. Looking for the
//! names of secrets in it fails open: there is always one more way to write a name (XML, a comment,
//! percent signs, base64, another alphabet). So we turn the question around: **we keep what a strict
//! JSON parser understands, less its secrets; everything else becomes `*`.**
//!
//! * The parser understands everything before the last comma, colon or bracket in its proper place.
//!   Where a broken value or key ends is a guess, so we mask all of it and everything after it.
//! * A member whose key names a secret loses its value. In a broken message brackets prove nothing,
//!   so an object or array takes the rest of the message with it.
//! * A string that names a secret (`"note": "token=…"`) takes the rest with it, too.
//!
//! ```text
//! {"password": "hunter2", "a": 1,}         →   {"password": *********, "a": 1,*
//! {"a": Infinity, "token": "x"}            →   {"a":************************
//! {"payment": {"card": "4111"}, "a": 1,}   →   {"payment":***************************
//! <password>hunter2</password>             →   ****************************
//! ```
//!
//! [`Secrets::are_named_in`] decides what names a secret. Like in a valid message, it does not see a
//! secret in another encoding inside a JSON string.

use super::Secrets;
use std::ops::Range;

/// A copy of `bytes` in which everything secret or not understood is masked, byte for byte.
#[must_use]
pub fn mask(bytes: &[u8], secrets: &Secrets) -> Vec<u8> {
    let mut reader = Reader { bytes, at: 0, secrets, understood: 0, values: Vec::new() };
    reader.read();
    let mut masked = bytes.to_vec();
    masked[reader.understood..].fill(b'*');
    for value in reader.values {
        masked[value].fill(b'*');
    }
    masked
}

/// A masked copy of a message's key. Most keys are ids, not JSON: a key made of the characters of ids
/// that names no secret stays as it is; any other is masked like a message.
#[must_use]
pub fn mask_key(key: &[u8], secrets: &Secrets) -> Vec<u8> {
    let is_of_id = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/@|+#".contains(byte);
    match std::str::from_utf8(key) {
        Ok(id) if key.iter().all(is_of_id) && !secrets.are_named_in(id) => key.to_vec(),
        _ => mask(key, secrets),
    }
}

/// What may come next.
#[derive(Clone, Copy)]
enum Next {
    Value {
        is_secret: bool,
    },
    /// A value, or the end of an array that has just begun.
    FirstElement,
    Key,
    /// A key, or the end of an object that has just begun.
    FirstKey,
    Colon {
        is_secret: bool,
    },
    /// A comma, the end of what is open, or of the message.
    Separator,
}

enum Token {
    /// With the bracket that closes it.
    Open(u8),
    Close(u8),
    Comma,
    Colon,
    Text {
        names_a_secret: bool,
    },
    /// A number, `true`, `false` or `null`.
    Word,
}

/// Reads strict JSON up to its first fault.
struct Reader<'m> {
    bytes: &'m [u8],
    at: usize,
    secrets: &'m Secrets,
    /// The end of what is understood.
    understood: usize,
    /// Values of secrets.
    values: Vec<Range<usize>>,
}

impl Reader<'_> {
    fn read(&mut self) {
        // The brackets that close what is open.
        let mut open: Vec<u8> = Vec::new();
        let mut next = Next::Value { is_secret: false };
        loop {
            self.skip_blanks();
            let start = self.at;
            if start == self.bytes.len() {
                if open.is_empty() && matches!(next, Next::Separator) {
                    self.understood = start;
                }
                return;
            }
            let Some(token) = self.token() else { return };
            next = match (next, token) {
                (Next::Value { is_secret: false } | Next::FirstElement, Token::Open(close)) => {
                    open.push(close);
                    self.understood = self.at;
                    if close == b'}' { Next::FirstKey } else { Next::FirstElement }
                }
                (Next::Value { is_secret: true }, Token::Text { .. } | Token::Word) => {
                    self.values.push(start..self.at);
                    Next::Separator
                }
                (
                    Next::Value { .. } | Next::FirstElement,
                    Token::Text { names_a_secret: false } | Token::Word,
                ) => Next::Separator,
                (Next::Key | Next::FirstKey, Token::Text { names_a_secret }) => {
                    Next::Colon { is_secret: names_a_secret }
                }
                (Next::Colon { is_secret }, Token::Colon) => {
                    self.understood = self.at;
                    Next::Value { is_secret }
                }
                (Next::Separator, Token::Comma) if !open.is_empty() => {
                    self.understood = self.at;
                    match open.last() {
                        Some(b'}') => Next::Key,
                        _ => Next::Value { is_secret: false },
                    }
                }
                (Next::Separator | Next::FirstElement | Next::FirstKey, Token::Close(close))
                    if open.last() == Some(&close) =>
                {
                    open.pop();
                    self.understood = self.at;
                    Next::Separator
                }
                _ => return,
            };
        }
    }

    fn skip_blanks(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
    }

    /// The token that starts here, if one does. Must not be called at the end of the message.
    fn token(&mut self) -> Option<Token> {
        let start = self.at;
        self.at += 1;
        match self.bytes[start] {
            b'{' => Some(Token::Open(b'}')),
            b'[' => Some(Token::Open(b']')),
            close @ (b'}' | b']') => Some(Token::Close(close)),
            b',' => Some(Token::Comma),
            b':' => Some(Token::Colon),
            b'"' => {
                self.at = string_end(self.bytes, start)?;
                let text: String = serde_json::from_slice(&self.bytes[start..self.at]).ok()?;
                Some(Token::Text { names_a_secret: self.secrets.are_named_in(&text) })
            }
            _ => {
                let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                self.at = start + self.bytes[start..].iter().take_while(is_part).count();
                let word = &self.bytes[start..self.at];
                serde_json::from_slice::<serde::de::IgnoredAny>(word).ok().map(|_| Token::Word)
            }
        }
    }
}

/// The index after the closing quote of the string that opens at `start`.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..)?) {
        at += found;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
    None
}

#[cfg(test)]
mod tests;
