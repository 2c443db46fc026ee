//! `sluicegate infer`: a sample of a topic → a mapping file.
//!
//! Prints paths, types and counts, and no value of the data. What is doubtful is a TODO, which does not compile.

mod envelope;
mod guess;
mod json;
mod key;
mod known;
mod numbers;
mod sample;
mod seen;
mod words;
mod write;

use super::check::is_unreachable;
use super::output::say;
use super::trial::{self, Line};
use crate::config::Config;
use crate::consume;
use anyhow::{anyhow, bail};
use envelope::{Envelope, Look};
use rdkafka::Message as _;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage};
use sample::Sample;
use seen::{Collector, Seen};
use std::io::Write;
use std::path::PathBuf;

/// What `infer` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The topic to read, without kafka.topic_prefix; with --file, the topic of lines that are values alone
    #[arg(long, required_unless_present = "file", value_parser = super::arguments::topic)]
    pub topic: Option<String>,
    /// Read this file instead of Kafka; its lines are as for `try`
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// How many of the newest messages of the topic to read
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub messages: u32,
}

/// Prints a mapping file for the messages of a topic or a file.
///
/// # Errors
/// If they cannot be read, or none of them is an event.
pub fn execute(config: &Config, options: &Options) -> anyhow::Result<()> {
    let lines = match (&options.file, &options.topic) {
        (Some(file), topic) => trial::read(file, topic.as_deref())?,
        (None, Some(topic)) => of_topic(config, topic, options.messages)?,
        (None, None) => bail!("give --topic or --file"),
    };
    let text = infer(&lines)?;
    let open = text.lines().filter(|line| line.contains("TODO: ")).count();
    let _ = match open {
        0 => writeln!(
            std::io::stderr(),
            "no TODO is left; read it all the same, then `sluicegate try`"
        ),
        open => writeln!(
            std::io::stderr(),
            "TODOs: {open}; choose there; `sluicegate check --offline` lists them"
        ),
    };
    say(text.trim_end())
}

/// The newest messages of a topic, read outside of any group.
fn of_topic(config: &Config, topic: &str, messages: u32) -> anyhow::Result<Vec<Line>> {
    let name = format!("{}{topic}", config.kafka.topic_prefix);
    let mut lines = Vec::new();
    let read = consume::sample(&config.kafka.properties(), &name, messages, |message| {
        lines.push(line(topic, message));
    });
    let sampled = read.map_err(|error| match is_unreachable(&error) {
        true => anyhow!(
            "no answer from Kafka at {}: {error}; check kafka.bootstrap_servers, kafka.security_protocol, and the network",
            config.kafka.bootstrap_servers
        ),
        false => anyhow!("Kafka: topic {name}: {error}; check the [kafka] section, and READ and DESCRIBE on the topic"),
    })?;
    let Some(sampled) = sampled else {
        bail!("Kafka: topic {name} does not exist; check --topic and kafka.topic_prefix");
    };
    if lines.is_empty() {
        bail!("topic {name} has no messages to infer a mapping from");
    }
    let _ = writeln!(
        std::io::stderr(),
        "read {} messages of {} partitions of {name}{}",
        lines.len(),
        sampled.partitions,
        if sampled.is_cut { ", as far as time and memory allowed" } else { "" }
    );
    Ok(lines)
}

/// A message of Kafka's as one of a file.
fn line(topic: &str, message: &BorrowedMessage<'_>) -> Line {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Line {
        topic: topic.to_owned(),
        key: message.key().map(text),
        // What is not UTF-8 is not JSON either, even if its other characters are.
        value: message.payload().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap_or_default()),
        headers: message.headers().map(BorrowedHeaders::detach).unwrap_or_default(),
        timestamp_ms: message.timestamp().to_millis(),
    }
}

/// The mapping file for these messages.
///
/// # Errors
/// If none of them is an event.
fn infer(lines: &[Line]) -> anyhow::Result<String> {
    let mut collector = Collector::default();
    let mut sample = Sample::of(lines, &mut collector);
    if sample.events.is_empty() {
        return Err(nothing(&sample));
    }
    let member = sample.keys.only_member();
    let key_of = |line: &Line| sample::key_text(line, member.as_deref());
    let mut root = Seen::default();
    for event in &sample.events {
        collector.note(&mut root, event.value, key_of(event.line).as_deref());
    }
    for seen in [&mut root, &mut sample.keys.members] {
        collector.prune(seen);
    }
    let look = Look { sample: &sample, root: &root };
    let envelope = known::find(&look).unwrap_or_else(|| look.envelope());
    let data = data(&sample, &envelope, &mut collector, &key_of);
    let found = write::Found {
        sample: &sample,
        envelope: &envelope,
        root: &root,
        data: &data,
        collector: &collector,
    };
    Ok(write::file(&found))
}

/// What holds the values of the columns. Where the whole message may take its place, paths of both are the same
/// columns.
fn data(
    sample: &Sample<'_>,
    envelope: &Envelope,
    collector: &mut Collector,
    key_of: &impl Fn(&Line) -> Option<String>,
) -> Seen {
    let mut seen = Seen::default();
    let mut others = Vec::new();
    for event in &sample.events {
        let key = key_of(event.line);
        let mut places = envelope.data.iter();
        match places.find_map(|keys| Some((keys, json::at(event.value, keys)?))) {
            Some((keys, value)) if !keys.is_empty() || envelope.data.len() == 1 => {
                collector.note(&mut seen, value, key.as_deref());
            }
            Some((_, value)) => others.push((value, key)),
            None => {}
        }
    }
    for (value, key) in others {
        collector.note_known(&mut seen, value, key.as_deref());
    }
    collector.prune(&mut seen);
    seen
}

fn nothing(sample: &Sample<'_>) -> anyhow::Error {
    let Sample { messages, tombstones, not_objects, .. } = sample;
    anyhow!(
        "none of {messages} messages is an event: {not_objects} are not JSON objects or arrays of them, {tombstones} have no value"
    )
}

#[cfg(test)]
mod tests;
