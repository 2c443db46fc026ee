//! Reads tables page by page, and removes rows in small transactions.

use super::target::Target;
use crate::clock;
use crate::commands::said;
use crate::mysql::{Backoff, Class};
use crate::pipeline::Stop;
use anyhow::{Context, anyhow};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row as _};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Rows that are read at once.
const PAGE_ROWS: u32 = 10_000;
/// A transaction that others keep refusing is given up after this many attempts.
const ATTEMPTS_MAX: u32 = 20;
/// The longest pause between transactions.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What was found or removed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) rows: u64,
    pub(super) lines: u64,
    /// Candidates that were in use or came back to life.
    pub(super) left: u64,
}

impl Counts {
    pub(super) fn sum(all: &[Self]) -> Self {
        all.iter().fold(Self::default(), |mut sum, one| {
            sum.add(*one);
            sum
        })
    }

    fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.lines += other.lines;
        self.left += other.left;
    }
}

pub(super) struct Walk<'c> {
    pub(super) connection: &'c mut MySqlConnection,
    pub(super) stop: Stop,
    pub(super) backoff: Backoff,
    pub(super) batch_rows: u32,
    /// Otherwise it only counts.
    pub(super) removes: bool,
}

impl Walk<'_> {
    /// What there is in each table, until it is told to stop.
    pub(super) async fn all(&mut self, targets: &[Target<'_>]) -> anyhow::Result<Vec<Counts>> {
        let mut counts = Vec::new();
        for target in targets {
            let mut of_table = Counts::default();
            let done = self.table(target, &mut of_table).await;
            counts.push(of_table);
            done.map_err(|error| {
                let removed = Counts::sum(&counts).rows;
                let so_far = format!("{removed} rows were removed; run the command again");
                let error = error.context(format!("table {}", target.owner.name));
                if self.removes { error.context(so_far) } else { error }
            })?;
        }
        Ok(counts)
    }

    async fn table(&mut self, target: &Target<'_>, counts: &mut Counts) -> anyhow::Result<()> {
        let mut after: Option<String> = None;
        while !self.stop.is_requested() {
            let end = self.texts(target.page_end(after.as_deref(), PAGE_ROWS)).await?.pop();
            let page = target.candidates(after.as_deref(), end.as_deref());
            for keys in self.texts(page).await?.chunks(self.batch_rows as usize) {
                if self.stop.is_requested() {
                    return Ok(());
                }
                counts.add(self.batch(target, keys).await?);
            }
            if end.is_none() {
                return Ok(());
            }
            after = end;
        }
        Ok(())
    }

    async fn batch(&mut self, target: &Target<'_>, keys: &[String]) -> anyhow::Result<Counts> {
        if !self.removes {
            return self.count(target, keys).await;
        }
        let started = clock::now();
        let mut attempt = 0;
        let counts = loop {
            match self.remove(target, keys).await {
                Ok(counts) => break counts,
                Err(error) => {
                    attempt += 1;
                    // A failed statement may leave the transaction open.
                    let rolled_back = self.connection.execute("ROLLBACK").await;
                    let is_contention = Class::of_error(&error) == Class::Contention;
                    if !is_contention || attempt == ATTEMPTS_MAX || rolled_back.is_err() {
                        return Err(said(error));
                    }
                    let random = RandomState::new().hash_one(attempt);
                    tokio::time::sleep(self.backoff.pause(attempt, random)).await;
                }
            }
        };
        // As long as the transaction took: so half of the time is left to replicas and writers.
        tokio::time::sleep(started.elapsed().min(PAUSE_MAX)).await;
        Ok(counts)
    }

    async fn count(&mut self, target: &Target<'_>, keys: &[String]) -> anyhow::Result<Counts> {
        let mut counts = Counts { rows: keys.len() as u64, ..Counts::default() };
        for lines in &target.lines {
            let count = AssertSqlSafe(target.count_lines(lines, keys));
            let row = self.connection.fetch_one(count).await.map_err(said)?;
            let number: i64 = row.try_get(0).map_err(said)?;
            counts.lines += u64::try_from(number).unwrap_or(0);
        }
        Ok(counts)
    }

    /// One transaction. An entity's row is locked before its lines, as writers do.
    async fn remove(
        &mut self,
        target: &Target<'_>,
        keys: &[String],
    ) -> Result<Counts, sqlx::Error> {
        self.connection.execute("START TRANSACTION").await?;
        let rows = self.connection.fetch_all(AssertSqlSafe(target.lock(keys))).await?;
        let locked = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
        let mut counts = Counts { left: (keys.len() - locked.len()) as u64, ..Counts::default() };
        if !locked.is_empty() {
            for lines in &target.lines {
                let remove = AssertSqlSafe(target.remove_lines(lines, &locked));
                counts.lines += self.connection.execute(remove).await?.rows_affected();
            }
            let remove = AssertSqlSafe(target.remove(&locked));
            counts.rows = self.connection.execute(remove).await?.rows_affected();
        }
        self.connection.execute("COMMIT").await?;
        Ok(counts)
    }

    async fn texts(&mut self, select: String) -> anyhow::Result<Vec<String>> {
        let rows = self.connection.fetch_all(AssertSqlSafe(select)).await.map_err(said)?;
        let texts = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>();
        texts.map_err(|error| anyhow!(said(error))).context("reading keys")
    }
}
