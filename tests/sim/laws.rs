//! What must hold at the end, and what durable means.

use crate::database::{Place, State};
use crate::inputs::Logged;
use crate::simulation::Simulation;
use sluicegate::offsets::TopicPartition;
use std::collections::BTreeSet;

impl Simulation<'_> {
    pub(crate) fn is_done(&self) -> bool {
        self.log.iter().all(|(partition, log)| {
            let committed = self.group.committed.get(partition).copied().unwrap_or(0);
            let held = self.database.state.held(partition).unwrap_or(0);
            [committed, held].iter().all(|offset| usize::try_from(*offset).unwrap() == log.len())
        })
    }

    /// The first law and the third: the tables are those of the set of valid events, and the dead
    /// letters those of the faulty ones.
    pub(crate) fn compare(&self) -> Result<(), String> {
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
        let State { events: held, dead_letters, .. } = &self.database.state;
        if let Some(place) = dead_letters.difference(&dead).next() {
            return Err(format!("{place:?} is a dead letter, and was not faulty"));
        }
        if *held != events || *dead_letters != dead {
            return Err("not everything is in the tables at the end".to_owned());
        }
        Ok(())
    }

    /// What the database says of itself is in it.
    pub(crate) fn check_records(&self) -> Result<(), String> {
        for (partition, log) in &self.log {
            let held = self.database.state.held(partition).unwrap_or(0);
            let before = (0..held).zip(log);
            let mut missing = before
                .filter(|(at, logged)| !is_durable(&self.database.state, partition, *at, logged));
            if let Some((at, _)) = missing.next() {
                return Err(format!(
                    "{at} of {partition} is recorded and not durable (recorded {held})"
                ));
            }
        }
        Ok(())
    }
}

pub(crate) fn place(partition: &TopicPartition, offset: i64) -> Place {
    (partition.topic.to_string(), partition.partition, offset)
}

pub(crate) fn is_durable(
    state: &State,
    partition: &TopicPartition,
    offset: i64,
    logged: &Logged,
) -> bool {
    let is_loaded = logged.event.as_ref().is_some_and(|id| state.events.contains(id));
    is_loaded || state.dead_letters.contains(&place(partition, offset))
}
