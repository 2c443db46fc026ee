//! Tables of the server against the reference fold of everything that was sent.

use crate::feed::Fed;
use crate::own_events::{self, Sent};
use crate::own_servers::Servers;
use loadgen::{Kind, Message};
use sqlx::{Executor, Row as _};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use testkit::fold::schema::{TABLES, entity};
use testkit::fold::{self, Verdict};
use testkit::{DEADLINE, Row, World};

/// How many differences are told in full.
const TOLD: usize = 10;
/// Of the key of a dead letter, so many bytes are kept.
const KEY_KEPT: usize = 1024;

/// Differences, by kind.
#[derive(Debug, Default)]
pub struct Differences {
    /// Rows that are not there.
    pub lost: u64,
    /// Rows that are there although no event gives them, or more than once.
    pub doubled: u64,
    /// Rows with other values.
    pub diverged: u64,
    /// Dead letters of messages that are well.
    pub blamed: u64,
    /// Faulty messages without a dead letter.
    pub unjudged: u64,
    /// Rows compared, dead letters included.
    pub compared: u64,
    /// The first ones, for people.
    pub told: Vec<String>,
}

impl Differences {
    pub fn are_none(&self) -> bool {
        self.lost + self.doubled + self.diverged + self.blamed + self.unjudged == 0
    }

    fn tell(&mut self, what: impl FnOnce() -> String) {
        if self.told.len() < TOLD {
            self.told.push(what());
        }
    }

    fn table(&mut self, table: &str, keys: &[&str], expected: Vec<Row>, found: Vec<Row>) {
        let key = |row: &Row| keys.iter().map(|key| row[*key].to_string()).collect::<String>();
        let mut expected: BTreeMap<String, Row> =
            expected.into_iter().map(|row| (key(&row), row)).collect();
        self.compared += expected.len() as u64;
        for row in found {
            let Some(like) = expected.remove(&key(&row)) else {
                self.doubled += 1;
                self.tell(|| format!("{table} has, and should not: {row:?}"));
                continue;
            };
            if like.iter().any(|(column, value)| row.get(column) != Some(value)) {
                self.diverged += 1;
                self.tell(|| format!("{table} has {row:?}\n    and should have {like:?}"));
            }
        }
        for row in expected.into_values() {
            self.lost += 1;
            self.tell(|| format!("{table} lacks {row:?}"));
        }
    }
}

/// Compares all tables, one topic at a time.
pub async fn compare(servers: &Servers, fed: &Fed) -> Differences {
    let world = &servers.world;
    let mut differences = Differences::default();
    let mut dead: BTreeMap<Letter, i64> = BTreeMap::new();
    for topic in loadgen::TOPICS {
        let messages = of_contract(fed, topic);
        let mut expected = fold::of(&messages, world.server);
        for (message, verdict) in messages.iter().zip(expected.verdicts) {
            if verdict == Verdict::Dead {
                *dead.entry(letter(world, message, None)).or_default() += 1;
            }
        }
        drop(messages);
        for (table, keys) in tables_of(topic) {
            let expected = expected.tables.remove(table).unwrap_or_default();
            differences.table(table, &keys, expected, world.rows(table).await);
        }
    }
    for topic in own_events::TOPICS {
        for sent in faulty(fed, topic) {
            *dead.entry(letter(world, &sent.message, sent.element)).or_default() += 1;
        }
        for table in own_tables(servers, fed, topic) {
            let own_events::Table { name, keys, rows } = table;
            differences.table(name, keys, rows, world.rows(name).await);
        }
    }
    dead_letters(world, dead, &mut differences).await;
    differences
}

fn of_contract(fed: &Fed, topic: &str) -> Vec<Message> {
    fed.of(topic).map(|sent| sent.message).collect()
}

/// Messages of one of one's own topics that must become dead letters.
fn faulty<'f>(fed: &'f Fed, topic: &'f str) -> impl Iterator<Item = Sent> + 'f {
    fed.of(topic).filter(|sent| matches!(sent.message.kind, Kind::Poison(_)))
}

fn own_tables(servers: &Servers, fed: &Fed, topic: &str) -> Vec<own_events::Table> {
    tokio::task::block_in_place(|| own_events::tables(servers, topic, fed.plan.seed, fed.own_steps))
}

/// Waits until every table has as many rows as it must have, dead letters included. Kafka's offsets do not tell: a
/// database that went back lacks what they count as done.
pub async fn until_complete(servers: &Servers, fed: &Fed) -> Result<(), String> {
    let world = &servers.world;
    let sizes = tokio::task::block_in_place(|| sizes(servers, fed));
    let deadline = Instant::now() + DEADLINE;
    loop {
        let lacks = world.lacks(&sizes).await;
        if lacks.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("after {DEADLINE:?}: {}", lacks.join(", ")));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

fn sizes(servers: &Servers, fed: &Fed) -> BTreeMap<String, i64> {
    let mut sizes: BTreeMap<String, i64> = BTreeMap::new();
    for topic in loadgen::TOPICS {
        for (table, size) in fold::of(&of_contract(fed, topic), servers.kind()).sizes() {
            *sizes.entry(table).or_default() += size;
        }
    }
    for topic in own_events::TOPICS {
        *sizes.entry("dead_letters".to_owned()).or_default() += faulty(fed, topic).count() as i64;
        let tables = own_tables(servers, fed, topic);
        sizes.extend(tables.iter().map(|table| (table.name.to_owned(), table.rows.len() as i64)));
    }
    sizes
}

/// The tables of a topic, and the columns that make a row unique.
fn tables_of(topic: &str) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let entity = entity(topic).expect("a topic of the contract");
    let log = format!("{topic}_");
    TABLES.into_iter().filter_map(move |table| match table {
        "order_items" if topic == "order" => Some((table, vec!["order_id", "line_no"])),
        _ if table == entity.table => Some((table, vec![entity.key])),
        _ if table.starts_with(&log) => Some((table, vec!["event_timestamp", "event_id"])),
        _ => None,
    })
}

/// What tells dead letters apart when their offsets are not known: topic, key, size, and of an array of events
/// what the letter says of the faulty one.
type Letter = (String, Vec<u8>, i64, Option<String>);

fn letter(world: &World, message: &Message, element: Option<(usize, usize)>) -> Letter {
    let mut key = message.key.clone().unwrap_or_default();
    key.truncate(KEY_KEPT);
    let size = message.value.as_ref().map_or(0, Vec::len);
    let element = element.map(|(number, of)| format!("(element {number} of {of})"));
    (world.topic(&message.topic), key, size as i64, element)
}

async fn dead_letters(
    world: &World,
    mut expected: BTreeMap<Letter, i64>,
    differences: &mut Differences,
) {
    let select = "SELECT CAST(topic AS CHAR), message_key, CAST(payload_bytes AS SIGNED), \
                  CAST(error_code AS CHAR), CAST(error_text AS CHAR) FROM dead_letters";
    let rows = world.connect().await.fetch_all(select).await.unwrap();
    for row in rows {
        let key: Option<Vec<u8>> = row.get(1);
        let text: String = row.get(4);
        let element = text.rfind("(element ").map(|at| text[at..].to_owned());
        let letter: Letter = (row.get(0), key.unwrap_or_default(), row.get(2), element);
        differences.compared += 1;
        match expected.get_mut(&letter) {
            Some(count) if *count > 0 => *count -= 1,
            _ => {
                differences.blamed += 1;
                let code: String = row.get(3);
                differences.tell(|| format!("wrongly blamed, with {code}: {letter:?}"));
            }
        }
    }
    for (letter, count) in expected.into_iter().filter(|(_, count)| *count > 0) {
        differences.unjudged += count as u64;
        differences.tell(|| format!("{count} without a dead letter: {letter:?}"));
    }
}
