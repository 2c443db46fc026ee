//! A writer: one connection, one batch at a time, again until it is durable.

use super::connect::{Server, close, server_facts};
use super::execute::{At, Plan, Scratch, Written, write};
use super::retry::{Backoff, Class};
use super::statement::StatementLimits;
use crate::buffer::Batch;
use crate::metrics::FlushMetrics;
use sqlx::mysql::MySqlConnection;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Instant;
use tracing::{error, info, warn};

/// After so many failed attempts in a row a person is probably needed.
const ATTEMPTS_UNTIL_ERROR: u32 = 10;

/// A batch that cannot be written however long one waits.
#[derive(Debug, thiserror::Error)]
#[error(
    "the server refused a row of table {table} that had passed validation: error {number}; nothing of its batch was committed. Run `sluicegate check` to compare mapping and schema"
)]
pub struct Refused {
    /// The table.
    pub table: String,
    /// The server's error number.
    pub number: u16,
}

/// Writes batches to the server.
#[derive(Debug)]
pub struct Writer {
    number: usize,
    server: Arc<Server>,
    plan: Arc<Plan>,
    backoff: Backoff,
    metrics: FlushMetrics,
    connection: Option<(MySqlConnection, StatementLimits)>,
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
        metrics: FlushMetrics,
    ) -> Self {
        Self {
            number,
            server,
            plan,
            backoff,
            metrics,
            connection: None,
            scratch: Scratch::default(),
        }
    }

    /// Writes a batch, however often it takes.
    ///
    /// # Errors
    /// When the server refuses a value, which waiting does not mend.
    pub async fn flush(&mut self, batch: &Batch) -> Result<Written, Refused> {
        let mut failed = 0_u32;
        let mut since = Instant::now();
        loop {
            match self.attempt(batch).await {
                Ok(written) => {
                    if failed > 0 {
                        info!(writer = self.number, attempts = failed + 1, after = ?since.elapsed(), "flush: works again");
                        self.metrics.works();
                    }
                    return Ok(written);
                }
                Err(at) => {
                    if failed == 0 {
                        since = Instant::now();
                    }
                    failed = failed.saturating_add(1);
                    self.failed(&at, failed).await?;
                }
            }
        }
    }

    async fn attempt(&mut self, batch: &Batch) -> Result<Written, At> {
        let (connection, limits) = match &mut self.connection {
            Some(open) => open,
            closed => {
                let opened = open(&self.server, self.plan.limits).await;
                closed.insert(opened.map_err(|error| At { table: None, error })?)
            }
        };
        write(connection, &self.plan, *limits, batch, &mut self.scratch).await
    }

    /// Says what failed, and waits before the next attempt.
    async fn failed(&mut self, At { table, error }: &At, attempt: u32) -> Result<(), Refused> {
        let class = Class::of_error(error);
        let number = number_of(error);
        let table = table.map_or("-", |id| &self.plan.mapping.tables[id].name).to_owned();
        self.metrics.retry(class, format!("{}: {}", class.as_str(), shown(error)));
        // Whatever state the connection is in, a new one is in none.
        if let Some((connection, _)) = self.connection.take()
            && class != Class::Connection
        {
            // Closing rolls the transaction back.
            close(connection).await;
        }
        if class == Class::Data {
            return Err(Refused { table, number: number.unwrap_or(0) });
        }
        let pause = self.backoff.pause(attempt, RandomState::new().hash_one(attempt));
        let (writer, class, cause) = (self.number, class.as_str(), shown(error));
        if attempt.is_multiple_of(ATTEMPTS_UNTIL_ERROR) {
            error!(
                writer,
                attempt,
                class,
                table,
                error = cause,
                ?pause,
                "flush: still failing; the batch waits, nothing is lost"
            );
        } else {
            warn!(
                writer,
                attempt,
                class,
                table,
                error = cause,
                ?pause,
                "flush: failed, will be tried again"
            );
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

async fn open(
    server: &Server,
    limits: StatementLimits,
) -> Result<(MySqlConnection, StatementLimits), sqlx::Error> {
    let mut connection = server.connect().await?;
    let facts = server_facts(&mut connection).await?;
    Ok((connection, limits.within_packet(facts.max_allowed_packet)))
}

fn number_of(error: &sqlx::Error) -> Option<u16> {
    let database = error.as_database_error()?;
    Some(database.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()?.number())
}

/// An error for people. The server's message may quote values ("Incorrect datetime value: …"), so
/// only its number and state are shown; the driver's own messages hold no data.
#[must_use]
pub fn shown(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(database) => {
            let number = number_of(error).unwrap_or(0);
            let state = database.code().unwrap_or_default();
            let text = if quotes_no_values(number) {
                database.message()
            } else {
                "see the server's error reference"
            };
            format!("error {number} ({state}): {text}")
        }
        None => error.to_string(),
    }
}

/// Messages about the server and its locks and grants name accounts and tables, never values.
fn quotes_no_values(number: u16) -> bool {
    !matches!(Class::of(number), Class::Data | Class::Unknown)
}
