//! What a chaos run found, as text.

use crate::compare::Differences;
use crate::fault::Fault;
use crate::watch::Seen;
use std::fmt;
use std::time::{Duration, Instant};

/// A stall that begins so soon after a fault was healed is its consequence.
const AFTER: Duration = Duration::from_secs(1);

/// A fault that happened.
#[derive(Debug, Clone)]
pub struct Injection {
    pub fault: Fault,
    pub from: Instant,
    pub healed: Option<Instant>,
}

pub struct Report {
    pub seed: u64,
    pub server: &'static str,
    /// `None`: the short form.
    pub minutes: Option<u64>,
    pub took: Duration,
    pub messages: u64,
    /// The kinds that this run could bring about.
    pub kinds: Vec<Fault>,
    /// How often each of them must have come.
    pub least: u64,
    /// There are not more topics to be created late.
    pub topics_to_create: u64,
    pub injections: Vec<Injection>,
    pub seen: Seen,
    pub differences: Differences,
    pub problems: Vec<String>,
}

impl Report {
    pub fn is_fine(&self) -> bool {
        self.differences.are_none() && self.problems.is_empty() && self.too_few().next().is_none()
    }

    fn times(&self, kind: Fault) -> u64 {
        self.injections.iter().filter(|injection| injection.fault == kind).count() as u64
    }

    fn too_few(&self) -> impl Iterator<Item = Fault> {
        let least = |kind: Fault| match kind {
            Fault::TopicCreatedLate => self.least.min(self.topics_to_create),
            _ => self.least,
        };
        self.kinds.iter().copied().filter(move |kind| self.times(*kind) < least(*kind))
    }

    /// The longest time without a durable row that overlaps a fault of this kind or follows it.
    fn longest_stall(&self, kind: Fault) -> Duration {
        let of_kind = self.injections.iter().filter(|injection| injection.fault == kind);
        let stalls = of_kind.flat_map(|injection| {
            let until = injection.healed.map(|healed| healed + AFTER);
            self.seen.stalls.iter().filter(move |(from, to)| {
                *to > injection.from && until.is_none_or(|until| *from < until)
            })
        });
        stalls.map(|(from, to)| *to - *from).max().unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = self.minutes.map_or("short form".to_owned(), |m| format!("{m} minutes"));
        writeln!(f, "chaos run: {}, seed {}, {form}", self.server, self.seed)?;
        writeln!(
            f,
            "{} messages in {:.0} s, {} rows written",
            self.messages,
            self.took.as_secs_f64(),
            self.seen.rows
        )?;
        writeln!(f, "\n{:<28} {:>5} {:>16}", "fault", "times", "longest stall, s")?;
        for kind in &self.kinds {
            let stall = self.longest_stall(*kind).as_secs_f64();
            writeln!(f, "{:<28} {:>5} {stall:>16.1}", kind.name(), self.times(*kind))?;
        }
        writeln!(f, "\n{:<28} {:>5}", "repeated attempts, by class", "times")?;
        for (class, count) in &self.seen.retries {
            writeln!(f, "{class:<28} {count:>5}")?;
        }
        writeln!(f, "\n{:<28} {:>5}", "noticed that it went back", self.seen.went_back)?;
        let Differences { lost, doubled, diverged, blamed, unjudged, compared, told } =
            &self.differences;
        writeln!(f, "\n{compared} rows compared with the reference")?;
        for (what, count) in [
            ("lost", lost),
            ("doubled", doubled),
            ("diverged", diverged),
            ("wrongly blamed", blamed),
            ("missing verdicts", unjudged),
        ] {
            writeln!(f, "{what:<28} {count:>5}")?;
        }
        if !self.kinds.contains(&Fault::DiskFull) {
            writeln!(f, "\nLEFT OUT: disk full; this machine lets us mount nothing")?;
        }
        for kind in self.too_few() {
            writeln!(f, "FAILED: {} came fewer than {} times", kind.name(), self.least)?;
        }
        for line in told.iter().chain(&self.problems) {
            writeln!(f, "FAILED: {line}")?;
        }
        Ok(())
    }
}
