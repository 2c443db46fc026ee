//! Checks the columns of `dead_letters`.
//!
//! They are in no mapping, and only the first faulty message would hit one that is too narrow.

use super::live::{LiveColumn, LiveTable};
use super::{Mismatch, columns, ddl, quoted, size, wider};
use crate::dead_letter;
use crate::mapping::ColumnType::{self, Varchar};
use crate::offsets::{CLUSTER_ID_CHARS_MAX, TOPIC_ID_CHARS};

/// What a column has to hold.
enum Holds {
    /// The same as a mapped column of this type.
    Mapped(ColumnType),
    /// Names of Kafka's: ASCII, compared byte by byte, at most this many characters.
    Name(usize),
    /// Integers of this type.
    Number(&'static str),
    /// This many bytes; the type of a new column.
    Bytes(i64, &'static str),
}

use Holds::{Bytes, Mapped, Name, Number};

/// Integer types, narrow to wide.
const INTEGERS: [&str; 5] = ["tinyint", "smallint", "mediumint", "int", "bigint"];

/// The columns of `migrations/`, and whether they allow NULL.
const COLUMNS: [(&str, Holds, bool); 17] = [
    ("topic", Name(249), false),
    ("kafka_partition", Number("INT"), false),
    ("kafka_offset", Mapped(ColumnType::BIGINT), false),
    ("topic_id", Name(TOPIC_ID_CHARS), false),
    ("cluster_id", Name(CLUSTER_ID_CHARS_MAX), false),
    ("message_key", Bytes(1024, "VARBINARY(1024)"), true),
    ("message_headers", Mapped(ColumnType::MediumText), true),
    ("payload", Bytes(16_777_215, "MEDIUMBLOB"), false),
    ("payload_bytes", Number("INT"), false),
    ("payload_cut", Number("TINYINT"), false),
    ("event_type", Mapped(Varchar(100)), true),
    ("event_id", Mapped(Varchar(50)), true),
    ("error_code", Mapped(Varchar(64)), false),
    ("error_text", Mapped(Varchar(1024)), false),
    ("kafka_timestamp", Mapped(ColumnType::DATETIME), true),
    ("dead_at", Mapped(ColumnType::DATETIME), false),
    ("replayed_at", Mapped(ColumnType::DATETIME), true),
];

impl Holds {
    fn sql(&self) -> String {
        match self {
            Mapped(ty) => ty.sql(),
            Name(chars) => Varchar(*chars).sql(),
            Number(ty) | Bytes(_, ty) => (*ty).to_owned(),
        }
    }

    fn fits(&self, live: &LiveColumn) -> bool {
        let data_type = live.data_type.as_str();
        match self {
            Mapped(ty) => columns::fits(ty, live),
            Name(chars) => columns::fits(&Varchar(*chars), live),
            Number(least) => {
                let rank =
                    |ty: &str| INTEGERS.iter().position(|known| ty.eq_ignore_ascii_case(known));
                rank(data_type) >= rank(least)
            }
            Bytes(least, _) => {
                let is_binary = data_type == "varbinary" || data_type.ends_with("blob");
                is_binary && live.octets.is_some_and(|octets| octets >= *least)
            }
        }
    }

    /// A type that holds the column's present values and the required ones.
    fn wider(&self, live: &LiveColumn, others: i64) -> String {
        let wider = match self {
            _ if self.fits(live) => Some(live.column_type.clone()),
            Mapped(ty) => wider::wider(ty, live, others),
            Name(chars) => wider::wider(&Varchar(*chars), live, others),
            // So that a longer text is not cut.
            Bytes(least, _) if live.octets.is_some_and(|octets| octets > *least) => {
                Some("LONGBLOB".to_owned())
            }
            Number(_) | Bytes(..) => None,
        };
        wider.unwrap_or_else(|| self.sql())
    }
}

pub(super) fn check(live: &LiveTable, mismatches: &mut Vec<Mismatch>) {
    let row_bytes = size::row_bytes(live);
    for (name, holds, nullable) in &COLUMNS {
        let (problem, change) = match live.columns.get(*name) {
            None => {
                let rest = match (holds, *nullable) {
                    (Name(_), _) => "CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ''",
                    (_, true) => "NULL",
                    (_, false) => "NOT NULL",
                };
                let change = format!("ADD COLUMN {} {} {rest}", quoted(name), holds.sql());
                ("the column does not exist".to_owned(), change)
            }
            Some(found) => {
                let Some(problem) = problem(name, holds, *nullable, found) else { continue };
                let ty = holds.wider(found, row_bytes - size::live_bytes(found));
                let collation = collation(name, holds, found);
                let nullable = *nullable || found.nullable;
                let column = ddl::changed(name, found, &ty, collation.as_ref(), nullable);
                (problem, format!("MODIFY COLUMN {column}"))
            }
        };
        mismatches.push(Mismatch::refused(
            format!("{}.{name}", dead_letter::TABLE),
            problem,
            format!("ALTER TABLE {} {change}", quoted(dead_letter::TABLE)),
        ));
    }
}

fn problem(name: &str, holds: &Holds, nullable: bool, live: &LiveColumn) -> Option<String> {
    if !holds.fits(live) {
        let (ty, wanted) = (&live.column_type, holds.sql());
        return Some(format!("is {ty}, which cannot hold every {wanted}"));
    }
    if let Some((_, wanted)) = collation(name, holds, live)
        && let Some((_, found)) = &live.collation
        && wanted != *found
    {
        return Some(format!("has the collation {found}, which does not suit every {name}"));
    }
    (nullable && !live.nullable).then(|| "is NOT NULL, but the value may be absent".to_owned())
}

/// Kafka's names compare byte by byte, codes are ASCII, and the rest may quote names in any script.
fn collation(name: &str, holds: &Holds, live: &LiveColumn) -> Option<(String, String)> {
    match (name, holds) {
        (_, Name(_)) => ddl::collation(&ColumnType::Id, live),
        ("error_code", _) => live.collation.clone(),
        (_, Mapped(ty)) => ddl::collation(ty, live),
        _ => None,
    }
}
