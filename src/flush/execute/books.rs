//! What a transaction does for the ledger right before its COMMIT.
//!
//! ```text
//! UPDATE   its writer's commits: no such row, or a smaller number? It went back.
//! SELECT   the commits of this process's other writers, and compare
//! INSERT   how far each partition is, once this transaction is committed
//! COMMIT
//! ```
//!
//! In this order, because the first statement locks a row that a database cannot take back without
//! waiting for us, so what the second one sees holds until the COMMIT.

use super::{Cause, End, Failure, Scratch, Session, Transaction, Written, within};
use crate::dead_letter;
use crate::flush::statement::{StatementLimits, progress};
use crate::ledger::{Commit, HeldByTopic, Identity, Ledger, Record, Seen, Topic};
use crate::offsets::{Offsets, TopicPartition};
use sqlx::mysql::{MySqlQueryResult, MySqlRow};
use sqlx::{AssertSqlSafe, Executor, Row as _};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The ledger, and whose commits we make.
#[derive(Debug, Clone, Copy)]
pub(in crate::flush) struct Books<'l> {
    pub(in crate::flush) ledger: &'l Ledger,
    /// The number of the writer.
    pub(in crate::flush) writer: usize,
}

/// What is acknowledged with the COMMIT.
pub(super) struct Entry {
    commit: Commit,
    records: Vec<Record>,
}

/// The group's offsets in Kafka, for a database that knows nothing of them.
#[derive(Debug, Clone, Default)]
pub struct Offered {
    pub offsets: Offsets,
    /// All topics of the group, those that do not exist included.
    pub topics: BTreeMap<Arc<str>, Topic>,
}

/// What a database says of partitions.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Holdings {
    /// The instance of the ledger in whose time it was asked.
    pub instance: String,
    pub partitions: BTreeMap<TopicPartition, HeldByTopic>,
    /// How many partitions of topics are not younger than the group.
    pub seen: BTreeMap<Arc<str>, i64>,
    /// The members of the group that have committed here.
    pub members: BTreeSet<String>,
    /// Of how many partitions it has adopted Kafka's offsets just now.
    pub adopted: usize,
}

/// Writes what there is to record, or if there is nothing only looks whether the database still has what
/// it acknowledged.
pub(in crate::flush) async fn keep_up(
    mut session: Session<'_>,
    scratch: &mut Scratch,
) -> Result<Written, Failure> {
    let limits = session.plan.limits.within_packet(session.packet);
    let mut transaction = Transaction { session: &mut session, written: Written::default() };
    transaction.simple("START TRANSACTION").await?;
    transaction.end(End::Record, limits, scratch).await?;
    Ok(transaction.written)
}

/// What the database holds of these partitions. If it has never recorded anything, although its tables
/// hold rows, it adopts what Kafka offers: it was filled by a version that recorded nothing, or by
/// another program.
pub(in crate::flush) async fn held(
    mut session: Session<'_>,
    partitions: &[TopicPartition],
    offered: &Offered,
    scratch: &mut Scratch,
) -> Result<Holdings, Failure> {
    let limits = session.plan.limits.within_packet(session.packet);
    let mut transaction = Transaction { session: &mut session, written: Written::default() };
    let adopts = transaction.adopts(offered).await?;
    if adopts {
        transaction.adopt_letters(offered).await?;
    }
    transaction.simple("START TRANSACTION").await?;
    let adopted = if adopts { transaction.adopt(offered, limits, scratch).await? } else { 0 };
    let partitions = transaction.held(partitions).await?;
    let seen = transaction.see(&offered.topics).await?;
    let members = transaction.members().await?;
    transaction.forget_ended().await?;
    let instance = transaction.session.books.map(|books| books.ledger.instance());
    transaction.end(End::Look, limits, scratch).await?;
    Ok(Holdings { instance: instance.unwrap_or_default(), partitions, seen, members, adopted })
}

impl Transaction<'_, '_> {
    /// Everything that comes before the COMMIT.
    pub(super) async fn prepare(
        &mut self,
        end: End<'_>,
        limits: StatementLimits,
        scratch: &mut Scratch,
    ) -> Result<Option<Entry>, Failure> {
        let Some(Books { ledger, writer }) = self.session.books else { return Ok(None) };
        let Some(identity) = ledger.identity() else { return Ok(None) };
        let commit = ledger.draw(writer);
        let counted = self.run(progress::count(&identity, &commit)).await?;
        if counted.rows_affected() == 0 {
            return Err(Failure::WentBack(commit.instance));
        }
        if commit.has_others() && !commit.is_all_there(&self.commits(&commit).await?) {
            return Err(Failure::WentBack(commit.instance));
        }
        let records = match end {
            End::Commit(ranges) => ledger.records(ranges),
            End::Record => ledger.all_records(),
            End::Look | End::Rollback => Vec::new(),
        };
        for delete in progress::forget(&identity, &records) {
            self.run(delete).await?;
        }
        self.record(&identity, &records, limits, scratch).await?;
        Ok(Some(Entry { commit, records }))
    }

    /// The COMMIT has been acknowledged.
    pub(super) fn acknowledge(&mut self, Entry { commit, records }: &Entry) {
        let Some(Books { ledger, .. }) = self.session.books else { return };
        if ledger.acknowledge(commit, records) {
            let recorded = records.iter().map(|record| (record.assignment, record.next));
            self.written.recorded.extend(recorded);
        }
    }

    async fn record(
        &mut self,
        identity: &Identity,
        records: &[Record],
        limits: StatementLimits,
        scratch: &mut Scratch,
    ) -> Result<(), Cause> {
        let writer = self.session.books.map_or(0, |books| books.writer);
        let mut from = 0;
        while from < records.len() {
            let text = Arc::make_mut(&mut scratch.text);
            let statements = &self.session.plan.statements;
            from = statements.progress(identity, writer, (records, from), limits, text);
            self.run(Arc::clone(&scratch.text)).await?;
        }
        Ok(())
    }

    async fn commits(&mut self, commit: &Commit) -> Result<BTreeMap<usize, u64>, Cause> {
        let rows = self.rows(progress::commits(commit)).await?;
        let count = |row: &MySqlRow| {
            let writer: u64 = row.try_get(0)?;
            Ok((usize::try_from(writer).unwrap_or(usize::MAX), row.try_get(1)?))
        };
        let found: Result<_, sqlx::Error> = rows.iter().map(count).collect();
        found.map_err(|error| Cause::of(None, &error))
    }

    async fn held(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, HeldByTopic>, Cause> {
        let mut held: BTreeMap<TopicPartition, HeldByTopic> = BTreeMap::new();
        let Some(identity) = self.session.books.and_then(|books| books.ledger.identity()) else {
            return Ok(held);
        };
        for select in progress::held(&identity, partitions) {
            for row in self.rows(select).await? {
                let failed = |error| Cause::of(None, &error);
                let topic: String = row.try_get(0).map_err(failed)?;
                let partition = row.try_get(1).map_err(failed)?;
                let topic_id: String = row.try_get(2).map_err(failed)?;
                let next = row.try_get(3).map_err(failed)?;
                let key = TopicPartition { topic: topic.into(), partition };
                held.entry(key).or_default().insert(topic_id.into(), next);
            }
        }
        Ok(held)
    }

    /// Notes topics that the group sees for the first time, and tells how many partitions of each are not
    /// younger than that.
    async fn see(
        &mut self,
        topics: &BTreeMap<Arc<str>, Topic>,
    ) -> Result<BTreeMap<Arc<str>, i64>, Cause> {
        let identity = self.session.books.and_then(|books| books.ledger.identity());
        let Some(identity) = identity.filter(|_| !topics.is_empty()) else {
            return Ok(BTreeMap::new());
        };
        let mut before = Seen::new();
        for row in self.rows(progress::seen(&identity)).await? {
            let failed = |error| Cause::of(None, &error);
            let topic: String = row.try_get(0).map_err(failed)?;
            let id: String = row.try_get(1).map_err(failed)?;
            let partitions: i32 = row.try_get(2).map_err(failed)?;
            before.entry(topic.into()).or_default().insert(id.into(), partitions.into());
        }
        let is_new = |(name, topic): &(&Arc<str>, &Topic)| {
            // That a topic does not exist is news only if none of its name ever did.
            before.get(*name).is_none_or(|ids| topic.partitions > 0 && !ids.contains_key(&topic.id))
        };
        let seen: BTreeMap<Arc<str>, i64> = topics
            .iter()
            .map(|(name, topic)| (Arc::clone(name), topic.seen(before.get(name))))
            .collect();
        let new = topics.iter().filter(is_new).map(|(name, topic)| {
            (Arc::clone(name), Topic { partitions: seen[name], ..topic.clone() })
        });
        let new: Vec<(Arc<str>, Topic)> = new.collect();
        if !new.is_empty() {
            self.run(progress::see(&identity, &new)).await?;
        }
        Ok(seen)
    }

    async fn members(&mut self) -> Result<BTreeSet<String>, Cause> {
        let Some(identity) = self.session.books.and_then(|books| books.ledger.identity()) else {
            return Ok(BTreeSet::new());
        };
        let rows = self.rows(progress::members(&identity)).await?;
        let members: Result<_, sqlx::Error> = rows.iter().map(|row| row.try_get(0)).collect();
        members.map_err(|error| Cause::of(None, &error))
    }

    /// Processes end without taking leave of the database, so whoever comes later clears up after them.
    async fn forget_ended(&mut self) -> Result<(), Cause> {
        let rows = self.rows(progress::ENDED.to_owned()).await?;
        let ended: Result<Vec<String>, sqlx::Error> =
            rows.iter().map(|row| row.try_get(0)).collect();
        let ended = ended.map_err(|error| Cause::of(None, &error))?;
        if !ended.is_empty() {
            self.run(progress::forget_ended(&ended)).await?;
        }
        Ok(())
    }

    /// Whether the database has rows and has never recorded how far it is.
    async fn adopts(&mut self, offered: &Offered) -> Result<bool, Cause> {
        Ok(!offered.offsets.is_empty()
            && self.rows(progress::ANY.to_owned()).await?.is_empty()
            && self.has_rows().await?)
    }

    /// Before the rows, after which it would not be done again.
    async fn adopt_letters(&mut self, Offered { topics, .. }: &Offered) -> Result<(), Cause> {
        let Some(identity) = self.session.books.and_then(|books| books.ledger.identity()) else {
            return Ok(());
        };
        let connection = &mut *self.session.connection;
        let there = topics.iter().filter(|(_, topic)| topic.partitions > 0);
        let ids = there.map(|(name, topic)| (Arc::clone(name), Arc::clone(&topic.id))).collect();
        let adopted = dead_letter::adopt(connection, &identity.cluster_id, &ids).await;
        adopted.map(drop).map_err(|error| Cause::of(None, &error))
    }

    /// Returns of how many partitions it has adopted Kafka's offsets.
    async fn adopt(
        &mut self,
        Offered { offsets, topics }: &Offered,
        limits: StatementLimits,
        scratch: &mut Scratch,
    ) -> Result<usize, Failure> {
        let Some(identity) = self.session.books.and_then(|books| books.ledger.identity()) else {
            return Ok(0);
        };
        let record = |(partition, next): (&TopicPartition, &i64)| Record {
            assignment: 0,
            topic_id: topics.get(&partition.topic).cloned().unwrap_or_default().id,
            partition: partition.clone(),
            next: *next,
            replaces: None,
        };
        let records: Vec<Record> = offsets.iter().map(record).collect();
        self.record(&identity, &records, limits, scratch).await?;
        Ok(records.len())
    }

    /// Whether any mapped table has a row.
    async fn has_rows(&mut self) -> Result<bool, Cause> {
        let plan = self.session.plan;
        for table in &plan.mapping.tables {
            if !self.rows(progress::any_row(&table.name)).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn run(&mut self, text: impl Into<Arc<String>>) -> Result<MySqlQueryResult, Cause> {
        let run = self.session.connection.execute(AssertSqlSafe(text.into()));
        let slow = |slow| (self.session.on_slow)(None, slow);
        within(self.session.plan.timeout, slow, run).await.map_err(|error| Cause::of(None, &error))
    }

    async fn rows(&mut self, query: String) -> Result<Vec<MySqlRow>, Cause> {
        let run = self.session.connection.fetch_all(AssertSqlSafe(query));
        let slow = |slow| (self.session.on_slow)(None, slow);
        within(self.session.plan.timeout, slow, run).await.map_err(|error| Cause::of(None, &error))
    }
}
