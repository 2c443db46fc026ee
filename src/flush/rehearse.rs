//! Does the server accept a row of our own?
//!
//! Takes a mapping, writes a row to each of its tables and to `dead_letters` with the statements that
//! events use, looks for stale lines and deletes them, and rolls all of it back. So we learn before
//! the first event what a proxy, a trigger or a missing grant refuses. Our ids contain a space, which
//! the contract forbids, so they never meet an event's row. All that a rehearsal leaves behind are two
//! used-up AUTO_INCREMENT numbers a table.

use super::cause::Cause;
use super::slow::within;
use super::statement::{StaleLines, StatementLimits, Statements, progress};
use crate::buffer::{Batch, Rows};
use crate::clock;
use crate::datetime::{self, Micros};
use crate::dead_letter::DeadLetter;
use crate::ledger::{self, HeldByTopic, Identity, Ledger, Record, Topic};
use crate::mapping::{ColumnSpec, ColumnType, Mapping, Storage, Table, TableId, TableKind};
use crate::mysql::Class;
use crate::mysql::Dialect;
use crate::mysql::without_values;
use crate::offsets::Origin;
use crate::offsets::TopicPartition;
use crate::reject::{Code, Reject};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// One row a statement, however long.
const ONE_ROW: StatementLimits = StatementLimits { rows: 1, bytes: usize::MAX };

/// By how much the line is older than its owner.
const SECOND: Micros = 1_000_000;

/// A statement of the rehearsal that the server refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `None`: dead letters, or [`Self::own`].
    pub table: Option<TableId>,
    /// The name of a table of sluicegate's own.
    pub own: Option<&'static str>,
    /// What the statement was to do: `write`, `look for stale lines`, `delete stale lines`.
    pub step: &'static str,
    pub class: Class,
    /// The server's error number.
    pub number: u16,
    /// The error in our own words.
    pub text: String,
}

impl Refusal {
    /// Whether a rule of the user's own may have refused the row for its values, which an event's
    /// row need not share.
    #[must_use]
    pub fn may_be_own_rule(&self) -> bool {
        is_own_rule(self.number)
    }
}

/// Numbers of a CHECK (MySQL, MariaDB) and of a trigger that raises an error of its own.
pub(super) fn is_own_rule(number: u16) -> bool {
    matches!(number, 3819 | 4025 | 1644)
}

/// Limits this session's waits for locks to a second: a table that another session has locked should
/// not keep us from starting.
///
/// # Errors
/// The driver's.
pub async fn wait_for_no_lock(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    connection
        .execute("SET SESSION lock_wait_timeout = 1, SESSION innodb_lock_wait_timeout = 1")
        .await?;
    Ok(())
}

/// Rehearses the tables that `is_ready` names, `None` being dead letters. A table that is locked is
/// among the refusals, with the class `contention`.
///
/// # Errors
/// If the connection fails or the server cannot write now; retrying helps in both cases.
pub async fn rehearse(
    connection: &mut MySqlConnection,
    mapping: &Mapping,
    key_names: &[String],
    dialect: Dialect,
    timeout: Duration,
    is_ready: impl Fn(Option<TableId>) -> bool,
) -> Result<Vec<Refusal>, sqlx::Error> {
    let rehearsal = Rehearsal::new(mapping);
    let statements = Statements::new(mapping, dialect);
    let tables = (0..mapping.tables.len()).map(Some).chain([None]);
    let mut refusals = Vec::new();
    for table in tables.filter(|&table| is_ready(table)) {
        let owner = owner(mapping, table);
        let was_refused = |refusal: &Refusal| refusal.table == owner;
        if owner.is_some() && (!is_ready(owner) || refusals.iter().any(was_refused)) {
            continue;
        }
        within(timeout, |_| (), connection.execute("START TRANSACTION")).await?;
        for (step, text) in rehearsal.steps(mapping, key_names, &statements, table) {
            let run = within(timeout, |_| (), connection.execute(AssertSqlSafe(text))).await;
            let Err(error) = run else { continue };
            let class = Class::of_error(&error);
            if matches!(class, Class::Connection | Class::Outage) {
                return Err(error);
            }
            let number = Cause::of(table, &error).number;
            let text = without_values(&error);
            refusals.push(Refusal { table, own: None, step, class, number, text });
            break;
        }
        within(timeout, |_| (), connection.execute("ROLLBACK")).await?;
    }
    for own in [ledger::WRITERS, ledger::PROGRESS, ledger::TOPICS] {
        refusals.extend(rehearse_own(connection, &statements, own, timeout).await?);
    }
    Ok(refusals)
}

/// The statements on a table of sluicegate's own.
async fn rehearse_own(
    connection: &mut MySqlConnection,
    statements: &Statements,
    own: &'static str,
    timeout: Duration,
) -> Result<Option<Refusal>, sqlx::Error> {
    let mut refusal = None;
    within(timeout, |_| (), connection.execute("START TRANSACTION")).await?;
    for (step, text) in own_steps(statements, own) {
        let run = within(timeout, |_| (), connection.execute(AssertSqlSafe(text))).await;
        let Err(error) = run else { continue };
        let class = Class::of_error(&error);
        if matches!(class, Class::Connection | Class::Outage) {
            return Err(error);
        }
        let (number, text) = (Cause::of(None, &error).number, without_values(&error));
        refusal = Some(Refusal { table: None, own: Some(own), step, class, number, text });
        break;
    }
    within(timeout, |_| (), connection.execute("ROLLBACK")).await?;
    Ok(refusal)
}

fn own_steps(statements: &Statements, own: &str) -> Vec<(&'static str, String)> {
    let name = rehearsal_id();
    let [cluster_id, group_id, member_id, client_id, host] = [(); 5].map(|()| Arc::from(&*name));
    let identity = Identity { cluster_id, group_id, member_id, client_id, host };
    let ledger = Ledger::new(1, RandomState::new().hash_one(own));
    if own == ledger::WRITERS {
        let first = ledger.draw(0);
        ledger.acknowledge(&first, &[]);
        let second = ledger.draw(0);
        return vec![
            ("write", progress::count(&identity, &first)),
            ("write", progress::count(&identity, &second)),
            ("read", progress::commits(&second)),
            ("delete", progress::forget_ended(&[second.instance])),
        ];
    }
    if own == ledger::TOPICS {
        let topics = [(Arc::from(&*name), Topic::default())];
        return vec![
            ("write", progress::see(&identity, &topics)),
            ("read", progress::seen(&identity)),
        ];
    }
    let partition = TopicPartition { topic: Arc::from(name), partition: 0 };
    let rows = HeldByTopic::from([(Arc::from(""), 0)]);
    let record = Record {
        assignment: 0,
        partition: partition.clone(),
        topic_id: Arc::from(""),
        next: 0,
        replaces: Some(rows),
    };
    let records = [record];
    let mut write = String::new();
    statements.progress(&identity, 0, (&records, 0), ONE_ROW, &mut write);
    let read = progress::held(&identity, &[partition]);
    let delete = progress::forget(&identity, &records);
    let steps = [("write", write.clone()), ("write", write)].into_iter();
    let steps = steps.chain(read.into_iter().map(|read| ("read", read)));
    steps.chain(delete.into_iter().map(|delete| ("delete", delete))).collect()
}

/// A key that no event, group or cluster has, since it contains a space. Two instances that start together
/// must not use the same.
fn rehearsal_id() -> String {
    format!("sluicegate rehearsal {:016x}", RandomState::new().hash_one(0))
}

/// A batch with a row for each table, and a dead letter.
pub(super) struct Rehearsal {
    batch: Batch,
    id: String,
}

impl Rehearsal {
    pub(super) fn new(mapping: &Mapping) -> Self {
        let id = rehearsal_id();
        let now = clock::unix_micros();
        let mut batch = Batch::new(mapping);
        for (number, table) in mapping.tables.iter().enumerate() {
            let is_lines = matches!(table.kind, TableKind::Lines { .. });
            let at = if is_lines { now - SECOND } else { now };
            push_row(batch.rows_mut(number), table, &id, at);
        }
        batch.push_dead_letter(DeadLetter {
            topic: id.as_str().into(),
            partition: 0,
            offset: 0,
            origin: Origin::default(),
            key: None,
            headers: BTreeMap::new(),
            payload: Vec::new(),
            payload_bytes: 0,
            payload_cut: false,
            event_type: None,
            event_id: None,
            reject: Reject::new(Code::JsonInvalid, "a rehearsal, which is rolled back"),
            kafka_timestamp: Some(now),
            dead_at: now,
        });
        Self { batch, id }
    }

    /// The statement that writes the row of a table.
    pub(super) fn write(
        &self,
        mapping: &Mapping,
        statements: &Statements,
        table: Option<TableId>,
    ) -> String {
        let mut text = String::new();
        match table {
            Some(id) => {
                let (table, rows) = (&mapping.tables[id], self.batch.rows(id));
                statements.upsert((id, table), rows, &[0], 0, ONE_ROW, &mut text);
            }
            None => {
                statements.dead_letters(&self.batch.dead_letters, 0, ONE_ROW, &mut text);
            }
        }
        text
    }

    fn key_of(&self, mapping: &Mapping, table: TableId) -> String {
        key_text(&mapping.tables[table].columns[Table::KEY], &self.id)
    }

    /// All statements of a table. The row is written twice: the second time it exists already. A line's
    /// owner comes from another creation, so that the line is stale.
    fn steps(
        &self,
        mapping: &Mapping,
        key_names: &[String],
        statements: &Statements,
        table: Option<TableId>,
    ) -> Vec<(&'static str, String)> {
        let write = self.write(mapping, statements, table);
        let owner = owner(mapping, table).map(|owner| self.write(mapping, statements, Some(owner)));
        let writes = owner.into_iter().chain([write.clone(), write]);
        let mut steps: Vec<_> = writes.map(|write| ("write", write)).collect();
        let stale_lines = StaleLines::all(mapping, key_names);
        for stale in stale_lines.filter(|stale| Some(stale.table) == table) {
            steps.extend(
                stale
                    .look(&self.batch, 0..1)
                    .into_iter()
                    .map(|look| ("look for stale lines", look)),
            );
            steps.push(("delete stale lines", stale.delete(&[self.key_of(mapping, stale.table)])));
        }
        steps
    }
}

/// The table of the entities that own the lines of a table.
fn owner(mapping: &Mapping, table: Option<TableId>) -> Option<TableId> {
    match mapping.tables[table?].kind {
        TableKind::Lines { parent } => Some(parent),
        TableKind::Entity { .. } | TableKind::Log => None,
    }
}

/// A row like that of an event with only the required values.
fn push_row(rows: &mut Rows, table: &Table, id: &str, now: Micros) {
    for (column, spec) in table.columns.iter().enumerate() {
        let is_line = matches!(table.kind, TableKind::Lines { .. }) && column == Table::LINE;
        if column == Table::KEY || column == table.event_id() {
            rows.push_text(column, Some(&key_text(spec, id)));
        } else if column == table.event_timestamp() {
            rows.push_number(column, now);
        } else if is_line || spec.required {
            push_value(rows, column, spec, now);
        } else {
            rows.push_null(column);
        }
    }
    rows.end_row();
}

/// The rehearsal's id as a column of keys or ids holds it.
fn key_text(spec: &ColumnSpec, id: &str) -> String {
    match spec.ty {
        // No key has a control character, however short its column is.
        ColumnType::Key(chars) => {
            let tail = id.len().saturating_sub(chars.saturating_sub(1));
            format!("\u{1}{}", &id[tail..]).chars().take(chars).collect()
        }
        ColumnType::Int(_) => {
            // As far away from numbers in use as possible, and seldom the same.
            let random = id.bytes().fold(0_i128, |sum, byte| (sum * 31 + i128::from(byte)) % 100);
            (spec.range.1 - random).to_string()
        }
        _ => id.to_owned(),
    }
}

fn push_value(rows: &mut Rows, column: usize, spec: &ColumnSpec, now: Micros) {
    match &spec.ty {
        ty if ty.is_text() => rows.push_text(column, Some("x")),
        ColumnType::Enum(values) => rows.push_text(column, values.first().map(String::as_str)),
        ColumnType::Json => rows.push_text(column, Some("{}")),
        ColumnType::DateTime(digits) => rows.push_number(column, datetime::cut(now, *digits)),
        ColumnType::Date => rows.push_number(column, datetime::day_of(now)),
        ColumnType::Varbinary(_) | ColumnType::Blob => rows.push_text(column, Some("x'00'")),
        _ => {
            let (least, greatest) = spec.range;
            let number = 1_i128.clamp(least, greatest);
            match (spec.storage, i64::try_from(number)) {
                (Storage::Number, Ok(number)) => rows.push_number(column, number),
                _ => rows.push_text(column, Some(&number.to_string())),
            }
        }
    }
}
