//! The arguments of `sluicegate progress`.

use crate::clock;
use crate::commands::Usage;
use crate::commands::arguments::{time_or_age, topic};
use crate::datetime::Micros;
use crate::offsets::{TopicPartition, is_topic_name};
use anyhow::{anyhow, bail};
use clap::{ArgGroup, Args, Subcommand};
use std::num::IntErrorKind;

const SET_EXAMPLES: &str = "Examples:
  sluicegate progress set --topic order --to-time 2026-11-20T00:00 --dry-run
  sluicegate progress set order/3 order/4 --to-offset 1200
  sluicegate progress set --all --to-time 7days
  sluicegate progress set order/3 --to-latest --yes
  sluicegate progress set --all --to-group mysql-analytics-service";

const SKIP_EXAMPLES: &str = "Examples:
  sluicegate progress skip-to-kafka --dry-run
  sluicegate progress skip-to-kafka order/3
  sluicegate progress skip-to-kafka --topic order --yes --json | jq .skipped";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List how far this database holds each partition, next to Kafka's offsets
    List {
        #[command(flatten)]
        which: Which,
        /// Print JSON lines instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Set where partitions continue, in this database and in Kafka
    ///
    /// Refused while the group has members: stop all instances first. An earlier position is read
    /// again, which changes nothing in the tables. If a later one skips messages that this database does
    /// not hold, it asks first.
    #[command(after_help = SET_EXAMPLES)]
    Set(Set),
    /// Skip messages that were committed in Kafka but that this database does not hold
    ///
    /// Where Kafka's offset is ahead of what this database holds, instances read from where the
    /// database is. This command tells the database to continue at Kafka's offset instead. It lists
    /// what would be skipped, and asks first. Refused while the group has members.
    #[command(after_help = SKIP_EXAMPLES)]
    SkipToKafka {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        how: How,
    },
}

impl Command {
    pub(super) fn which(&self) -> &Which {
        match self {
            Self::List { which, .. }
            | Self::Set(Set { which, .. })
            | Self::SkipToKafka { which, .. } => which,
        }
    }
}

/// The partitions that a command is about.
#[derive(Debug, Default, Args)]
pub struct Which {
    /// Only these partitions, such as order/3
    #[arg(value_name = "TOPIC/PARTITION", value_parser = partition)]
    partitions: Vec<TopicPartition>,
    /// Only the partitions of this Kafka topic; may be repeated
    #[arg(long, value_parser = topic)]
    topic: Vec<String>,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).multiple(true).args(["partitions", "topic", "all"])))]
pub struct Set {
    #[command(flatten)]
    which: Which,
    /// All partitions of all configured topics
    #[arg(long, conflicts_with_all = ["partitions", "topic"])]
    all: bool,
    #[command(flatten)]
    pub(super) to: To,
    #[command(flatten)]
    pub(super) how: How,
}

/// How a change is made and told.
#[derive(Debug, Clone, Copy, Args)]
pub struct How {
    /// Print what would change, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask before messages are skipped
    #[arg(long)]
    pub(super) yes: bool,
    /// Print a JSON line for each partition instead of a table
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Default, Args)]
#[group(required = true, multiple = false)]
pub(super) struct To {
    /// Continue at this offset
    #[arg(long, value_name = "N", value_parser = offset)]
    to_offset: Option<i64>,
    /// Continue at the first message that Kafka stamped at or after this time (2026-11-20T00:00, in
    /// UTC) or age (2h, 7days), or at the end if there is none
    #[arg(long, value_name = "TIME|AGE", value_parser = past)]
    to_time: Option<Micros>,
    /// Continue at the first message that Kafka still has
    #[arg(long)]
    to_earliest: bool,
    /// Continue at the end: skip everything that is there now
    #[arg(long)]
    to_latest: bool,
    /// Continue where this database is for another group, such as after cloning a database
    #[arg(long, value_name = "GROUP")]
    to_group: Option<String>,
}

/// Where partitions are to continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Offset(i64),
    Time(Micros),
    Earliest,
    Latest,
    Group(String),
}

impl To {
    pub(super) fn target(self) -> Target {
        let Self { to_offset, to_time, to_earliest, to_latest: _, to_group } = self;
        let offset = to_offset.map(Target::Offset);
        let time = to_time.map(Target::Time);
        let earliest = to_earliest.then_some(Target::Earliest);
        let group = to_group.map(Target::Group);
        // One of them was given.
        offset.or(time).or(earliest).or(group).unwrap_or(Target::Latest)
    }
}

impl Target {
    /// Whether this database holds everything before the offset. It may lie before the first one that Kafka
    /// still has: it is a fact about this database, and a run will say what is lost.
    pub(super) fn is_held(&self) -> bool {
        matches!(self, Self::Group(_))
    }
}

impl Which {
    pub(super) fn takes(&self, partition: &TopicPartition) -> bool {
        let is_all = self.partitions.is_empty() && self.topic.is_empty();
        is_all
            || self.partitions.contains(partition)
            || self.topic.iter().any(|topic| **topic == *partition.topic)
    }

    /// Everything that was named has to be configured and `known`; anything else is wrong usage.
    pub(super) fn check(
        &self,
        configured: &[String],
        known: &[&TopicPartition],
    ) -> Result<(), Usage> {
        self.check_names(configured, known).map_err(Usage)
    }

    fn check_names(&self, configured: &[String], known: &[&TopicPartition]) -> anyhow::Result<()> {
        let topics = self.topic.iter().map(String::as_str);
        for topic in topics.chain(self.partitions.iter().map(|one| &*one.topic)) {
            if !configured.iter().any(|one| one == topic) {
                bail!("{topic} is not a configured topic; these are: {}", configured.join(", "));
            }
            if !known.iter().any(|one| *one.topic == *topic) {
                bail!("Kafka has no topic {topic}");
            }
        }
        for partition in &self.partitions {
            if !known.contains(&partition) {
                let numbers = known.iter().filter(|one| one.topic == partition.topic);
                let last = numbers.map(|one| one.partition).max().unwrap_or_default();
                bail!("there is no {partition}; {} has partitions 0 to {last}", partition.topic);
            }
        }
        Ok(())
    }
}

fn partition(text: &str) -> anyhow::Result<TopicPartition> {
    let parts = text.rsplit_once('/').filter(|(topic, _)| is_topic_name(topic));
    let parsed = parts.and_then(|(topic, number)| Some((topic, number.parse().ok()?)));
    match parsed.filter(|(_, number)| *number >= 0) {
        Some((topic, partition)) => Ok(TopicPartition { topic: topic.into(), partition }),
        None => Err(anyhow!("not a partition such as order/3")),
    }
}

fn offset(text: &str) -> anyhow::Result<i64> {
    match text.parse::<i64>() {
        Ok(offset @ 0..) => Ok(offset),
        Ok(_) => Err(anyhow!("an offset is not negative")),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Err(anyhow!("too large")),
        Err(_) => Err(anyhow!("not a number")),
    }
}

/// A time that has been.
fn past(text: &str) -> anyhow::Result<Micros> {
    let time = time_or_age(text)?;
    if time > clock::unix_micros() {
        bail!("is in the future; use --to-latest to skip everything");
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    fn set(line: &str) -> Result<Set, String> {
        let words = ["progress", "set"].into_iter().chain(line.split_whitespace());
        match Line::try_parse_from(words) {
            Ok(Line { command: Command::Set(set) }) => Ok(set),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    fn order(partition: i32) -> TopicPartition {
        TopicPartition { topic: "order".into(), partition }
    }

    #[test]
    fn a_set_says_which_and_where() {
        for (line, target) in [
            ("--all --to-earliest", Target::Earliest),
            ("order/0 order/3 --to-offset 7", Target::Offset(7)),
            ("order/0 --topic user --to-latest", Target::Latest),
            ("--topic order --to-group old", Target::Group("old".to_owned())),
            ("--all --to-time 1970-01-01T00:01", Target::Time(60_000_000)),
        ] {
            assert_eq!(set(line).unwrap().to.target(), target, "{line}");
        }
        for (line, says) in [
            ("--to-earliest", "--topic <TOPIC>|--all"),
            ("--all", "--to-offset <N>|--to-time <TIME|AGE>|--to-earliest"),
            ("--all --to-earliest --to-latest", "cannot be used with"),
            ("--all --topic order --to-latest", "cannot be used with"),
            ("order --to-latest", "not a partition such as order/3"),
            ("order/-1 --to-latest", "not a partition such as order/3"),
            ("--all --to-offset -5", "-5"),
            ("--all --to-offset=-5", "an offset is not negative"),
            ("--all --to-offset x7", "for '--to-offset <N>': not a number"),
            ("--all --to-offset 99999999999999999999", "too large"),
            ("--all --to-time 2525-01-06", "is in the future; use --to-latest to skip everything"),
        ] {
            let error = set(line).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        }
    }

    #[test]
    fn partitions_and_topics_add_up() {
        let which = set("order/1 --topic user --to-latest").unwrap().which;
        let user = TopicPartition { topic: "user".into(), partition: 5 };
        assert!(which.takes(&order(1)) && which.takes(&user) && !which.takes(&order(0)));
        assert!(Which::default().takes(&order(0)));
    }

    #[test]
    fn what_is_named_has_to_exist() {
        let configured = ["order".to_owned(), "user".to_owned()];
        let known = [order(0), order(1)];
        let check = |line: &str| {
            let which = set(&format!("{line} --to-latest")).unwrap().which;
            let checked = which.check(&configured, &known.each_ref());
            checked.map_err(|error| error.to_string())
        };
        assert_eq!(check("order/1 --topic order"), Ok(()));
        let no = |text: &str| Err(text.to_owned());
        assert_eq!(check("order/2"), no("there is no order/2; order has partitions 0 to 1"));
        assert_eq!(check("--topic user"), no("Kafka has no topic user"));
        assert_eq!(
            check("--topic post"),
            no("post is not a configured topic; these are: order, user")
        );
    }
}
