//! Rounds: sluicegate from Kafka, then `LOAD DATA` of the rows it wrote, each into empty tables.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::process;
use super::server::Content;
use super::sluice::Seen;
use super::tsv::{Exported, export};
use super::{Backlog, Bench};

/// Thread names of librdkafka.
const KAFKA_THREADS: &str = "rdk:";
/// The thread that decodes, flattens and buffers.
const CONSUME_THREAD: &str = "consume";

/// One way of loading, once.
struct Measured {
    elapsed: Duration,
    /// What the server counted meanwhile.
    counted: Vec<(String, f64)>,
}

/// sluicegate's part of a round.
struct Sluiced {
    measured: Measured,
    seen: Seen,
    cpu_seconds: Option<f64>,
}

/// What every way of loading must leave.
struct Expected {
    tables: Vec<Exported>,
    contents: Vec<Content>,
}

impl Bench {
    pub(super) async fn measure_rounds(&mut self) -> Result<()> {
        let prefix = format!("{}.", self.name);
        let backlog = self.produce(&prefix, self.args.plan()).await?;
        let directory = tempfile::tempdir().context("a directory for the rows")?;
        let mut expected = None;
        for round in 1..=self.args.rounds {
            let of = format!("round {round} of {}", self.args.rounds);
            self.step(format!("{of}: sluicegate"));
            let sluiced = self.sluice(&prefix, backlog, &mut expected, directory.path()).await?;
            let expected = expected.as_ref().context("nothing was written")?;
            self.step(format!("{of}: LOAD DATA in one stream"));
            let one = self.load(&prefix, expected, 1).await?;
            self.step(format!("{of}: LOAD DATA in {} streams", self.writers));
            let streams = match self.writers {
                1 => None,
                writers => Some(self.load(&prefix, expected, writers).await?),
            };
            let [ours, theirs] = [&sluiced.measured, &one].map(|by| by.elapsed.as_secs_f64());
            self.tell(format!(
                "{of}: sluicegate {ours:.2} s, LOAD DATA in one stream {theirs:.2} s"
            ));
            self.add_round(backlog, expected, &sluiced, &one, streams.as_ref());
        }
        Ok(())
    }

    /// Has sluicegate load the backlog. The first time, its rows become what is expected.
    async fn sluice(
        &mut self,
        prefix: &str,
        backlog: Backlog,
        expected: &mut Option<Expected>,
        directory: &Path,
    ) -> Result<Sluiced> {
        let work = self.new_work(prefix).await?;
        self.server_at_rest().await?;
        let (before, cpu_before) = (self.server.counted().await?, process::children_cpu_seconds());
        let seen = self.sluicegate.load(&work, self.args.instances).await?;
        let cpu_after = process::children_cpu_seconds();
        let counted = self.server.counted().await?.since(&before);
        // Several instances may read a message twice.
        ensure!(
            seen.messages >= backlog.messages,
            "sluicegate read {} of {} messages",
            seen.messages,
            backlog.messages
        );
        let dead = self.server.dead_letters(&work.database).await?;
        ensure!(dead == 0, "{dead} messages became dead letters; all of them are valid");
        match expected {
            Some(expected) => self.check(&work.database, expected).await?,
            None => *expected = Some(self.expect(&work.database, directory).await?),
        }
        self.server.drop_database(&work.database).await?;
        Ok(Sluiced {
            measured: Measured { elapsed: seen.elapsed, counted },
            seen,
            cpu_seconds: cpu_after.zip(cpu_before).map(|(after, before)| after - before),
        })
    }

    async fn load(&mut self, prefix: &str, expected: &Expected, streams: u32) -> Result<Measured> {
        let work = self.new_work(prefix).await?;
        self.server_at_rest().await?;
        let before = self.server.counted().await?;
        let elapsed = if streams == 1 {
            self.client.load_in_one_stream(&work.database, &expected.tables).await?
        } else {
            self.client.load_in_streams(&work.database, &expected.tables).await?
        };
        let counted = self.server.counted().await?.since(&before);
        self.check(&work.database, expected).await?;
        self.server.drop_database(&work.database).await?;
        Ok(Measured { elapsed, counted })
    }

    /// Writes the rows of a database to files.
    async fn expect(&mut self, database: &str, directory: &Path) -> Result<Expected> {
        let mut expected = Expected { tables: Vec::new(), contents: Vec::new() };
        let mut rows_by_table = serde_json::Map::new();
        for table in self.server.tables(database).await? {
            let content = self.server.content(database, &table).await?;
            rows_by_table.insert(table.name.clone(), content.rows.into());
            let exported =
                export(&mut self.server, database, &table, content.rows, self.writers, directory);
            expected.tables.push(exported.await?);
            expected.contents.push(content);
        }
        self.about.insert("rows_by_table".to_owned(), rows_by_table.into());
        Ok(expected)
    }

    async fn check(&mut self, database: &str, expected: &Expected) -> Result<()> {
        for (exported, content) in expected.tables.iter().zip(&expected.contents) {
            let found = self.server.content(database, &exported.table).await?;
            ensure!(
                found == *content,
                "table {} is not as sluicegate's first run left it: {found:?}, not {content:?}",
                exported.table.name
            );
        }
        Ok(())
    }

    fn add_round(
        &mut self,
        backlog: Backlog,
        expected: &Expected,
        sluiced: &Sluiced,
        one: &Measured,
        streams: Option<&Measured>,
    ) {
        let messages = backlog.messages as f64;
        let rows: f64 = expected.contents.iter().map(|content| content.rows as f64).sum();
        let seconds = sluiced.measured.elapsed.as_secs_f64();
        let ratio = |by: &Measured| by.elapsed.as_secs_f64() / seconds;
        let figures = &mut self.figures;
        figures.add("events_per_second", messages / seconds);
        figures.add("rows_per_second", rows / seconds);
        figures.add("mb_per_second", backlog.bytes as f64 / 1e6 / seconds);
        figures.add("ratio_to_load_data_one_stream", ratio(one));
        if let Some(streams) = streams {
            figures.add("ratio_to_load_data_streams", ratio(streams));
        }
        figures.add("sluicegate_seconds", seconds);
        figures.add("sluicegate_own_seconds", sluiced.seen.own_seconds);
        if let Some(cpu) = sluiced.cpu_seconds {
            figures.add("sluicegate_cpu_us_per_event", cpu * 1e6 / messages);
            figures.add("sluicegate_cpu_us_per_row", cpu * 1e6 / rows);
        }
        self.add_seen(messages, &sluiced.seen);
        self.add_server("sluicegate", rows, &sluiced.measured);
        self.add_server("load_one_stream", rows, one);
        if let Some(streams) = streams {
            self.add_server("load_streams", rows, streams);
        }
    }

    /// What was seen from outside, up to the last look at the process.
    fn add_seen(&mut self, messages: f64, seen: &Seen) {
        let Seen { metrics, cpu_seconds_by_thread, peak_memory_bytes, .. } = seen;
        let figures = &mut self.figures;
        let of = |is_one: &dyn Fn(&str) -> bool| -> f64 {
            let theirs = cpu_seconds_by_thread.iter().filter(|(name, _)| is_one(name));
            theirs.map(|(_, seconds)| seconds * 1e6 / messages).sum()
        };
        figures.add("cpu_us_per_event_consume_thread", of(&|name| name == CONSUME_THREAD));
        figures.add("cpu_us_per_event_kafka_threads", of(&|name| name.starts_with(KAFKA_THREADS)));
        figures.add(
            "cpu_us_per_event_other_threads",
            of(&|name| name != CONSUME_THREAD && !name.starts_with(KAFKA_THREADS)),
        );
        if let Some(bytes) = peak_memory_bytes {
            figures.add("sluicegate_peak_memory_mb", *bytes as f64 / 1e6);
        }
        let rows = metrics.sum("sluicegate_flush_rows_total");
        let folded = metrics.sum("sluicegate_buffer_folded_rows_total");
        figures.add("batches", metrics.sum("sluicegate_buffer_batches_total"));
        for (name, metric, factor) in [
            ("batch_rows_mean", "sluicegate_buffer_batch_rows", 1.0),
            ("flush_ms_mean", "sluicegate_flush_duration_seconds", 1e3),
            ("commit_ms_mean", "sluicegate_flush_commit_duration_seconds", 1e3),
        ] {
            if let Some(mean) = metrics.mean(metric) {
                figures.add(name, mean * factor);
            }
        }
        let statements = metrics.sum("sluicegate_flush_statements_total");
        figures.add("statement_rows_mean", rows / statements);
        figures.add(
            "statement_bytes_mean",
            metrics.sum("sluicegate_flush_statement_bytes_total") / statements,
        );
        figures.add("retries", metrics.sum("sluicegate_flush_retries_total"));
        figures.add("row_writes", rows);
        figures.add("row_writes_saved_by_folding", folded);
        let entities: f64 = metrics
            .by_label("sluicegate_flush_rows_total", "table")
            .into_iter()
            .filter(|(table, _)| Class::of(table) == Class::Entity)
            .map(|(_, rows)| rows)
            .sum();
        figures.add("events_per_entity_row_write", (entities + folded) / entities);
    }

    fn add_server(&mut self, by: &str, rows: f64, measured: &Measured) {
        let seconds = measured.elapsed.as_secs_f64();
        if by != "sluicegate" {
            self.figures.add(&format!("{by}_seconds"), seconds);
            self.figures.add(&format!("{by}_rows_per_second"), rows / seconds);
        }
        for (name, value) in &measured.counted {
            match name.as_str() {
                "cpu_seconds" => {
                    self.figures.add(&format!("{by}_server_cpu_us_per_row"), value * 1e6 / rows);
                }
                name => self.figures.add(&format!("{by}_server_{name}"), *value),
            }
        }
    }
}

/// What kind of rows a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// One row an event.
    Log,
    /// One row an entity.
    Entity,
    /// The lines of an order.
    Line,
}

impl Class {
    pub(super) const ALL: [Self; 3] = [Self::Log, Self::Entity, Self::Line];

    pub(super) fn of(table: &str) -> Self {
        let is_log = |end: &&str| table.ends_with(end);
        if ["_events", "_logins", "_memberships"].iter().any(is_log) {
            Self::Log
        } else if table.ends_with("_items") {
            Self::Line
        } else {
            Self::Entity
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Entity => "entity",
            Self::Line => "line",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_classes() {
        for (table, class) in [
            ("users", Class::Entity),
            ("user_logins", Class::Log),
            ("community_memberships", Class::Log),
            ("order_events", Class::Log),
            ("order_items", Class::Line),
            ("communities", Class::Entity),
        ] {
            assert_eq!(Class::of(table), class, "{table}");
        }
    }
}
