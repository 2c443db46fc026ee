//! What a server does to a table when it changes it, and what waits meanwhile.

use super::live::{LiveColumn, LiveTable};
use crate::mysql::Dialect;
use std::fmt;

/// A table with so many rows is large: what a change costs is said.
const LARGE_ROWS: u64 = 100_000;

/// The most bytes of a VARCHAR or VARBINARY whose length takes a single byte in a row.
const SHORT_BYTES: i64 = 255;
/// The most words of an ENUM whose number takes a single byte in a row.
const SHORT_WORDS: usize = 255;

/// As `ALTER TABLE … ALGORITHM` has it, from the least trouble to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Algorithm {
    Instant,
    InPlace,
    Copy,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instant => "INSTANT",
            Self::InPlace => "INPLACE",
            Self::Copy => "COPY",
        })
    }
}

impl Algorithm {
    /// What this costs on a table that is large.
    pub(super) fn cost(self, live: &LiveTable) -> Option<String> {
        let rows = live.rows;
        let meanwhile = match self {
            Self::Instant => "it takes a moment, and no row changes".to_owned(),
            Self::InPlace => {
                format!("it may have to read about {rows} rows; rows are written meanwhile")
            }
            Self::Copy => {
                format!("it copies about {rows} rows, and none can be written meanwhile")
            }
        };
        (rows >= LARGE_ROWS).then(|| format!("the fix is {self}: {meanwhile}"))
    }
}

/// How a column becomes one of another type.
pub(super) fn of_change(
    dialect: Dialect,
    live: &LiveColumn,
    ty: &str,
    keeps_collation: bool,
    nullable: bool,
) -> Algorithm {
    if !keeps_collation {
        return Algorithm::Copy;
    }
    let light = match dialect {
        Dialect::MySql => Algorithm::InPlace,
        Dialect::MariaDb => Algorithm::Instant,
    };
    let of_null = if nullable == live.nullable { Algorithm::Instant } else { Algorithm::InPlace };
    of_null.max(of_type(live, ty, light))
}

fn of_type(live: &LiveColumn, ty: &str, light: Algorithm) -> Algorithm {
    let ty = ty.to_ascii_lowercase();
    if ty == live.column_type.to_ascii_lowercase() {
        return Algorithm::Instant;
    }
    match live.data_type.as_str() {
        // Words are appended; the number of each stays.
        "enum" if ty.starts_with("enum") => {
            let is_short = |ty: &str| ty.matches("','").count() < SHORT_WORDS;
            let keeps_width = is_short(&live.column_type) == is_short(&ty);
            if keeps_width { Algorithm::Instant } else { Algorithm::Copy }
        }
        name @ ("varchar" | "varbinary") if ty.starts_with(name) => {
            let length = |ty: &str| ty.split(['(', ')']).nth(1)?.parse::<i64>().ok();
            let (Some(octets), Some(chars), Some(wide)) = (live.octets, live.length, length(&ty))
            else {
                return Algorithm::Copy;
            };
            let wide = wide * (octets / chars.max(1));
            let keeps_width = (octets <= SHORT_BYTES) == (wide <= SHORT_BYTES);
            // A length of seven bits looks the same in one byte and in two, which MariaDB makes use of.
            let looks_alike = light == Algorithm::Instant && octets <= SHORT_BYTES / 2;
            if keeps_width || looks_alike { light } else { Algorithm::Copy }
        }
        _ => Algorithm::Copy,
    }
}
