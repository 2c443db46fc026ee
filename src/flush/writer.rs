//! A writer: one connection, one batch at a time, retried until it is durable.

use super::cause::Cause;
use super::execute::{Failure, Plan, RefusedRow, Scratch, Session, Written, write};
use super::metrics::WriterMetrics;
use super::parts::RowsMax;
use crate::buffer::Batch;
use crate::clock;
use crate::mapping::TableId;
use crate::mysql::{Backoff, Class, Server, TooLarge, close};
use sqlx::mysql::MySqlConnection;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tracing::{error, info, warn};

/// After this many failed attempts in a row, a person is probably needed.
const ATTEMPTS_UNTIL_ERROR: u32 = 10;

/// Rows that retrying does not help.
#[derive(Debug, thiserror::Error)]
#[error(
    "the server refused a row of table {table} that had passed validation (error {number}), and nothing of its batch was committed; run `sluicegate check` to compare mapping and schema"
)]
pub struct Refused {
    /// The first row's table.
    pub table: String,
    /// The server's error number for it.
    pub number: u16,
    /// All of them; empty if the server did not refuse a row of a mapped table.
    pub rows: Vec<RefusedRow>,
}

/// Writes batches to the server.
#[derive(Debug)]
pub struct Writer {
    number: usize,
    server: Arc<Server>,
    plan: Arc<Plan>,
    backoff: Backoff,
    metrics: WriterMetrics,
    /// The connection and its `max_allowed_packet`.
    connection: Option<(MySqlConnection, usize)>,
    rows_max: RowsMax,
    scratch: Scratch,
}

impl Writer {
    /// A writer that connects when it has something to write.
    #[must_use]
    pub fn new(
        number: usize,
        server: Arc<Server>,
        plan: Arc<Plan>,
        backoff: Backoff,
        metrics: WriterMetrics,
    ) -> Self {
        Self {
            number,
            server,
            plan,
            backoff,
            metrics,
            connection: None,
            rows_max: RowsMax::default(),
            scratch: Scratch::default(),
        }
    }

    /// Writes a batch, retrying until it is durable.
    ///
    /// # Errors
    /// If the server refuses a value: retrying would not change that.
    pub async fn flush(&mut self, batch: &Batch) -> Result<Written, Refused> {
        let mut failed = 0_u32;
        let mut since = clock::now();
        loop {
            match self.attempt(batch).await {
                Ok(written) => {
                    self.recovered(failed, since);
                    self.rows_max.fits();
                    return Ok(written);
                }
                Err(Failure::Rows(rows)) => {
                    self.recovered(failed, since);
                    let first = rows.first().map_or(0, |row| row.table);
                    let table = self.plan.mapping.tables[first].name.clone();
                    let number = rows.first().map_or(0, |row| row.number);
                    return Err(Refused { table, number, rows });
                }
                Err(Failure::Again(cause)) => {
                    if failed == 0 {
                        since = clock::now();
                    }
                    failed = failed.saturating_add(1);
                    if self.is_halved(&cause, batch) {
                        self.disconnect(cause.class).await;
                        continue;
                    }
                    self.failed(cause, failed).await?;
                }
            }
        }
    }

    /// Counts this writer as busy, or no longer.
    pub(crate) fn set_busy(&self, busy: bool) {
        self.metrics.set_busy(busy);
    }

    /// Counts an event that the server refused on account of this table.
    pub(crate) fn count_refused(&self, table: TableId) {
        self.metrics.refused(&self.plan.mapping.tables[table].name);
    }

    fn recovered(&self, failed: u32, since: Instant) {
        if failed > 0 {
            info!(writer = self.number, attempts = failed + 1, after = ?since.elapsed(), "flush: recovered");
            self.metrics.works(self.number);
        }
    }

    async fn attempt(&mut self, batch: &Batch) -> Result<Written, Failure> {
        let (connection, packet) = match &mut self.connection {
            Some(open) => open,
            closed => {
                let opened = open(&self.server).await;
                closed.insert(opened.map_err(|error| Cause::of(None, &error))?)
            }
        };
        let was_slow = AtomicBool::new(false);
        let on_slow = |table: Option<TableId>, slow: Duration| {
            let table = table.map_or("-", |id| &self.plan.mapping.tables[id].name);
            warn!(
                writer = self.number,
                table,
                after = ?slow,
                "flush: no answer from MySQL yet; SHOW PROCESSLIST shows whether another session holds a lock"
            );
            was_slow.store(true, Ordering::Relaxed);
            let trouble = format!("no answer to a statement on {table} for more than {slow:?}");
            self.metrics.waits(self.number, trouble);
        };
        let session = Session { connection, plan: &self.plan, packet: *packet, on_slow: &on_slow };
        let written = write(session, batch, self.rows_max.get(), &mut self.scratch).await;
        // After a failure, its error says what is wrong.
        if written.is_ok() && was_slow.load(Ordering::Relaxed) {
            info!(writer = self.number, "flush: MySQL answered");
            self.metrics.works(self.number);
        }
        written
    }

    /// Whether the next attempt writes smaller transactions at once.
    fn is_halved(&mut self, cause: &Cause, batch: &Batch) -> bool {
        let too_large = TooLarge::of(cause.number);
        if too_large == TooLarge::No {
            return false;
        }
        let surely = too_large == TooLarge::Surely;
        let is_smaller = self.rows_max.halve(batch.row_count(), surely);
        if !is_smaller || !surely {
            return false;
        }
        self.metrics.retry(self.number, cause.class, self.trouble(cause));
        info!(
            writer = self.number,
            rows_max = self.rows_max.get(),
            error = cause.text,
            "flush: transaction too large for the server; writing smaller ones"
        );
        true
    }

    /// Why the writer is waiting, for `/readyz` and the status page.
    fn trouble(&self, cause: &Cause) -> String {
        let trouble = format!("{}: {}", cause.class.as_str(), cause.text);
        match cause.table {
            Some(table) => format!("{trouble} (table {})", self.plan.mapping.tables[table].name),
            None => trouble,
        }
    }

    /// Drops the connection, whatever its state. The next attempt opens a new one.
    async fn disconnect(&mut self, class: Class) {
        if let Some((connection, _)) = self.connection.take()
            && class != Class::Connection
        {
            // Closing rolls the transaction back.
            close(connection).await;
        }
    }

    /// Logs what failed, and waits before the next attempt.
    async fn failed(&mut self, cause: Cause, attempt: u32) -> Result<(), Refused> {
        self.metrics.retry(self.number, cause.class, self.trouble(&cause));
        let Cause { table, class, number, text, .. } = cause;
        let table = table.map_or("-", |id| &self.plan.mapping.tables[id].name).to_owned();
        self.disconnect(class).await;
        if class == Class::Data {
            return Err(Refused { table, number, rows: Vec::new() });
        }
        let pause = self.backoff.pause(attempt, RandomState::new().hash_one(attempt));
        let (writer, class) = (self.number, class.as_str());
        if attempt.is_multiple_of(ATTEMPTS_UNTIL_ERROR) {
            error!(
                writer,
                attempt,
                class,
                table,
                error = text,
                ?pause,
                "flush: still failing; retrying, nothing is lost"
            );
        } else {
            warn!(writer, attempt, class, table, error = text, ?pause, "flush: failed; retrying");
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

async fn open(server: &Server) -> Result<(MySqlConnection, usize), sqlx::Error> {
    let (connection, facts) = server.connect_and_ask().await?;
    Ok((connection, facts.max_allowed_packet))
}
