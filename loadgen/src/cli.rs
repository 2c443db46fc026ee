//! The arguments, with their help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use loadgen::{Mix, Plan};

use crate::bench::BenchArgs;
use crate::values::{property, rate, share, start};

/// Realistic domain events for sluicegate: the same bytes for the same seed.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  A thousand events, to look at:
    loadgen generate --events 1000 --out events.jsonl
  Two million messages a fifth of which are repeated or late, with some bad ones, as fast as the broker takes them:
    loadgen produce --bootstrap-servers localhost:9092 --create-topics --events 2000000 \\
      --duplicates 0.2 --disorder 0.2 --poison 0.01
  500 events a second until Ctrl-C, over TLS:
    loadgen produce --bootstrap-servers kafka:9093 --events 0 --rate 500 \\
      -X security.protocol=ssl -X ssl.ca.location=ca.pem
  The same events in another order, each twice:
    loadgen replay events.jsonl --bootstrap-servers localhost:9092 --shuffle 7 --double
  Half a million events into MySQL, three times, and what LOAD DATA takes for the same rows (servers as of `make bench`):
    loadgen bench --json before.json
    loadgen bench compare before.json after.json";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write events as lines of JSON: {"topic", "key", "value"}
    ///
    /// "value" is the event as it stands; what is not JSON stands in "raw" (text) or "raw_b64" (bytes). Bad messages
    /// also say "why".
    Generate {
        #[command(flatten)]
        plan: PlanArgs,
        /// Where to; - is standard output
        #[arg(long, default_value = "-", value_name = "FILE")]
        out: PathBuf,
    },
    /// Send events to Kafka, and wait until it has them all
    Produce {
        #[command(flatten)]
        plan: PlanArgs,
        #[command(flatten)]
        broker: Broker,
    },
    /// Send the lines of a file to Kafka: {"topic", "key", "value"}, or "raw" or "raw_b64" instead of "value"
    ///
    /// "value" is sent as its bytes stand in the file; null is a tombstone. A missing or null key is none. Other fields
    /// are ignored.
    Replay(Replay),
    /// Measure sluicegate against LOAD DATA of the same rows, on real servers
    Bench(Box<BenchArgs>),
}

#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// The file to read; - is standard input
    pub(crate) file: PathBuf,
    /// Last line first
    #[arg(long)]
    pub(crate) reverse: bool,
    /// In an order that depends on this seed alone
    #[arg(long, value_name = "SEED", conflicts_with = "reverse")]
    pub(crate) shuffle: Option<u64>,
    /// Each line twice
    #[arg(long)]
    pub(crate) double: bool,
    #[command(flatten)]
    pub(crate) broker: Broker,
}

#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    /// How many events; 0 never ends. Repeated and bad messages come on top
    #[arg(long, default_value_t = Plan::default().events)]
    events: u64,
    /// Where chance begins: the same seed gives the same bytes
    #[arg(long, default_value_t = Plan::default().seed)]
    seed: u64,
    /// Which event types, and how often
    #[arg(long, value_enum, default_value_t)]
    mix: Mix,
    /// Share of events that come once more later, byte for byte
    #[arg(long, default_value_t = 0.0, value_name = "SHARE", value_parser = share)]
    duplicates: f64,
    /// Share of events that come late
    #[arg(long, default_value_t = 0.0, value_name = "SHARE", value_parser = share)]
    disorder: f64,
    /// How many events later a late or repeated one comes at most
    #[arg(long, default_value_t = Plan::default().disorder_window, value_name = "N")]
    disorder_window: usize,
    /// Bad messages on top, as a share of the events: each is certainly a dead letter
    #[arg(long, default_value_t = 0.0, value_name = "SHARE", value_parser = share)]
    poison: f64,
    /// Time of the first event
    #[arg(long, default_value = "2025-01-06T00:00:00Z", value_name = "RFC3339", value_parser = start)]
    start: i64,
}

impl PlanArgs {
    pub(crate) fn plan(&self) -> Plan {
        Plan {
            seed: self.seed,
            events: self.events,
            mix: self.mix,
            duplicates: self.duplicates,
            disorder: self.disorder,
            disorder_window: self.disorder_window,
            poison: self.poison,
            start: self.start,
            ..Plan::default()
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct Broker {
    /// Kafka: host:port, several with commas between
    #[arg(long, env = "KAFKA_BOOTSTRAP_SERVERS", value_name = "HOST:PORT")]
    pub(crate) bootstrap_servers: String,
    /// What the names of all topics begin with, as in sluicegate's kafka.topic_prefix
    #[arg(long, default_value = "", value_name = "PREFIX", hide_default_value = true)]
    pub(crate) topic_prefix: String,
    /// Messages a second; as fast as the broker takes them if not given
    #[arg(long, value_name = "N", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Create the topics that are missing
    #[arg(long)]
    pub(crate) create_topics: bool,
    /// Partitions of a topic that is created
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) partitions: i32,
    /// A property of librdkafka, such as security.protocol=ssl; may be repeated
    #[arg(short = 'X', value_name = "PROPERTY=VALUE", value_parser = property)]
    pub(crate) properties: Vec<(String, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_consistent_and_default_to_the_default_plan() {
        Cli::command().debug_assert();
        let parsed = Cli::parse_from(["loadgen", "generate"]);
        let Command::Generate { plan, .. } = parsed.command else { panic!("another command") };
        assert_eq!(plan.plan(), Plan::default());
    }

    #[test]
    fn refuses_what_cannot_be() {
        for args in [
            ["--duplicates", "1.5"],
            ["--poison", "-1"],
            ["--mix", "all"],
            ["--start", "yesterday"],
            ["--start", "1960-01-01T00:00:00Z"],
        ] {
            let args = ["loadgen", "generate"].into_iter().chain(args);
            assert!(Cli::try_parse_from(args).is_err());
        }
    }
}
