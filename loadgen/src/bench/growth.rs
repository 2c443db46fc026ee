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
const EVENTS_BEYOND: u64 = 1_000_000;
const BUFFER_POOL_BYTES: u64 = 128 << 20;

/// Fewer rows of a table in a million say little about it.
const ROWS_THAT_TELL: f64 = 10_000.0;

/// What was written by table up to some time after the start.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sample {
    seconds: f64,
    written: BTreeMap<String, WrittenTo>,
}

impl Bench {
    pub(super) async fn measure_growth(&mut self, millions: u32) -> Result<()> {
        let prefix = format!("{}.growth.", self.name);
        let work = self.new_work(&prefix).await?;
        // Each event gives a row of a log at least. The last rows of a backlog are slower, since not
        // every partition has some; so there are more than are measured.
        let events = u64::from(millions) * 1_000_000 + EVENTS_BEYOND;
        let plan = Plan { events, ..self.args.plan() };
        self.produce(&prefix, plan).await?;
        self.step(format!("{millions} million rows"));
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
        self.add_growth(millions, &samples(grown.written_over_time))
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
            if let Some(ratio) = last_to_first(&spans, class) {
                self.figures.add(&format!("growth_{}_rows_last_to_first", class.name()), ratio);
            }
        }
        Ok(())
    }
}

/// Rows in a second of the statements' own time, in the last million that has rows of a table divided by the first: the
/// mean over the tables of a class, by their rows.
fn last_to_first(spans: &[Sample], class: Class) -> Option<f64> {
    let last = spans.last()?;
    let (mut rows, mut sum) = (0.0, 0.0);
    for table in last.written.keys().filter(|table| Class::of(table) == class) {
        let mut of = spans.iter().filter_map(|span| span.written.get(table));
        let tells = |to: &&WrittenTo| to.rows >= ROWS_THAT_TELL;
        let Some(first) = of.find(tells) else { continue };
        let last = of.rfind(tells).unwrap_or(first);
        let speed = |to: &WrittenTo| to.rows / to.statement_seconds;
        rows += last.rows;
        sum += last.rows * speed(last) / speed(first);
    }
    (rows > 0.0).then(|| sum / rows)
}

impl Sample {
    fn rows(&self) -> f64 {
        self.written.values().map(|to| to.rows).sum()
    }
}

fn samples(written_over_time: Vec<(Duration, BTreeMap<String, WrittenTo>)>) -> Vec<Sample> {
    let sample = |(time, written): (Duration, _)| Sample { seconds: time.as_secs_f64(), written };
    written_over_time.into_iter().map(sample).collect()
}

/// The moment when so many rows were written, in a straight line between the samples before and after it. None is the
/// last moment without any.
fn at(samples: &[Sample], wanted: f64) -> Option<Sample> {
    let after = samples.iter().position(|sample| sample.rows() > wanted)?;
    // What was there before the first sample was written unseen.
    let before = samples[..after].last().cloned().unwrap_or_default();
    let step = between(&before, &samples[after]);
    let share = (wanted - before.rows()) / step.rows();
    let written = step.written.iter().map(|(table, step)| {
        let before = before.written.get(table).copied().unwrap_or_default();
        let to = WrittenTo {
            rows: before.rows + share * step.rows,
            statement_seconds: before.statement_seconds + share * step.statement_seconds,
        };
        (table.clone(), to)
    });
    Some(Sample { seconds: before.seconds + share * step.seconds, written: written.collect() })
}

/// What was written from one moment to another, and how long that took.
fn between(from: &Sample, to: &Sample) -> Sample {
    let written = to.written.iter().map(|(table, to)| {
        let from = from.written.get(table).copied().unwrap_or_default();
        let step = WrittenTo {
            rows: to.rows - from.rows,
            statement_seconds: to.statement_seconds - from.statement_seconds,
        };
        (table.clone(), step)
    });
    Sample { seconds: to.seconds - from.seconds, written: written.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_between_moments() {
        let sample = |seconds, logins: f64, items: f64| {
            let to = |table: &str, rows| {
                (table.to_owned(), WrittenTo { rows, statement_seconds: rows / 128.0 })
            };
            Sample {
                seconds,
                written: [to("user_logins", logins), to("order_items", items)].into(),
            }
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

    #[test]
    fn a_class_is_the_mean_of_its_tables() {
        let span = |logins: (f64, f64), events: (f64, f64)| {
            let to = |table: &str, (rows, statement_seconds)| {
                (table.to_owned(), WrittenTo { rows, statement_seconds })
            };
            Sample {
                seconds: 1.0,
                written: [to("user_logins", logins), to("user_events", events)].into(),
            }
        };
        let spans = [
            span((20_000.0, 1.0), (5.0, 9.0)),
            span((1.0, 1.0), (20_000.0, 2.0)),
            span((20_000.0, 2.0), (60_000.0, 6.0)),
        ];
        // Logins take twice as long at the end, events as long as before.
        assert_eq!(last_to_first(&spans, Class::Log), Some(0.875));
        assert_eq!(last_to_first(&spans, Class::Entity), None);
    }
}
