//! The table `sluicegate_progress`, as people work with it.

use super::positions::Position;
use crate::commands::said;
use crate::flush::statement::progress;
use crate::ledger::PROGRESS;
use crate::mapping::Mapping;
use crate::mysql::number_of;
use crate::offsets::TopicPartition;
use anyhow::anyhow;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Executor, Row};
use std::sync::Arc;

const NO_SUCH_TABLE: u16 = 1146;

/// Whose rows they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) cluster_id: String,
    pub(super) group_id: String,
}

/// What the rows of all writers say of a partition of a topic with this id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) partition: TopicPartition,
    /// Empty: unknown.
    pub(super) topic_id: Arc<str>,
    pub(super) next_offset: i64,
    /// As the server writes a time.
    pub(super) recorded_at: String,
}

/// Why the table cannot be read.
pub(super) fn unreadable(error: sqlx::Error) -> anyhow::Error {
    match number_of(&error) {
        NO_SUCH_TABLE => anyhow!("this database has no table {PROGRESS}; run `sluicegate migrate`"),
        _ => said(error),
    }
}

pub(super) async fn recorded(
    connection: &mut MySqlConnection,
    group: &Group,
) -> Result<Vec<Recorded>, sqlx::Error> {
    let select = sqlx::query(
        "SELECT topic, kafka_partition, topic_id, MAX(next_offset), CAST(MAX(recorded_at) AS CHAR) FROM sluicegate_progress WHERE cluster_id = ? AND group_id = ? GROUP BY topic, kafka_partition, topic_id ORDER BY topic, kafka_partition, topic_id",
    );
    let select = select.bind(&group.cluster_id).bind(&group.group_id);
    connection.fetch_all(select).await?.iter().map(of_row).collect()
}

fn of_row(row: &MySqlRow) -> Result<Recorded, sqlx::Error> {
    let (topic, topic_id): (String, String) = (row.try_get(0)?, row.try_get(2)?);
    Ok(Recorded {
        partition: TopicPartition { topic: topic.into(), partition: row.try_get(1)? },
        topic_id: topic_id.into(),
        next_offset: row.try_get(3)?,
        recorded_at: row.try_get(4)?,
    })
}

/// All other groups and clusters that have rows here.
pub(super) async fn other_groups(
    connection: &mut MySqlConnection,
    own: &Group,
) -> Result<Vec<Group>, sqlx::Error> {
    let select = sqlx::query(
        "SELECT DISTINCT cluster_id, group_id FROM sluicegate_progress WHERE NOT (cluster_id = ? AND group_id = ?) ORDER BY cluster_id, group_id",
    );
    let select = select.bind(&own.cluster_id).bind(&own.group_id);
    let group =
        |row: &MySqlRow| Ok(Group { cluster_id: row.try_get(0)?, group_id: row.try_get(1)? });
    connection.fetch_all(select).await?.iter().map(group).collect()
}

/// Whether the next start adopts Kafka's offsets: nothing was ever recorded, and the tables hold rows.
pub(super) async fn adopts(
    connection: &mut MySqlConnection,
    mapping: &Mapping,
) -> Result<bool, sqlx::Error> {
    if !connection.fetch_all(progress::ANY).await?.is_empty() {
        return Ok(false);
    }
    for table in &mapping.tables {
        let any = AssertSqlSafe(progress::any_row(&table.name));
        if !connection.fetch_all(any).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) async fn begin(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    connection.execute("START TRANSACTION").await.map(drop)
}

/// Replaces all rows of a partition, whatever topic they were of, by one.
pub(super) async fn replace(
    connection: &mut MySqlConnection,
    group: &Group,
    position: &Position,
    next_offset: i64,
) -> Result<(), sqlx::Error> {
    let Position { partition: TopicPartition { topic, partition }, topic_id, .. } = position;
    let delete = sqlx::query(
        "DELETE FROM sluicegate_progress WHERE cluster_id = ? AND group_id = ? AND topic = ? AND kafka_partition = ?",
    );
    let delete =
        delete.bind(&group.cluster_id).bind(&group.group_id).bind(&**topic).bind(partition);
    connection.execute(delete).await?;
    let insert = sqlx::query(
        "INSERT INTO sluicegate_progress (cluster_id, group_id, topic, kafka_partition, topic_id, writer, next_offset, recorded_at) VALUES (?, ?, ?, ?, ?, 0, ?, UTC_TIMESTAMP(6))",
    );
    let insert =
        insert.bind(&group.cluster_id).bind(&group.group_id).bind(&**topic).bind(partition);
    connection.execute(insert.bind(&**topic_id).bind(next_offset)).await.map(drop)
}

pub(super) async fn commit(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    connection.execute("COMMIT").await.map(drop)
}
