//! How fast the millionth rows are written, and the first, when the tables have outgrown the buffer pool.
//!
//! All tables are written in the same transactions, so what slows one slows all; `--mix` says which are written most.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use loadgen::Plan;

use super::Bench;
use super::rounds::Class;
use super::sluice::{Seen, Work};

const MILLION: f64 = 1e6;
const BUFFER_POOL_BYTES: u64 = 128 << 20;

/// Row writes by class of table, and when they were read.
type Sample = (f64, BTreeMap<Class, f64>);

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
        self.add_growth(millions, &samples(&grown.rows_over_time))
    }

    async fn grow(&self, work: &Work, millions: u32) -> Result<Seen> {
        let wanted = f64::from(millions) * MILLION;
        let is_enough = move |seen: &Seen| {
            let last = seen.rows_over_time.last();
            last.is_some_and(|(_, rows)| rows.values().sum::<f64>() >= wanted)
        };
        self.sluicegate.start(work, &["--until-end"])?.watch(is_enough).await
    }

    fn add_growth(&mut self, millions: u32, samples: &[Sample]) -> Result<()> {
        let points: Vec<Sample> = (0..=millions)
            .map(|million| at(samples, f64::from(million) * MILLION))
            .collect::<Option<_>>()
            .context("too few rows were seen to be written")?;
        let speeds: Vec<BTreeMap<Class, f64>> =
            points.windows(2).map(|pair| speed(&pair[0], &pair[1])).collect();
        for (million, speed) in (1..).zip(&speeds) {
            let name = format!("growth_rows_per_second_million_{million}");
            self.figures.add(&name, speed.values().sum());
        }
        let (first, last) = (&speeds[0], &speeds[speeds.len() - 1]);
        let total = |speed: &BTreeMap<Class, f64>| speed.values().sum::<f64>();
        self.figures.add("growth_last_to_first", total(last) / total(first));
        for class in Class::ALL {
            let of = |speed: &BTreeMap<Class, f64>| speed.get(&class).copied().unwrap_or_default();
            let name = format!("growth_{}_rows_last_to_first", class.name());
            self.figures.add(&name, of(last) / of(first));
        }
        Ok(())
    }
}

fn samples(rows_over_time: &[(Duration, BTreeMap<String, f64>)]) -> Vec<Sample> {
    let by_class = |rows: &BTreeMap<String, f64>| {
        let mut by_class = BTreeMap::new();
        for (table, rows) in rows {
            *by_class.entry(Class::of(table)).or_default() += rows;
        }
        by_class
    };
    rows_over_time.iter().map(|(time, rows)| (time.as_secs_f64(), by_class(rows))).collect()
}

/// The moment when so many rows were written, in a straight line between the samples before and after it. None is the
/// last moment without any.
fn at(samples: &[Sample], wanted: f64) -> Option<Sample> {
    let total = |sample: &Sample| sample.1.values().sum::<f64>();
    let after = samples.iter().position(|sample| total(sample) > wanted)?;
    // What was there before the first sample was written while nobody looked.
    let before = samples[..after].last().cloned().unwrap_or_default();
    let after = &samples[after];
    let share = (wanted - total(&before)) / (total(after) - total(&before));
    let between = |before: f64, after: f64| before + share * (after - before);
    let rows = after.1.iter().map(|(class, rows)| {
        (*class, between(before.1.get(class).copied().unwrap_or_default(), *rows))
    });
    Some((between(before.0, after.0), rows.collect()))
}

/// Rows a second from one moment to another.
fn speed(from: &Sample, to: &Sample) -> BTreeMap<Class, f64> {
    let seconds = to.0 - from.0;
    let before = |class| from.1.get(class).copied().unwrap_or_default();
    to.1.iter().map(|(class, rows)| (*class, (rows - before(class)) / seconds)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_between_samples() {
        let sample = |time, log, line| (time, [(Class::Log, log), (Class::Line, line)].into());
        let samples = [sample(1.0, 0.0, 0.0), sample(2.0, 60.0, 40.0), sample(6.0, 180.0, 120.0)];
        assert_eq!(at(&samples, 0.0).unwrap().0, 1.0);
        assert_eq!(at(&samples, 50.0).unwrap(), sample(1.5, 30.0, 20.0));
        assert_eq!(at(&samples, 200.0).unwrap(), sample(4.0, 120.0, 80.0));
        assert_eq!(at(&samples, 300.0), None);
        let speed = speed(&at(&samples, 100.0).unwrap(), &at(&samples, 200.0).unwrap());
        assert_eq!(speed, [(Class::Log, 30.0), (Class::Line, 20.0)].into());
    }
}
