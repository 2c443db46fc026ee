//! Envelopes that are known by their marks.

use super::envelope::{Envelope, Fact, Keys, Look, Rows};
use super::key;
use super::words;

/// Debezium's operations: read in a snapshot, created, updated; deleted.
const DEBEZIUM: (&[&str], &[&str]) = (&["r", "c", "u"], &["d"]);
const MAXWELL: (&[&str], &[&str]) = (&["insert", "update", "bootstrap-insert"], &["delete"]);

const KINDS: &str = "\"type\" (the topic has one table), or { join = [\"table\", \"type\"] } (it has others; write NAME.insert and so on below)";

pub(super) fn find(look: &Look<'_>) -> Option<Envelope> {
    debezium(look).or_else(|| maxwell(look))
}

/// Change data capture with `before` and `after`, alone or within its schema.
fn debezium(look: &Look<'_>) -> Option<Envelope> {
    let has = |base: &[String], name: &str| {
        look.root.at(base).is_some_and(|seen| seen.member(name).is_some())
    };
    let wrapped = vec!["payload".to_owned()];
    let base = [Vec::new(), wrapped].into_iter().find(|base| {
        let sides = has(base, "after") || has(base, "before");
        has(base, "op") && sides && has(base, "source")
    })?;
    let below = |names: &[&str]| -> Keys {
        base.iter().cloned().chain(names.iter().map(|name| (*name).to_owned())).collect()
    };
    let op = below(&["op"]);
    let kinds = look.root.at(&op)?;
    if kinds.texts.count != look.events() || kinds.texts.chars_max != 1 {
        return None;
    }
    let data = vec![below(&["after"]), below(&["before"])];
    let time = [below(&["source", "ts_ms"]), below(&["ts_ms"])];
    let time = time
        .into_iter()
        .find(|keys| look.root.at(keys).is_some_and(|seen| seen.numbers.count == look.events()))?;
    let (created_by, deleted_on) = DEBEZIUM;
    Some(Envelope {
        kind: Fact::new(words::quoted(&words::path(&op)), "in all"),
        // The rows are the newest state; how it came about is in no column.
        has_kinds: false,
        id: log_position(),
        time: millis(&time),
        key: key::find(look, &data, true, (None, None)),
        data,
        rows: Rows::Things { created_by, deleted_on },
        ignore: &["$tombstone"],
        has_beside: false,
        used: Vec::new(),
    })
}

fn log_position() -> Fact {
    Fact::new("\"$position\"", "of two with one time, the later counts")
}

fn millis(keys: &[String]) -> Fact {
    let path = words::quoted(&words::path(keys));
    Fact::new(super::envelope::sourced(&[path], Some("millis")), "in all")
}

/// Maxwell's change data capture, of one table. Others may come in the same topic.
fn maxwell(look: &Look<'_>) -> Option<Envelope> {
    let member = |name: &str| look.root.member(name);
    let texts = |name: &str| member(name).is_some_and(|seen| seen.texts.count == look.events());
    let is_it = texts("database")
        && texts("table")
        && texts("type")
        && member("ts").is_some_and(|seen| seen.numbers.count == look.events())
        && member("data").is_some_and(|seen| seen.objects == look.events());
    if !is_it || member("table")?.distinct() > 1 {
        return None;
    }
    let data = vec![vec!["data".to_owned()]];
    let (created_by, deleted_on) = MAXWELL;
    let time = super::envelope::sourced(&["\"ts\"".to_owned()], Some("seconds"));
    Some(Envelope {
        kind: Fact::new(words::todo(KINDS), "one table in this sample"),
        has_kinds: false,
        id: log_position(),
        time: Fact::new(time, "in all"),
        key: key::find(look, &data, true, (None, None)),
        data,
        rows: Rows::Things { created_by, deleted_on },
        ignore: &["*"],
        has_beside: false,
        used: Vec::new(),
    })
}
