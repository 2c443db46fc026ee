//! The schedule: what happens when, by chance, and whether the laws hold meanwhile.

use crate::chance::Chance;
use crate::database::{Database, Place};
use crate::group::{Change, Group, Member};
use crate::instance::{Asked, Instance, Job};
use loadgen::{Generator, Kind, Mix, Plan as Load};
use sluicegate::config::{Config, Sources};
use sluicegate::consume::{CommitOutcome, PartitionFacts};
use sluicegate::flush::statement::Statements;
use sluicegate::flush::{Plan, Written};
use sluicegate::mapping::Mapping;
use sluicegate::mysql::Class;
use sluicegate::mysql::Dialect;
use sluicegate::mysql::JsonLimits;
use sluicegate::offsets::Offsets;
use sluicegate::offsets::TopicPartition;
use sluicegate::pipeline::pump::Next;
use sluicegate::pipeline::{Flushed, Message, Now, Progress, SealedBatch, Setup};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

const TOPICS: [&str; 2] = ["user", "post"];
const PARTITIONS: i32 = 3;
const MESSAGES: usize = 160;
/// Messages that an instance is given at most before it is asked what is next.
const MESSAGES_AT_ONCE: usize = 4;
const WRITERS: usize = 2;
pub(crate) const BATCH_ROWS: usize = 20;
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
}

/// What came up in a run.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    crashes: u32,
    polite_stops: u32,
    late_stops: u32,
    expulsions: u32,
    rebalances: u32,
    failed_attempts: u32,
    unheard_commits: u32,
    late_landings: u32,
    failed_offset_commits: u32,
    pauses: u32,
    redone: u32,
}

impl Summary {
    fn counts(&self) -> [u32; 11] {
        [
            self.crashes,
            self.polite_stops,
            self.late_stops,
            self.expulsions,
            self.rebalances,
            self.failed_attempts,
            self.unheard_commits,
            self.late_landings,
            self.failed_offset_commits,
            self.pauses,
            self.redone,
        ]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.crashes += other.crashes;
        self.polite_stops += other.polite_stops;
        self.late_stops += other.late_stops;
        self.expulsions += other.expulsions;
        self.rebalances += other.rebalances;
        self.failed_attempts += other.failed_attempts;
        self.unheard_commits += other.unheard_commits;
        self.late_landings += other.late_landings;
        self.failed_offset_commits += other.failed_offset_commits;
        self.pauses += other.pauses;
        self.redone += other.redone;
    }

    /// Whether every kind of fault and of recovery came up.
    pub(crate) fn reaches_everything(&self) -> bool {
        self.counts().iter().all(|count| *count > 0)
    }
}

/// A message of the model's log, and what has to become of it.
struct Logged {
    payload: Vec<u8>,
    /// The event's id; a faulty message has none.
    event: Option<String>,
}

/// What all runs share.
pub(crate) struct Inputs {
    config: Arc<Config>,
    mapping: Arc<Mapping>,
    plan: Arc<Plan>,
    messages: BTreeMap<&'static str, Vec<Logged>>,
}

impl Inputs {
    pub(crate) fn new() -> Self {
        let settings = [
            ("batch.rows", BATCH_ROWS.to_string()),
            ("batch.age", "300ms".into()),
            ("flush.writers", WRITERS.to_string()),
            ("kafka.revoke_timeout", "4s".into()),
            ("stop.timeout", "5s".into()),
        ];
        let flag = |(key, value): (&str, String)| ("--set".to_owned(), key.to_owned(), value);
        let sources = Sources { flags: settings.map(flag).to_vec(), ..Sources::default() };
        let config = sources.load().0.unwrap();
        let mapping = Arc::new(Mapping::built_in().unwrap());
        let plan = Plan {
            statements: Statements::new(&mapping, Dialect::MySql),
            limits: config.flush.statement,
            greatest_ids: Vec::new(),
            timeout: config.flush.statement_timeout,
            mapping: Arc::clone(&mapping),
        };
        let load = Load {
            events: 3_000,
            duplicates: 0.1,
            disorder: 0.1,
            poison: 0.05,
            mix: Mix::Realistic,
            ..Load::default()
        };
        let mut messages: BTreeMap<&'static str, Vec<Logged>> = BTreeMap::new();
        for message in Generator::new(load) {
            let Some(topic) = TOPICS.into_iter().find(|topic| *topic == message.topic) else {
                continue;
            };
            let Some(payload) = message.value else { continue };
            let is_faulty = matches!(message.kind, Kind::Poison(_));
            let event = (!is_faulty).then(|| {
                let event: serde_json::Value = serde_json::from_slice(&payload).unwrap();
                event["event_id"].as_str().unwrap().to_owned()
            });
            messages.entry(topic).or_default().push(Logged { payload, event });
        }
        Self { config: Arc::new(config), mapping, plan: Arc::new(plan), messages }
    }

    pub(crate) fn setup(&self) -> Setup {
        Setup {
            config: Arc::clone(&self.config),
            mapping: Arc::clone(&self.mapping),
            plan: Arc::clone(&self.plan),
            json_limits: JsonLimits::MYSQL,
            until_end: false,
            health: Arc::default(),
            progress: Arc::new(Progress::default()),
        }
    }
}

/// Something that happens at its time.
enum Event {
    /// An instance looks around.
    Wakes(Member),
    /// An attempt to write is over, one way or the other.
    AttemptEnds(Member, usize),
    /// The instance hears that a batch is durable.
    Hears(Member, usize),
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

struct World<'i> {
    inputs: &'i Inputs,
    chance: Chance,
    plant: Option<Plant>,
    base: Instant,
    elapsed: Duration,
    sequence: u64,
    agenda: BTreeMap<(Duration, u64), Event>,
    log: BTreeMap<TopicPartition, Vec<&'i Logged>>,
    group: Group,
    database: Database,
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
    let mut world = World::new(inputs, seed, plant);
    world.run()?;
    Ok(world.summary)
}

impl<'i> World<'i> {
    fn new(inputs: &'i Inputs, seed: u64, plant: Option<Plant>) -> Self {
        let mut chance = Chance::new(seed);
        let mut log: BTreeMap<TopicPartition, Vec<&Logged>> = BTreeMap::new();
        for topic in TOPICS {
            for partition in 0..PARTITIONS {
                log.insert(TopicPartition { topic: topic.into(), partition }, Vec::new());
            }
        }
        for _ in 0..MESSAGES {
            let topic = chance.pick(&TOPICS);
            let partition = i32::try_from(chance.below(PARTITIONS as usize)).unwrap();
            let messages = &inputs.messages[topic];
            let message = &messages[chance.below(messages.len())];
            log.get_mut(&TopicPartition { topic: topic.into(), partition }).unwrap().push(message);
        }
        let mut world = Self {
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
        for _ in 0..=world.chance.below(3) {
            world.at(Duration::ZERO, Event::Starts);
        }
        world.at(Duration::from_millis(100), Event::Fault);
        world
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
            Event::AttemptEnds(member, writer) => self.attempt_ends(member, writer),
            Event::Hears(member, writer) => self.hears(member, writer)?,
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
                self.tell(member, change)?;
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

    fn tell(&mut self, member: Member, change: Change) -> Result<(), String> {
        let facts: Vec<PartitionFacts> = match &change {
            Change::Assign(partitions) => partitions.iter().map(|one| self.facts(one)).collect(),
            Change::Revoke { .. } => Vec::new(),
        };
        let Some(instance) = self.instances.get_mut(&member) else { return Ok(()) };
        match change {
            Change::Assign(_) => {
                instance.pump.assigned(&facts).map_err(|error| error.to_string())?;
            }
            Change::Revoke { partitions, lost } => instance.pump.revoked(partitions, lost),
        }
        self.wake(member);
        Ok(())
    }

    /// What Kafka says of a partition when it is assigned.
    fn facts(&self, partition: &TopicPartition) -> PartitionFacts {
        let committed = &self.group.committed;
        PartitionFacts {
            partition: partition.clone(),
            committed: committed.get(partition).copied(),
            first: 0,
            end: i64::try_from(self.log[partition].len()).unwrap(),
            group_knows_topic: committed.keys().any(|known| known.topic == partition.topic),
        }
    }

    fn wake(&mut self, member: Member) {
        let delay = self.chance.millis(0, 3);
        if let Some(instance) = self.instances.get_mut(&member) {
            instance.wakes = self.elapsed + delay;
            self.at(delay, Event::Wakes(member));
        }
    }

    fn start(&mut self) {
        let member = self.next_member;
        self.next_member += 1;
        let setup = self.inputs.setup();
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
            let wait = wait.min(self.chance.millis(1, 100)).max(Duration::from_micros(1));
            self.instances.get_mut(&member).unwrap().wakes = self.elapsed + wait;
            self.at(wait, Event::Wakes(member));
            return Ok(());
        }
        self.wake(member);
        Ok(())
    }

    fn do_as_asked(&mut self, member: Member) -> Result<(), String> {
        let instance = self.instances.get_mut(&member).unwrap();
        let Asked { writes, commits, answers, pause } = std::mem::take(&mut instance.asked);
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
            let delay = self.chance.millis(1, 30);
            let generation = self.instances[&member].generation;
            self.at(delay, Event::Commits(member, generation, offsets));
        }
        if self.plant != Some(Plant::NoAnswer) {
            for begins in answers {
                self.answers(member, begins);
            }
        }
        self.give_work(member);
        Ok(())
    }

    fn answers(&mut self, member: Member, begins: Offsets) {
        let change = self.group.answered(member);
        let instance = self.instances.get_mut(&member).unwrap();
        if self.group.is_up_to_date(member) {
            instance.generation = self.group.generation(member);
        }
        let positions = &mut instance.positions;
        match change {
            None => {}
            Some(Change::Assign(_)) => positions.extend(begins),
            Some(Change::Revoke { partitions, .. }) => {
                positions.retain(|partition, _| !partitions.contains(partition));
            }
        }
    }

    fn give_work(&mut self, member: Member) {
        for writer in 0..WRITERS {
            let instance = self.instances.get_mut(&member).unwrap();
            if instance.writers[writer].is_some() {
                continue;
            }
            let Some(sealed) = instance.waiting.pop_front() else { return };
            instance.writers[writer] = Some(Job { sealed, attempt: 0 });
            let took = self.chance.millis(1, 120);
            self.at(took, Event::AttemptEnds(member, writer));
        }
    }

    /// Hands the instance a message, if there is one.
    fn fetch(&mut self, member: Member) -> bool {
        let now = self.now();
        let instance = self.instances.get_mut(&member).unwrap();
        if instance.is_paused {
            return false;
        }
        let has_more = |(partition, position): &(&TopicPartition, &i64)| {
            usize::try_from(**position).unwrap() < self.log[*partition].len()
        };
        let ready: Vec<TopicPartition> = instance
            .positions
            .iter()
            .filter(has_more)
            .map(|(partition, _)| partition.clone())
            .collect();
        if ready.is_empty() {
            return false;
        }
        let partition = &ready[self.chance.below(ready.len())];
        let position = instance.positions.get_mut(partition).unwrap();
        // As librdkafka does, it hands out several while there is room.
        for _ in 0..=self.chance.below(MESSAGES_AT_ONCE) {
            let Some(logged) = self.log[partition].get(usize::try_from(*position).unwrap()) else {
                break;
            };
            if is_durable(&self.database, partition, *position, logged) {
                self.summary.redone += 1;
            }
            let message = Message {
                topic: &partition.topic,
                partition: partition.partition,
                offset: *position,
                key: None,
                payload: Some(&logged.payload),
                timestamp_ms: Some(now.micros / 1000),
            };
            *position += 1;
            if !instance.pump.message(&message, now) {
                break;
            }
        }
        true
    }

    fn attempt_ends(&mut self, member: Member, writer: usize) {
        let Some(instance) = self.instances.get_mut(&member) else { return };
        let Some(job) = &mut instance.writers[writer] else { return };
        let is_calm = self.elapsed > FAULTS_END;
        let fails = self.database.is_down || (!is_calm && self.chance.once_in(6));
        let heard = self.chance.millis(0, 20);
        if !fails {
            if self.plant == Some(Plant::CommitBeforeFlush) && self.chance.once_in(4) {
                // The transaction is committed after the answer, if at all.
            } else {
                self.database.commit(&self.inputs.mapping, &job.sealed.batch);
            }
            self.at(heard, Event::Hears(member, writer));
            return;
        }
        self.summary.failed_attempts += 1;
        if !self.database.is_down && self.chance.once_in(3) {
            // It was committed, and the answer got lost.
            self.summary.unheard_commits += 1;
            self.database.commit(&self.inputs.mapping, &job.sealed.batch);
        }
        assert_ne!(
            Class::of(self.chance.pick(&ERRORS)),
            Class::Data,
            "an outage is not the data's fault"
        );
        match self.plant {
            Some(Plant::DropOnOutage) => return self.at(heard, Event::Hears(member, writer)),
            Some(Plant::BlameOutage) => {
                let SealedBatch { batch, partitions, .. } = &job.sealed;
                for (range, owner) in batch.ranges().iter().zip(partitions) {
                    let places = (range.from..range.next).zip(owner.iter().cycle());
                    let letters = places.map(|(offset, owner)| place(owner, offset));
                    self.database.dead_letters.extend(letters);
                }
                return self.at(heard, Event::Hears(member, writer));
            }
            _ => {}
        }
        job.attempt += 1;
        let pause = self.inputs.config.flush.backoff.pause(job.attempt, self.chance.next());
        let took = self.chance.millis(1, 120);
        self.at(pause + took, Event::AttemptEnds(member, writer));
    }

    fn hears(&mut self, member: Member, writer: usize) -> Result<(), String> {
        let now = self.now();
        let Some(instance) = self.instances.get_mut(&member) else { return Ok(()) };
        let Some(Job { sealed, .. }) = instance.writers[writer].take() else { return Ok(()) };
        let flushed = Flushed {
            batch: sealed.batch,
            result: Ok(Written::default()),
            sealed_at: sealed.sealed_at,
        };
        instance.pump.flushed(flushed, now).map_err(|error| error.to_string())?;
        self.give_work(member);
        self.wake(member);
        Ok(())
    }

    fn commits(&mut self, member: Member, generation: u32, offsets: Offsets) -> Result<(), String> {
        let is_calm = self.elapsed > FAULTS_END;
        let fails = !is_calm && self.chance.once_in(8);
        // Kafka may have taken what it does not answer for.
        let mut is_taken = !fails || self.chance.once_in(2);
        is_taken &= generation == self.group.generation(member);
        is_taken &= offsets.iter().all(|(partition, _)| self.group.is_owner(member, partition));
        if is_taken {
            for (partition, offset) in &offsets {
                let offset = offset + i64::from(self.plant == Some(Plant::OffByOne));
                self.check_commit(partition, offset)?;
                self.group.committed.insert(partition.clone(), offset);
            }
        }
        self.summary.failed_offset_commits += u32::from(fails || !is_taken);
        let heard = self.chance.millis(1, 30);
        self.at(heard, Event::Answer(member, offsets, is_taken && !fails));
        Ok(())
    }

    /// The second law: everything before a committed offset is durable.
    fn check_commit(&self, partition: &TopicPartition, offset: i64) -> Result<(), String> {
        let end = i64::try_from(self.log[partition].len()).unwrap();
        if offset > end {
            return Err(format!("{offset} of {partition} is committed, its end is {end}"));
        }
        let before = (0..offset).zip(&self.log[partition]);
        let mut missing =
            before.filter(|(at, logged)| !is_durable(&self.database, partition, *at, logged));
        match missing.next() {
            Some((at, _)) => Err(format!(
                "{at} of {partition} is committed and not durable (committed {offset})"
            )),
            None => Ok(()),
        }
    }

    fn fault(&mut self) {
        if self.elapsed > FAULTS_END {
            self.database.is_down = false;
            return;
        }
        let members: Vec<Member> = self.instances.keys().copied().collect();
        let anyone = (!members.is_empty()).then(|| self.chance.pick(&members));
        match (self.chance.below(6), anyone) {
            (0, Some(member)) => self.crash(member),
            (1, Some(member)) => self.stop(member),
            (2, Some(member)) if !self.instances[&member].is_stopping => {
                self.summary.expulsions += 1;
                self.group.expel(member);
            }
            (3, _) if members.len() < 4 => self.start(),
            (4, _) => {
                self.database.is_down = true;
                let back = self.chance.millis(50, 8_000);
                self.at(back, Event::DatabaseBack);
            }
            (_, None) => self.start(),
            _ => {}
        }
        let next = self.chance.millis(50, 2_000);
        self.at(next, Event::Fault);
    }

    /// `kill -9`: a transaction whose commit is on its way may still land.
    fn crash(&mut self, member: Member) {
        self.summary.crashes += 1;
        let instance = self.instances.remove(&member).unwrap();
        for job in instance.writers.iter().flatten() {
            if self.chance.once_in(3) && !self.database.is_down {
                self.summary.late_landings += 1;
                self.database.commit(&self.inputs.mapping, &job.sealed.batch);
            }
        }
        self.at(Duration::from_secs(2), Event::Forgotten(member));
        let again = self.chance.millis(100, 3_000);
        self.at(again, Event::Starts);
    }

    fn ended(&mut self, member: Member, in_time: bool) -> Result<(), String> {
        let instance = self.instances.remove(&member).unwrap();
        if in_time {
            self.summary.polite_stops += 1;
            if let Err(trouble) = instance.health.ready()
                && trouble.contains("not committed")
            {
                return Err(format!("after a polite stop it still says: {trouble}"));
            }
            // Nothing is left to redo of what it has read.
            for (partition, position) in &instance.positions {
                let committed = self.group.committed.get(partition).copied().unwrap_or(0);
                if committed < *position && self.group.is_owner(member, partition) {
                    return Err(format!(
                        "{partition}: read up to {position}, committed {committed} after a polite stop"
                    ));
                }
            }
        } else {
            self.summary.late_stops += 1;
        }
        self.group.leave(instance.member);
        if self.elapsed < FAULTS_END {
            let again = self.chance.millis(100, 3_000);
            self.at(again, Event::Starts);
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.log.iter().all(|(partition, log)| {
            let committed = self.group.committed.get(partition).copied().unwrap_or(0);
            usize::try_from(committed).unwrap() == log.len()
        })
    }

    /// The first law and the third: the tables are those of the set of valid events, and the dead
    /// letters those of the faulty ones.
    fn compare(&self) -> Result<(), String> {
        let mut events = BTreeSet::new();
        let mut dead: BTreeSet<Place> = BTreeSet::new();
        for (partition, log) in &self.log {
            for (offset, logged) in (0..).zip(log) {
                match &logged.event {
                    Some(id) => drop(events.insert(id.clone())),
                    None => drop(dead.insert(place(partition, offset))),
                }
            }
        }
        if let Some(place) = self.database.dead_letters.difference(&dead).next() {
            return Err(format!("{place:?} is a dead letter, and was not faulty"));
        }
        if self.database.events != events || self.database.dead_letters != dead {
            return Err("not everything is in the tables at the end".to_owned());
        }
        Ok(())
    }
}

fn place(partition: &TopicPartition, offset: i64) -> Place {
    (partition.topic.to_string(), partition.partition, offset)
}

fn is_durable(
    database: &Database,
    partition: &TopicPartition,
    offset: i64,
    logged: &Logged,
) -> bool {
    let is_loaded = logged.event.as_ref().is_some_and(|id| database.events.contains(id));
    is_loaded || database.dead_letters.contains(&place(partition, offset))
}
