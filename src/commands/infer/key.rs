//! Which value is the key of what an event is about.

use super::envelope::{Candidate, Fact, Keys, Look, source, sourced};
use super::sample::{Keys as MessageKeys, Sample};
use super::seen::Seen;
use super::words;

/// Names of keys besides those that end with `id`.
const NAMES: [&str; 12] = [
    "subject",
    "key",
    "device",
    "sku",
    "code",
    "uuid",
    "email",
    "remote_addr",
    "client_ip",
    "ip",
    "host",
    "name",
];
/// How many candidates a TODO names.
const CHOICES: usize = 3;
/// How deep keys are looked for.
const DEPTH: usize = 2;

/// The key of the rows.
#[derive(Debug)]
pub(super) struct Key {
    /// `key` of the envelope.
    pub(super) fact: Fact,
    /// The column, and its type if it is not a text.
    pub(super) column: String,
    pub(super) ty: Option<&'static str>,
    /// Where it is in the message, if it is there.
    pub(super) keys: Option<Keys>,
}

/// Finds the key. `of_message`: it has to be that of the message, since deletions have nothing else.
pub(super) fn find(
    look: &Look<'_>,
    data: &[Keys],
    of_message: bool,
    (event_id, kind): (Option<&Keys>, Option<&Keys>),
) -> Key {
    let facts: Vec<&Keys> = event_id.into_iter().chain(kind).collect();
    let candidates = candidates(look, data, &facts);
    let keyed = look.is_keyed();
    let is_same = |candidate: &&Candidate<'_>| {
        keyed && candidate.seen.like_key == look.events() && look.events() > 0
    };
    let same = candidates.iter().filter(is_same).min_by_key(|candidate| candidate.keys.len());
    match same {
        Some(candidate) if !of_message => of_path(candidate),
        _ if keyed => of_message_key(look.sample, same),
        _ => open(look, &candidates, event_id),
    }
}

/// What may be a key, the likeliest first: equal to the message's key, or named like one.
fn candidates<'s>(look: &Look<'s>, data: &[Keys], facts: &[&Keys]) -> Vec<Candidate<'s>> {
    let mut found = look.candidates(&[], 1);
    for base in data {
        found.extend(look.candidates(base, DEPTH));
    }
    let name =
        |candidate: &Candidate<'_>| words::snake(candidate.keys.last().map_or("", String::as_str));
    let rank_of_name = |name: &str| {
        let known = NAMES.iter().position(|known| *known == name);
        if name.ends_with("id") { Some(0) } else { known.map(|at| at + 1) }
    };
    found.retain(|candidate| {
        let Candidate { keys, seen } = candidate;
        let name = name(candidate);
        seen.is_name()
            && !facts.contains(&keys)
            && (seen.like_key > 0 || rank_of_name(&name).is_some())
            && super::guess::time(seen, &name).is_none()
    });
    found.sort_by_key(|candidate| {
        let by_name = rank_of_name(&name(candidate)).unwrap_or(NAMES.len() + 1);
        (std::cmp::Reverse(candidate.seen.like_key), by_name, candidate.keys.len())
    });
    found.dedup_by(|a, b| a.keys == b.keys);
    found
}

fn of_path(candidate: &Candidate<'_>) -> Key {
    let Candidate { keys, seen } = candidate;
    let ty = integer(seen);
    let toml = match ty {
        Some(_) => words::quoted(&words::path(keys)),
        None => source(std::slice::from_ref(keys), &[seen]),
    };
    let column = named(keys.last());
    Key { fact: Fact::new(toml, "the message's key as well"), column, ty, keys: Some(keys.clone()) }
}

/// The message's key: the only member of one that is an object, else its text.
fn of_message_key(sample: &Sample<'_>, same: Option<&Candidate<'_>>) -> Key {
    let keys = same.map(|candidate| candidate.keys.clone());
    let last = keys.as_ref().and_then(|keys| keys.last());
    if let Some(member) = sample.keys.only_member() {
        let column = named(last.or(member.last()).map(|name| strip(name)).as_ref());
        let (path, ty) = member_of_key(&sample.keys, &member);
        return Key { fact: Fact::new(path, "in all keys"), column, ty, keys };
    }
    let column = match last {
        Some(name) => named(Some(name)),
        None => format!("{}_key", words::table(sample.topics.first().unwrap_or(&""), false)),
    };
    Key { fact: Fact::new("\"$key\"", "in all messages"), column, ty: None, keys }
}

/// Maxwell's `pk.sku` is the column `sku`.
fn strip(name: &str) -> String {
    name.strip_prefix("pk.").unwrap_or(name).to_owned()
}

fn member_of_key(keys: &MessageKeys, member: &[String]) -> (String, Option<&'static str>) {
    let path = words::quoted(&format!("$key.{}", words::path(member)));
    let seen = keys.members.at(member);
    match seen.and_then(integer) {
        Some(ty) => (path, Some(ty)),
        None => {
            let has_numbers = seen.is_some_and(|seen| seen.numbers.count > 0);
            (sourced(&[path], has_numbers.then_some("text")), None)
        }
    }
}

/// The type of a key that is always a whole number.
fn integer(seen: &Seen) -> Option<&'static str> {
    let numbers = &seen.numbers;
    if numbers.count < seen.values() {
        None
    } else if numbers.greatest <= i128::from(i64::MAX) && numbers.least >= i128::from(i64::MIN) {
        Some("bigint")
    } else {
        let is_unsigned = numbers.least >= 0 && numbers.greatest <= i128::from(u64::MAX);
        is_unsigned.then_some("bigint unsigned")
    }
}

/// No value is surely the key.
fn open(look: &Look<'_>, candidates: &[Candidate<'_>], event_id: Option<&Keys>) -> Key {
    let is_whole = |candidate: &&Candidate<'_>| candidate.seen.values() == look.events();
    let fallback = candidates.iter().find(is_whole).map(|candidate| candidate.keys.clone());
    let fallback = fallback.or_else(|| event_id.cloned());
    let choice = |candidate: &Candidate<'_>| {
        let own = candidate.keys.clone();
        if is_whole(&candidate) {
            return Some(source(&[own], &[candidate.seen]));
        }
        // What some events lack needs another one after it.
        let other = fallback.clone().filter(|other| *other != own)?;
        let other_seen = look.root.at(&other)?;
        Some(source(&[own, other], &[candidate.seen, other_seen]))
    };
    let mut choices: Vec<String> = candidates.iter().filter_map(choice).take(CHOICES).collect();
    let keys = &look.sample.keys.texts;
    if keys.count == look.sample.messages && keys.is_name() {
        choices.push("\"$key\"".to_owned());
    }
    let text = match choices.is_empty() {
        true => "\"$key\" (the key of the message), or a path to what an event is about".to_owned(),
        false => format!("{}, or another path", choices.join(", or ")),
    };
    // The first choice does not become a column as well.
    let keys = candidates.first().map(|candidate| candidate.keys.clone());
    let column = named(keys.as_ref().and_then(|keys| keys.last()));
    Key { fact: Fact::new(words::todo(&text), ""), column, ty: None, keys }
}

/// The name of the column.
fn named(key: Option<&String>) -> String {
    let name = key.map(|key| words::Columns::new(&[]).name(std::slice::from_ref(key)));
    name.unwrap_or_else(|| "entity_id".to_owned())
}
