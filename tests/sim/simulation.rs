//! The schedule: what happens when, by chance, and whether the laws hold meanwhile.

mod faults;
mod kafka;
mod writers;

use crate::database::Database;
use crate::group::{Change, Group, Member};
use crate::inputs::{BATCH_ROWS, Inputs, Logged, TOPICS, WRITERS};
use crate::instance::{Asked, Instance, Read};
use crate::summary::Summary;
use sluicegate::consume::{CommitOutcome, PartitionFacts};
use sluicegate::ledger::{Commit, Record};
use sluicegate::offsets::{Offsets, TopicPartition};
use sluicegate::pipeline::Now;
use sluicegate::pipeline::pump::Next;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use testkit::Chance;

const PARTITIONS: i32 = 3;
const MESSAGES: usize = 160;
/// Faults come up to here; then everything has to come to rest.
const FAULTS_END: Duration = Duration::from_secs(40);
const REST_BY: Duration = Duration::from_secs(400);
/// Errors of all classes that are waited out.
const ERRORS: [u16; 9] = [1205, 1213, 1290, 1114, 1142, 1146, 1054, 1927, 9999];
/// Steps that an instance does before others have their turn.
const STEPS: usize = 40;

/// A fault in the code around the pump, to see that it is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    CommitBeforeFlush,
    DropOnOutage,
    BlameOutage,
    OffByOne,
    NoAnswer,
    /// A row says that a batch is durable while one before it is still under way.
    RecordTooMuch,
    /// Writers do not compare what the database has with what it acknowledged.
    LookAway,
    /// After the database went back, reading goes on after the batch that was open.
    ForgetOpenBatch,
}

/// Something that happens at its time.
enum Event {
    /// An instance looks around.
    Wakes(Member),
    /// An attempt to write is over, one way or the other.
    AttemptEnds(Member, usize),
    /// The instance hears what became of a batch.
    Hears(Member, usize, Outcome),
    /// Kafka and the database are asked where partitions begin.
    Asks(Member),
    /// They answer.
    Answers(Member, Purpose, Vec<PartitionFacts>, String),
    /// Kafka gets offsets, from a member of this generation.
    Commits(Member, u32, Offsets),
    /// The instance hears Kafka's answer.
    Answer(Member, Offsets, bool),
    /// A member learns that partitions change hands.
    Told(Member, Change),
    /// The session of a killed member is over.
    Forgotten(Member),
    /// An instance starts.
    Starts,
    DatabaseBack,
    Fault,
}

/// How an attempt to write ended.
pub(crate) enum Outcome {
    /// The transaction was committed.
    Committed(Commit, Vec<Record>),
    /// The writer believes so, but it was not.
    Pretended,
    WentBack(String),
}

/// Why partitions are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Assigned,
    Again,
}

/// Instances, a group and a database, and what happens when.
pub(crate) struct Simulation<'i> {
    inputs: &'i Inputs,
    chance: Chance,
    plant: Option<Plant>,
    base: Instant,
    elapsed: Duration,
    sequence: u64,
    agenda: BTreeMap<(Duration, u64), Event>,
    pub(crate) log: BTreeMap<TopicPartition, Vec<&'i Logged>>,
    pub(crate) group: Group,
    pub(crate) database: Database,
    instances: BTreeMap<Member, Instance>,
    next_member: Member,
    summary: Summary,
}

/// One run. Fails with what law was broken.
pub(crate) fn simulate(
    inputs: &Inputs,
    seed: u64,
    plant: Option<Plant>,
) -> Result<Summary, String> {
    let mut simulation = Simulation::new(inputs, seed, plant);
    simulation.run()?;
    Ok(simulation.summary)
}

impl<'i> Simulation<'i> {
    fn new(inputs: &'i Inputs, seed: u64, plant: Option<Plant>) -> Self {
        let mut chance = Chance::new(seed);
        let mut log: BTreeMap<TopicPartition, Vec<&Logged>> = BTreeMap::new();
        for topic in TOPICS {
            for partition in 0..PARTITIONS {
                log.insert(TopicPartition { topic: topic.into(), partition }, Vec::new());
            }
        }
        for _ in 0..MESSAGES {
            let topic = *chance.pick(&TOPICS);
            let partition = i32::try_from(chance.below(PARTITIONS as usize)).unwrap();
            let messages = &inputs.messages[topic];
            let message = &messages[chance.below(messages.len())];
            log.get_mut(&TopicPartition { topic: topic.into(), partition }).unwrap().push(message);
        }
        let mut simulation = Self {
            group: Group::new(log.keys().cloned()),
            inputs,
            chance,
            plant,
            base: Instant::now(),
            elapsed: Duration::ZERO,
            sequence: 0,
            agenda: BTreeMap::new(),
            log,
            database: Database::default(),
            instances: BTreeMap::new(),
            next_member: 0,
            summary: Summary::default(),
        };
        for _ in 0..=simulation.chance.below(3) {
            simulation.at(Duration::ZERO, Event::Starts);
        }
        simulation.at(Duration::from_millis(100), Event::Fault);
        simulation
    }

    fn now(&self) -> Now {
        let micros = 1_700_000_000_000_000 + i64::try_from(self.elapsed.as_micros()).unwrap();
        Now { at: self.base + self.elapsed, micros }
    }

    fn at(&mut self, after: Duration, event: Event) {
        self.sequence += 1;
        self.agenda.insert((self.elapsed + after, self.sequence), event);
    }

    fn run(&mut self) -> Result<(), String> {
        loop {
            let Some(((at, _), event)) = self.agenda.pop_first() else {
                return Err("nothing happens any more, and not everything is done".to_owned());
            };
            self.elapsed = at;
            self.happen(event)?;
            self.spread_news();
            let calm = self.elapsed > FAULTS_END;
            if calm && self.instances.values().all(|instance| instance.is_stopping) {
                if self.instances.is_empty() && self.is_done() {
                    return self.compare();
                }
                if self.instances.is_empty() {
                    self.start();
                }
            } else if calm && self.is_done() {
                let members: Vec<Member> = self.instances.keys().copied().collect();
                members.into_iter().for_each(|member| self.stop(member));
            }
            if self.elapsed > REST_BY {
                return Err(format!(
                    "not done {REST_BY:?} after the start: committed {:?}",
                    self.group.committed
                ));
            }
        }
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Wakes(member) => self.wakes(member)?,
            Event::AttemptEnds(member, writer) => self.attempt_ends(member, writer)?,
            Event::Hears(member, writer, outcome) => self.hears(member, writer, outcome)?,
            Event::Asks(member) => self.asks(member)?,
            Event::Answers(member, purpose, facts, asked) => {
                self.answered(member, purpose, (&facts, &asked))?;
            }
            Event::Commits(member, generation, offsets) => {
                self.commits(member, generation, offsets)?;
            }
            Event::Answer(member, offsets, is_taken) => {
                let now = self.now();
                if let Some(instance) = self.instances.get_mut(&member) {
                    let error = (!is_taken).then(|| "simulated".to_owned());
                    let none = CommitOutcome::default();
                    instance.pump.committed(
                        match is_taken {
                            true => CommitOutcome { acknowledged: offsets, ..none },
                            false => CommitOutcome { failed: offsets, error, ..none },
                        },
                        now,
                    );
                    self.wake(member);
                }
            }
            Event::Told(member, change) => {
                if let Some(instance) = self.instances.get_mut(&member) {
                    instance.coming.push_back(change);
                    self.pass_on(member)?;
                }
            }
            Event::Forgotten(member) => self.group.leave(member),
            Event::Starts => self.start(),
            Event::DatabaseBack => self.database.is_down = false,
            Event::Fault => self.fault(),
        }
        Ok(())
    }

    /// An instance learns of a rebalance a moment later.
    fn spread_news(&mut self) {
        for (member, change) in self.group.take_news() {
            self.summary.rebalances += 1;
            if matches!(change, Change::Revoke { lost: true, .. })
                && let Some(instance) = self.instances.get_mut(&member)
            {
                instance.positions.clear();
            }
            // In order: the delay is the same for all.
            self.at(Duration::from_millis(5), Event::Told(member, change));
        }
    }

    fn wake(&mut self, member: Member) {
        let delay = self.chance.milliseconds(0..3);
        if let Some(instance) = self.instances.get_mut(&member) {
            instance.wakes = self.elapsed + delay;
            self.at(delay, Event::Wakes(member));
        }
    }

    fn start(&mut self) {
        let member = self.next_member;
        self.next_member += 1;
        let seed = u64::try_from(member).unwrap() << 32;
        let setup = self.inputs.setup(seed);
        let instance = Instance::new(member, setup, WRITERS, self.elapsed);
        self.instances.insert(member, instance);
        self.group.join(member);
        self.wake(member);
    }

    fn stop(&mut self, member: Member) {
        let now = self.now();
        let instance = self.instances.get_mut(&member).unwrap();
        if !instance.is_stopping {
            instance.is_stopping = true;
            instance.pump.stop(now);
            self.wake(member);
        }
    }

    /// The instance's loop, for as long as there is something to do.
    fn wakes(&mut self, member: Member) -> Result<(), String> {
        // Whatever woke it later counts.
        if self.instances.get(&member).is_none_or(|instance| instance.wakes != self.elapsed) {
            return Ok(());
        }
        for _ in 0..STEPS {
            let now = self.now();
            let Some(instance) = self.instances.get_mut(&member) else { return Ok(()) };
            let next = instance.pump.step(now, &mut instance.asked);
            self.do_as_asked(member)?;
            self.pass_on(member)?;
            let wait = match next {
                Next::Done(in_time) => return self.ended(member, in_time),
                Next::Wait(wait) => wait,
                Next::Poll(wait) => {
                    if self.fetch(member) {
                        continue;
                    }
                    wait
                }
            };
            let wait = wait.min(self.chance.milliseconds(1..100)).max(Duration::from_micros(1));
            self.instances.get_mut(&member).unwrap().wakes = self.elapsed + wait;
            self.at(wait, Event::Wakes(member));
            return Ok(());
        }
        self.wake(member);
        Ok(())
    }

    fn do_as_asked(&mut self, member: Member) -> Result<(), String> {
        let instance = self.instances.get_mut(&member).unwrap();
        let Asked { writes, records, commits, reads, pause } = std::mem::take(&mut instance.asked);
        if let Some(paused) = pause {
            instance.is_paused = paused;
            self.summary.pauses += u32::from(paused);
        }
        for sealed in writes {
            if sealed.batch.row_count() > BATCH_ROWS + 5 {
                return Err(format!("a batch has {} rows", sealed.batch.row_count()));
            }
            instance.waiting.push_back(sealed);
        }
        if instance.under_way() >= self.inputs.config.flush.batches() {
            return Err(format!("{} batches are under way", instance.under_way()));
        }
        for offsets in commits {
            let delay = self.chance.milliseconds(1..30);
            let generation = self.instances[&member].generation;
            self.at(delay, Event::Commits(member, generation, offsets));
        }
        for read in reads {
            match read {
                Read::Answer(_) if self.plant == Some(Plant::NoAnswer) => {}
                Read::Answer(begins) => self.answers(member, begins),
                Read::From(begins) => self.seeks(member, begins),
            }
        }
        if records {
            self.give_keeper_work(member)?;
        }
        self.give_work(member);
        Ok(())
    }
}
