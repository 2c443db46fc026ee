//! What this process knows to be in the database, and the rows that say so there.
//!
//! Takes what the pump knows of its partitions (how far each is durable, which ranges are under way), and
//! the commits of the writers. Gives the rows that a transaction writes before its COMMIT, and says
//! whether a database still has everything that it has acknowledged to this process. Holds true: a row
//! says nothing that is not in the database once its transaction is committed, and what it says is never
//! more than a lower bound. Absent: IO.
//!
//! ```text
//! durable 40   under way [40..50) [50..60)     a transaction with
//!                                              [40..50)  records 50
//!                                              [50..60)  records 40: [40..50) may still fail
//! ```
//!
//! Databases go back in time: to a backup, or to a replica that lacks the last transactions. A database
//! that goes back loses the last of its commits, whatever they wrote. So each writer counts its commits
//! in a row of its own, and a count below what was acknowledged to us shows that it went back.

use crate::commit::Watermark;
use crate::offsets::{AssignmentId, OffsetRange, Offsets, TopicPartition};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which table of sluicegate's own holds how far each partition is.
pub const PROGRESS: &str = "sluicegate_progress";
/// Which one holds how many transactions each writer has committed.
pub const WRITERS: &str = "sluicegate_writers";
/// Which one holds how many partitions a topic had when the group first saw it.
pub const TOPICS: &str = "sluicegate_topics";

/// Who writes the rows, and for which group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Kafka's id of the cluster; empty if it has none.
    pub cluster_id: Arc<str>,
    pub group_id: Arc<str>,
    /// This process in the group; empty before it has joined.
    pub member_id: Arc<str>,
    pub client_id: Arc<str>,
    pub host: Arc<str>,
}

/// What a database holds of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Held {
    /// It says nothing about the partition.
    #[default]
    Nothing,
    /// Everything before this offset.
    Before(i64),
    /// Something of a topic that had the same name: it was deleted and created again since.
    OfOtherTopic,
}

/// How far a database is in one partition, by the id of the topic.
pub type HeldByTopic = BTreeMap<Arc<str>, i64>;

/// A topic as Kafka has it now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topic {
    /// Empty if it does not exist, or the broker tells none.
    pub id: Arc<str>,
    /// None if it does not exist.
    pub partitions: i64,
    /// Whether the group has committed an offset in one of them.
    pub is_known: bool,
}

/// How many partitions topics had when a group first saw them, by the id of the topic.
pub type Seen = BTreeMap<Arc<str>, HeldByTopic>;

impl Topic {
    /// How many partitions count as old, if the group has seen these topics of the name before. A topic that
    /// comes after another one of its name, or after none, is younger than the group, and so are all of its
    /// partitions. Where the group had read a topic before anything was recorded, a partition without an
    /// offset may be younger.
    #[must_use]
    pub fn seen(&self, before: Option<&HeldByTopic>) -> i64 {
        match before {
            None if self.is_known => 0,
            None => self.partitions,
            Some(rows) => rows.get(&self.id).copied().unwrap_or(0),
        }
    }
}

impl Held {
    /// What rows say about a topic that has this id now; the empty id is unknown.
    #[must_use]
    pub fn of(rows: &HeldByTopic, topic_id: &str) -> Self {
        let known = rows.get(topic_id).or_else(|| rows.get(""));
        match known {
            Some(next) => Self::Before(*next),
            // Without an id we cannot tell topics apart.
            None if topic_id.is_empty() => {
                rows.values().max().map_or(Self::Nothing, |next| Self::Before(*next))
            }
            None if rows.is_empty() => Self::Nothing,
            None => Self::OfOtherTopic,
        }
    }

    /// The offset that is to be read next, as far as the database knows.
    #[must_use]
    pub const fn next(self) -> Option<i64> {
        match self {
            Self::Before(next) => Some(next),
            Self::Nothing | Self::OfOtherTopic => None,
        }
    }
}

/// A row to write: every message of the partition before `next` is in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub assignment: AssignmentId,
    pub partition: TopicPartition,
    /// Kafka's id of the topic; empty if it has none.
    pub topic_id: Arc<str>,
    pub next: i64,
    /// The first of its assignment: the rows that it replaces, by the id of the topic, unless they say more
    /// by now. `None` for later ones.
    pub replaces: Option<HeldByTopic>,
}

/// A commit that a writer is about to make, and what must be in the database before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The number of its writer.
    pub writer: usize,
    /// Drawn at random when the process started, or found that a database had gone back.
    pub instance: String,
    /// Greater than that of every earlier commit of the writer.
    pub number: u64,
    /// The last commit of each writer that was acknowledged; 0 if none was.
    pub acknowledged: Vec<u64>,
}

impl Commit {
    /// The last acknowledged commit of the same writer.
    #[must_use]
    pub fn own(&self) -> u64 {
        self.acknowledged[self.writer]
    }

    /// Whether another writer has committed something.
    #[must_use]
    pub fn has_others(&self) -> bool {
        let others = self.acknowledged.iter().enumerate().filter(|(at, _)| *at != self.writer);
        others.into_iter().any(|(_, commits)| *commits > 0)
    }

    /// Whether a database with these commits, by writer, has all that was acknowledged.
    #[must_use]
    pub fn is_all_there(&self, found: &BTreeMap<usize, u64>) -> bool {
        let there = |writer| found.get(&writer).copied().unwrap_or_default();
        (0..).zip(&self.acknowledged).all(|(writer, acknowledged)| there(writer) >= *acknowledged)
    }
}

/// See the module.
#[derive(Debug)]
pub struct Ledger(Mutex<Book>);

#[derive(Debug)]
struct Book {
    identity: Option<Identity>,
    /// Drawn at random, so that no two processes have the same.
    seed: u64,
    restarts: u64,
    writers: Vec<Commits>,
    accounts: BTreeMap<AssignmentId, Account>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Commits {
    drawn: u64,
    acknowledged: u64,
}

#[derive(Debug)]
struct Account {
    partition: TopicPartition,
    topic_id: Arc<str>,
    /// What the database said when the partition was assigned.
    rows: HeldByTopic,
    watermark: Watermark,
    /// What the database has acknowledged.
    recorded: Option<i64>,
}

impl Ledger {
    /// For this many writers; `seed` is any random number.
    #[must_use]
    pub fn new(writers: usize, seed: u64) -> Self {
        let writers = vec![Commits::default(); writers];
        let (identity, accounts) = (None, BTreeMap::new());
        Self(Mutex::new(Book { identity, seed, restarts: 0, writers, accounts }))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who we are: known once Kafka has answered for the first time.
    pub fn set_identity(&self, identity: Identity) {
        self.book().identity = Some(identity);
    }

    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        self.book().identity.clone()
    }

    /// A partition begins here. Its first row replaces what earlier assignments have left; `rows` says what
    /// that is.
    pub(crate) fn open(
        &self,
        assignment: AssignmentId,
        partition: TopicPartition,
        (topic_id, rows): (Arc<str>, HeldByTopic),
        watermark: Watermark,
    ) {
        let account = Account { partition, topic_id, rows, watermark, recorded: None };
        self.book().accounts.insert(assignment, account);
    }

    /// What is durable or under way has changed.
    pub(crate) fn update(&self, assignment: AssignmentId, watermark: &Watermark) {
        if let Some(account) = self.book().accounts.get_mut(&assignment) {
            account.watermark.clone_from(watermark);
        }
    }

    /// The partition is not ours any more: what is still under way is not recorded.
    pub(crate) fn close(&self, assignment: AssignmentId) {
        self.book().accounts.remove(&assignment);
    }

    /// The database went back: nothing that was acknowledged counts any more.
    pub(crate) fn restart(&self) {
        let mut book = self.book();
        book.restarts += 1;
        book.accounts.clear();
        book.writers.fill(Commits::default());
    }

    /// Who commits: another name after every restart.
    #[must_use]
    pub fn instance(&self) -> String {
        self.book().instance()
    }

    /// A writer is about to commit. Call this before looking at what the database has.
    #[must_use]
    pub fn draw(&self, writer: usize) -> Commit {
        let mut book = self.book();
        book.writers[writer].drawn += 1;
        Commit {
            writer,
            instance: book.instance(),
            number: book.writers[writer].drawn,
            acknowledged: book.writers.iter().map(|commits| commits.acknowledged).collect(),
        }
    }

    /// The rows that a transaction has to write if it makes `ranges` durable: those that say more than what
    /// is recorded already. Not the first one of an assignment: it replaces others, so only one
    /// transaction may write it.
    #[must_use]
    pub fn records(&self, ranges: &[OffsetRange]) -> Vec<Record> {
        let mut records = self.rows(ranges);
        records.retain(|record| record.replaces.is_none());
        records
    }

    /// The same for a transaction that makes nothing durable itself, with first rows. There must not be two
    /// at a time.
    #[must_use]
    pub fn all_records(&self) -> Vec<Record> {
        self.rows(&[])
    }

    fn rows(&self, ranges: &[OffsetRange]) -> Vec<Record> {
        let book = self.book();
        book.accounts.iter().filter_map(|(id, account)| account.record(*id, ranges)).collect()
    }

    /// The database has acknowledged a commit with these rows. Returns whether that still counts.
    pub fn acknowledge(&self, commit: &Commit, records: &[Record]) -> bool {
        let mut book = self.book();
        if book.instance() != commit.instance {
            return false;
        }
        let acknowledged = &mut book.writers[commit.writer].acknowledged;
        *acknowledged = commit.number.max(*acknowledged);
        for Record { assignment, next, .. } in records {
            if let Some(account) = book.accounts.get_mut(assignment) {
                account.recorded = account.recorded.max(Some(*next));
            }
        }
        true
    }

    /// What the database has acknowledged of each assignment.
    #[must_use]
    pub fn recorded(&self) -> Offsets {
        let book = self.book();
        let recorded = |account: &Account| Some((account.partition.clone(), account.recorded?));
        book.accounts.values().filter_map(recorded).collect()
    }
}

impl Book {
    fn instance(&self) -> String {
        format!("{:016x}", self.seed.wrapping_add(self.restarts))
    }
}

impl Account {
    fn record(&self, assignment: AssignmentId, ranges: &[OffsetRange]) -> Option<Record> {
        let next = self.watermark.durable_with(ranges)?;
        if self.recorded >= Some(next) {
            return None;
        }
        let is_first = self.recorded.is_none();
        let (partition, topic_id) = (self.partition.clone(), Arc::clone(&self.topic_id));
        let replaces = is_first.then(|| self.rows.clone());
        Some(Record { assignment, partition, topic_id, next, replaces })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(assignment: AssignmentId, from: i64, next: i64) -> OffsetRange {
        OffsetRange { assignment, from, next, messages: 1, last_ms: None }
    }

    fn ledger(watermark: &Watermark) -> Ledger {
        let ledger = Ledger::new(3, 7);
        let partition = TopicPartition { topic: "order".into(), partition: 3 };
        ledger.open(0, partition, ("id".into(), HeldByTopic::new()), watermark.clone());
        ledger
    }

    fn nexts(records: &[Record]) -> Vec<(i64, bool)> {
        records.iter().map(|record| (record.next, record.replaces.is_some())).collect()
    }

    #[test]
    fn the_worked_example() {
        let mut watermark = Watermark::default();
        watermark.advance(40);
        let ledger = ledger(&watermark);
        let first = ledger.all_records();
        assert_eq!(nexts(&first), [(40, true)]);
        assert_eq!(nexts(&ledger.records(&[])), [], "it has not begun");
        assert!(ledger.acknowledge(&ledger.draw(0), &first));
        let [a, b] = [range(0, 40, 50), range(0, 50, 60)];
        watermark.begin(a);
        watermark.begin(b);
        ledger.update(0, &watermark);
        assert_eq!(nexts(&ledger.records(&[b])), [], "[40..50) may still fail");
        assert_eq!(nexts(&ledger.records(&[a])), [(50, false)]);
        watermark.finish(b);
        ledger.update(0, &watermark);
        assert_eq!(nexts(&ledger.records(&[a])), [(60, false)]);
        ledger.close(0);
        assert_eq!(nexts(&ledger.records(&[a])), [], "another instance has it");
    }

    #[test]
    fn a_database_that_went_back_lacks_a_commit() {
        let ledger = ledger(&Watermark::default());
        let [one, two] = [ledger.draw(0), ledger.draw(1)];
        assert!(!one.has_others());
        ledger.acknowledge(&one, &[]);
        ledger.acknowledge(&two, &[]);
        let next = ledger.draw(0);
        assert_eq!((next.own(), next.number, next.has_others()), (1, 2, true));
        let is_all_there = |found: &[(usize, u64)]| {
            next.is_all_there(&found.iter().copied().collect::<BTreeMap<_, _>>())
        };
        assert!(is_all_there(&[(0, 1), (1, 1)]));
        assert!(is_all_there(&[(0, 2), (1, 1)]), "committed, and the answer got lost");
        assert!(!is_all_there(&[(0, 1)]), "the other writer's is missing");
        assert!(!is_all_there(&[]));
    }

    #[test]
    fn after_a_restart_nothing_counts_that_was_before() {
        let ledger = ledger(&Watermark::default());
        let before = ledger.draw(0);
        ledger.restart();
        assert!(!ledger.acknowledge(&before, &[]));
        let after = ledger.draw(0);
        assert_ne!(before.instance, after.instance);
        assert_eq!((after.number, after.own()), (1, 0));
        assert_eq!(ledger.recorded(), Offsets::new());
    }

    #[test]
    fn what_a_group_has_seen_of_a_topic() {
        let topic = |id: &str, partitions| Topic { id: Arc::from(id), partitions, is_known: false };
        let rows = |rows: &[(&str, i64)]| -> HeldByTopic {
            rows.iter().map(|(id, count)| (Arc::from(*id), *count)).collect()
        };
        assert_eq!(topic("a", 4).seen(None), 4, "the group is new to it");
        let known = Topic { is_known: true, ..topic("a", 4) };
        assert_eq!(known.seen(None), 0, "it has offsets of an earlier version");
        assert_eq!(known.seen(Some(&rows(&[("a", 4)]))), 4);
        assert_eq!(topic("a", 6).seen(Some(&rows(&[("a", 4)]))), 4, "two were added");
        assert_eq!(topic("b", 6).seen(Some(&rows(&[("a", 4)]))), 0, "it was recreated");
        assert_eq!(topic("a", 6).seen(Some(&rows(&[("", 0)]))), 0, "it did not exist before");
        assert_eq!(topic("", 6).seen(Some(&rows(&[("", 4)]))), 4, "the broker tells no ids");
    }

    #[test]
    fn topics_of_one_name_are_told_apart_by_their_ids() {
        let rows = |rows: &[(&str, i64)]| -> HeldByTopic {
            rows.iter().map(|(id, next)| (Arc::from(*id), *next)).collect()
        };
        assert_eq!(Held::of(&rows(&[]), "new"), Held::Nothing);
        assert_eq!(Held::of(&rows(&[("new", 5), ("old", 9)]), "new"), Held::Before(5));
        assert_eq!(Held::of(&rows(&[("old", 9)]), "new"), Held::OfOtherTopic);
        assert_eq!(Held::of(&rows(&[("", 9)]), "new"), Held::Before(9), "from before ids");
        assert_eq!(Held::of(&rows(&[("old", 9)]), ""), Held::Before(9), "the broker tells none");
    }
}
