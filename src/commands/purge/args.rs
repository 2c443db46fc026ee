//! The arguments of `sluicegate purge`.

use crate::datetime::{self, Micros};
use anyhow::{anyhow, bail};
use clap::Args;
use std::time::Duration;

/// The least age without --force. Few pipelines have events that come later than that.
const LEAST: Duration = Duration::from_secs(24 * 3600);
/// The start of what a DATETIME holds, as days since 1970: 1000-01-01.
const FIRST_DAY: i64 = -354_285;

#[derive(Debug, Args)]
pub struct Options {
    /// Purge rows whose entity was deleted, by the `deleted` column of its mapping
    #[arg(long, required = true)]
    deleted: bool,
    /// Only what was deleted longer ago than this, by the time of the event that deleted it: 30days, 12h.
    /// It should be longer than events ever come late
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Duration,
    /// Only this table; may be repeated [default: every table whose mapping has `deleted`]
    #[arg(long)]
    pub(super) table: Vec<String>,
    /// Count what would be removed, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask before rows are removed
    #[arg(long)]
    pub(super) yes: bool,
    /// Rows of an entity in one transaction, at most
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=999))]
    pub(super) batch_rows: u32,
    /// Allow less than a day, and do not ask Kafka whether everything has been read
    #[arg(long)]
    pub(super) force: bool,
    /// Print a JSON line for each table instead of a table
    #[arg(long)]
    pub(super) json: bool,
}

fn age(text: &str) -> anyhow::Result<Duration> {
    humantime::parse_duration(text)
        .map_err(|_| anyhow!("not a duration such as \"30days\" or \"12h\""))
}

impl Options {
    /// Rows deleted before this time are to be removed.
    ///
    /// # Errors
    /// If that is too near.
    pub(super) fn before(&self, now: Micros) -> anyhow::Result<Micros> {
        if self.older_than < LEAST && !self.force {
            bail!(
                "--older-than {} is less than a day: an event that comes later than that would bring a removed row back; use a longer time, or --force",
                humantime::format_duration(self.older_than)
            );
        }
        let first = datetime::start_of(FIRST_DAY).unwrap_or(0);
        let age = Micros::try_from(self.older_than.as_micros()).unwrap_or(Micros::MAX);
        Ok(now.saturating_sub(age).max(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(older_than: &str, force: bool) -> Options {
        Options {
            deleted: true,
            older_than: age(older_than).unwrap(),
            table: Vec::new(),
            dry_run: false,
            yes: false,
            batch_rows: 1,
            force,
            json: false,
        }
    }

    #[test]
    fn a_day_is_the_least() {
        let now = datetime::parse("2026-11-28T00:00:00Z").unwrap();
        let before = |age: &str, force| options(age, force).before(now);
        assert_eq!(
            before("30days", false).unwrap(),
            datetime::parse("2026-10-29T00:00:00Z").unwrap()
        );
        assert!(before("23h 59m", false).unwrap_err().to_string().contains("less than a day"));
        assert_eq!(before("12h", true).unwrap(), datetime::parse("2026-11-27T12:00:00Z").unwrap());
        let first = datetime::parse("1000-01-01T00:00:00Z").unwrap();
        assert_eq!(before("100000years", false).unwrap(), first);
        assert!(age("30 dogs").is_err() && age("").is_err() && age("30").is_err());
    }
}
