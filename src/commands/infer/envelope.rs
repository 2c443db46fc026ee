//! Where the facts of an event are, by general rules: names, kinds of values, what is in every event, what is
//! never twice, what equals the message's key.

use super::guess;
use super::key::{self, Key};
use super::sample::{MESSAGE, Sample};
use super::seen::Seen;
use super::words;

/// Names of types, the likeliest first.
const KINDS: [&str; 11] = [
    "type",
    "event_type",
    "event_name",
    "event",
    "kind",
    "op",
    "operation",
    "action",
    "detail_type",
    "message_type",
    "record_type",
];
/// Ends of headers' names that hold types.
const HEADER_KINDS: [&str; 4] = ["topic", "kind", "type", "event"];
/// Names of an event's own id.
const EVENT_IDS: [&str; 6] =
    ["event_id", "message_id", "event_uuid", "event_guid", "delivery_id", "webhook_id"];
/// Names that may be the id of an event, or of what it is about.
const IDS: [&str; 4] = ["id", "uuid", "guid", "ulid"];
/// Names of times: of an event, and of the row that a message is.
const EVENT_TIMES: [&str; 14] = [
    "time",
    "timestamp",
    "event_time",
    "event_timestamp",
    "occurred_at",
    "ts",
    "ts_ms",
    "at",
    "date",
    "created",
    "created_at",
    "published_at",
    "sent_at",
    "received_at",
];
const ROW_TIMES: [&str; 6] =
    ["updated_at", "updated", "modified_at", "last_modified", "modified", "changed_at"];
/// Names of the object that holds the values.
const DATA: [&str; 11] = [
    "data",
    "payload",
    "detail",
    "body",
    "event_data",
    "content",
    "record",
    "object",
    "attributes",
    "value",
    "message",
];
/// A topic with more types than this, most of which come once, has none there.
const KINDS_MAX: usize = 50;
/// Longest type of an event, in characters.
const KIND_CHARS_MAX: usize = 100;

/// Keys from the message to a value.
pub(super) type Keys = Vec<String>;

/// A value of the mapping file, and what to say of it.
#[derive(Debug)]
pub(super) struct Fact {
    pub(super) toml: String,
    pub(super) note: String,
}

/// When Kafka has a message from.
const KAFKA_TIME: &str = "\"$kafka_timestamp\"";

/// What each event becomes.
#[derive(Debug)]
pub(super) enum Rows {
    /// A row of a log.
    Events,
    /// The newest state of a thing.
    Things { created_by: &'static [&'static str], deleted_on: &'static [&'static str] },
}

#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) kind: Fact,
    /// Whether events are of several types.
    pub(super) has_kinds: bool,
    pub(super) id: Fact,
    pub(super) time: Fact,
    pub(super) key: Key,
    /// Paths, of which the first with a value counts; an empty one is the whole message.
    pub(super) data: Vec<Keys>,
    pub(super) rows: Rows,
    pub(super) ignore: &'static [&'static str],
    /// Whether values beside the data are worth columns.
    pub(super) has_beside: bool,
    /// Paths of facts, which need no column of their own.
    pub(super) used: Vec<Keys>,
}

/// What the rules look at.
#[derive(Clone, Copy)]
pub(super) struct Look<'s> {
    pub(super) sample: &'s Sample<'s>,
    pub(super) root: &'s Seen,
}

/// A value with one kind of it, at a path.
#[derive(Clone)]
pub(super) struct Candidate<'s> {
    pub(super) keys: Keys,
    pub(super) seen: &'s Seen,
}

impl Fact {
    pub(super) fn new(toml: impl Into<String>, note: impl Into<String>) -> Self {
        Self { toml: toml.into(), note: note.into() }
    }
}

impl<'s> Look<'s> {
    pub(super) fn events(&self) -> usize {
        self.sample.events.len()
    }

    /// The envelope of events that no rule for a product knows.
    pub(super) fn envelope(&self) -> Envelope {
        let is_wrapped = self.is_wrapped();
        let data = if is_wrapped { vec![vec!["payload".to_owned()]] } else { self.data() };
        let is_flat = data.iter().any(Vec::is_empty) && data.len() == 1;
        let (kind, kind_keys) = self.kind();
        let has_kinds = !kind.toml.starts_with('{');
        // A compacted topic: the newest value of each key.
        let is_table = self.sample.tombstones > 0 && !has_kinds && self.is_keyed();
        let (time, time_keys) = self.time(&data, is_flat, is_table);
        let (id, id_keys) = match is_table {
            true => (Fact::new("\"$position\"", "of two with one time, the later counts"), None),
            false => self.id(is_flat, time.toml == KAFKA_TIME),
        };
        let key = key::find(self, &data, is_table, (id_keys.as_ref(), kind_keys.as_ref()));
        let used = [kind_keys, id_keys, time_keys, key.keys.clone()];
        let (rows, ignore): (_, &[&str]) = match (is_table, self.sample.tombstones) {
            (true, _) => (Rows::Things { created_by: &["*"], deleted_on: &["$tombstone"] }, &[]),
            (false, 0) => (Rows::Events, &[]),
            (false, _) => (Rows::Events, &["$tombstone"]),
        };
        let used = used.into_iter().flatten().collect();
        let has_beside = !is_wrapped;
        Envelope { kind, has_kinds, id, time, key, data, rows, ignore, has_beside, used }
    }

    /// Kafka Connect's wrapper around rows: {"schema":…,"payload":{…}}.
    fn is_wrapped(&self) -> bool {
        let is_object =
            |name: &str| self.root.member(name).is_some_and(|seen| seen.objects == self.events());
        is_object("schema") && is_object("payload") && self.root.members().count() == 2
    }

    /// Whether every message has a key that may be one of a row.
    pub(super) fn is_keyed(&self) -> bool {
        let Sample { keys, messages, each, .. } = self.sample;
        let is_key = keys.texts.is_name() || keys.only_member().is_some();
        each.is_none() && keys.texts.count == *messages && is_key
    }

    /// Scalars that may be keys, ids or times: members of `base`, and of objects in it.
    pub(super) fn candidates(&self, base: &[String], depth: usize) -> Vec<Candidate<'s>> {
        let Some(seen) = self.root.at(base) else { return Vec::new() };
        let mut found = Vec::new();
        for (name, seen) in seen.members().filter(|(name, _)| !name.contains('\'')) {
            let keys: Keys = base.iter().cloned().chain([name.to_owned()]).collect();
            if seen.is_object() && depth > 1 {
                found.extend(self.candidates(&keys, depth - 1));
            } else {
                found.push(Candidate { keys, seen });
            }
        }
        found
    }

    /// The object beside type, id and time that holds the values.
    fn data(&self) -> Vec<Keys> {
        let events = self.events();
        let scalars = self.root.members().filter(|(_, seen)| seen.is_name()).count();
        let is_data = |name: &&str| {
            let seen = self.root.member(name);
            seen.is_some_and(|seen| seen.objects * 2 >= events && seen.objects == seen.values())
        };
        let Some(name) = DATA.into_iter().find(is_data).filter(|_| scalars >= 2) else {
            return vec![Vec::new()];
        };
        let mut path = vec![name.to_owned()];
        let Some(outer) = self.root.at(&path) else { return vec![Vec::new()] };
        if let Some(object) = outer.member("object").filter(|object| object.is_object())
            && object.objects == outer.objects
        {
            path.push("object".to_owned());
        }
        match outer.objects == events {
            true => vec![path],
            false => vec![path, Vec::new()],
        }
    }

    fn kind(&self) -> (Fact, Option<Keys>) {
        let events = self.events();
        let is_kind = |seen: &Seen| {
            let is_repeated = seen.distinct() <= KINDS_MAX || seen.distinct() * 2 < events;
            seen.texts.count == seen.count
                && seen.texts.no_names == 0
                && seen.texts.chars_max <= KIND_CHARS_MAX
                && is_repeated
        };
        let fits = |seen: &Seen| seen.count == events && is_kind(seen);
        let rank = |name: &str| KINDS.iter().position(|kind| *kind == words::snake(name));
        let named = self.root.members().filter(|(_, seen)| fits(seen));
        let best = named.filter_map(|(name, _)| Some((rank(name)?, name))).min();
        if let Some((_, name)) = best {
            let keys = vec![name.to_owned()];
            return (Fact::new(words::quoted(&words::path(&keys)), "in all"), Some(keys));
        }
        let is_end = |name: &str| {
            let name = words::snake(name);
            !name.contains("content") && HEADER_KINDS.iter().any(|end| name.ends_with(end))
        };
        let mut headers = self.sample.headers.iter().filter(|(name, seen)| {
            is_end(name) && seen.count == self.sample.readable && is_kind(seen)
        });
        if let Some((name, _)) = headers.next() {
            let toml = words::quoted(&format!("$header.{name}"));
            return (Fact::new(toml, "in all messages"), None);
        }
        let topic = self.sample.topics.first().and_then(|topic| topic.rsplit('.').next());
        let word = topic.filter(|word| !word.is_empty()).unwrap_or("event");
        let word: String = word.chars().take(KIND_CHARS_MAX).collect();
        let toml = format!("{{ value = {} }}", words::quoted(&word));
        (Fact::new(toml, "no field names the type, so all events are of one"), None)
    }

    fn id(&self, is_flat: bool, is_kafka_time: bool) -> (Fact, Option<Keys>) {
        let is_id = |seen: &Seen| seen.is_name() && seen.distinct() >= self.sample.different;
        let all = |seen: &Seen| seen.values() == self.events() && is_id(seen);
        let named = |names: &[&str]| {
            let is_one = |name: &str| names.contains(&words::snake(name).as_str());
            let mut found = self.root.members().filter(|(name, seen)| is_one(name) && all(seen));
            found.next().map(|(name, seen)| (vec![name.to_owned()], seen))
        };
        let maybe = named(&IDS);
        let sure = named(&EVENT_IDS).or_else(|| maybe.clone().filter(|_| !is_flat));
        if let Some((keys, seen)) = sure {
            let toml = source(std::slice::from_ref(&keys), &[seen]);
            return (Fact::new(toml, "in all, and never twice"), Some(keys));
        }
        let ends = |name: &str| {
            let name = words::snake(name);
            EVENT_IDS.iter().any(|id| name.ends_with(id)) || name == "ce_id"
        };
        let mut headers = self.sample.headers.iter().filter(|(name, seen)| {
            self.sample.each.is_none()
                && ends(name)
                && seen.count == self.sample.readable
                && is_id(seen)
        });
        if let Some((name, _)) = headers.next() {
            let toml = words::quoted(&format!("$header.{name}"));
            return (Fact::new(toml, "in all messages, and never twice"), None);
        }
        if is_kafka_time && maybe.is_none() {
            // Sent twice, a message has two such times, so it is two events whatever its id is.
            let note =
                "a message that is sent twice is two events, since it has no time of its own";
            return (Fact::new("\"$position\"", note), None);
        }
        let own = maybe.map(|(keys, seen)| {
            format!(", or {} if that is the id of the event", source(&[keys], &[seen]))
        });
        let choices = format!(
            "\"$content\" (the same message is the same event), or \"$position\" (two equal messages are two events){}",
            own.unwrap_or_default()
        );
        let equal = self.events() - self.sample.different;
        let note = match equal {
            0 => String::new(),
            equal => format!("events that repeat another one: {equal} of {}", self.events()),
        };
        (Fact::new(words::todo(&choices), note), None)
    }

    fn time(&self, data: &[Keys], is_flat: bool, with_tombstones: bool) -> (Fact, Option<Keys>) {
        // Two clocks would disagree about what came last.
        if with_tombstones {
            return (Fact::new(KAFKA_TIME, "a tombstone has no other"), None);
        }
        let events = self.events();
        let order: Vec<&str> = match is_flat {
            true => ROW_TIMES.into_iter().chain(EVENT_TIMES).collect(),
            false => EVENT_TIMES.into_iter().chain(ROW_TIMES).collect(),
        };
        let within = data.first().filter(|data| !data.is_empty());
        let mut all = self.candidates(&[], 1);
        all.extend(within.map(|data| self.candidates(data, 1)).unwrap_or_default());
        let mut found: Vec<_> = all
            .into_iter()
            .filter_map(|candidate| {
                let name = candidate.keys.last()?;
                let guess = guess::time(candidate.seen, name).filter(|guess| guess.ty != "date")?;
                let rank = order.iter().position(|known| *known == words::snake(name));
                let is_partial = candidate.seen.values() < events;
                Some((
                    (is_partial, candidate.keys.len(), rank.unwrap_or(order.len())),
                    candidate,
                    guess,
                ))
            })
            .collect();
        found.sort_by_key(|(rank, ..)| *rank);
        let Some((best, candidate, guess)) = found.first() else {
            return self
                .time_of_header()
                .unwrap_or_else(|| (Fact::new(KAFKA_TIME, "no field has a time"), None));
        };
        let as_toml = |candidate: &Candidate<'_>, guess: &guess::Guess, or_kafka: bool| {
            let mut paths = vec![words::quoted(&words::path(&candidate.keys))];
            if or_kafka {
                paths.push(KAFKA_TIME.to_owned());
            }
            sourced(&paths, guess.convert.map(crate::mapping::Convert::as_str))
        };
        let or_kafka = best.0;
        let equals: Vec<_> = found.iter().filter(|(rank, ..)| rank == best).collect();
        if equals.len() > 1 {
            let choices =
                equals.iter().map(|(_, candidate, guess)| as_toml(candidate, guess, or_kafka));
            let kafka = KAFKA_TIME.to_owned();
            let choices: Vec<String> = choices.chain([kafka]).collect();
            return (Fact::new(words::todo(&choices.join(", or ")), ""), None);
        }
        let note = words::frequency(candidate.seen, events);
        (Fact::new(as_toml(candidate, guess, or_kafka), note), Some(candidate.keys.clone()))
    }

    fn time_of_header(&self) -> Option<(Fact, Option<Keys>)> {
        let is_time = |(name, seen): &(&String, &Seen)| {
            words::is_time(name) && seen.texts.times == self.sample.readable
        };
        let (name, _) = self.sample.headers.iter().find(is_time)?;
        let toml = words::quoted(&format!("$header.{name}"));
        Some((Fact::new(toml, "in all messages"), None))
    }
}

/// A source: a path, or several of which the first that is not null counts, as a text.
pub(super) fn source(paths: &[Keys], seen: &[&Seen]) -> String {
    let paths: Vec<String> = paths.iter().map(|keys| words::quoted(&words::path(keys))).collect();
    let has_numbers = seen.iter().any(|seen| seen.numbers.count > 0);
    sourced(&paths, has_numbers.then_some("text"))
}

/// Paths as TOML, with the conversion that they need.
pub(super) fn sourced(paths: &[String], convert: Option<&str>) -> String {
    let from = match paths {
        [only] => only.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    match convert {
        Some(convert) => format!("{{ from = {from}, convert = \"{convert}\" }}"),
        None => from,
    }
}

/// What the file writes for a place of the values.
pub(super) fn place(keys: &[String]) -> String {
    match keys {
        [] => words::quoted(MESSAGE),
        keys => words::quoted(&words::path(keys)),
    }
}
