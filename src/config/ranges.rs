//! Which values each setting allows. `check`, `config` and the README take them from here.

use std::time::Duration;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// The values that a setting allows, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    Whole(i64, i64),
    Bytes(u64, u64),
    Millis(u64, u64),
    Words(&'static [&'static str]),
}

use Range::{Bytes, Millis, Whole, Words};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// Every setting that does not allow any text.
pub(super) const RANGES: [(&str, Range); 22] = [
    ("kafka.auto_offset_reset", Words(&["earliest", "latest", "error"])),
    ("kafka.security_protocol", Words(&["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"])),
    // Meanwhile nothing is polled; Kafka's own limit is max.poll.interval.ms.
    ("kafka.revoke_timeout", Millis(SECOND, HOUR)),
    ("mysql.port", Whole(1, 65_535)),
    (
        "mysql.tls_mode",
        Words(&["disabled", "preferred", "required", "verify-ca", "verify-identity"]),
    ),
    ("mysql.connect_timeout", Millis(100, 10 * MINUTE)),
    ("batch.rows", Whole(1, 1_000_000)),
    ("batch.bytes", Bytes(KIB, GIB)),
    ("batch.age", Millis(1, HOUR)),
    ("flush.writers", Whole(1, 64)),
    ("flush.statement_rows", Whole(1, 100_000)),
    // The servers' largest max_allowed_packet.
    ("flush.statement_bytes", Bytes(KIB, GIB)),
    ("flush.statement_timeout", Millis(SECOND, 24 * HOUR)),
    // The server counts whole seconds.
    ("flush.lock_wait_timeout", Millis(SECOND, HOUR)),
    ("flush.retry_first", Millis(1, 10 * MINUTE)),
    ("flush.retry_longest", Millis(1, HOUR)),
    ("memory.limit", Bytes(64 * MIB, 1024 * GIB)),
    // The size of a MEDIUMBLOB.
    ("dead_letters.payload_bytes", Bytes(0, 16 * MIB - 1)),
    ("http.address", Words(&["ADDRESS:PORT", "off"])),
    ("log.format", Words(&["auto", "text", "json"])),
    // Or `off`.
    ("start.timeout", Millis(SECOND, 24 * HOUR)),
    ("stop.timeout", Millis(SECOND, HOUR)),
];

/// `None`: any text.
pub(super) fn range(key: &str) -> Option<Range> {
    RANGES.iter().find(|(name, _)| *name == key).map(|(_, range)| *range)
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Whole(least, most) => write!(f, "{least} to {most}"),
            Bytes(least, most) => write!(f, "{} to {}", size(least), size(most)),
            Millis(least, most) => write!(f, "{} to {}", time(least), time(most)),
            Words(words) => f.write_str(&words.join(", ")),
        }
    }
}

/// In the largest unit that is exact.
fn size(bytes: u64) -> String {
    let units = [(1024 * GIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")];
    let unit = units.into_iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit));
    unit.map_or_else(|| bytes.to_string(), |(unit, name)| format!("{}{name}", bytes / unit))
}

fn time(millis: u64) -> String {
    humantime::format_duration(Duration::from_millis(millis)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_as_people_write_them() {
        let shown = |key| range(key).unwrap().to_string();
        assert_eq!(shown("batch.age"), "1ms to 1h");
        assert_eq!(shown("batch.bytes"), "1KiB to 1GiB");
        assert_eq!(shown("dead_letters.payload_bytes"), "0 to 16777215");
        assert_eq!(shown("flush.statement_timeout"), "1s to 1day");
        assert_eq!(shown("memory.limit"), "64MiB to 1TiB");
        assert_eq!(shown("kafka.auto_offset_reset"), "earliest, latest, error");
    }
}
