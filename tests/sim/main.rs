//! Simulation: the pipeline's logic against a model of Kafka and of a database, with faults, under
//! a scheduler that does the same for the same seed.
//!
//! What runs is the product's own pump with its batches, watermarks and mapping, and its own
//! classes and pauses of retries. What is modelled is everything that does IO: a group of
//! instances whose partitions change hands, writers whose transactions fail before, in and after
//! their commit, answers that are late or lost, processes that die anywhere. Every offset that the
//! model of Kafka takes is checked against what the model of the database holds.
//!
//! `SLUICEGATE_SIM_RUNS` says how many runs, `SLUICEGATE_SIM_SEED` with which seed to begin. A run
//! that fails prints its seed.

#![allow(
    clippy::disallowed_methods,
    reason = "tests take time and find their servers in variables"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod database;
mod group;
mod inputs;
mod instance;
mod laws;
mod pacing;
mod simulation;
mod summary;

use inputs::Inputs;
use simulation::{Plant, simulate};
use std::time::Instant;
use summary::Summary;
use testkit::{chance, environment};

const RUNS: u64 = 600;
/// A planted fault that takes more runs to be noticed would be missed one day.
const RUNS_UNTIL_CAUGHT: u64 = 100;

#[test]
fn the_laws_hold_under_every_schedule() {
    let first = chance::seed("SLUICEGATE_SIM_SEED");
    let runs = environment::number("SLUICEGATE_SIM_RUNS").unwrap_or(RUNS);
    let inputs = Inputs::new();
    let started = Instant::now();
    let mut total = Summary::default();
    for seed in first..first.saturating_add(runs) {
        match simulate(&inputs, seed, None) {
            Ok(summary) => total.add(&summary),
            Err(broken) => panic!(
                "{broken}\nagain with: SLUICEGATE_SIM_SEED={seed} SLUICEGATE_SIM_RUNS=1 cargo test --test sim"
            ),
        }
    }
    let took = started.elapsed();
    eprintln!("{runs} runs from seed {first} in {took:.1?}: {total:?}");
    if runs >= RUNS {
        assert!(total.reaches_everything(), "some fault never came up: {total:?}");
    }
}

#[track_caller]
fn assert_caught(plant: Plant, expected: &[&str]) {
    let inputs = Inputs::new();
    let caught = (0..RUNS_UNTIL_CAUGHT).find_map(|seed| simulate(&inputs, seed, Some(plant)).err());
    let broken = caught.unwrap_or_else(|| panic!("{plant:?} was not noticed"));
    let is_expected = expected.iter().any(|text| broken.contains(text));
    assert!(is_expected, "{plant:?} was noticed as something else: {broken}");
}

#[test]
fn a_commit_before_the_flush_is_caught() {
    assert_caught(Plant::CommitBeforeFlush, &["and not durable"]);
}

#[test]
fn a_batch_dropped_on_an_outage_is_caught() {
    assert_caught(Plant::DropOnOutage, &["and not durable"]);
}

#[test]
fn an_offset_too_far_is_caught() {
    assert_caught(Plant::OffByOne, &["is committed"]);
}

#[test]
fn an_outage_blamed_on_the_data_is_caught() {
    assert_caught(Plant::BlameOutage, &["is a dead letter"]);
}

#[test]
fn a_row_that_covers_a_batch_under_way_is_caught() {
    assert_caught(Plant::RecordTooMuch, &["is recorded and not durable"]);
}

#[test]
fn a_writer_that_does_not_notice_that_the_database_went_back_is_caught() {
    // What it still has to say of itself never comes, or comes without what it rests on.
    assert_caught(Plant::LookAway, &["not done", "is recorded and not durable"]);
}

#[test]
fn a_rewind_that_forgets_the_open_batch_is_caught() {
    assert_caught(Plant::ForgetOpenBatch, &["is recorded and not durable"]);
}

#[test]
fn a_rebalance_that_is_never_answered_is_caught() {
    assert_caught(Plant::NoAnswer, &["not done"]);
}
