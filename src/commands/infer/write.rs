//! The mapping file.

use super::envelope::{Envelope, Fact, Keys, Rows, place};
use super::guess::{self, Guess};
use super::sample::Sample;
use super::seen::{Collector, Seen};
use super::words::{self, Columns, quoted};

/// Objects that are deeper become one column of JSON.
const DEPTH_MAX: usize = 3;
/// More columns than InnoDB stores apart from a row would not fit.
const COLUMNS_MAX: usize = 150;

/// What is written about.
pub(super) struct Found<'s> {
    pub(super) sample: &'s Sample<'s>,
    pub(super) envelope: &'s Envelope,
    /// The messages, or their elements.
    pub(super) root: &'s Seen,
    /// What holds the values of the columns.
    pub(super) data: &'s Seen,
    pub(super) collector: &'s Collector,
}

/// A column, and what to say of it.
struct Column {
    name: String,
    from: String,
    guess: Guess,
    note: String,
}

/// Columns, and lines about what became none.
struct Walk<'f> {
    found: &'f Found<'f>,
    names: Columns,
    columns: Vec<Column>,
    left_out: Vec<String>,
    too_many: usize,
}

/// The text of the file.
pub(super) fn file(found: &Found<'_>) -> String {
    let mut walk = Walk {
        found,
        names: Columns::new(&[&found.envelope.key.column]),
        columns: Vec::new(),
        left_out: Vec::new(),
        too_many: 0,
    };
    walk.data(found.data, &mut Vec::new());
    if found.envelope.has_beside && !found.envelope.data.iter().all(Vec::is_empty) {
        walk.beside(found.root, &mut Vec::new());
    }
    let Walk { columns, left_out, too_many, .. } = walk;
    let mut text = head(found);
    text += &envelope(found.envelope, found.sample);
    text += &table(found, &columns, too_many);
    for line in left_out {
        text += &format!("# Left out: {line}\n");
    }
    text
}

impl Walk<'_> {
    fn data(&mut self, seen: &Seen, keys: &mut Keys) {
        for (name, member) in seen.members() {
            keys.push(name.to_owned());
            if !self.is_used(keys, member) {
                if member.is_object() && keys.len() < DEPTH_MAX {
                    self.data(member, keys);
                } else {
                    self.add(keys, member, "");
                }
            }
            keys.pop();
        }
    }

    /// What is in the message beside its data.
    fn beside(&mut self, seen: &Seen, keys: &mut Keys) {
        let envelope = self.found.envelope;
        for (name, member) in seen.members() {
            keys.push(name.to_owned());
            let is_data = envelope.data.contains(keys);
            let is_fact = envelope.used.contains(keys);
            if !is_data && !is_fact {
                if member.is_object() && keys.len() < DEPTH_MAX {
                    self.beside(member, keys);
                } else {
                    self.add(keys, member, "$message.");
                }
            }
            keys.pop();
        }
    }

    /// Whether a value is a fact of the envelope, or the key.
    fn is_used(&self, keys: &[String], seen: &Seen) -> bool {
        let envelope = self.found.envelope;
        let is_flat = envelope.data.len() == 1;
        let mut bases = envelope.data.iter().filter(|base| is_flat || !base.is_empty());
        let is_fact = bases.any(|base| {
            let full: Keys = base.iter().chain(keys).cloned().collect();
            envelope.used.contains(&full)
        });
        let is_key = || {
            words::snake(&keys.join("_")) == envelope.key.column
                && seen.like_key > 0
                && seen.like_key == seen.values()
        };
        is_fact || is_key()
    }

    fn add(&mut self, keys: &[String], seen: &Seen, root: &str) {
        let path = format!("{root}{}", words::path(keys));
        let often = words::frequency(seen, self.found.sample.events.len());
        let name = keys.last().map_or("", String::as_str);
        match guess::column(seen, name) {
            Err(why) => self.left_out.push(format!("{}: {often}; {why}", quoted(&path))),
            Ok(_) if self.columns.len() >= COLUMNS_MAX => self.too_many += 1,
            Ok(guess) => {
                let note = match &guess.hint {
                    Some(hint) => format!("{often}; {hint}"),
                    None => often,
                };
                let name = self.names.name(keys);
                self.columns.push(Column { name, from: path, guess, note });
            }
        }
    }
}

fn head(found: &Found<'_>) -> String {
    let Sample { topics, messages, tombstones, not_objects, events, .. } = found.sample;
    let mut text = format!(
        "# Made by `sluicegate infer`. Messages: {messages}; events: {}. Choose where it says TODO, and check the\n\
         # rest: it is what these messages had. Then `sluicegate try`, `sluicegate migrate`, `sluicegate run`.\n",
        events.len()
    );
    if *tombstones > 0 {
        text += &format!("# Tombstones, which are messages without a value: {tombstones}.\n");
    }
    if *not_objects > 0 {
        text += &format!(
            "# Neither JSON objects nor arrays of them, so dead letters: {not_objects}.\n"
        );
    }
    let list =
        |texts: &mut dyn Iterator<Item = &str>| texts.map(quoted).collect::<Vec<_>>().join(", ");
    text += &match topics.as_slice() {
        [topic] => format!("topic = {}\n", quoted(topic)),
        several => format!("topics = [{}]\n", list(&mut several.iter().copied())),
    };
    let key = &found.envelope.key;
    text += &match key.ty {
        None => format!("key = {}\n", quoted(&key.column)),
        Some(ty) => format!("key = {{ name = {}, type = \"{ty}\" }}\n", quoted(&key.column)),
    };
    if !found.envelope.ignore.is_empty() {
        text += &format!("ignore = [{}]\n", list(&mut found.envelope.ignore.iter().copied()));
    }
    let Collector { dropped, doubtful, .. } = found.collector;
    if !doubtful.is_empty() {
        let keys = list(&mut doubtful.iter().map(String::as_str));
        text +=
            &format!("redact = [{keys}] # they look like credentials; remove those that are not\n");
    }
    if !dropped.is_empty() {
        let keys = list(&mut dropped.iter().map(String::as_str));
        text += &format!("# Credentials, dropped from every message: {keys}\n");
    }
    text
}

fn envelope(envelope: &Envelope, sample: &Sample<'_>) -> String {
    let mut text = "\n[envelope]\n".to_owned();
    if let Some(each) = &sample.each {
        let each = Fact::new(quoted(each), "each element is an event");
        text += &fact("each", &each);
    }
    text += &fact("type", &envelope.kind);
    text += &fact("id", &envelope.id);
    text += &fact("time", &envelope.time);
    text += &fact("key", &envelope.key.fact);
    let data: Vec<String> = envelope.data.iter().map(|keys| place(keys)).collect();
    let data = match data.as_slice() {
        [only] => Fact::new(only.as_str(), ""),
        several => Fact::new(format!("[{}]", several.join(", ")), "the first that is not null"),
    };
    text + &fact("data", &data)
}

fn fact(name: &str, fact: &Fact) -> String {
    let note = match fact.note.as_str() {
        "" => String::new(),
        note => format!(" # {note}"),
    };
    format!("{name} = {}{note}\n", fact.toml)
}

fn table(found: &Found<'_>, columns: &[Column], too_many: usize) -> String {
    let envelope = found.envelope;
    let topic = found.sample.topics.first().copied().unwrap_or_default();
    let list =
        |names: &[&str]| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    let mut text = match &envelope.rows {
        Rows::Events => format!(
            "\n# A row for each event. If a message is the whole state of one thing, write [entity] and created_by\n\
             # for [[log]] and events: then the newest counts.\n\
             [[log]]\ntable = {}\nevents = [\"*\"]\n",
            quoted(&words::table(topic, true))
        ),
        Rows::Things { created_by, deleted_on } => format!(
            "\n# A row for each thing, of which the newest state counts.\n\
             [entity]\ntable = {}\ncreated_by = [{}]\ndeleted = {{ name = \"deleted\", on = [{}] }}\n",
            quoted(&words::table(topic, false)),
            list(created_by),
            list(deleted_on)
        ),
    };
    text += "columns = [\n";
    if envelope.has_kinds {
        text += "  { name = \"event_type\", type = \"varchar(100)\", from = \"$event_type\" },\n";
    }
    for Column { name, from, guess, note } in columns {
        let Guess { ty, convert, nulls, .. } = guess;
        text += &format!("  {{ name = \"{name}\", type = \"{ty}\", from = {}", quoted(from));
        if let Some(convert) = convert {
            text += &format!(", convert = \"{}\"", convert.as_str());
        }
        if !nulls.is_empty() {
            text += &format!(", null = [{}]", list(nulls));
        }
        text += &format!(" }}, # {note}\n");
    }
    if columns.is_empty() || too_many > 0 {
        text += "  { name = \"data\", type = \"json\", from = \"$data\" }, # all of it\n";
    }
    text += "]\n";
    if too_many > 0 {
        text += &format!("# {too_many} further paths are only in the column `data`.\n");
    }
    text
}
