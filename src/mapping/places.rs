//! What `from` names: a path, or a name with `$` for something beside `data`.

use super::paths;
use super::plan::{Place, Root};

const MESSAGE: &str = "$message";
pub(super) const KEY: &str = "$key";
pub(super) const HEADER: &str = "$header.";

/// All names with `$` that have a value.
const NAMES: &str = "$event_type, $event_id, $timestamp, $data, $message, $message.PATH, $key, $key.PATH, $topic, \
    $partition, $offset, $kafka_timestamp, $header.NAME";

/// Reads what `from` names. A plain path begins at `root`. Slots are set later.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(text: &str, root: Root) -> Result<Place, String> {
    let at = |root, path: &str| check(path).map(|()| Place::At(root, 0, paths::canonical(path)));
    Ok(match text {
        "$event_type" => Place::EventType,
        "$event_id" => Place::EventId,
        "$timestamp" => Place::Timestamp,
        "$data" => Place::WholeData,
        MESSAGE => Place::WholeMessage,
        KEY => Place::KeyText,
        "$topic" => Place::Topic,
        "$partition" => Place::Partition,
        "$offset" => Place::Offset,
        "$kafka_timestamp" => Place::KafkaTimestamp,
        _ => {
            if let Some(path) = below(text, MESSAGE) {
                return at(Root::Message, path);
            }
            if let Some(path) = below(text, KEY) {
                return at(Root::Key, path);
            }
            match text.strip_prefix(HEADER) {
                Some("") => return Err("names no header; write $header.NAME".to_owned()),
                Some(name) => Place::Header(name.to_owned()),
                None if text.starts_with('$') => {
                    return Err(format!("is unknown; there are {NAMES}"));
                }
                None => return at(root, text),
            }
        }
    })
}

fn below<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.strip_prefix(name)?.strip_prefix('.')
}

/// Refuses a path that could never match: its column would always be NULL.
fn check(path: &str) -> Result<(), String> {
    let Some(keys) = paths::keys(path) else {
        return Err(format!("{path:?} is not a dotted path such as \"a.b\""));
    };
    if !path.contains('"') {
        if path.contains(['[', ']', '*']) {
            return Err(format!(
                "{path:?} points into an array, which a path cannot; `[[entity.lines]]` with `each` writes a row per element, and `convert = \"length\"` counts them"
            ));
        }
        if path.contains(['\'', '\\']) || path.starts_with('/') {
            return Err(format!(
                "{path:?} is not a dotted path; write plain keys, such as \"a.b\""
            ));
        }
    }
    if keys.iter().any(|key| key.contains('"')) {
        return Err(format!(
            "{path:?} has a quote within a key; put the whole key in quotes: a.\"b.c\""
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths() {
        let read = |text: &str| read(text, Root::Data);
        let at = |root, path: &str| Ok(Place::At(root, 0, path.to_owned()));
        assert_eq!(read("a.b"), at(Root::Data, "a.b"));
        assert_eq!(
            read(r#"attributes."service.name".x"#),
            at(Root::Data, r#"attributes."service.name".x"#)
        );
        assert_eq!(read(r#""plain""#), at(Root::Data, "plain"));
        assert_eq!(read("$message.source"), at(Root::Message, "source"));
        assert_eq!(read("$key.payload.id"), at(Root::Key, "payload.id"));
        assert_eq!(read("$key"), Ok(Place::KeyText));
        assert_eq!(read("$header.X-Topic.v1"), Ok(Place::Header("X-Topic.v1".to_owned())));
        for wrong in [
            "",
            "a..b",
            "a[0].b",
            ".a",
            "$messages",
            "$key.",
            "$header.",
            "a.\"b",
            "/a",
            "$tombstone",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
