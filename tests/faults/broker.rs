//! One kind of trouble with Kafka at a time, under load.

use crate::chance::Chance;
use crate::fault::Fault;
use crate::instance::Instance;
use crate::site::{Site, Wants};
use crate::stage::{Cast, Stage, until};
use crate::support::Server;
use loadgen::TOPICS;
use std::sync::Arc;

/// Lets it happen until `seen` tells that an instance has noticed, heals it, and compares.
async fn check(fault: Fault, cast: Cast<'static>, seen: impl Fn(&Instance) -> bool) {
    let wants = Wants { broker: true, disk: false };
    let Some(site) = Site::start(Server::MariaDb, wants).await else { return };
    let stage = Stage::start(Arc::new(site), cast).await;
    stage.until_rows_flow("the start").await;
    let mut injected = stage.ground.inject(fault, &mut Chance::new(1)).await;
    let instances = &stage.ground.instances;
    until(fault.name(), async || instances.iter().any(&seen)).await;
    stage.ground.heal(&mut injected).await;
    stage.until_rows_flow(fault.name()).await;
    stage.end().await.assert();
}

fn says(text: &str) -> impl Fn(&Instance) -> bool {
    move |instance| instance.log_text().contains(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed() {
    check(Fault::BrokerKilled, Cast::of(1), says("Connection refused")).await;
}

/// For longer than the group waits for a heartbeat.
#[tokio::test(flavor = "multi_thread")]
async fn frozen() {
    let begun = std::time::Instant::now();
    check(Fault::BrokerFrozen, Cast::of(1), move |_| begun.elapsed().as_secs() > 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_added() {
    // Those of the topic were 0 to 3.
    let added = |instance: &Instance| {
        TOPICS.iter().any(|topic| instance.log_text().contains(&format!("{topic}/4")))
    };
    check(Fault::PartitionsAdded, Cast::of(1), added).await;
}

/// Its events were waiting to be sent.
#[tokio::test(flavor = "multi_thread")]
async fn topics_created_late() {
    let cast = Cast { topics: &["user", "community", "order"], ..Cast::of(1) };
    check(Fault::TopicCreatedLate, cast, |_| true).await;
}

/// Records are deleted before they are read: said loudly, since they may have been events. Here
/// they were copies of others.
#[tokio::test(flavor = "multi_thread")]
async fn offsets_out_of_range() {
    check(Fault::OffsetsOutOfRange, Cast::of(1), says("out of range")).await;
}

/// What was aborted is passed over, and the offsets of the markers are committed.
#[tokio::test(flavor = "multi_thread")]
async fn transaction_aborted() {
    check(Fault::TransactionAborted, Cast::of(1), |_| true).await;
}

/// Nothing behind its start can be read: said, and no lag.
#[tokio::test(flavor = "multi_thread")]
async fn transaction_left_open() {
    let hidden = |instance: &Instance| {
        instance.metric("sluicegate_consume_unreadable_messages").is_some_and(|count| count > 0)
    };
    check(Fault::TransactionOpen, Cast::of(1), hidden).await;
}

/// Rows are written all the same, and the offsets are committed when Kafka takes them again.
#[tokio::test(flavor = "multi_thread")]
async fn commits_failing() {
    let failed = |instance: &Instance| {
        instance.metric("sluicegate_commit_failures_total").is_some_and(|count| count > 0)
    };
    check(Fault::CommitsFailing, Cast::of(1), failed).await;
}
