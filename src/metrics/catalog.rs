//! Every metric with its kind, labels and meaning. `/metrics` and docs/metrics.md say the same.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Buckets of durations, in seconds: from a fast statement to a long outage.
pub const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];
/// Buckets of latencies, in seconds: fine around the half second that matters, and up to a day.
pub const LATENCIES: [f64; 18] = [
    0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1800.0,
    7200.0, 86_400.0,
];
/// Buckets of rows in a batch.
pub const ROWS: [f64; 10] =
    [1.0, 10.0, 100.0, 500.0, 1000.0, 2500.0, 5000.0, 7500.0, 10_000.0, 25_000.0];
/// Buckets of bytes in a batch: from 4 KiB to 64 MiB.
pub const BYTES: [f64; 8] =
    [4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 8_388_608.0, 67_108_864.0];

/// Prometheus' kinds of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// With prefix and unit.
    pub name: &'static str,
    pub kind: Kind,
    /// Each has few values.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
    /// The question it answers.
    pub question: &'static str,
}

/// Every metric of sluicegate itself.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "sluicegate_build_info",
        kind: Kind::Gauge,
        labels: &["version", "revision"],
        help: "Always 1; the labels say which build is running",
        question: "Is the new version running everywhere?",
    },
    Metric {
        name: "sluicegate_ready",
        kind: Kind::Gauge,
        labels: &[],
        help: "1 if /readyz says ready, 0 while waiting for MySQL or Kafka",
        question: "Does it work at all?",
    },
    Metric {
        name: "sluicegate_memory_limit_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "The setting memory.limit",
        question: "Is the process near its limit? (with process_resident_memory_bytes)",
    },
    Metric {
        name: "sluicegate_consume_messages_total",
        kind: Kind::Counter,
        labels: &["topic"],
        help: "Messages read from Kafka, including tombstones and faulty ones",
        question: "How much comes in, and from which topics?",
    },
    Metric {
        name: "sluicegate_consume_bytes_total",
        kind: Kind::Counter,
        labels: &["topic"],
        help: "Bytes of the values of these messages",
        question: "How large are they?",
    },
    Metric {
        name: "sluicegate_consume_tombstones_total",
        kind: Kind::Counter,
        labels: &["topic"],
        help: "Messages without a value, skipped",
        question: "Does a producer delete keys?",
    },
    Metric {
        name: "sluicegate_consume_rebalances_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Assignments and revocations; those without partitions do not count",
        question: "Does the group settle?",
    },
    Metric {
        name: "sluicegate_consume_partitions",
        kind: Kind::Gauge,
        labels: &[],
        help: "Partitions assigned to this instance",
        question: "Is the work shared out?",
    },
    Metric {
        name: "sluicegate_consume_foreign_members",
        kind: Kind::Gauge,
        labels: &[],
        help: "Members of the group that have partitions and do not write to this database",
        question: "Does another database or program share the group?",
    },
    Metric {
        name: "sluicegate_consume_paused",
        kind: Kind::Gauge,
        labels: &[],
        help: "1 while reading is paused because the writers are behind",
        question: "Is MySQL the limit?",
    },
    Metric {
        name: "sluicegate_consume_assigned",
        kind: Kind::Gauge,
        labels: &["topic", "partition"],
        help: "1 while this instance has the partition, 0 after it has given it up",
        question: "Who has which partition?",
    },
    Metric {
        name: "sluicegate_consume_lag_messages",
        kind: Kind::Gauge,
        labels: &["topic", "partition"],
        help: "Messages of a partition that are not committed yet; absent until known",
        question: "How much is waiting? Is one partition hot?",
    },
    Metric {
        name: "sluicegate_consume_lag_seconds",
        kind: Kind::Gauge,
        labels: &["topic", "partition"],
        help: "How long the first waiting message may have been waiting: since Kafka's timestamp of the last durable message, or since none was waiting; 0 if none is",
        question: "How old are the tables?",
    },
    Metric {
        name: "sluicegate_consume_unreadable_messages",
        kind: Kind::Gauge,
        labels: &["topic", "partition"],
        help: "Messages and markers after the start of an open transaction, which no consumer can read until it ends",
        question: "Is a producer's transaction hanging?",
    },
    Metric {
        name: "sluicegate_consume_lost_messages_total",
        kind: Kind::Counter,
        labels: &["topic"],
        help: "Messages deleted from Kafka before they were read, at most",
        question: "Is retention too short?",
    },
    Metric {
        name: "sluicegate_consume_kafka_ahead_messages",
        kind: Kind::Gauge,
        labels: &["topic", "partition"],
        help: "How many messages are left to read again because the database lacked them, up to Kafka's offset when the partition began",
        question: "Did the database lose something, or does another one share the group?",
    },
    Metric {
        name: "sluicegate_consume_recreated_partitions_total",
        kind: Kind::Counter,
        labels: &["topic"],
        help: "Partitions that were begun from their first offset, because their topic had been deleted and recreated",
        question: "Was a topic recreated?",
    },
    Metric {
        name: "sluicegate_decode_events_total",
        kind: Kind::Counter,
        labels: &["topic", "event_type"],
        help: "Valid events; types that the mapping does not name count as other",
        question: "What is happening, and is there a new event type?",
    },
    Metric {
        name: "sluicegate_decode_ignored_total",
        kind: Kind::Counter,
        labels: &["topic"],
        help: "Valid events that the mapping ignores: counted above, but in no table",
        question: "How much is skipped on purpose?",
    },
    Metric {
        name: "sluicegate_decode_rejected_total",
        kind: Kind::Counter,
        labels: &["topic", "reason"],
        help: "Faulty messages, counted when they are found",
        question: "Did a producer break?",
    },
    Metric {
        name: "sluicegate_buffer_batches_total",
        kind: Kind::Counter,
        labels: &["sealed_by"],
        help: "Sealed batches, by what sealed them: rows, bytes, age or drain",
        question: "Do size limits or age seal batches?",
    },
    Metric {
        name: "sluicegate_buffer_batch_rows",
        kind: Kind::Histogram,
        labels: &[],
        help: "Rows of a sealed batch, dead letters included",
        question: "Are batches large enough?",
    },
    Metric {
        name: "sluicegate_buffer_batch_bytes",
        kind: Kind::Histogram,
        labels: &[],
        help: "Bytes of memory that a sealed batch takes",
        question: "Are they large enough, if rows are wide?",
    },
    Metric {
        name: "sluicegate_buffer_batch_age_seconds",
        kind: Kind::Histogram,
        labels: &[],
        help: "Time from a batch's first message until it was sealed",
        question: "How long does an event wait for others?",
    },
    Metric {
        name: "sluicegate_buffer_folded_rows_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Row writes saved because several events changed one entity in a batch",
        question: "What does folding save?",
    },
    Metric {
        name: "sluicegate_buffer_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "Bytes of memory in batches that are being filled or flushed",
        question: "How full are the buffers?",
    },
    Metric {
        name: "sluicegate_buffer_limit_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "The most that sluicegate_buffer_bytes may be: batch.bytes for each of flush.writers + 2 batches",
        question: "How near is the limit?",
    },
    Metric {
        name: "sluicegate_flush_rows_total",
        kind: Kind::Counter,
        labels: &["table"],
        help: "Durable row writes",
        question: "How much goes out, and to which tables?",
    },
    Metric {
        name: "sluicegate_flush_statements_total",
        kind: Kind::Counter,
        labels: &["table"],
        help: "INSERT statements of durable batches",
        question: "How many rows does a statement have?",
    },
    Metric {
        name: "sluicegate_flush_statement_bytes_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Bytes of statement text",
        question: "How much does the network carry?",
    },
    Metric {
        name: "sluicegate_flush_statement_duration_seconds",
        kind: Kind::Histogram,
        labels: &["table"],
        help: "Time that the server took for a statement, including searches for stale lines",
        question: "Which table is slow?",
    },
    Metric {
        name: "sluicegate_flush_duration_seconds",
        kind: Kind::Histogram,
        labels: &[],
        help: "Time from sealing a batch until it is durable, including retries",
        question: "Where does the time go?",
    },
    Metric {
        name: "sluicegate_flush_commit_duration_seconds",
        kind: Kind::Histogram,
        labels: &[],
        help: "Time of the COMMIT alone",
        question: "Is the disk slow?",
    },
    Metric {
        name: "sluicegate_flush_writers",
        kind: Kind::Gauge,
        labels: &[],
        help: "The setting flush.writers",
        question: "How many could be busy?",
    },
    Metric {
        name: "sluicegate_flush_writers_busy",
        kind: Kind::Gauge,
        labels: &[],
        help: "Writers that are writing a batch",
        question: "Is MySQL the limit?",
    },
    Metric {
        name: "sluicegate_flush_batches_in_flight",
        kind: Kind::Gauge,
        labels: &[],
        help: "Batches handed to writers and not yet durable",
        question: "Do batches queue?",
    },
    Metric {
        name: "sluicegate_flush_retries_total",
        kind: Kind::Counter,
        labels: &["class"],
        help: "Failed attempts that were retried, by class of error (docs/errors.md)",
        question: "What keeps failing?",
    },
    Metric {
        name: "sluicegate_flush_refused_events_total",
        kind: Kind::Counter,
        labels: &["table"],
        help: "Events that passed validation but that the server refused: a fault of the mapping or a constraint",
        question: "Did validation miss something?",
    },
    Metric {
        name: "sluicegate_flush_auto_increment_room_ratio",
        kind: Kind::Gauge,
        labels: &["table"],
        help: "Share of a table's AUTO_INCREMENT numbers that is left; absent for tables without AUTO_INCREMENT",
        question: "Will a table run out of ids?",
    },
    Metric {
        name: "sluicegate_flush_database_went_back_total",
        kind: Kind::Counter,
        labels: &[],
        help: "How often the database lacked transactions that it had acknowledged; what it lost was read again",
        question: "Did a failover or a restore lose something?",
    },
    Metric {
        name: "sluicegate_flush_dead_letters_total",
        kind: Kind::Counter,
        labels: &["topic", "reason"],
        help: "Durable dead letters",
        question: "What could not be loaded?",
    },
    Metric {
        name: "sluicegate_commit_offsets_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Lists of offsets that Kafka acknowledged",
        question: "Is there progress?",
    },
    Metric {
        name: "sluicegate_commit_failures_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Lists of offsets that Kafka did not accept; they are retried",
        question: "Does Kafka accept our offsets?",
    },
    Metric {
        name: "sluicegate_commit_durable_offset",
        kind: Kind::Gauge,
        labels: &["topic", "partition"],
        help: "Offset before which everything is durable",
        question: "How far has a partition been loaded?",
    },
    Metric {
        name: "sluicegate_commit_committed_offset",
        kind: Kind::Gauge,
        labels: &["topic", "partition"],
        help: "Offset that Kafka has acknowledged",
        question: "Where would a restart continue?",
    },
    Metric {
        name: "sluicegate_end_to_end_latency_seconds",
        kind: Kind::Histogram,
        labels: &[],
        help: "Time from an event's own timestamp until it was durable; measured for one event in 16",
        question: "How old is what the tables show?",
    },
    Metric {
        name: "sluicegate_kafka_to_durable_latency_seconds",
        kind: Kind::Histogram,
        labels: &[],
        help: "The same, from the message's timestamp in Kafka",
        question: "How much of that is sluicegate's?",
    },
];

/// Tells the recorder what the metrics mean.
pub(crate) fn describe() {
    for &Metric { name, ref kind, help, .. } in METRICS {
        let unit = match name.strip_suffix("_total").unwrap_or(name).rsplit('_').next() {
            Some("seconds") => Unit::Seconds,
            Some("bytes") => Unit::Bytes,
            _ => Unit::Count,
        };
        match kind {
            Kind::Counter => describe_counter!(name, unit, help),
            Kind::Gauge => describe_gauge!(name, unit, help),
            Kind::Histogram => describe_histogram!(name, unit, help),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_every_metric() {
        let docs = include_str!("../../docs/metrics.md");
        let rows: Vec<&str> =
            docs.lines().filter(|line| line.starts_with("| `sluicegate_")).collect();
        let expected = METRICS.iter().map(|Metric { name, kind, labels, help, question }| {
            let kind = format!("{kind:?}").to_lowercase();
            let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
            format!("| `{name}` | {kind} | {} | {help}. | {question} |", labels.join(", "))
        });
        assert_eq!(rows, expected.collect::<Vec<_>>());
    }

    #[test]
    fn names_say_what_they_are() {
        for Metric { name, kind, .. } in METRICS {
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
        }
    }
}
