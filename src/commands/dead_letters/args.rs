//! The arguments of `sluicegate dead-letters`.

use super::address::{Address, NotAnAddress};
use super::store::Filter;
use crate::commands::arguments::{time_or_age, topic};
use crate::datetime::Micros;
use anyhow::anyhow;
use clap::{Args, Subcommand};
use std::str::FromStr;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Count dead letters by topic and reason
    Count {
        #[command(flatten)]
        which: Which,
        /// Print JSON lines instead of a table
        #[arg(long)]
        json: bool,
    },
    /// List dead letters, without their payloads
    List {
        #[command(flatten)]
        which: Which,
        /// List at most this many, the newest ones
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Print JSON lines instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Show one dead letter with its redacted payload
    Show {
        /// Its address or id, as `list` shows them; either may stand for several letters
        #[arg(value_name = "ADDRESS|ID")]
        letter: Reference,
        /// Print a JSON object; a payload that is not text becomes hexadecimal digits
        #[arg(long)]
        json: bool,
    },
    /// Load the kept payloads again with the current mapping, and mark those that succeed
    ///
    /// Secrets were removed before a letter was stored: a column that takes one, such as
    /// suppliers.tax_id, stays NULL.
    Replay {
        #[command(flatten)]
        which: Which,
        /// Print a JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Delete dead letters that have been replayed
    Purge {
        #[command(flatten)]
        which: Which,
        /// Also delete letters that were not replayed; needs addresses, ids, --topic, --reason,
        /// --since or --until, or else --yes
        #[arg(long)]
        unreplayed: bool,
        /// Confirm that --unreplayed means every letter
        #[arg(long)]
        yes: bool,
    },
}

/// The letters that a command is about.
#[derive(Debug, Args)]
pub struct Which {
    /// Addresses such as order/3/1234 or ids, as `list` shows them [default: all]
    #[arg(value_name = "ADDRESS|ID")]
    letters: Vec<Reference>,
    /// Only from this Kafka topic
    #[arg(long, value_parser = topic)]
    topic: Option<String>,
    /// Only with this error code, such as `value_too_long`
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// Only since this time (2025-01-06T08:00:00Z) or age (2h, 7days)
    #[arg(long, value_name = "TIME|AGE", value_parser = time_or_age)]
    since: Option<Micros>,
    /// Only before this time or age
    #[arg(long, value_name = "TIME|AGE", value_parser = time_or_age)]
    until: Option<Micros>,
}

/// All letters with one address or id, which is mostly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// Stands for one letter, unless a topic was recreated or two clusters have it.
    Address(Address),
    /// Stands for one letter, unless databases were joined.
    Id(u64),
}

impl FromStr for Reference {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        text.parse()
            .map(Self::Address)
            .map_err(|error: NotAnAddress| anyhow!("{error}, and not an id"))
    }
}

impl Which {
    pub(super) fn is_all(&self) -> bool {
        self.letters.is_empty()
            && [&self.topic, &self.reason].iter().all(|one| one.is_none())
            && [self.since, self.until].iter().all(Option::is_none)
    }

    pub(super) fn filter(self, replayed: Option<bool>) -> Filter {
        let Self { letters, topic, reason, since, until } = self;
        let rest = Filter { topic, reason, since, until, replayed, ..Filter::default() };
        with(rest, letters)
    }
}

/// The filter that also asks for these letters.
pub(super) fn with(mut filter: Filter, letters: impl IntoIterator<Item = Reference>) -> Filter {
    for letter in letters {
        match letter {
            Reference::Address(address) => filter.addresses.push(address),
            Reference::Id(id) => filter.ids.push(id),
        }
    }
    filter
}
