//! Columns: types, conversions, sources and limits that go together.

use super::{REDACTED, one_of};
use crate::Chance;

/// What a column's place in the file allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room<'e> {
    /// Whether the message's key is JSON.
    pub(super) has_json_key: bool,
    pub(super) redacts: bool,
    /// The event types that the column may name.
    pub(super) events: &'e [&'static str],
    pub(super) required: Required,
    /// Whether the column may read the message's key.
    pub(super) reads_key: bool,
}

/// Which columns may be required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Required {
    No,
    /// Those that may be empty until a creation comes.
    Texts,
    Any,
}

/// Names that no other column, and paths that no other source has.
#[derive(Debug, Default)]
pub(super) struct Names {
    used: usize,
}

impl Names {
    pub(super) fn next(&mut self, prefix: &str) -> String {
        self.used += 1;
        format!("{prefix}{}", self.used)
    }

    /// A new path.
    pub(super) fn path(&mut self, chance: &mut Chance) -> String {
        let above = one_of(chance, &["", "", "", "o.", "o.p.", "\"x.y\".", "é."]);
        let name = self.next("f");
        if chance.once_in(8) { format!("{above}\"{name}.z\"") } else { format!("{above}{name}") }
    }
}

/// The type of a column, and the conversion of its values if there is one.
pub(super) fn type_of(chance: &mut Chance) -> (String, Option<&'static str>) {
    let any = |chance: &mut Chance, list: &[Option<&'static str>]| *chance.pick(list);
    const TIMES: [Option<&str>; 8] = [
        None,
        None,
        None,
        Some("seconds"),
        Some("millis"),
        Some("micros"),
        Some("nanos"),
        Some("days"),
    ];
    match chance.below(12) {
        0 => {
            let size = one_of(chance, &["tinyint", "smallint", "mediumint", "int", "bigint"]);
            let sign = one_of(chance, &["", " unsigned"]);
            (format!("{size}{sign}"), any(chance, &[None, None, Some("number"), Some("length")]))
        }
        1 => {
            let digits = *chance.pick(&[1, 5, 12, 38, 65]);
            let scale = chance.below(digits.min(30) + 1);
            (format!("decimal({digits},{scale})"), any(chance, &[None, None, Some("number")]))
        }
        2 => ("double".to_owned(), any(chance, &[None, None, Some("number")])),
        3 => ("boolean".to_owned(), None),
        4 => ("date".to_owned(), any(chance, &TIMES)),
        5 => (format!("datetime({})", chance.below(7)), any(chance, &TIMES)),
        6 => (
            format!("varchar({})", chance.pick(&[1, 8, 100, 255])),
            any(chance, &[None, Some("text")]),
        ),
        7 => (format!("char({})", chance.pick(&[1, 10, 100])), any(chance, &[None, Some("text")])),
        8 => (
            one_of(chance, &["text", "mediumtext"]).to_string(),
            any(chance, &[None, Some("text")]),
        ),
        9 => {
            let length = format!("varbinary({})", chance.pick(&[1, 16, 200]));
            let ty = if chance.once_in(3) { "blob".to_owned() } else { length };
            (ty, any(chance, &[None, Some("hex"), Some("base64")]))
        }
        10 => (one_of(chance, &["enum(a)", "enum(a, b-c, d.e, 7)"]).to_string(), None),
        _ => ("json".to_owned(), any(chance, &[None, None, Some("parse")])),
    }
}

fn is(ty: &str, names: &[&str]) -> bool {
    names.iter().any(|name| ty.starts_with(name))
}

/// A constant that a column of this type takes.
pub(super) fn constant(chance: &mut Chance, ty: &str) -> Option<String> {
    Some(match ty {
        _ if is(ty, &["varbinary", "blob"]) => return None,
        _ if is(ty, &["decimal", "double"]) => {
            one_of(chance, &["0", "'-0'", "'0.0'", "0e5"]).to_string()
        }
        "boolean" => one_of(chance, &["true", "false", "0", "1"]).to_string(),
        "date" => one_of(chance, &["'2026-01-02'", "'1000-01-01'"]).to_string(),
        "json" => one_of(chance, &["'{\"a\":[1]}'", "'null'", "'1.5'", "7"]).to_string(),
        _ if is(ty, &["datetime"]) => "'2026-01-02T03:04:05.678901+01:00'".to_owned(),
        _ if is(ty, &["enum"]) => "'a'".to_owned(),
        _ if is(ty, &["char", "varchar", "text", "mediumtext"]) => {
            one_of(chance, &["''", "'a'", "'ß'", "7"]).to_string()
        }
        _ => one_of(chance, &["0", "1", "'1.0'", "7"]).to_string(),
    })
}

/// `min` and `max` of a column of numbers, now and then.
pub(super) fn limits(chance: &mut Chance, ty: &str) -> &'static [&'static str] {
    let is_number = is(ty, &["tinyint", "smallint", "mediumint", "int", "bigint", "double"]);
    if !is_number || !chance.once_in(3) {
        return &[];
    }
    let limits: [&[&str]; 4] =
        [&["min = 0"], &["max = 100"], &["min = 0", "max = '1e2'"], &["max = 7", "min = 0"]];
    limits[chance.below(limits.len())]
}

/// Texts that mean null, now and then.
pub(super) fn nulls(chance: &mut Chance) -> &'static [&'static str] {
    if chance.once_in(5) { &["null = ['-', '', 'a']"] } else { &[] }
}

/// A name with `$` or a path; quoted, as the file has it.
fn place(
    chance: &mut Chance,
    names: &mut Names,
    (ty, convert): (&str, Option<&str>),
    room: Room<'_>,
) -> String {
    let mut places = Vec::new();
    let is_text = is(ty, &["varchar(", "char(", "text", "mediumtext"]);
    match ty {
        "json" if convert.is_none() => places.extend(["$data", "$message"]),
        "json" => {}
        _ if is_text => places.extend(["$event_type", "$topic", "$event_id"]),
        _ if is(ty, &["date"]) => places.extend(["$timestamp", "$kafka_timestamp"]),
        _ if is(ty, &["int", "bigint", "decimal(38", "decimal(65"]) && convert.is_none() => {
            places.extend(["$partition", "$offset"]);
        }
        _ => {}
    }
    if is_text && room.reads_key && !room.has_json_key {
        places.push("$key");
    }
    let needs_more =
        is(ty, &["tinyint", "smallint", "mediumint", "int", "bigint", "double", "json"]);
    let takes_text =
        ty != "boolean" && convert != Some("length") && (convert.is_some() || !needs_more);
    if !places.is_empty() && chance.once_in(5) {
        return format!("'{}'", chance.pick(&places));
    }
    match chance.below(12) {
        0 if takes_text => format!("'$header.{}'", names.next("H")),
        1 if room.reads_key && room.has_json_key => format!("'$key.{}'", names.path(chance)),
        2 => format!("'$message.{}'", names.path(chance)),
        _ => format!("'{}'", names.path(chance)),
    }
}

/// Whether nothing may come after this place in a list.
fn is_last(place: &str) -> bool {
    ["'$event_type'", "'$event_id'", "'$timestamp'", "'$topic'", "'$partition'", "'$offset'"]
        .contains(&place)
}

/// A place or a list of them.
fn from(
    chance: &mut Chance,
    names: &mut Names,
    ty: (&str, Option<&str>),
    room: Room<'_>,
) -> String {
    let first = place(chance, names, ty, room);
    if is_last(&first) || !chance.once_in(4) {
        return first;
    }
    let second = place(chance, names, ty, room);
    format!("[{first}, {second}]")
}

/// One column, as an element of `columns`.
pub(super) fn column(chance: &mut Chance, names: &mut Names, room: Room<'_>) -> String {
    let (ty, convert) = type_of(chance);
    let (has_from_on, has_value_on) = (chance.once_in(6), chance.once_in(6));
    let has_events = !room.events.is_empty();
    let names_events = has_events && (has_from_on || has_value_on);
    // A key is read for all events, or for none.
    let room = Room { reads_key: room.reads_key && !names_events, ..room };
    let may_require = match room.required {
        Required::No => false,
        Required::Texts => is(&ty, &["char", "varchar", "text", "mediumtext"]),
        Required::Any => true,
    };
    let mut keys = vec![format!("name = '{}'", names.next("c")), format!("type = '{ty}'")];
    let value = constant(chance, &ty).filter(|_| chance.once_in(12));
    if let Some(value) = value {
        keys.push(format!("value = {value}"));
    } else if room.redacts && ty != "json" && convert.is_none() && chance.once_in(12) {
        keys.push(format!("keep_secret = true, from = 'o.{REDACTED}'"));
    } else if !chance.once_in(20) {
        let from = from(chance, names, (&ty, convert), room);
        if !is_last(&from) {
            keys.extend(nulls(chance).iter().map(|rule| (*rule).to_owned()));
        }
        keys.push(format!("from = {from}"));
        if may_require && chance.once_in(5) {
            keys.push("required = true".to_owned());
        }
    }
    if has_events && has_from_on {
        let event = chance.pick(room.events);
        let from = from(chance, names, (&ty, convert), room);
        keys.push(format!("from_on = {{ '{event}' = {from} }}"));
    }
    let value = constant(chance, &ty).filter(|_| has_events && has_value_on);
    if let Some(value) = value {
        keys.push(format!("value_on = {{ '{}' = {value} }}", chance.pick(room.events)));
    }
    keys.extend(convert.map(|convert| format!("convert = '{convert}'")));
    keys.extend(limits(chance, &ty).iter().map(|limit| (*limit).to_owned()));
    format!("{{ {} }}", keys.join(", "))
}
