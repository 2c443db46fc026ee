//! The table `dead_letters`, as people work with it.

use crate::datetime::{self, Micros};
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{MySql, QueryBuilder, Row};

/// Rows that one `DELETE` removes: a purge of millions does not hold its locks for long.
const PURGE_ROWS: u32 = 5_000;

/// Which dead letters.
#[derive(Debug, Default, Clone)]
pub struct Filter {
    /// With one of these numbers; if there are none, with any.
    pub ids: Vec<u64>,
    /// Of this Kafka topic.
    pub topic: Option<String>,
    /// With this error code.
    pub reason: Option<String>,
    /// Not before.
    pub since: Option<Micros>,
    /// Before.
    pub until: Option<Micros>,
    /// Whether they have been replayed; `None` for both.
    pub replayed: Option<bool>,
    /// With a greater id than this.
    pub after: u64,
}

/// A dead letter as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Stored {
    /// Its number.
    pub id: u64,
    /// Kafka topic.
    pub topic: String,
    /// Kafka partition.
    pub partition: i32,
    /// Kafka offset.
    pub offset: i64,
    /// Kafka key, as far as it is text.
    pub key: Option<String>,
    /// Event type, where it could be read.
    pub event_type: Option<String>,
    /// Event id, where it could be read.
    pub event_id: Option<String>,
    /// The stable code.
    pub error_code: String,
    /// The sentence.
    pub error_text: String,
    /// Size of the original message.
    pub payload_bytes: u64,
    /// Whether only its beginning was kept.
    pub payload_cut: bool,
    /// When the verdict was given.
    pub dead_at: String,
    /// When it was replayed with success.
    pub replayed_at: Option<String>,
    /// The message without its secrets; not read for lists.
    #[serde(skip)]
    pub payload: Vec<u8>,
}

/// The dead letters of a topic with the same reason.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Counted {
    /// Kafka topic.
    pub topic: String,
    /// The stable code.
    pub error_code: String,
    /// All of them.
    pub letters: u64,
    /// Those that have not been replayed with success.
    pub unreplayed: u64,
    /// When the first verdict was given.
    pub first_dead_at: String,
    /// When the last verdict was given.
    pub last_dead_at: String,
    /// The greatest number among them.
    pub newest_id: u64,
}

impl Filter {
    fn push(&self, query: &mut QueryBuilder<MySql>) {
        query.push(" WHERE id > ").push_bind(self.after);
        if !self.ids.is_empty() {
            query.push(" AND ");
            push_ids(query, &self.ids);
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

fn push_ids(query: &mut QueryBuilder<MySql>, ids: &[u64]) {
    query.push("id IN (");
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(*id);
    }
    query.push(")");
}

fn time_text(micros: Micros) -> String {
    datetime::format(micros).map(char::from).iter().collect()
}

/// Dead letters in the order of their numbers, at most `limit`.
///
/// # Errors
/// Whatever the driver says.
pub async fn list(
    connection: &mut MySqlConnection,
    filter: &Filter,
    with_payload: bool,
    limit: u32,
) -> Result<Vec<Stored>, sqlx::Error> {
    select(connection, filter, with_payload, "id", limit).await
}

/// The newest of them without their payloads, the newest last.
///
/// # Errors
/// Whatever the driver says.
pub async fn newest(
    connection: &mut MySqlConnection,
    filter: &Filter,
    limit: u32,
) -> Result<Vec<Stored>, sqlx::Error> {
    let mut letters = select(connection, filter, false, "id DESC", limit).await?;
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
        "SELECT id, topic, kafka_partition, kafka_offset, message_key, event_type, event_id, CAST(error_code AS CHAR), error_text, CAST(payload_bytes AS UNSIGNED), payload_cut, CAST(dead_at AS CHAR), CAST(replayed_at AS CHAR), ",
    );
    query.push(payload).push(" FROM dead_letters");
    filter.push(&mut query);
    query.push(format!(" ORDER BY {order} LIMIT ")).push_bind(limit);
    query.build().fetch_all(connection).await?.iter().map(stored).collect()
}

fn stored(row: &MySqlRow) -> Result<Stored, sqlx::Error> {
    let key: Option<Vec<u8>> = row.try_get(4)?;
    Ok(Stored {
        id: row.try_get(0)?,
        topic: row.try_get(1)?,
        partition: row.try_get(2)?,
        offset: row.try_get(3)?,
        key: key.map(|key| String::from_utf8_lossy(&key).into_owned()),
        event_type: row.try_get(5)?,
        event_id: row.try_get(6)?,
        error_code: row.try_get(7)?,
        error_text: row.try_get(8)?,
        payload_bytes: row.try_get(9)?,
        payload_cut: row.try_get(10)?,
        dead_at: row.try_get(11)?,
        replayed_at: row.try_get(12)?,
        payload: row.try_get(13)?,
    })
}

/// How many letters there are.
///
/// # Errors
/// Whatever the driver says.
pub async fn count(connection: &mut MySqlConnection, filter: &Filter) -> Result<u64, sqlx::Error> {
    let mut query = QueryBuilder::new("SELECT CAST(COUNT(*) AS UNSIGNED) FROM dead_letters");
    filter.push(&mut query);
    query.build_query_scalar().fetch_one(connection).await
}

/// How many letters there are by topic and reason, the most first.
///
/// # Errors
/// Whatever the driver says.
pub async fn counts(
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

/// The payload of a letter; empty if it is gone.
///
/// # Errors
/// Whatever the driver says.
pub async fn payload(connection: &mut MySqlConnection, id: u64) -> Result<Vec<u8>, sqlx::Error> {
    let query = sqlx::query_scalar("SELECT payload FROM dead_letters WHERE id = ?").bind(id);
    Ok(query.fetch_optional(connection).await?.unwrap_or_default())
}

/// Marks letters as replayed now.
///
/// # Errors
/// Whatever the driver says.
pub async fn mark_replayed(
    connection: &mut MySqlConnection,
    ids: &[u64],
) -> Result<(), sqlx::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut query =
        QueryBuilder::new("UPDATE dead_letters SET replayed_at = UTC_TIMESTAMP(6) WHERE ");
    push_ids(&mut query, ids);
    query.build().execute(connection).await.map(drop)
}

/// Deletes letters, and gives their number.
///
/// # Errors
/// Whatever the driver says.
pub async fn purge(connection: &mut MySqlConnection, filter: &Filter) -> Result<u64, sqlx::Error> {
    let mut purged = 0;
    loop {
        let mut query = QueryBuilder::new("DELETE FROM dead_letters");
        filter.push(&mut query);
        query.push(" LIMIT ").push_bind(PURGE_ROWS);
        match query.build().execute(&mut *connection).await?.rows_affected() {
            0 => return Ok(purged),
            rows => purged += rows,
        }
    }
}
