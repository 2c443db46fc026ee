//! One batch → one transaction on one connection, or several if the server's limits require it.

mod blame;
mod books;

use super::bisect::Bisection;
use super::cause::Cause;
use super::parts::{self, Part};
use super::slow::within;
use super::statement::{PACKET_OVERHEAD, StaleLines, StatementLimits, Statements};
use crate::buffer::Batch;
use crate::clock;
use crate::dead_letter::DeadLetter;
use crate::mapping::{Mapping, TableId};
use crate::mysql::Class;
use crate::offsets::{AssignmentId, OffsetRange};
use crate::reject::Code;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row as _};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

pub use blame::NO_PARTITION;
use blame::refused_row;
pub(super) use books::{Books, held, keep_up};
pub use books::{Holdings, Offered};

/// Statement text of a dead letter without its payload, at most: key, sentence, column names.
const LETTER_WITHOUT_PAYLOAD: usize = 16 * 1024;

/// What the statements of a mapping need besides the rows.
#[derive(Debug)]
pub struct Plan {
    pub mapping: Arc<Mapping>,
    pub statements: Statements,
    pub limits: StatementLimits,
    /// How long a statement may take.
    pub timeout: Duration,
    /// The name of each table's key.
    pub key_names: Vec<String>,
    /// The greatest AUTO_INCREMENT number of each table, if it has one and we know it.
    pub greatest_ids: Vec<Option<u64>>,
}

/// What was written of a batch.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Written {
    /// Rows and statements by table.
    pub tables: Vec<(TableId, usize, usize)>,
    /// Topic and reason of each dead letter.
    pub dead_letters: Vec<(Arc<str>, Code)>,
    /// Bytes of statement text.
    pub bytes: usize,
    /// The table of each statement (`None`: dead letters), and how long the server took.
    pub statements: Vec<(Option<TableId>, Duration)>,
    /// How long the commit took.
    pub committing: Duration,
    /// The last AUTO_INCREMENT number that the server reported for each table.
    pub last_ids: Vec<LastId>,
    /// How far the database is now, by assignment.
    pub recorded: Vec<(AssignmentId, i64)>,
}

/// See [`Written::last_ids`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastId {
    pub table: TableId,
    pub last: u64,
    /// The greatest number that the column can hold.
    pub greatest: u64,
}

impl Written {
    /// Adds what another transaction wrote of the same batch.
    pub fn add(&mut self, other: &Self) {
        for &(table, rows, statements) in &other.tables {
            match self.tables.iter_mut().find(|(known, ..)| *known == table) {
                Some((_, all_rows, all_statements)) => {
                    *all_rows += rows;
                    *all_statements += statements;
                }
                None => self.tables.push((table, rows, statements)),
            }
        }
        self.dead_letters.extend_from_slice(&other.dead_letters);
        self.bytes += other.bytes;
        self.statements.extend_from_slice(&other.statements);
        self.committing += other.committing;
        other.last_ids.iter().for_each(|&last| self.last_id(last));
        self.recorded.extend_from_slice(&other.recorded);
    }

    fn last_id(&mut self, new: LastId) {
        match self.last_ids.iter_mut().find(|known| known.table == new.table) {
            Some(known) => known.last = new.last.max(known.last),
            None => self.last_ids.push(new),
        }
    }
}

/// Buffers, reused from batch to batch.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    text: Arc<String>,
    order: Vec<u32>,
}

/// A row that the server refuses although it passed validation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    pub table: TableId,
    /// Its index in the batch's rows of that table.
    pub row: usize,
    /// The server's error number.
    pub number: u16,
    /// The column or constraint that the server names; with [`NO_PARTITION`] the row's time.
    pub what: Option<String>,
    /// The statement that makes the table accept it, if there is one.
    pub fix: Option<String>,
}

/// Why a batch was not written.
#[derive(Debug)]
pub(super) enum Failure {
    /// A failure that passes: retry.
    Again(Cause),
    /// The server refuses these rows; it has accepted all others, and nothing is committed.
    Rows(Vec<RefusedRow>),
    /// The database lacks something that it had acknowledged to this instance; see
    /// [`crate::ledger::Commit::instance`].
    WentBack(String),
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        Self::Again(cause)
    }
}

/// Called with the table of a statement that takes long, and how long it has taken.
pub(super) type OnSlow<'a> = &'a (dyn Fn(Option<TableId>, Duration) + Send + Sync);

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End<'r> {
    /// Makes these ranges durable.
    Commit(&'r [OffsetRange]),
    /// Records all that is durable, and where partitions begin.
    Record,
    /// Makes sure that the database does not lose what it has said without our notice; records nothing,
    /// since the pump would not hear of it.
    Look,
    /// It only served to find out what the server refuses.
    Rollback,
}

/// Writes a batch in transactions of at most `rows_max` rows: one, unless the server does not accept
/// that much at once. After a failure none or some of its parts are durable; writing all of it again
/// is right in either case.
pub(super) async fn write(
    mut session: Session<'_>,
    batch: &Batch,
    rows_max: usize,
    scratch: &mut Scratch,
) -> Result<Written, Failure> {
    let parts = parts::of(&session.plan.mapping, batch, rows_max);
    let ranges = batch.ranges();
    if let [whole] = parts.as_slice() {
        return write_part(&mut session, batch, whole, End::Commit(ranges), scratch).await;
    }
    // We must know what the server refuses before a part is durable, since an event is loaded whole
    // or not at all.
    for part in &parts {
        write_part(&mut session, batch, part, End::Rollback, scratch).await?;
    }
    let mut written = Written::default();
    for (index, part) in parts.iter().enumerate() {
        let is_last = index + 1 == parts.len();
        let end = End::Commit(if is_last { ranges } else { &[] });
        written.add(&write_part(&mut session, batch, part, end, scratch).await?);
    }
    Ok(written)
}

/// Writes a part of a batch in one transaction. After a failure nothing of it is committed, unless
/// only the answer to the commit was lost.
async fn write_part(
    session: &mut Session<'_>,
    batch: &Batch,
    part: &Part,
    end: End<'_>,
    scratch: &mut Scratch,
) -> Result<Written, Failure> {
    let Session { plan, packet, .. } = *session;
    let limits = plan.limits.within_packet(packet);
    let mut transaction = Transaction { session, written: Written::default() };
    transaction.simple("START TRANSACTION").await?;
    let mut refused = Vec::new();
    for (id, table) in parts::in_order(&plan.mapping) {
        let rows = batch.rows(id);
        if part.rows(id).is_empty() {
            continue;
        }
        rows.sorted(table, &mut scratch.order);
        let upsert = |from, end, text: &mut String| {
            let order = &scratch.order[..end];
            plan.statements.upsert((id, table), rows, order, from, limits, text)
        };
        let end = part.rows(id).end.min(scratch.order.len());
        let (first, mut statements) = (part.rows(id).start.min(end), 0);
        let mut from = first;
        while from < end {
            let next = upsert(from, end, Arc::make_mut(&mut scratch.text));
            statements += 1;
            match transaction.execute(&scratch.text, Some(id)).await {
                Err(cause) if cause.class == Class::Data => {
                    let live = transaction.acquit(Some(id), cause.number).await?;
                    let found =
                        transaction.bisect(id, from..next, &mut scratch.text, upsert).await?;
                    refused.extend(found.into_iter().map(|(at, cause)| {
                        refused_row((id, table), rows, scratch.order[at] as usize, cause, &live)
                    }));
                }
                Err(cause) => Err(transaction.explain(Some(id), cause).await)?,
                Ok(()) => {}
            }
            from = next;
        }
        transaction.written.tables.push((id, end - first, statements));
    }
    if !refused.is_empty() {
        transaction.simple("ROLLBACK").await?;
        return Err(Failure::Rows(refused));
    }
    transaction.delete_stale_lines(batch, part).await?;
    transaction.dead_letters(&batch.dead_letters[part.letters.clone()], limits, scratch).await?;
    transaction.end(end, limits, scratch).await?;
    Ok(transaction.written)
}

/// A connection, and what we need to know to write to it.
pub(super) struct Session<'t> {
    pub(super) connection: &'t mut MySqlConnection,
    pub(super) plan: &'t Plan,
    /// The server's `max_allowed_packet`, in bytes.
    pub(super) packet: usize,
    pub(super) on_slow: OnSlow<'t>,
    /// `None` if what is written has no offset.
    pub(super) books: Option<Books<'t>>,
}

struct Transaction<'s, 't> {
    session: &'s mut Session<'t>,
    written: Written,
}

impl Transaction<'_, '_> {
    async fn delete_stale_lines(&mut self, batch: &Batch, part: &Part) -> Result<(), Cause> {
        let plan = self.session.plan;
        for stale in StaleLines::all(&plan.mapping, &plan.key_names) {
            for look in stale.look(batch, part.rows(stale.parent)) {
                let owners = self.ids(look, stale.table).await?;
                if !owners.is_empty() {
                    self.execute(&Arc::new(stale.delete(&owners)), Some(stale.table)).await?;
                }
            }
        }
        Ok(())
    }

    async fn dead_letters(
        &mut self,
        letters: &[DeadLetter],
        limits: StatementLimits,
        scratch: &mut Scratch,
    ) -> Result<(), Cause> {
        let (plan, packet) = (self.session.plan, self.session.packet);
        let mut from = 0;
        while from < letters.len() {
            let text = Arc::make_mut(&mut scratch.text);
            let next = plan.statements.dead_letters(letters, from, limits, text);
            if text.len() + PACKET_OVERHEAD > packet {
                // A single letter is too large: store its beginning rather than wait for a larger packet.
                let mut letter = letters[from].clone();
                letter.payload.truncate(packet.saturating_sub(LETTER_WITHOUT_PAYLOAD) / 2);
                letter.payload_cut = true;
                plan.statements.dead_letters(&[letter], 0, limits, text);
            }
            from = next;
            if let Err(cause) = self.execute(&scratch.text, None).await {
                if cause.class == Class::Data {
                    self.acquit(None, cause.number).await?;
                }
                return Err(self.explain(None, cause).await);
            }
        }
        let names = letters.iter().map(|letter| (Arc::clone(&letter.topic), letter.reject.code));
        self.written.dead_letters = names.collect();
        Ok(())
    }

    async fn end(
        &mut self,
        end: End<'_>,
        limits: StatementLimits,
        scratch: &mut Scratch,
    ) -> Result<(), Failure> {
        let (entry, statement) = match end {
            End::Rollback => (None, "ROLLBACK"),
            committing => (self.prepare(committing, limits, scratch).await?, "COMMIT"),
        };
        let started = clock::now();
        self.simple(statement).await?;
        self.written.committing = started.elapsed();
        if let Some(entry) = entry {
            self.acknowledge(&entry);
        }
        Ok(())
    }

    async fn execute(&mut self, text: &Arc<String>, table: Option<TableId>) -> Result<(), Cause> {
        if text.len() + PACKET_OVERHEAD > self.session.packet {
            return Err(self.beyond_packet(text.len(), table));
        }
        let started = clock::now();
        let run = self.session.connection.execute(AssertSqlSafe(Arc::clone(text)));
        let done =
            within(self.session.plan.timeout, |slow| (self.session.on_slow)(table, slow), run)
                .await;
        self.written.bytes += text.len();
        self.written.statements.push((table, started.elapsed()));
        let done = done.map_err(|error| Cause::of(table, &error))?;
        let greatest = table.and_then(|table| *self.session.plan.greatest_ids.get(table)?);
        if let (Some(table), Some(greatest), last @ 1..) = (table, greatest, done.last_insert_id())
        {
            self.written.last_id(LastId { table, last, greatest });
        }
        Ok(())
    }

    /// The ids that a query returns.
    async fn ids(&mut self, query: String, table: TableId) -> Result<Vec<String>, Cause> {
        let started = clock::now();
        let run = self.session.connection.fetch_all(AssertSqlSafe(query));
        let done = within(
            self.session.plan.timeout,
            |slow| (self.session.on_slow)(Some(table), slow),
            run,
        )
        .await;
        self.written.statements.push((Some(table), started.elapsed()));
        let ids = done.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect());
        ids.map_err(|error| Cause::of(Some(table), &error))
    }

    async fn simple(&mut self, text: &'static str) -> Result<(), Cause> {
        let run = self.session.connection.execute(text);
        let done =
            within(self.session.plan.timeout, |slow| (self.session.on_slow)(None, slow), run).await;
        done.map(drop).map_err(|error| Cause::of(None, &error))
    }

    /// One row is larger than the server accepts. That is the server's setting, not the row's fault.
    fn beyond_packet(&self, bytes: usize, table: Option<TableId>) -> Cause {
        let needed = (bytes + PACKET_OVERHEAD).next_multiple_of(1024);
        let text = format!(
            "a row takes {bytes} bytes of statement text, more than max_allowed_packet allows; raise it to at least {needed}"
        );
        Cause::own(table, Class::Outage, text)
    }

    /// Finds the rows at fault in a refused statement, by their index in the order, and writes all
    /// others.
    async fn bisect(
        &mut self,
        table: TableId,
        rows: Range<usize>,
        text: &mut Arc<String>,
        write: impl Fn(usize, usize, &mut String) -> usize,
    ) -> Result<Vec<(usize, Cause)>, Cause> {
        let mut refused = Vec::new();
        let mut bisection = Bisection::new(rows);
        while let Some(tried) = bisection.next() {
            write(tried.start, tried.end, Arc::make_mut(text));
            match self.execute(text, Some(table)).await {
                Ok(()) => bisection.written(),
                Err(cause) if cause.class == Class::Data => {
                    refused.extend(bisection.refused().map(|row| (row, cause)));
                }
                Err(cause) => return Err(cause),
            }
        }
        Ok(refused)
    }
}
