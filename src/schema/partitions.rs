//! Partitions that do not take every row.

use super::live::Partitions;
use super::{Mismatch, quoted};

pub(super) fn check(table: &str, partitions: Option<&Partitions>) -> Option<Mismatch> {
    let partitions = partitions?;
    if partitions.method.starts_with("LIST") {
        let problem = format!(
            "is partitioned by LIST ({}); an event whose row fits no partition becomes a dead letter (partition_missing)",
            partitions.expression
        );
        return Some(Mismatch::warning(table, problem, None));
    }
    let end = partitions.end.as_ref()?;
    let problem = format!(
        "its last partition ends before {end} ({}); an event from then on becomes a dead letter (partition_missing), and once that time comes, writing stops",
        partitions.expression
    );
    Some(Mismatch::warning(table, problem, last_partition(table, Some(partitions))))
}

/// The statement that adds a partition for rows that fit no other.
pub(super) fn last_partition(table: &str, partitions: Option<&Partitions>) -> Option<String> {
    let partitions = partitions.filter(|partitions| partitions.method.starts_with("RANGE"))?;
    let columns = match partitions.method.as_str() {
        "RANGE COLUMNS" => partitions.expression.split(',').count(),
        _ => 1,
    };
    Some(format!(
        "ALTER TABLE {} ADD PARTITION (PARTITION p_rest VALUES LESS THAN ({}))",
        quoted(table),
        vec!["MAXVALUE"; columns].join(", ")
    ))
}
