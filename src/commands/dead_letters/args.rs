//! What is typed behind `sluicegate dead-letters`.

use super::address::{Address, NotAnAddress};
use super::store::Filter;
use crate::clock;
use crate::datetime::{self, Micros};
use crate::offsets::is_topic_name;
use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use std::str::FromStr;

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Count them by topic and reason
    Count {
        /// Which ones
        #[command(flatten)]
        which: Which,
        /// JSON lines instead of a table
        #[arg(long)]
        json: bool,
    },
    /// List them, without their payload
    List {
        /// Which ones
        #[command(flatten)]
        which: Which,
        /// At most so many, the newest
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// JSON lines instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Show one with its redacted payload
    Show {
        /// Its address or number, as `list` shows them; all letters with that number are shown
        #[arg(value_name = "ADDRESS|ID")]
        letter: Reference,
        /// One JSON object; a payload that is no text comes as hexadecimal digits
        #[arg(long)]
        json: bool,
    },
    /// Read the kept payloads again with the present mapping, load what is good now, and mark it
    ///
    /// Secrets were removed before a letter was kept: a column that is filled from one, such as
    /// suppliers.tax_id, stays NULL.
    Replay {
        /// Which ones
        #[command(flatten)]
        which: Which,
        /// A JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Delete letters that have been replayed
    Purge {
        /// Which ones
        #[command(flatten)]
        which: Which,
        /// Delete those that have not been replayed as well: with addresses, numbers, --topic,
        /// --reason, --since or --until, or else with --yes
        #[arg(long)]
        unreplayed: bool,
        /// All of them, indeed
        #[arg(long)]
        yes: bool,
    },
}

/// Which letters.
#[derive(Debug, Args)]
pub struct Which {
    /// These, as `list` shows them: addresses such as order/3/1234 or numbers [default: all]
    #[arg(value_name = "ADDRESS|ID")]
    letters: Vec<Reference>,
    /// Of this Kafka topic
    #[arg(long, value_parser = topic)]
    topic: Option<String>,
    /// With this error code, such as `value_too_long`
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// Not before: a time (2025-01-06T08:00:00Z) or an age (2h, 7days)
    #[arg(long, value_name = "TIME|AGE", value_parser = time_or_age)]
    since: Option<Micros>,
    /// Before: a time or an age
    #[arg(long, value_name = "TIME|AGE", value_parser = time_or_age)]
    until: Option<Micros>,
}

/// One letter, or all of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// The letter of this place in Kafka.
    Address(Address),
    /// The letters of this number: one, unless databases were joined.
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
            .map_err(|error: NotAnAddress| anyhow!("{error}, and not a number"))
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

fn topic(text: &str) -> anyhow::Result<String> {
    if !is_topic_name(text) {
        bail!("it is not the name of a topic");
    }
    Ok(text.to_owned())
}

fn time_or_age(text: &str) -> anyhow::Result<Micros> {
    if let Ok(age) = humantime::parse_duration(text) {
        return Ok(clock::unix_micros() - i64::try_from(age.as_micros())?);
    }
    datetime::parse(text).map_err(|error| anyhow!("it {error}, and is not an age such as 2h"))
}
