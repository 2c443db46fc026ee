//! Masking of secrets in bytes that cannot be parsed.
//!
//! What cannot be parsed may still be read by a person, and may still hold a password. So the
//! names of secret keys are looked for as words followed by `:` or `=`, and what follows is
//! overwritten with `*`: a quoted string up to its closing quote, an object or array up to its
//! closing bracket, anything else up to the next comma, closing bracket or line end; all of them
//! up to the end of the message, if that comes first. NUL bytes are looked through, so that
//! UTF-16 is read as well, and so are `\u0061` escapes.
//!
//! ```text
//! {"password": "hunter2", "a": 1,}   →   {"password": "*******", "a": 1,}
//! ```

use crate::mapping::Secrets;

/// A copy of `bytes` with the values of secret keys masked.
#[must_use]
pub fn mask(bytes: &[u8], secrets: &Secrets) -> Vec<u8> {
    let mut masked = bytes.to_vec();
    let mut at = 0;
    let mut in_word = false;
    while let Some((character, next)) = read(bytes, at) {
        if !in_word && let Some(value) = value_of_secret(bytes, at, secrets) {
            at = mask_value(bytes, value, &mut masked);
            in_word = false;
            continue;
        }
        in_word = is_word(character);
        at = next;
    }
    masked
}

/// The ASCII character at `at`, looking through NULs and `\u00XX`, and the place behind it. Other
/// bytes come as they are.
fn read(bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
    while bytes.get(at) == Some(&0) {
        at += 1;
    }
    let byte = *bytes.get(at)?;
    if let [b'\\', b'u', b'0', b'0', high, low, ..] = bytes[at..]
        && let (Some(high), Some(low)) = ((high as char).to_digit(16), (low as char).to_digit(16))
    {
        return Some((u8::try_from(high * 16 + low).unwrap_or(byte), at + 6));
    }
    Some((byte, at + 1))
}

fn is_word(character: u8) -> bool {
    character.is_ascii_alphanumeric() || character == b'_'
}

/// If a secret's name stands at `at`, followed by `:` or `=`: where its value starts.
fn value_of_secret(bytes: &[u8], at: usize, secrets: &Secrets) -> Option<usize> {
    secrets.iter().find_map(|name| {
        let mut end = at;
        for &expected in name {
            let (character, next) = read(bytes, end)?;
            if !character.eq_ignore_ascii_case(&expected) {
                return None;
            }
            end = next;
        }
        if read(bytes, end).is_some_and(|(character, _)| is_word(character)) {
            return None;
        }
        let separator = skip(bytes, end, b" \t\r\n\"'\\");
        let (character, value) = read(bytes, separator)?;
        matches!(character, b':' | b'=').then(|| skip(bytes, value, b" \t\r\n"))
    })
}

fn skip(bytes: &[u8], mut at: usize, skipped: &[u8]) -> usize {
    while let Some((character, next)) = read(bytes, at) {
        if !skipped.contains(&character) {
            break;
        }
        at = next;
    }
    at
}

/// Masks the value that starts at `at` and gives the place behind it.
fn mask_value(bytes: &[u8], at: usize, masked: &mut [u8]) -> usize {
    let opening = skip(bytes, at, b"\\");
    let escapes = opening - at;
    match read(bytes, opening) {
        Some((quote @ (b'"' | b'\''), inside)) => {
            let end = closing_quote(bytes, inside, quote, escapes);
            star(&mut masked[inside..end]);
            end
        }
        Some((b'{' | b'[', inside)) => {
            let end = closing_bracket(bytes, inside);
            star(&mut masked[inside..end]);
            end
        }
        _ => {
            let mut end = at;
            while let Some((character, next)) = read(bytes, end) {
                if b",}]\r\n".contains(&character) {
                    break;
                }
                end = next;
            }
            star(&mut masked[at..end]);
            end
        }
    }
}

fn star(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|byte| **byte != 0).for_each(|byte| *byte = b'*');
}

/// The place of the quote that closes a string. In JSON within a JSON string the quotes have
/// backslashes before them, then the closing quote has as many as the opening one.
fn closing_quote(bytes: &[u8], mut at: usize, quote: u8, escapes: usize) -> usize {
    let mut backslashes = 0;
    while at < bytes.len() {
        match bytes[at] {
            0 => {}
            b'\\' => backslashes += 1,
            byte if byte == quote => {
                let closes =
                    if escapes == 0 { backslashes % 2 == 0 } else { backslashes <= escapes };
                if closes {
                    return at - backslashes.min(escapes);
                }
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        at += 1;
    }
    bytes.len()
}

/// The place of the bracket that closes an object or array which was entered before `at`.
fn closing_bracket(bytes: &[u8], mut at: usize) -> usize {
    let mut open = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = closing_quote(bytes, at + 1, b'"', 0).min(bytes.len() - 1),
            b'{' | b'[' => open += 1,
            b'}' | b']' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masked(text: &str) -> String {
        String::from_utf8_lossy(&mask(text.as_bytes(), &Secrets::default())).into_owned()
    }

    #[test]
    fn values_of_every_shape() {
        let check = |text: &str, expected: &str| assert_eq!(masked(text), expected);
        check(r#"{"password": "hunter2", "a": 1,}"#, r#"{"password": "*******", "a": 1,}"#);
        check(r#"{"PASSWORD" :"a\"b","x":1"#, r#"{"PASSWORD" :"****","x":1"#);
        check(r#"{"token": 12.5, "a": 1,}"#, r#"{"token": ****, "a": 1,}"#);
        check(
            r#"{"security": {"a": "}", "b": [1]}, "c": 2,}"#,
            r#"{"security": {******************}, "c": 2,}"#,
        );
        check(r#"{"audit": {"a": "x"#, r#"{"audit": {*******"#);
        check(r#"{"secret": "cut of"#, r#"{"secret": "******"#);
        check("{'passwd': 'x y', 'b': 1}", "{'passwd': '***', 'b': 1}");
        check("password = open sesame\nnext", "password = ***********\nnext");
        check(r#""{\"token\": \"abc\", \"b\": 1}"#, r#""{\"token\": \"***\", \"b\": 1}"#);
        check(r#"{"tok\u0065n": "abc""#, r#"{"tok\u0065n": "***""#);
        check(r#"{"tokens": "abc", "my_token": "def""#, r#"{"tokens": "abc", "my_token": "def""#);
        check(
            r#"{"tax_id_country": "DE", "tax_id": "7""#,
            r#"{"tax_id_country": "DE", "tax_id": "*""#,
        );
        check(r#"{"token": "a", "token": "b""#, r#"{"token": "*", "token": "*""#);
        check(r#"["token", "b""#, r#"["token", "b""#);
    }

    #[test]
    fn utf_16_is_read_too() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let got = mask(&wide(r#"{"password": "hunter2", "a": 1}"#), &Secrets::default());
        assert_eq!(got, wide(r#"{"password": "*******", "a": 1}"#));
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
