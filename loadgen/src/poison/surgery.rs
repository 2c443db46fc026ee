//! Changes a valid event's bytes in one place. A key is its first occurrence.

use std::ops::Range;

pub(super) fn holds(json: &[u8], needle: &[u8]) -> bool {
    find(json, needle).is_some()
}

/// Puts `raw` where the value of `key` stands.
pub(super) fn set(json: &mut Vec<u8>, key: &str, raw: &[u8]) {
    if let Some(value) = value_of(json, key) {
        json.splice(value, raw.iter().copied());
    }
}

/// Takes `key` and its value out.
pub(super) fn remove(json: &mut Vec<u8>, key: &str) {
    if let Some(value) = value_of(json, key) {
        let start = value.start - key.len() - 4;
        if json[value.end..].starts_with(b", ") {
            json.drain(start..value.end + 2);
        } else {
            json.drain(start - 2..value.end);
        }
    }
}

/// Puts `bytes` into the string that is the value of `key`, at its front.
pub(super) fn inject(json: &mut Vec<u8>, key: &str, bytes: &[u8]) {
    if let Some(value) = value_of(json, key) {
        json.splice(value.start + 1..value.start + 1, bytes.iter().copied());
    }
}

fn value_of(json: &[u8], key: &str) -> Option<Range<usize>> {
    let pattern = format!("\"{key}\": ");
    let start = find(json, pattern.as_bytes())? + pattern.len();
    Some(start..start + value_len(&json[start..]))
}

fn find(json: &[u8], needle: &[u8]) -> Option<usize> {
    json.windows(needle.len()).position(|window| window == needle)
}

/// Length of the JSON value at the front of `json`.
fn value_len(json: &[u8]) -> usize {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (place, byte) in json.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b',' | b'}' | b']' if depth == 0 => return place,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"a": "x\",}", "b": {"c": [1, {}], "d": 2}, "e": null}"#;

    #[track_caller]
    fn check(change: impl FnOnce(&mut Vec<u8>), expected: &str) {
        let mut json = JSON.as_bytes().to_vec();
        change(&mut json);
        assert_eq!(String::from_utf8_lossy(&json), expected);
    }

    #[test]
    fn sets_removes_and_injects() {
        check(|json| set(json, "a", b"7"), r#"{"a": 7, "b": {"c": [1, {}], "d": 2}, "e": null}"#);
        check(|json| set(json, "b", b"[]"), r#"{"a": "x\",}", "b": [], "e": null}"#);
        check(|json| set(json, "c", b"0"), r#"{"a": "x\",}", "b": {"c": 0, "d": 2}, "e": null}"#);
        check(|json| remove(json, "a"), r#"{"b": {"c": [1, {}], "d": 2}, "e": null}"#);
        check(|json| remove(json, "d"), r#"{"a": "x\",}", "b": {"c": [1, {}]}, "e": null}"#);
        check(|json| remove(json, "e"), r#"{"a": "x\",}", "b": {"c": [1, {}], "d": 2}}"#);
        check(
            |json| inject(json, "a", b"!"),
            r#"{"a": "!x\",}", "b": {"c": [1, {}], "d": 2}, "e": null}"#,
        );
        check(|json| set(json, "nowhere", b"1"), JSON);
    }
}
