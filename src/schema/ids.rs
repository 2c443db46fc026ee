//! AUTO_INCREMENT columns that run out of numbers.
//!
//! Each row of an `INSERT` takes a number, even if the row exists. When none is left, an `INSERT`
//! collides with the row that has the last number, instead of its own.

use super::live::{LiveIds, LiveTable};
use super::online::Algorithm;
use super::{Mismatch, ddl, quoted};

/// With fewer numbers left, a start is refused: a minute may write this many rows.
pub const ROOM_LEAST: u64 = 1_000_000;

/// A smaller share is a warning.
const SHARE_SAID: f64 = 0.2;

impl LiveIds {
    pub(super) fn left(&self) -> u64 {
        self.greatest.saturating_sub(self.last)
    }

    #[must_use]
    pub fn share_left(&self) -> f64 {
        share_left(self.greatest, self.last)
    }
}

/// The share of the numbers up to `greatest` that is left after `last`, 0 to 1.
#[must_use]
pub fn share_left(greatest: u64, last: u64) -> f64 {
    greatest.saturating_sub(last) as f64 / greatest.max(1) as f64
}

/// The greatest number up to which a type holds every number exactly.
pub(super) fn greatest(column_type: &str) -> Option<u64> {
    let bits = match column_type.split(['(', ' ']).next()? {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        "float" => return Some(1 << 24),
        "double" => return Some(1 << 53),
        _ => return None,
    };
    let signed = u32::from(!column_type.contains("unsigned"));
    Some(u64::MAX >> (64 - bits + signed))
}

pub(super) fn check(table: &str, live: &LiveTable) -> Option<Mismatch> {
    let ids = live.ids.as_ref()?;
    let column = live.columns.get(&ids.column)?;
    let place = format!("{table}.{}", ids.column);
    let (left, ty) = (ids.left(), &column.column_type);
    let is_widest = column.data_type == "bigint" && ty.contains("unsigned");
    let fix = if is_widest {
        "renumbering: DROP the column and ADD it again".to_owned()
    } else {
        let wide = ddl::changed(&ids.column, column, "BIGINT UNSIGNED", None, false);
        format!("ALTER TABLE {} MODIFY COLUMN {wide}", quoted(table))
    };
    let rest = format!(
        "is AUTO_INCREMENT {ty} with {left} numbers left of {}; each row of an INSERT takes one, even if the row exists",
        ids.greatest
    );
    if left < ROOM_LEAST {
        let problem = format!(
            "{rest}, and without numbers no row can be written (a start needs at least {ROOM_LEAST})"
        );
        Some(Mismatch::refused(place, problem, fix).costing(Algorithm::Copy.cost(live)))
    } else if column.data_type != "bigint" || ids.share_left() < SHARE_SAID {
        Some(Mismatch::warning(place, rest, Some(fix)).costing(Algorithm::Copy.cost(live)))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_number_of_a_type() {
        for (ty, number) in [
            ("tinyint(4)", 127),
            ("smallint unsigned", 65_535),
            ("mediumint", 8_388_607),
            ("int(10) unsigned", 4_294_967_295),
            ("int", 2_147_483_647),
            ("bigint", 9_223_372_036_854_775_807),
            ("bigint(20) unsigned", u64::MAX),
        ] {
            assert_eq!(greatest(ty), Some(number), "{ty}");
        }
        assert_eq!(greatest("float"), Some(16_777_216));
        assert_eq!(greatest("decimal(10,0)"), None);
    }
}
