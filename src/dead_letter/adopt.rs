//! Letters of before their origin was kept → letters of the topics that there are.

use super::TABLE;
use crate::offsets::Origin;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Row};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Letters a statement, so that none holds its locks for long.
const CHUNK: u32 = 5_000;
/// Letters of a topic without an origin, after a place.
const UNKNOWN: &str = "old.topic = ? AND old.topic_id = '' AND old.cluster_id = '' \
    AND (old.kafka_partition > ? OR old.kafka_partition = ? AND old.kafka_offset > ?)";

/// A place in a topic: partition and offset.
type Place = (i32, i64);

/// Gives the letters of these topics whose origin is not known this one, so that a message that is read
/// again finds its letter. Returns how many. They count as letters of the topics that there are now, as
/// they did before their origin was kept.
///
/// Needed once, after an upgrade, before the first message is read again; may be repeated. A letter
/// stays as it is if its message has one with an origin already.
///
/// # Errors
/// If a statement fails. Then some letters may have theirs and others not.
pub async fn adopt(
    connection: &mut MySqlConnection,
    cluster_id: &Arc<str>,
    topic_ids: &BTreeMap<Arc<str>, Arc<str>>,
) -> Result<u64, sqlx::Error> {
    let mut adopted = 0;
    for (topic, topic_id) in topic_ids {
        let origin = Origin { cluster_id: Arc::clone(cluster_id), topic_id: Arc::clone(topic_id) };
        if origin == Origin::default() {
            continue;
        }
        let mut after = (-1, -1);
        while let Some(last) = chunk_end(connection, topic, after).await? {
            adopted += adopt_chunk(connection, topic, &origin, after, last).await?;
            after = last;
        }
    }
    Ok(adopted)
}

/// The last of the next letters without an origin.
async fn chunk_end(
    connection: &mut MySqlConnection,
    topic: &str,
    (partition, offset): Place,
) -> Result<Option<Place>, sqlx::Error> {
    let select = format!(
        "SELECT kafka_partition, kafka_offset FROM (\
            SELECT kafka_partition, kafka_offset FROM {TABLE} AS old WHERE {UNKNOWN} \
            ORDER BY kafka_partition, kafka_offset LIMIT {CHUNK}\
         ) AS chunk ORDER BY kafka_partition DESC, kafka_offset DESC LIMIT 1"
    );
    let query = sqlx::query(AssertSqlSafe(select)).bind(topic);
    let last =
        query.bind(partition).bind(partition).bind(offset).fetch_optional(connection).await?;
    last.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

async fn adopt_chunk(
    connection: &mut MySqlConnection,
    topic: &str,
    origin: &Origin,
    after: Place,
    last: Place,
) -> Result<u64, sqlx::Error> {
    let update = format!(
        "UPDATE {TABLE} AS old LEFT JOIN {TABLE} AS known ON known.topic = old.topic \
         AND known.kafka_partition = old.kafka_partition AND known.kafka_offset = old.kafka_offset \
         AND known.topic_id = ? AND known.cluster_id = ? \
         SET old.topic_id = ?, old.cluster_id = ? WHERE known.topic IS NULL AND {UNKNOWN} \
         AND (old.kafka_partition < ? OR old.kafka_partition = ? AND old.kafka_offset <= ?)"
    );
    let Origin { topic_id, cluster_id } = origin;
    let query = sqlx::query(AssertSqlSafe(update)).bind(&**topic_id).bind(&**cluster_id);
    let query = query.bind(&**topic_id).bind(&**cluster_id).bind(topic);
    let query = query.bind(after.0).bind(after.0).bind(after.1);
    let done = query.bind(last.0).bind(last.0).bind(last.1).execute(connection).await?;
    Ok(done.rows_affected())
}
