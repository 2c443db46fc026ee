//! A reading of the metrics → the parts of the status.

use super::reading::{Interval, Reading};
use super::types::{DatabaseStats, DeadLetterStats, FlushStats, TableStats, TopicLag};
use std::collections::BTreeMap;

/// Tables that are listed, the busiest first.
const TABLES: usize = 8;

/// Counts are whole and not negative.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(super) fn whole(value: f64) -> u64 {
    value.max(0.0) as u64
}

pub(super) fn counts(by: BTreeMap<String, f64>) -> BTreeMap<String, u64> {
    by.into_iter().map(|(key, value)| (key, whole(value))).collect()
}

pub(super) fn database(now: &Reading) -> DatabaseStats {
    let mut kafka_ahead: BTreeMap<String, u64> = BTreeMap::new();
    for ([topic], messages) in now.by("sluicegate_consume_kafka_ahead_messages", ["topic"]) {
        if messages > 0.0 {
            kafka_ahead.insert(topic, whole(messages));
        }
    }
    let mut stats = DatabaseStats {
        went_back: whole(now.sum("sluicegate_flush_database_went_back_total")),
        foreign_members: whole(now.sum("sluicegate_consume_foreign_members")),
        kafka_ahead,
        text: None,
    };
    stats.text = in_words(&stats);
    stats
}

fn in_words(stats: &DatabaseStats) -> Option<String> {
    let mut parts = Vec::new();
    match stats.went_back {
        0 => {}
        1 => parts.push("The database went back in time since the start; what it had lost was read again.".to_owned()),
        times => parts.push(format!("The database went back in time {times} times since the start; what it had lost was read again.")),
    }
    let ahead: u64 = stats.kafka_ahead.values().sum();
    if ahead > 0 {
        let topics: Vec<&str> = stats.kafka_ahead.keys().map(String::as_str).collect();
        parts.push(format!(
            "The database lacks {ahead} messages that Kafka's offsets are after ({}); they are being read again.",
            topics.join(", ")
        ));
    }
    if stats.foreign_members > 0 {
        parts.push(match stats.foreign_members {
            1 => "A member of the group does not write to this database; the log names it."
                .to_owned(),
            more => format!(
                "{more} members of the group do not write to this database; the log names them."
            ),
        });
    }
    (!parts.is_empty()).then(|| parts.join(" "))
}

pub(super) fn lag(now: &Reading) -> Vec<TopicLag> {
    let labels = ["topic", "partition"];
    let seconds = now.by("sluicegate_consume_lag_seconds", labels);
    let assigned = now.by("sluicegate_consume_assigned", labels);
    let mut ignored = now.by("sluicegate_decode_ignored_total", ["topic"]);
    for (topic, tombstones) in now.by("sluicegate_consume_tombstones_total", ["topic"]) {
        *ignored.entry(topic).or_default() += tombstones;
    }
    let mut topics: BTreeMap<String, TopicLag> = BTreeMap::new();
    for (key, messages) in now.by("sluicegate_consume_lag_messages", labels) {
        // Those that it had before are another instance's.
        if assigned.get(&key) != Some(&1.0) {
            continue;
        }
        let behind = seconds.get(&key).copied().unwrap_or_default();
        let [topic, partition] = key;
        let skipped = ignored.get(std::slice::from_ref(&topic)).copied().unwrap_or_default();
        let lag = topics.entry(topic.clone()).or_insert(TopicLag {
            ignored: whole(skipped),
            topic,
            messages: 0,
            seconds: 0.0,
            partitions: 0,
            hottest: 0,
            hottest_messages: 0,
        });
        let messages = whole(messages);
        lag.messages += messages;
        lag.seconds = lag.seconds.max(behind);
        lag.partitions += 1;
        if messages >= lag.hottest_messages {
            lag.hottest = partition.parse().unwrap_or_default();
            lag.hottest_messages = messages;
        }
    }
    topics.into_values().collect()
}

pub(super) fn flush(interval: Interval<'_>, busy_mean: f64) -> FlushStats {
    let now = interval.to;
    let writers = now.sum("sluicegate_flush_writers");
    let rows = interval.growth_by("sluicegate_flush_rows_total", "table");
    let seconds = interval.growth_by("sluicegate_flush_statement_duration_seconds_sum", "table");
    let each_second = |value: f64| value / interval.seconds().max(1e-9);
    let mut tables: Vec<TableStats> = rows
        .into_iter()
        .map(|(table, rows)| TableStats {
            rows_per_second: each_second(rows),
            busy: each_second(seconds.get(&table).copied().unwrap_or_default()),
            table,
        })
        .collect();
    tables.sort_by(|a, b| b.busy.total_cmp(&a.busy));
    tables.truncate(TABLES);
    FlushStats {
        writers: whole(writers),
        busy: whole(now.sum("sluicegate_flush_writers_busy")),
        busy_share: busy_mean / writers.max(1.0),
        in_flight: whole(now.sum("sluicegate_flush_batches_in_flight")),
        paused: now.sum("sluicegate_consume_paused") > 0.0,
        seconds: interval.mean("sluicegate_flush_duration_seconds"),
        commit_seconds: interval.mean("sluicegate_flush_commit_duration_seconds"),
        tables,
        retries: counts(interval.growth_by("sluicegate_flush_retries_total", "class")),
    }
}

pub(super) fn dead_letters(now: &Reading) -> Vec<DeadLetterStats> {
    let by = now.by("sluicegate_flush_dead_letters_total", ["topic", "reason"]);
    let mut letters: Vec<DeadLetterStats> = by
        .into_iter()
        .filter(|(_, count)| *count > 0.0)
        .map(|([topic, reason], count)| DeadLetterStats {
            command: format!("sluicegate dead-letters list --topic {topic} --reason {reason}"),
            topic,
            reason,
            count: whole(count),
        })
        .collect();
    letters.sort_by_key(|letters| std::cmp::Reverse(letters.count));
    letters
}
