//! How fast the millionth rows are written, and the first, when the tables have outgrown the buffer pool.
//!
//! All tables are written in the same transactions, so what slows one slows all; `--mix` says which are written most.
//! What a class of tables costs by itself is told by the time of its statements. It does not depend on which topics
//! happen to be read first.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use loadgen::Plan;

use super::Bench;
use super::rounds::Class;
use super::sluice::{Seen, Work, WrittenTo};

const MILLION: f64 = 1e6;
const BUFFER_POOL_BYTES: u64 = 128 << 20;

/// What was written by class of table up to some time after the start.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sample {
    seconds: f64,
    written: BTreeMap<Class, WrittenTo>,
}

impl Bench {
    pub(super) async fn measure_growth(&mut self, millions: u32) -> Result<()> {
        let prefix = format!("{}.growth.", self.name);
        let work = self.new_work(&prefix).await?;
        // Each event gives a row of a log at least.
        let plan = Plan { events: u64::from(millions) * 1_000_000, ..self.args.plan() };
        self.produce(&prefix, plan).await?;
        self.server_at_rest().await?;
        let bytes = self.server.buffer_pool_bytes().await?;
        if bytes != BUFFER_POOL_BYTES {
            self.server.resize_buffer_pool(BUFFER_POOL_BYTES).await?;
        }
        let grown = self.grow(&work, millions).await;
        if bytes != BUFFER_POOL_BYTES {
            self.server.resize_buffer_pool(bytes).await?;
        }
        let grown = grown?;
        if let Some(bytes) = grown.peak_memory_bytes {
            self.figures.add("growth_peak_memory_mb", bytes as f64 / 1e6);
        }
        self.add_growth(millions, &samples(&grown.written_over_time))
    }

    async fn grow(&self, work: &Work, millions: u32) -> Result<Seen> {
        let wanted = f64::from(millions) * MILLION;
        let is_enough = move |seen: &Seen| {
            let last = seen.written_over_time.last();
            last.is_some_and(|(_, tables)| tables.values().map(|to| to.rows).sum::<f64>() >= wanted)
        };
        self.sluicegate.start(work, &["--until-end"])?.watch(is_enough).await
    }

    fn add_growth(&mut self, millions: u32, samples: &[Sample]) -> Result<()> {
        let points: Vec<Sample> = (0..=millions)
            .map(|million| at(samples, f64::from(million) * MILLION))
            .collect::<Option<_>>()
            .context("too few rows were seen to be written")?;
        let spans: Vec<Sample> =
            points.windows(2).map(|pair| between(&pair[0], &pair[1])).collect();
        for (million, span) in (1..).zip(&spans) {
            let name = format!("growth_rows_per_second_million_{million}");
            self.figures.add(&name, span.rows() / span.seconds);
        }
        let (first, last) = (&spans[0], &spans[spans.len() - 1]);
        self.figures.add(
            "growth_last_to_first",
            (last.rows() / last.seconds) / (first.rows() / first.seconds),
        );
        for class in Class::ALL {
            let of = |span: &Sample| {
                let WrittenTo { rows, statement_seconds } =
                    span.written.get(&class).copied().unwrap_or_default();
                rows / statement_seconds
            };
            let name = format!("growth_{}_rows_last_to_first", class.name());
            self.figures.add(&name, of(last) / of(first));
        }
        Ok(())
    }
}

impl Sample {
    fn rows(&self) -> f64 {
        self.written.values().map(|to| to.rows).sum()
    }
}

fn samples(written_over_time: &[(Duration, BTreeMap<String, WrittenTo>)]) -> Vec<Sample> {
    let by_class = |tables: &BTreeMap<String, WrittenTo>| {
        let mut by_class: BTreeMap<Class, WrittenTo> = BTreeMap::new();
        for (table, WrittenTo { rows, statement_seconds }) in tables {
            let to = by_class.entry(Class::of(table)).or_default();
            to.rows += rows;
            to.statement_seconds += statement_seconds;
        }
        by_class
    };
    written_over_time
        .iter()
        .map(|(time, tables)| Sample { seconds: time.as_secs_f64(), written: by_class(tables) })
        .collect()
}

/// The moment when so many rows were written, in a straight line between the samples before and after it. None is the
/// last moment without any.
fn at(samples: &[Sample], wanted: f64) -> Option<Sample> {
    let after = samples.iter().position(|sample| sample.rows() > wanted)?;
    // What was there before the first sample was written while nobody looked.
    let before = samples[..after].last().cloned().unwrap_or_default();
    let step = between(&before, &samples[after]);
    let share = (wanted - before.rows()) / step.rows();
    let written = step.written.iter().map(|(class, step)| {
        let before = before.written.get(class).copied().unwrap_or_default();
        let to = WrittenTo {
            rows: before.rows + share * step.rows,
            statement_seconds: before.statement_seconds + share * step.statement_seconds,
        };
        (*class, to)
    });
    Some(Sample { seconds: before.seconds + share * step.seconds, written: written.collect() })
}

/// What was written from one moment to another, and how long that took.
fn between(from: &Sample, to: &Sample) -> Sample {
    let written = to.written.iter().map(|(class, to)| {
        let from = from.written.get(class).copied().unwrap_or_default();
        let step = WrittenTo {
            rows: to.rows - from.rows,
            statement_seconds: to.statement_seconds - from.statement_seconds,
        };
        (*class, step)
    });
    Sample { seconds: to.seconds - from.seconds, written: written.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_between_moments() {
        let sample = |seconds, log: f64, line: f64| {
            let to = |rows| WrittenTo { rows, statement_seconds: rows / 128.0 };
            Sample { seconds, written: [(Class::Log, to(log)), (Class::Line, to(line))].into() }
        };
        let samples = [sample(1.0, 0.0, 0.0), sample(2.0, 60.0, 40.0), sample(6.0, 180.0, 120.0)];
        assert_eq!(at(&samples, 0.0).unwrap().seconds, 1.0);
        assert_eq!(at(&samples, 50.0).unwrap(), sample(1.5, 30.0, 20.0));
        assert_eq!(at(&samples, 200.0).unwrap(), sample(4.0, 120.0, 80.0));
        assert_eq!(at(&samples, 300.0), None);
        let span = between(&at(&samples, 100.0).unwrap(), &at(&samples, 200.0).unwrap());
        assert_eq!(span, sample(2.0, 60.0, 40.0));
        assert_eq!(span.rows(), 100.0);
    }
}
