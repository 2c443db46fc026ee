//! A mapping file with an envelope of its own.

use super::columns::{Names, Required, Room, column, constant, limits, nulls, type_of};
use super::{BEGINNINGS, EVENT_TYPES, REDACTED};
use crate::Chance;

struct Maker<'c> {
    chance: &'c mut Chance,
    names: Names,
    /// What the names of tables begin with.
    prefix: String,
    room: Room<'static>,
    /// Whether some table takes messages without a value.
    has_tombstones: bool,
    has_each: bool,
    /// Whether each table says where its key is.
    has_own_keys: bool,
    /// Patterns that some table names, and so cannot be ignored.
    named: Vec<String>,
}

/// A valid file about the topics `t` and, sometimes, `u`. Names of tables begin with `prefix`.
pub fn mapping(chance: &mut Chance, prefix: &str) -> String {
    let mut flag = |times: usize| chance.once_in(times);
    let (has_json_key, redacts, has_tombstones) = (flag(3), flag(2), flag(4));
    let (has_each, has_own_keys) = (flag(3), flag(3) && !has_tombstones);
    let room =
        Room { has_json_key, redacts, events: &[], reads_key: true, required: Required::Any };
    let mut maker = Maker {
        chance,
        names: Names::default(),
        prefix: prefix.to_owned(),
        room,
        has_tombstones,
        has_each,
        has_own_keys,
        named: Vec::new(),
    };
    let topics = maker.pick(&["topic = 't'", "topic = 't'", "topics = ['t', 'u']"]);
    let envelope = maker.envelope();
    let tables = maker.tables();
    let ignore = maker.ignore();
    let redact = if redacts { format!("redact = ['{REDACTED}']\n") } else { String::new() };
    let key = maker.file_key();
    format!("{topics}\n{key}{ignore}{redact}{envelope}{tables}")
}

impl Maker<'_> {
    fn pick(&mut self, list: &[&'static str]) -> &'static str {
        list[self.chance.below(list.len())]
    }

    fn once_in(&mut self, times: usize) -> bool {
        self.chance.once_in(times)
    }

    fn envelope(&mut self) -> String {
        let each = match (self.has_each, self.once_in(2)) {
            (false, _) => "",
            (true, true) => "each = '$message'\n",
            (true, false) => "each = 'b.list'\n",
        };
        let event_type = self.pick(&[
            "'type'",
            "'meta.type'",
            "['type', '$header.Kind']",
            "{ from = 'type', convert = 'text' }",
            "{ value = 'row.new' }",
            "{ join = ['kind', 'meta.act'] }",
            "'$header.Kind'",
            "'$topic'",
        ]);
        let id = match (self.has_tombstones, self.has_each) {
            (true, true) => self.pick(&["'$position'", "'$content'"]),
            (true, false) => self.pick(&["'$position'", "'$content'", "['id', '$header.Id']"]),
            _ => self.pick(&[
                "'$position'",
                "'$content'",
                "'id'",
                "{ from = 'id', convert = 'text' }",
            ]),
        };
        let time = match self.has_tombstones {
            true => self.pick(&["['at', '$kafka_timestamp']", "'$kafka_timestamp'"]),
            false => self.pick(&[
                "'at'",
                "'meta.at'",
                "{ from = 'at', convert = 'seconds' }",
                "{ from = 'at', convert = 'millis' }",
                "{ from = ['at', '$kafka_timestamp'], convert = 'nanos', null = [''] }",
                "['at', '$header.At']",
                "'$kafka_timestamp'",
            ]),
        };
        let data = self.pick(&["'$message'", "'d'", "['d', 'e']", "['d', '$message']", "'w.d'"]);
        let key = if self.has_own_keys { String::new() } else { self.key_source() };
        let key = if key.is_empty() { key } else { format!("key = {key}\n") };
        format!(
            "[envelope]\n{each}type = {event_type}\nid = {id}\ntime = {time}\n{key}data = {data}\n"
        )
    }

    fn key_source(&mut self) -> String {
        let of_key = if self.room.has_json_key { "'$key.id'" } else { "'$key'" };
        if self.has_tombstones || self.once_in(4) {
            return of_key.to_owned();
        }
        let list = [
            "'k'",
            "'k.id'",
            "{ from = 'k', convert = 'text' }",
            "['k', '$topic']",
            "{ from = 'k', null = ['-'] }",
        ];
        self.pick(&list).to_owned()
    }

    fn file_key(&mut self) -> &'static str {
        match self.has_own_keys {
            true => "",
            false => self.pick(&["key = 'pk'\n", "key = { name = 'pk', type = 'varchar(40)' }\n"]),
        }
    }

    /// A table's own key, or nothing.
    fn own_key(&mut self) -> String {
        if !self.has_own_keys {
            return String::new();
        }
        let path = self.names.path(self.chance);
        let rest = self.pick(&[
            "",
            ", type = 'varchar(20)'",
            ", type = 'bigint'",
            ", type = 'int unsigned', convert = 'number'",
            ", convert = 'text'",
        ]);
        format!("key = {{ name = 'own', from = '{path}'{rest} }}\n")
    }

    fn patterns(&mut self, most: usize) -> Vec<String> {
        let mut patterns = Vec::new();
        for _ in 0..=self.chance.below(most) {
            let is_name = self.chance.below(5) < 3;
            let list = if is_name { &EVENT_TYPES[..] } else { &BEGINNINGS[..] };
            patterns.push((*self.chance.pick(list)).to_owned());
        }
        if self.has_tombstones && self.once_in(2) {
            patterns.push("$tombstone".to_owned());
        }
        self.named.extend(patterns.iter().cloned());
        patterns
    }

    fn tables(&mut self) -> String {
        let (entities, logs) = (self.chance.below(3), self.chance.below(3));
        let mut text = String::new();
        for _ in 0..entities {
            text += &self.entity();
        }
        for _ in 0..logs.max(usize::from(entities == 0)) {
            text += &self.log();
        }
        text
    }

    fn table(&mut self, kind: &str) -> String {
        let name = self.names.next(kind);
        format!("table = '{}{name}'\n", self.prefix)
    }

    fn columns(&mut self, most: usize, room: Room<'_>) -> String {
        let count = self.chance.below(most + 1);
        let columns: Vec<String> =
            (0..count).map(|_| column(self.chance, &mut self.names, room)).collect();
        format!("columns = [\n{}\n]\n", columns.join(",\n"))
    }

    fn entity(&mut self) -> String {
        let mut text = format!("[[entity]]\n{}{}", self.table("e"), self.own_key());
        let mut patterns = self.patterns(3);
        text += &format!("created_by = {}\n", listed(&patterns));
        if self.once_in(3) {
            let on = self.patterns(2);
            text += &format!("deleted = {{ name = 'is_gone', on = {} }}\n", listed(&on));
            patterns.extend(on);
        }
        let changing = self.chance.below(3);
        let required = match (self.has_tombstones, changing) {
            (true, _) => Required::No,
            (false, 0) => Required::Any,
            (false, _) => Required::Texts,
        };
        text += &self.columns(6, Room { required, events: &taken(&patterns), ..self.room });
        for _ in 0..changing {
            text += &self.changing();
        }
        for _ in 0..self.chance.below(4).saturating_sub(1) {
            text += &self.lines();
        }
        text
    }

    fn changing(&mut self) -> String {
        let (ty, convert) = type_of(self.chance);
        let (name, from) = (self.names.next("v"), self.names.path(self.chance));
        let mut text =
            format!("[[entity.changing]]\nname = '{name}'\ntype = '{ty}'\nfrom = '{from}'\n");
        let convert = convert.map(|convert| format!("convert = '{convert}'"));
        let rules = [nulls(self.chance), limits(self.chance, &ty)].concat();
        for rule in convert.into_iter().chain(rules.into_iter().map(str::to_owned)) {
            text += &format!("{rule}\n");
        }
        let mut on = Vec::new();
        for event in EVENT_TYPES {
            if self.once_in(3) {
                on.push(self.change(event, &ty));
            }
        }
        format!("{text}on = [{}]\n", on.join(", "))
    }

    fn change(&mut self, event: &str, ty: &str) -> String {
        let constant = constant(self.chance, ty);
        let rest = match (self.chance.below(4), constant) {
            (0, Some(value)) => format!("value = {value}"),
            (1, Some(value)) => {
                format!("from = '{}', default = {value}", self.names.path(self.chance))
            }
            (2, _) => {
                return format!(
                    "{{ event = '{event}', from = '{}', if_present = true }}",
                    self.names.path(self.chance)
                );
            }
            _ => format!("from = '{}'", self.names.path(self.chance)),
        };
        self.named.push(event.to_owned());
        format!("{{ event = '{event}', {rest} }}")
    }

    fn lines(&mut self) -> String {
        let (table, each) = (self.table("l"), self.names.next("a"));
        let room = Room { events: &[], redacts: false, ..self.room };
        let above = self.pick(&["", "o."]);
        format!(
            "[[entity.lines]]\n{table}each = '{above}{each}'\nnumber = 'no'\n{}",
            self.columns(4, room)
        )
    }

    fn log(&mut self) -> String {
        let (table, key) = (self.table("g"), self.own_key());
        let patterns = self.patterns(3);
        let columns = self.columns(6, Room { events: &taken(&patterns), ..self.room });
        format!("[[log]]\n{table}{key}events = {}\n{columns}", listed(&patterns))
    }

    fn ignore(&mut self) -> String {
        let mut ignored: Vec<String> = EVENT_TYPES
            .iter()
            .chain(&BEGINNINGS)
            .chain(&["$tombstone"])
            .filter(|pattern| !self.named.iter().any(|named| named == *pattern))
            .map(|pattern| (*pattern).to_owned())
            .collect();
        ignored.retain(|_| self.chance.once_in(4));
        if ignored.is_empty() { String::new() } else { format!("ignore = {}\n", listed(&ignored)) }
    }
}

/// The event types that some pattern fits.
fn taken(patterns: &[String]) -> Vec<&'static str> {
    let fits = |name: &str, pattern: &String| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    };
    let is_taken = |name: &&str| patterns.iter().any(|pattern| fits(name, pattern));
    EVENT_TYPES.into_iter().filter(is_taken).collect()
}

fn listed(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("'{text}'")).collect();
    format!("[{}]", quoted.join(", "))
}
