//! What subcommands print on standard output.

use crate::offsets::grouped;
use anyhow::Context;
use std::io::Write;

pub(super) fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}").context("writing to standard output")
}

pub(super) fn say_json_lines(all: &[impl serde::Serialize]) -> anyhow::Result<()> {
    all.iter().try_for_each(|one| say(&serde_json::to_string(one)?))
}

/// A number of things: `1 row`, `12,034 rows`.
pub fn counted(count: impl TryInto<i64>, what: &str) -> String {
    let count = count.try_into().unwrap_or(i64::MAX);
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A time as the server writes it, without its microseconds.
pub(super) fn to_seconds(time: &str) -> String {
    time.chars().take(19).collect()
}

/// A time as the server writes it, in RFC 3339; it is in UTC.
pub(super) fn in_rfc_3339(time: &str) -> String {
    format!("{}Z", time.replacen(' ', "T", 1))
}
