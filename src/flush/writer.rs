//! A writer: one connection, one batch at a time, retried until it is durable.

use super::cause::Cause;
use super::execute::{
    Books, Failure, Holdings, Offered, Plan, RefusedRow, Scratch, Session, Written, held, keep_up,
    write,
};
use super::metrics::WriterMetrics;
use super::parts::RowsMax;
use crate::buffer::Batch;
use crate::clock;
use crate::ledger::Ledger;
use crate::mapping::TableId;
use crate::mysql::{Backoff, Class, Server, TooLarge, close};
use crate::offsets::{AssignmentId, TopicPartition};
use sqlx::mysql::MySqlConnection;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tracing::{error, info, warn};

/// How long a database may seem to lack what it has acknowledged before we believe it: a node of a
/// cluster may be a moment behind the one that wrote it.
const BELIEVE_AFTER: Duration = Duration::from_secs(3);
/// How soon to look again meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

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

/// Why a batch was not written.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    WentBack(#[from] WentBack),
}

impl NotWritten {
    /// The rows that the server refused.
    #[must_use]
    pub fn rows(&self) -> &[RefusedRow] {
        match self {
            Self::Refused(refused) => &refused.rows,
            Self::WentBack(_) => &[],
        }
    }
}

/// The database lacks transactions that it had acknowledged to this instance of the ledger.
#[derive(Debug, thiserror::Error)]
#[error("the database went back in time: it lacks transactions that it had acknowledged")]
pub struct WentBack(pub String);

/// What to do on the connection.
#[derive(Debug, Clone, Copy)]
enum Job<'j> {
    Write(&'j Batch),
    KeepUp,
    Recall(&'j [TopicPartition], &'j Offered),
}

enum Done {
    Written(Written),
    Recalled(Holdings),
}

impl Done {
    fn written(self) -> Written {
        match self {
            Self::Written(written) => written,
            Self::Recalled(_) => Written::default(),
        }
    }
}

#[derive(Debug)]
struct Open {
    connection: MySqlConnection,
    /// The server's `max_allowed_packet`.
    packet: usize,
    /// Of the ledger: after the database went back, another connection may lead to another server.
    instance: Option<String>,
}

/// Writes batches to the server.
#[derive(Debug)]
pub struct Writer {
    number: usize,
    server: Arc<Server>,
    plan: Arc<Plan>,
    backoff: Backoff,
    metrics: WriterMetrics,
    ledger: Option<Arc<Ledger>>,
    open: Option<Open>,
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
            ledger: None,
            open: None,
            rows_max: RowsMax::default(),
            scratch: Scratch::default(),
        }
    }

    /// Records in the database how far partitions are.
    #[must_use]
    pub fn with_ledger(self, ledger: Arc<Ledger>) -> Self {
        Self { ledger: Some(ledger), ..self }
    }

    /// Writes a batch, retrying until it is durable.
    ///
    /// # Errors
    /// If the server refuses a value, or the database went back: retrying would not change that.
    pub async fn flush(&mut self, batch: &Batch) -> Result<Written, NotWritten> {
        self.retry(Job::Write(batch)).await.map(Done::written)
    }

    /// Records all that is durable, and looks whether the database still has what it acknowledged. One writer
    /// at a time. Returns what it has recorded.
    ///
    /// # Errors
    /// As [`Self::flush`].
    pub async fn keep_up(&mut self) -> Result<Vec<(AssignmentId, i64)>, NotWritten> {
        Ok(self.retry(Job::KeepUp).await?.written().recorded)
    }

    /// What the database holds of these partitions. Retries until it answers.
    ///
    /// # Errors
    /// As [`Self::flush`].
    pub async fn recall(
        &mut self,
        partitions: &[TopicPartition],
        offered: &Offered,
    ) -> Result<Holdings, NotWritten> {
        match self.retry(Job::Recall(partitions, offered)).await? {
            Done::Recalled(holdings) => Ok(holdings),
            Done::Written(_) => Ok(Holdings::default()),
        }
    }

    async fn retry(&mut self, job: Job<'_>) -> Result<Done, NotWritten> {
        let mut failed = 0_u32;
        let mut since = clock::now();
        let mut behind_since = None;
        loop {
            match self.attempt(job).await {
                Ok(done) => {
                    self.recovered(failed, since);
                    if matches!(job, Job::Write(_)) {
                        self.rows_max.fits();
                    }
                    return Ok(done);
                }
                Err(Failure::WentBack(instance)) => {
                    self.disconnect(Class::Unknown).await;
                    let behind_since = *behind_since.get_or_insert_with(clock::now);
                    if clock::now().duration_since(behind_since) >= BELIEVE_AFTER {
                        return Err(WentBack(instance).into());
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Err(Failure::Rows(rows)) => {
                    self.recovered(failed, since);
                    let first = rows.first().map_or(0, |row| row.table);
                    let table = self.plan.mapping.tables[first].name.clone();
                    let number = rows.first().map_or(0, |row| row.number);
                    return Err(Refused { table, number, rows }.into());
                }
                Err(Failure::Again(cause)) => {
                    if failed == 0 {
                        since = clock::now();
                    }
                    failed = failed.saturating_add(1);
                    if let Job::Write(batch) = job
                        && self.is_halved(&cause, batch)
                    {
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

    async fn attempt(&mut self, job: Job<'_>) -> Result<Done, Failure> {
        let instance = self.ledger.as_ref().map(|ledger| ledger.instance());
        if self.open.as_ref().is_some_and(|open| open.instance != instance) {
            self.disconnect(Class::Unknown).await;
        }
        let Open { connection, packet, .. } = match &mut self.open {
            Some(open) => open,
            closed => {
                let opened = open(&self.server, instance).await;
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
        let books = self.ledger.as_deref().map(|ledger| Books { ledger, writer: self.number });
        let (plan, packet) = (&*self.plan, *packet);
        let session = Session { connection, plan, packet, on_slow: &on_slow, books };
        let scratch = &mut self.scratch;
        let done = match job {
            Job::Write(batch) => {
                write(session, batch, self.rows_max.get(), scratch).await.map(Done::Written)
            }
            Job::KeepUp => keep_up(session, scratch).await.map(Done::Written),
            Job::Recall(partitions, offered) => {
                held(session, partitions, offered, scratch).await.map(Done::Recalled)
            }
        };
        // After a failure, its error says what is wrong.
        if done.is_ok() && was_slow.load(Ordering::Relaxed) {
            info!(writer = self.number, "flush: MySQL answered");
            self.metrics.works(self.number);
        }
        done
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
        if let Some(Open { connection, .. }) = self.open.take()
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

async fn open(server: &Server, instance: Option<String>) -> Result<Open, sqlx::Error> {
    let (connection, facts) = server.connect_and_ask().await?;
    Ok(Open { connection, packet: facts.max_allowed_packet, instance })
}
