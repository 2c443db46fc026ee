//! The table `dead_letters`, as people work with it.
//!
//! A letter is known by its [`Name`]. Its `id` is a convenience that databases joined behind a proxy may
//! give twice, and its [`Address`] comes again with a recreated topic, so nothing here pages or marks by
//! them.

use super::address::{Address, Name};
use crate::datetime::{self, Micros};
use crate::mapping::TOMBSTONE;
use crate::message::{Headers, Message};
use rdkafka::message::{Header, OwnedHeaders};
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{MySql, QueryBuilder, Row};
use std::collections::BTreeMap;

/// Rows per `DELETE`, so that a purge of millions does not hold its locks for long.
const PURGE_ROWS: u32 = 5_000;
/// The order of [`Name`], and of the unique key.
const BY_NAME: &str = "topic, kafka_partition, kafka_offset, topic_id, cluster_id";

/// The dead letters that a query is about.
#[derive(Debug, Default, Clone)]
pub struct Filter {
    /// Letters with one of these ids or addresses; if both are empty, all letters.
    pub ids: Vec<u64>,
    /// See `ids`.
    pub addresses: Vec<Address>,
    pub topic: Option<String>,
    pub reason: Option<String>,
    /// Inclusive.
    pub since: Option<Micros>,
    /// Exclusive.
    pub until: Option<Micros>,
    /// `None`: replayed or not.
    pub replayed: Option<bool>,
    /// Only letters after this one, for paging.
    pub after: Option<Name>,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Stored {
    /// Not unique, see above.
    pub id: u64,
    /// As `address`, `topic`, `partition`, `offset`, `topic_id` and `cluster_id`.
    #[serde(flatten)]
    pub name: Name,
    /// The Kafka key, invalid UTF-8 replaced.
    pub key: Option<String>,
    /// `None` if it could not be read.
    pub event_type: Option<String>,
    /// `None` if it could not be read.
    pub event_id: Option<String>,
    pub error_code: String,
    pub error_text: String,
    /// Size of the original message, even if the payload was cut.
    pub payload_bytes: u64,
    /// Whether only the first bytes were kept.
    pub payload_cut: bool,
    /// When it was rejected, as the server writes a time.
    pub dead_at: String,
    /// When a replay loaded it.
    pub replayed_at: Option<String>,
    /// The message without its secrets; lists do not read it.
    #[serde(skip)]
    pub payload: Vec<u8>,
}

/// The dead letters of a topic with the same reason.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Counted {
    pub topic: String,
    pub error_code: String,
    pub letters: u64,
    /// Letters that no replay has loaded.
    pub unreplayed: u64,
    pub first_dead_at: String,
    pub last_dead_at: String,
    pub newest_id: u64,
}

impl Filter {
    fn push(&self, query: &mut QueryBuilder<MySql>) {
        query.push(" WHERE TRUE");
        if let Some(after) = &self.after {
            query.push(" AND ");
            push_behind(query, after);
        }
        if !(self.ids.is_empty() && self.addresses.is_empty()) {
            query.push(" AND (FALSE");
            for id in &self.ids {
                query.push(" OR id = ").push_bind(*id);
            }
            for address in &self.addresses {
                push_or_address(query, address);
            }
            query.push(")");
        }
        if let Some(topic) = &self.topic {
            query.push(" AND topic = ").push_bind(topic.clone());
        }
        if let Some(reason) = &self.reason {
            query.push(" AND error_code = ").push_bind(reason.clone());
        }
        if let Some(since) = self.since {
            query.push(" AND dead_at >= ").push_bind(time_text(since));
        }
        if let Some(until) = self.until {
            query.push(" AND dead_at < ").push_bind(time_text(until));
        }
        match self.replayed {
            Some(true) => drop(query.push(" AND replayed_at IS NOT NULL")),
            Some(false) => drop(query.push(" AND replayed_at IS NULL")),
            None => {}
        }
    }
}

/// Spelled out, since servers do not use an index range for `(a, b, c) > (x, y, z)`.
fn push_behind(query: &mut QueryBuilder<MySql>, name: &Name) {
    let Name { address: Address { topic, partition, offset }, topic_id, cluster_id } = name;
    query.push("(topic > ").push_bind(topic.clone());
    query.push(" OR topic = ").push_bind(topic.clone());
    query.push(" AND (kafka_partition > ").push_bind(*partition);
    query.push(" OR kafka_partition = ").push_bind(*partition);
    query.push(" AND (kafka_offset > ").push_bind(*offset);
    query.push(" OR kafka_offset = ").push_bind(*offset);
    query.push(" AND (topic_id > ").push_bind(topic_id.clone());
    query.push(" OR topic_id = ").push_bind(topic_id.clone());
    query.push(" AND cluster_id > ").push_bind(cluster_id.clone()).push("))))");
}

fn push_or_address(query: &mut QueryBuilder<MySql>, address: &Address) {
    let Address { topic, partition, offset } = address;
    query.push(" OR topic = ").push_bind(topic.clone());
    query.push(" AND kafka_partition = ").push_bind(*partition);
    query.push(" AND kafka_offset = ").push_bind(*offset);
}

fn push_or_name(query: &mut QueryBuilder<MySql>, name: &Name) {
    push_or_address(query, &name.address);
    query.push(" AND topic_id = ").push_bind(name.topic_id.clone());
    query.push(" AND cluster_id = ").push_bind(name.cluster_id.clone());
}

fn time_text(micros: Micros) -> String {
    datetime::format(micros).map(char::from).iter().collect()
}

/// Dead letters in the order of their names, at most `limit`.
pub(super) async fn list(
    connection: &mut MySqlConnection,
    filter: &Filter,
    with_payload: bool,
    limit: u32,
) -> Result<Vec<Stored>, sqlx::Error> {
    select(connection, filter, with_payload, BY_NAME, limit).await
}

/// The newest of them without their payloads, the newest last.
pub(super) async fn newest(
    connection: &mut MySqlConnection,
    filter: &Filter,
    limit: u32,
) -> Result<Vec<Stored>, sqlx::Error> {
    const NEWEST_FIRST: &str = "dead_at DESC, topic DESC, kafka_partition DESC, kafka_offset DESC, topic_id DESC, cluster_id DESC";
    let mut letters = select(connection, filter, false, NEWEST_FIRST, limit).await?;
    letters.reverse();
    Ok(letters)
}

async fn select(
    connection: &mut MySqlConnection,
    filter: &Filter,
    with_payload: bool,
    order: &str,
    limit: u32,
) -> Result<Vec<Stored>, sqlx::Error> {
    let payload = if with_payload { "payload" } else { "x''" };
    let mut query = QueryBuilder::new(
        "SELECT id, topic, kafka_partition, kafka_offset, topic_id, cluster_id, message_key, event_type, event_id, CAST(error_code AS CHAR), error_text, CAST(payload_bytes AS UNSIGNED), payload_cut, CAST(dead_at AS CHAR), CAST(replayed_at AS CHAR), ",
    );
    query.push(payload).push(" FROM dead_letters");
    filter.push(&mut query);
    query.push(format!(" ORDER BY {order} LIMIT ")).push_bind(limit);
    query.build().fetch_all(connection).await?.iter().map(stored).collect()
}

fn stored(row: &MySqlRow) -> Result<Stored, sqlx::Error> {
    let key: Option<Vec<u8>> = row.try_get(6)?;
    let address =
        Address { topic: row.try_get(1)?, partition: row.try_get(2)?, offset: row.try_get(3)? };
    Ok(Stored {
        id: row.try_get(0)?,
        name: Name { address, topic_id: row.try_get(4)?, cluster_id: row.try_get(5)? },
        key: key.map(|key| String::from_utf8_lossy(&key).into_owned()),
        event_type: row.try_get(7)?,
        event_id: row.try_get(8)?,
        error_code: row.try_get(9)?,
        error_text: row.try_get(10)?,
        payload_bytes: row.try_get(11)?,
        payload_cut: row.try_get(12)?,
        dead_at: row.try_get(13)?,
        replayed_at: row.try_get(14)?,
        payload: row.try_get(15)?,
    })
}

pub(super) async fn count(
    connection: &mut MySqlConnection,
    filter: &Filter,
) -> Result<u64, sqlx::Error> {
    let mut query = QueryBuilder::new("SELECT CAST(COUNT(*) AS UNSIGNED) FROM dead_letters");
    filter.push(&mut query);
    query.build_query_scalar().fetch_one(connection).await
}

/// Letters by topic and reason, the largest count first.
pub(super) async fn counts(
    connection: &mut MySqlConnection,
    filter: &Filter,
) -> Result<Vec<Counted>, sqlx::Error> {
    let mut query = QueryBuilder::new(
        "SELECT topic, CAST(error_code AS CHAR), CAST(COUNT(*) AS UNSIGNED) AS letters, CAST(SUM(replayed_at IS NULL) AS UNSIGNED), CAST(MIN(dead_at) AS CHAR), CAST(MAX(dead_at) AS CHAR), CAST(MAX(id) AS UNSIGNED) FROM dead_letters",
    );
    filter.push(&mut query);
    query.push(" GROUP BY topic, error_code ORDER BY letters DESC, topic, error_code");
    query.build().fetch_all(connection).await?.iter().map(counted).collect()
}

fn counted(row: &MySqlRow) -> Result<Counted, sqlx::Error> {
    Ok(Counted {
        topic: row.try_get(0)?,
        error_code: row.try_get(1)?,
        letters: row.try_get(2)?,
        unreplayed: row.try_get(3)?,
        first_dead_at: row.try_get(4)?,
        last_dead_at: row.try_get(5)?,
        newest_id: row.try_get(6)?,
    })
}

/// What a letter keeps of its message.
#[derive(Debug)]
pub(super) struct Kept {
    /// Without its secrets; `None`: a tombstone.
    pub payload: Option<Vec<u8>>,
    pub key: Option<Vec<u8>>,
    pub headers: Option<OwnedHeaders>,
    pub timestamp_ms: Option<i64>,
}

impl Kept {
    /// The message at its place in Kafka.
    pub(super) fn message<'k>(&'k self, address: &'k Address) -> Message<'k> {
        Message {
            topic: &address.topic,
            partition: address.partition,
            offset: address.offset,
            key: self.key.as_deref(),
            payload: self.payload.as_deref(),
            timestamp_ms: self.timestamp_ms,
            headers: self.headers.as_ref().map_or(Headers::None, Headers::Kept),
        }
    }
}

/// The same of this letter; `None` if it is gone.
pub(super) async fn kept(
    connection: &mut MySqlConnection,
    name: &Name,
) -> Result<Option<Kept>, sqlx::Error> {
    let mut query = QueryBuilder::new(
        "SELECT payload, message_key, message_headers, event_type, \
         TIMESTAMPDIFF(MICROSECOND, '1970-01-01', kafka_timestamp) FROM dead_letters WHERE FALSE",
    );
    push_or_name(&mut query, name);
    let Some(row) = query.build().fetch_optional(connection).await? else { return Ok(None) };
    let payload: Vec<u8> = row.try_get(0)?;
    let event_type: Option<String> = row.try_get(3)?;
    let headers: Option<String> = row.try_get(2)?;
    let micros: Option<i64> = row.try_get(4)?;
    let is_tombstone = payload.is_empty() && event_type.as_deref() == Some(TOMBSTONE);
    Ok(Some(Kept {
        payload: (!is_tombstone).then_some(payload),
        key: row.try_get(1)?,
        headers: headers.as_deref().and_then(read_headers),
        timestamp_ms: micros.map(|micros| micros.div_euclid(1000)),
    }))
}

fn read_headers(text: &str) -> Option<OwnedHeaders> {
    let headers: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    let add = |kept: OwnedHeaders, (key, value): (&String, &String)| {
        kept.insert(Header { key, value: Some(value) })
    };
    Some(headers.iter().fold(OwnedHeaders::new(), add))
}

/// Marks letters as replayed now.
pub(super) async fn mark_replayed(
    connection: &mut MySqlConnection,
    names: &[Name],
) -> Result<(), sqlx::Error> {
    if names.is_empty() {
        return Ok(());
    }
    let mut query =
        QueryBuilder::new("UPDATE dead_letters SET replayed_at = UTC_TIMESTAMP(6) WHERE FALSE");
    names.iter().for_each(|name| push_or_name(&mut query, name));
    query.build().execute(connection).await.map(drop)
}

/// Deletes letters; returns how many.
pub(super) async fn purge(
    connection: &mut MySqlConnection,
    filter: &Filter,
) -> Result<u64, sqlx::Error> {
    let mut purged = 0;
    loop {
        let mut query = QueryBuilder::new("DELETE FROM dead_letters");
        filter.push(&mut query);
        query.push(format!(" ORDER BY {BY_NAME} LIMIT ")).push_bind(PURGE_ROWS);
        match query.build().execute(&mut *connection).await?.rows_affected() {
            0 => return Ok(purged),
            rows => purged += rows,
        }
    }
}
