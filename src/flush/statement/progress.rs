//! Statements on sluicegate's own tables: how far each partition is, and the commits of writers.

use super::{StatementLimits, Upsert, push_text, write_statement};
use crate::flush::merge;
use crate::ledger::{Commit, Identity, PROGRESS, Record, TOPICS, Topic, WRITERS};
use crate::mysql::Dialect;
use crate::offsets::TopicPartition;
use std::fmt::Write as _;
use std::sync::Arc;

/// Whether anything was ever recorded.
pub const ANY: &str = "SELECT 1 FROM `sluicegate_progress` LIMIT 1";

/// How many partitions to name in one statement, at most.
const PARTITIONS_MAX: usize = 500;

/// The upsert of progress rows, without its rows. A row of an earlier transaction that says more stays as
/// it is: both are true.
pub(super) fn upsert(dialect: Dialect) -> Upsert {
    let alias = match dialect {
        Dialect::MySql => format!(" AS {}", merge::INCOMING),
        Dialect::MariaDb => String::new(),
    };
    let (next, at) =
        (merge::incoming(dialect, "next_offset"), merge::incoming(dialect, "recorded_at"));
    Upsert {
        head: format!(
            "INSERT INTO `{PROGRESS}` (`cluster_id`, `group_id`, `topic`, `kafka_partition`, `topic_id`, \
             `writer`, `next_offset`, `recorded_at`) VALUES "
        ),
        tail: format!(
            "{alias} ON DUPLICATE KEY UPDATE `recorded_at` = {at}, \
             `next_offset` = GREATEST(`{PROGRESS}`.`next_offset`, {next})"
        ),
    }
}

/// Writes one upsert of the records from `from` on. Returns the index after the last one.
pub(super) fn write(
    Upsert { head, tail }: &Upsert,
    identity: &Identity,
    writer: usize,
    (records, from): (&[Record], usize),
    limits: StatementLimits,
    text: &mut String,
) -> usize {
    write_statement(head, tail, from, records.len(), limits, text, |index, text| {
        let Record { partition: TopicPartition { topic, partition }, topic_id, next, .. } =
            &records[index];
        text.push('(');
        push_text(text, &identity.cluster_id);
        text.push(',');
        push_text(text, &identity.group_id);
        text.push(',');
        push_text(text, topic);
        let _ = write!(text, ",{partition},");
        push_text(text, topic_id);
        let _ = write!(text, ",{writer},{next},UTC_TIMESTAMP(6))");
    })
}

/// Deletes what earlier assignments have left of the partitions that begin with these records. Not what
/// was recorded since the database was asked: an instance that was thrown out of its group, and does not
/// know it yet, must not take back what the next owner has recorded.
pub fn forget(identity: &Identity, records: &[Record]) -> Vec<String> {
    let row = |record: &Record| {
        let TopicPartition { topic, partition } = record.partition.clone();
        let rows = record.replaces.clone().into_iter().flatten();
        rows.map(move |(topic_id, next)| (topic.clone(), partition, topic_id, next))
    };
    let rows: Vec<_> = records.iter().flat_map(row).collect();
    let delete = |rows: &[(Arc<str>, i32, Arc<str>, i64)]| {
        let mut text = format!("DELETE FROM `{PROGRESS}` WHERE ");
        push_group(&mut text, identity);
        for (index, (topic, partition, topic_id, next)) in rows.iter().enumerate() {
            text.push_str(if index == 0 { "`topic` = " } else { " OR `topic` = " });
            push_text(&mut text, topic);
            let _ = write!(text, " AND `kafka_partition` = {partition} AND `topic_id` = ");
            push_text(&mut text, topic_id);
            let _ = write!(text, " AND `next_offset` <= {next}");
        }
        text.push(')');
        text
    };
    rows.chunks(PARTITIONS_MAX).map(delete).collect()
}

/// Selects what the database holds of these partitions: topic, partition, topic id, next offset.
pub fn held(identity: &Identity, partitions: &[TopicPartition]) -> Vec<String> {
    let select = |partitions: &[TopicPartition]| {
        let mut text = format!(
            "SELECT `topic`, `kafka_partition`, `topic_id`, MAX(`next_offset`) FROM `{PROGRESS}` WHERE "
        );
        push_group(&mut text, identity);
        for (index, TopicPartition { topic, partition }) in partitions.iter().enumerate() {
            text.push_str(if index == 0 { "`topic` = " } else { " OR `topic` = " });
            push_text(&mut text, topic);
            let _ = write!(text, " AND `kafka_partition` = {partition}");
        }
        text.push_str(") GROUP BY `topic`, `kafka_partition`, `topic_id`");
        text
    };
    partitions.chunks(PARTITIONS_MAX).map(select).collect()
}

/// The cluster and the group, and the beginning of a list of alternatives.
fn push_group(text: &mut String, identity: &Identity) {
    text.push_str("`cluster_id` = ");
    push_text(text, &identity.cluster_id);
    text.push_str(" AND `group_id` = ");
    push_text(text, &identity.group_id);
    text.push_str(" AND (");
}

/// Selects how many partitions topics had when the group first saw them: topic, topic id, partitions.
pub fn seen(identity: &Identity) -> String {
    let mut text =
        format!("SELECT `topic`, `topic_id`, `partitions` FROM `{TOPICS}` WHERE `cluster_id` = ");
    push_text(&mut text, &identity.cluster_id);
    text.push_str(" AND `group_id` = ");
    push_text(&mut text, &identity.group_id);
    text
}

/// Inserts topics that the group sees for the first time. What another instance has seen first stays.
pub fn see(identity: &Identity, topics: &[(Arc<str>, Topic)]) -> String {
    let mut text = format!(
        "INSERT INTO `{TOPICS}` (`cluster_id`, `group_id`, `topic`, `topic_id`, `partitions`, `seen_at`) VALUES "
    );
    for (index, (topic, Topic { id, partitions, .. })) in topics.iter().enumerate() {
        text.push_str(if index == 0 { "(" } else { ",(" });
        for value in [&identity.cluster_id, &identity.group_id, topic, id] {
            push_text(&mut text, value);
            text.push(',');
        }
        let _ = write!(text, "{partitions},UTC_TIMESTAMP(6))");
    }
    text.push_str(" ON DUPLICATE KEY UPDATE `seen_at` = `seen_at`");
    text
}

/// How recently a member must have committed to count as one that writes here: a running one commits every
/// few seconds, and a database that was cloned keeps the rows of the original's.
const MEMBER_SECONDS: u32 = 60;

/// Selects the members of the group that commit here.
pub fn members(identity: &Identity) -> String {
    let mut text = format!("SELECT DISTINCT `member_id` FROM `{WRITERS}` WHERE `cluster_id` = ");
    push_text(&mut text, &identity.cluster_id);
    text.push_str(" AND `group_id` = ");
    push_text(&mut text, &identity.group_id);
    let _ =
        write!(text, " AND `committed_at` >= UTC_TIMESTAMP(6) - INTERVAL {MEMBER_SECONDS} SECOND");
    text
}

/// Selects processes that have not committed for a day, and so have ended: a running one commits every few
/// seconds.
pub const ENDED: &str = "SELECT `instance` FROM `sluicegate_writers` GROUP BY `instance` \
    HAVING MAX(`committed_at`) < UTC_TIMESTAMP(6) - INTERVAL 1 DAY LIMIT 100";

/// Deletes the commits of these processes.
pub fn forget_ended(instances: &[String]) -> String {
    let mut text = format!("DELETE FROM `{WRITERS}` WHERE `instance` IN (");
    for (index, instance) in instances.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { "," });
        push_text(&mut text, instance);
    }
    text.push(')');
    text
}

/// Whether a table has a row.
pub fn any_row(table: &str) -> String {
    format!("SELECT 1 FROM `{table}` LIMIT 1")
}

/// Counts a commit. Changes no row if the database does not have the writer's last one.
pub fn count(identity: &Identity, commit: &Commit) -> String {
    let Commit { writer, instance, number, .. } = commit;
    let mut text = String::new();
    if commit.own() == 0 {
        let _ = write!(
            text,
            "INSERT INTO `{WRITERS}` (`instance`, `writer`, `commits`, `cluster_id`, `group_id`, \
             `member_id`, `client_id`, `host`, `started_at`, `committed_at`) VALUES \
             ('{instance}', {writer}, {number}, "
        );
        let Identity { cluster_id, group_id, member_id, client_id, host } = identity;
        for value in [cluster_id, group_id, member_id, client_id, host] {
            push_text(&mut text, value);
            text.push_str(", ");
        }
        let _ = write!(
            text,
            "UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)) \
             ON DUPLICATE KEY UPDATE `commits` = {number}, `committed_at` = UTC_TIMESTAMP(6)"
        );
        return text;
    }
    let _ = write!(
        text,
        "UPDATE `{WRITERS}` SET `commits` = {number}, `committed_at` = UTC_TIMESTAMP(6), \
         `member_id` = "
    );
    push_text(&mut text, &identity.member_id);
    let _ = write!(
        text,
        " WHERE `instance` = '{instance}' AND `writer` = {writer} AND `commits` >= {}",
        commit.own()
    );
    text
}

/// Selects the commits of all writers of a process: writer, commits.
pub fn commits(commit: &Commit) -> String {
    format!(
        "SELECT CAST(`writer` AS UNSIGNED), `commits` FROM `{WRITERS}` WHERE `instance` = '{}'",
        commit.instance
    )
}
