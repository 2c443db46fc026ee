//! What people are told about a purge.

use super::rows::Counts;
use crate::commands::output::counted;

/// Why everything has to be read first.
pub(super) const WHY_CAUGHT_UP: &str =
    "nothing was removed: an older event that is still to be read would bring a removed row back";

pub(super) fn rows(total: Counts) -> String {
    let Counts { rows, lines, .. } = total;
    let rows = counted(rows, "deleted row");
    if lines == 0 { rows } else { format!("{rows} and {} of them", counted(lines, "line")) }
}

pub(super) fn left(left: u64) -> String {
    format!("{} changed meanwhile or were in use, and stay for the next time", counted(left, "row"))
}
