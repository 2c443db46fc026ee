//! One batch → one transaction on one connection.

use super::statement::{StatementLimits, Statements, stale_lines};
use crate::buffer::Batch;
use crate::mapping::{Mapping, TableId};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the statements of a mapping need besides the rows.
#[derive(Debug)]
pub struct Plan {
    /// The mapping.
    pub mapping: Arc<Mapping>,
    /// Constant statement text.
    pub statements: Statements,
    /// Limits of one statement.
    pub limits: StatementLimits,
    /// How long a statement may take.
    pub timeout: Duration,
}

/// What was written.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Written {
    /// Rows and statements by table.
    pub tables: Vec<(TableId, usize, usize)>,
    /// Dead letters.
    pub dead_letters: usize,
    /// Bytes of statement text.
    pub bytes: usize,
    /// Time that the server took for statements, the commit aside.
    pub executing: Duration,
    /// Time that the commit took.
    pub committing: Duration,
}

/// Buffers that are reused from batch to batch.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    text: Arc<String>,
    order: Vec<u32>,
}

/// Where in a batch an error came up.
#[derive(Debug)]
pub(super) struct At {
    pub(super) table: Option<TableId>,
    pub(super) error: sqlx::Error,
}

/// Writes a batch in one transaction. On an error nothing of it is committed, unless it is the
/// commit itself whose answer was lost; writing the batch again is right in either case.
pub(super) async fn write(
    connection: &mut MySqlConnection,
    plan: &Plan,
    limits: StatementLimits,
    batch: &Batch,
    scratch: &mut Scratch,
) -> Result<Written, At> {
    let mut transaction =
        Transaction { connection, timeout: plan.timeout, written: Written::default() };
    transaction.simple("START TRANSACTION").await?;
    for (id, table) in plan.mapping.tables.iter().enumerate() {
        let rows = batch.rows(id);
        if rows.is_empty() {
            continue;
        }
        rows.sorted(table, &mut scratch.order);
        let (mut from, mut statements) = (0, 0);
        while from < rows.len() {
            let text = Arc::make_mut(&mut scratch.text);
            from = plan.statements.upsert((id, table), rows, &scratch.order, from, limits, text);
            transaction.execute(&scratch.text, Some(id)).await?;
            statements += 1;
        }
        transaction.written.tables.push((id, rows.len(), statements));
    }
    let mut deletes = Vec::new();
    stale_lines(&plan.mapping, batch, |id, text| deletes.push((id, Arc::new(text))));
    for (id, text) in deletes {
        transaction.execute(&text, Some(id)).await?;
    }
    let letters = &batch.dead_letters;
    let mut from = 0;
    while from < letters.len() {
        let text = Arc::make_mut(&mut scratch.text);
        from = plan.statements.dead_letters(letters, from, limits, text);
        transaction.execute(&scratch.text, None).await?;
    }
    transaction.written.dead_letters = letters.len();
    let started = Instant::now();
    transaction.simple("COMMIT").await?;
    transaction.written.committing = started.elapsed();
    Ok(transaction.written)
}

struct Transaction<'c> {
    connection: &'c mut MySqlConnection,
    timeout: Duration,
    written: Written,
}

impl Transaction<'_> {
    async fn execute(&mut self, text: &Arc<String>, table: Option<TableId>) -> Result<(), At> {
        let started = Instant::now();
        let run = self.connection.execute(AssertSqlSafe(Arc::clone(text)));
        let done = within(self.timeout, run).await;
        self.written.bytes += text.len();
        self.written.executing += started.elapsed();
        done.map(drop).map_err(|error| At { table, error })
    }

    async fn simple(&mut self, text: &'static str) -> Result<(), At> {
        let done = within(self.timeout, self.connection.execute(text)).await;
        done.map(drop).map_err(|error| At { table: None, error })
    }
}

/// A wait with a limit: after it the connection is in an unknown state and must be dropped.
async fn within<T>(
    limit: Duration,
    run: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    tokio::time::timeout(limit, run).await.unwrap_or_else(|_| {
        let what = format!("no answer within {limit:?} (flush.statement_timeout)");
        Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, what)))
    })
}
