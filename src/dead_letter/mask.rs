//! Masking of secrets in bytes that cannot be parsed.
//!
//! What cannot be parsed may still be read by a person, and may still hold a password. So the
//! names of secret keys are looked for, as words with a `:`, `=` or `;` near behind them, and what
//! follows is overwritten with `*`. If that is a well-formed JSON value and JSON goes on after it,
//! only the value is; in every other case all the rest of the message, because where a broken
//! value ends is anybody's guess. NUL bytes are looked through, so that UTF-16 is read as well,
//! and so are `\u0061` escapes.
//!
//! ```text
//! {"password": "hunter2", "a": 1,}   →   {"password": *********, "a": 1,}
//! {"password": "hun"ter2", "a": 1}   →   {"password": *******************
//! ```

use crate::mapping::Secrets;

/// How many bytes that belong to no word may stand between a name and its value.
const GAP_MAX: usize = 16;

/// A copy of `bytes` with the values of secret keys masked.
#[must_use]
pub fn mask(bytes: &[u8], secrets: &Secrets) -> Vec<u8> {
    let mut masked = bytes.to_vec();
    let mut at = 0;
    let mut in_word = false;
    while let Some((character, next)) = read(bytes, at) {
        if !in_word && let Some(name_end) = secret_name(bytes, at, secrets) {
            match value_after(bytes, name_end) {
                Value::None => {}
                Value::Json { start, end } => {
                    star(&mut masked[start..end]);
                    at = end;
                    continue;
                }
                Value::Unclear { start } => {
                    star(&mut masked[start..]);
                    return masked;
                }
            }
        }
        in_word = is_word(character);
        at = next;
    }
    masked
}

/// What follows a secret's name.
enum Value {
    /// Something that makes it no key.
    None,
    /// A well-formed value.
    Json { start: usize, end: usize },
    /// Anything else, from here on.
    Unclear { start: usize },
}

/// The ASCII character at `at`, looking through NULs and `\u00XX`, and the place behind it. Other
/// escapes count as one character that belongs to no word; other bytes come as they are.
fn read(bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
    while bytes.get(at) == Some(&0) {
        at += 1;
    }
    let byte = *bytes.get(at)?;
    if byte != b'\\' {
        return Some((byte, at + 1));
    }
    if let [b'\\', b'u', b'0', b'0', high, low, ..] = bytes[at..]
        && let (Some(high), Some(low)) = ((high as char).to_digit(16), (low as char).to_digit(16))
    {
        return Some((u8::try_from(high * 16 + low).unwrap_or(byte), at + 6));
    }
    match bytes.get(at + 1) {
        Some(b'n' | b'r' | b't' | b'b' | b'f') => Some((b'\n', at + 2)),
        _ => Some((byte, at + 1)),
    }
}

fn is_word(character: u8) -> bool {
    character.is_ascii_alphanumeric() || character == b'_'
}

/// If a secret's name stands at `at` as a whole word: where it ends.
fn secret_name(bytes: &[u8], at: usize, secrets: &Secrets) -> Option<usize> {
    secrets.iter().find_map(|name| {
        let mut end = at;
        for &expected in name {
            let (character, next) = read(bytes, end)?;
            if !character.eq_ignore_ascii_case(&expected) {
                return None;
            }
            end = next;
        }
        let goes_on = read(bytes, end).is_some_and(|(character, _)| is_word(character));
        (!goes_on).then_some(end)
    })
}

/// Looks for the value of the name that ends at `at`.
fn value_after(bytes: &[u8], at: usize) -> Value {
    let mut end = at;
    let mut separator = None;
    while let Some((character, next)) = read(bytes, end) {
        if is_word(character) || next - at > GAP_MAX {
            break;
        }
        if separator.is_none() && b":=;".contains(&character) {
            separator = Some((character, next));
        }
        end = next;
    }
    let Some((character, start)) = separator else { return Value::None };
    // Plain JSON: the quote that closes the key, blanks, a colon.
    let between = &bytes[at..start];
    let plain = character == b':'
        && between.first() == Some(&b'"')
        && between[1..between.len() - 1].iter().all(|b| is_blank(*b));
    let value = skip_blanks(bytes, start);
    match json_value(bytes, value) {
        Some(end) if plain && json_goes_on(bytes, end) => Value::Json { start: value, end },
        _ => Value::Unclear { start },
    }
}

fn is_blank(byte: u8) -> bool {
    b" \t\r\n".contains(&byte)
}

fn skip_blanks(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| is_blank(**byte)).count()
}

/// Whether after a value the object ends, or its next key follows.
fn json_goes_on(bytes: &[u8], at: usize) -> bool {
    let at = skip_blanks(bytes, at);
    match bytes.get(at) {
        Some(b'}') => true,
        Some(b',') => matches!(bytes.get(skip_blanks(bytes, at + 1)), Some(b'"' | b'}')),
        _ => false,
    }
}

/// Where a well-formed JSON value that starts at `at` ends.
fn json_value(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => json_string(bytes, at),
        b'{' | b'[' => json_nested(bytes, at),
        _ => {
            let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
            let len = bytes[at..].iter().take_while(is_part).count();
            (len > 0).then_some(at + len)
        }
    }
}

fn json_string(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

/// An object or array: brackets of the right kind, strings, and what stands between them.
fn json_nested(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut open = Vec::new();
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = json_string(bytes, at)?;
                // A quote too many shows in what follows the string.
                let next = bytes.get(skip_blanks(bytes, at))?;
                if !b":,]}".contains(next) {
                    return None;
                }
                continue;
            }
            b'{' => open.push(b'}'),
            b'[' => open.push(b']'),
            close @ (b'}' | b']') if open.pop() != Some(*close) => return None,
            _ => {}
        }
        at += 1;
        if open.is_empty() {
            return Some(at);
        }
    }
}

fn star(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|byte| **byte != 0).for_each(|byte| *byte = b'*');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masked(text: &str) -> String {
        String::from_utf8_lossy(&mask(text.as_bytes(), &Secrets::default())).into_owned()
    }

    #[test]
    fn well_formed_values_are_masked_alone() {
        let check = |text: &str, expected: &str| assert_eq!(masked(text), expected);
        check(r#"{"password": "hunter2", "a": 1,}"#, r#"{"password": *********, "a": 1,}"#);
        check(r#"{"PASSWORD" :"a\"b","x":1"#, r#"{"PASSWORD" :******,"x":1"#);
        check(r#"{"token": 12.5, "a": 1,}"#, r#"{"token": ****, "a": 1,}"#);
        check(
            r#"{"security": {"a": "}", "b": [1]}, "c": 2,}"#,
            r#"{"security": ********************, "c": 2,}"#,
        );
        check(r#"{"tok\u0065n": "abc", "d""#, r#"{"tok\u0065n": *****, "d""#);
        check(
            r#"{"tax_id_country": "DE", "tax_id": "7"}}"#,
            r#"{"tax_id_country": "DE", "tax_id": ***}}"#,
        );
        check(r#"{"token": "a", "token": null}}"#, r#"{"token": ***, "token": ****}}"#);
    }

    #[test]
    fn words_that_are_no_keys_stay() {
        for text in [
            r#"{"tokens": "abc", "my_token": "def""#,
            r#"["token", "b""#,
            r#"{"a": "the payment failed",,"#,
            "no secret at all",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn of_broken_values_nothing_is_left() {
        for text in [
            r#"{"password": "hun"S3CR3T", "a": 1}"#,
            r#"{"payment": {"a":1], "card":"S3CR3T"}}"#,
            r#"{"security": {"note":"x"}", "pin":"S3CR3T"}"#,
            r#"{"security": {"note":"x"y", "pin":"S3CR3T"}, "a":1}"#,
            "password=abc, S3CR3T",
            r#"{"secret": b"abc, S3CR3T""#,
            r#"{"password": x{"a":"1","b":"S3CR3T"}}"#,
            "{\"password\"\u{1}: \"S3CR3T\"",
            "{\"password\"\u{a0}: \"S3CR3T\"",
            r#"{"token";"S3CR3T""#,
            r#"{"a": "\npassword: S3CR3T""#,
            "{'passwd': 'x S3CR3T', 'b': 1}",
            "password = open S3CR3T\nnext S3CR3T",
            r#""{\"token\": \"S3CR3T\", \"b\": 1}"#,
            r#"{"secret": "cut S3CR3T of"#,
            r#"{"audit": {"a": "S3CR3T"#,
            r#"{"token": "a", S3CR3T"}"#,
        ] {
            assert!(!masked(text).contains("S3CR3T"), "{text}\n{}", masked(text));
        }
        let broken = Secrets::default();
        assert!(!mask(b"{\"password\"\xff: \"S3CR3T\"", &broken).ends_with(b"T\""));
    }

    #[test]
    fn utf_16_is_read_too() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let got = mask(&wide(r#"{"password": "hunter2", "a": 1}"#), &Secrets::default());
        assert_eq!(got, wide(r#"{"password":*******************"#));
    }

    proptest! {
        #[test]
        fn no_secret_survives_a_cut_or_a_flipped_byte(
            name in prop::sample::select(&crate::mapping::SECRET_KEYS[..]),
            before in "[a-z ]{0,5}",
            cut in 0..8_usize,
        ) {
            let text = format!("{{\"a\": \"{before}\", \"{name}\": \"S3CR3TVALUE\", \"b\": [1, 2],}}");
            let text = &text[..text.len() - cut];
            prop_assert!(!masked(text).contains("S3CR3T"));
        }

        #[test]
        fn any_bytes_keep_their_length(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(mask(&bytes, &Secrets::default()).len(), bytes.len());
        }
    }
}
