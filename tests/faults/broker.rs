//! One kind of trouble with Kafka at a time, under load.

use crate::fault::Fault;
use crate::inject::TOPICS;
use crate::own_servers::{Servers, Wants, tell};
use crate::run::{Run, Setup};
use crate::service::Service;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::{Chance, Server, until};

/// Lets it happen until `seen` tells that an instance has noticed, heals it, and compares.
async fn check(fault: Fault, setup: Setup<'static>, seen: impl Fn(&Service) -> bool) {
    let wants = Wants { broker: true, ..Wants::default() };
    let Some(servers) = Servers::start(Server::MariaDb, wants).await else { return };
    let run = Run::start(Arc::new(servers), setup).await;
    run.until_rows_flow("the start").await;
    let mut injected = run.injector.inject(fault, &mut Chance::new(1)).await;
    let services = &run.injector.services;
    until(|| fault.name().to_owned(), async || services.iter().any(&seen)).await;
    run.injector.heal(&mut injected).await;
    run.until_rows_flow(fault.name()).await;
    run.end().await.assert();
}

fn says(text: &str) -> impl Fn(&Service) -> bool {
    move |service| service.log_text().contains(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed() {
    check(Fault::BrokerKilled, Setup::of(1), says("Connection refused")).await;
}

/// For longer than the group waits for a heartbeat.
#[tokio::test(flavor = "multi_thread")]
async fn frozen() {
    let begun = std::time::Instant::now();
    check(Fault::BrokerFrozen, Setup::of(1), move |_| begun.elapsed().as_secs() > 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_added() {
    // Those of the topic were 0 to 3.
    let added = |service: &Service| {
        TOPICS.iter().any(|topic| service.log_text().contains(&format!("{topic}/4")))
    };
    check(Fault::PartitionsAdded, Setup::of(1), added).await;
}

/// Its events were waiting to be sent.
#[tokio::test(flavor = "multi_thread")]
async fn topics_created_late() {
    let setup = Setup { topics: &["user", "community", "order"], ..Setup::of(1) };
    check(Fault::TopicCreatedLate, setup, |_| true).await;
}

/// While it is assigned, and after its partitions have had several leaders: those of the new one count from the start.
#[tokio::test(flavor = "multi_thread")]
async fn topic_recreated_after_elections() {
    let wants = Wants { broker: true, ..Wants::default() };
    let Some(servers) = Servers::start(Server::MariaDb, wants).await else { return };
    let run = Run::start(Arc::new(servers), Setup::of(1)).await;
    run.until_rows_flow("the start").await;
    let mut chance = Chance::new(1);
    for fault in [Fault::BrokerKilled, Fault::BrokerKilled, Fault::TopicRecreated] {
        let mut injected = run.injector.inject(fault, &mut chance).await;
        run.injector.heal(&mut injected).await;
        run.until_rows_flow(fault.name()).await;
    }
    let outcome = run.end().await;
    let said = outcome.said();
    outcome.assert();
    assert!(said.contains("deleted and recreated"), "{said}");
}

/// Records are deleted before they are read: said loudly, since they may have been events. Here
/// they were copies of others.
#[tokio::test(flavor = "multi_thread")]
async fn offsets_out_of_range() {
    check(Fault::OffsetsOutOfRange, Setup::of(1), says("out of range")).await;
}

/// What was aborted is passed over, and the offsets of the markers are committed.
#[tokio::test(flavor = "multi_thread")]
async fn transaction_aborted() {
    check(Fault::TransactionAborted, Setup::of(1), |_| true).await;
}

/// Nothing behind its start can be read: said, and no lag.
#[tokio::test(flavor = "multi_thread")]
async fn transaction_left_open() {
    let hidden = |service: &Service| {
        service.metric("sluicegate_consume_unreadable_messages").is_some_and(|count| count > 0)
    };
    check(Fault::TransactionOpen, Setup::of(1), hidden).await;
}

/// Rows are written all the same, and the offsets are committed when Kafka takes them again.
#[tokio::test(flavor = "multi_thread")]
async fn commits_failing() {
    let failed = |service: &Service| {
        service.metric("sluicegate_commit_failures_total").is_some_and(|count| count > 0)
    };
    check(Fault::CommitsFailing, Setup::of(1), failed).await;
}

/// In good order, so that clients hear of a cluster without brokers. How often they try to connect from then on
/// is librdkafka's to say, but it must pause in between: without that it takes a core.
#[tokio::test(flavor = "multi_thread")]
async fn gone_for_longer() {
    let wants = Wants { broker: true, ..Wants::default() };
    let Some(servers) = Servers::start(Server::MariaDb, wants).await else { return };
    let run = Run::start(Arc::new(servers), Setup::of(1)).await;
    run.until_rows_flow("the start").await;
    let injector = &run.injector;
    tell(injector.servers.broker(), "stop").await;
    let service = &injector.services[0];
    // librdkafka counts them for 30 seconds before it says so.
    let begun = Instant::now();
    until(|| "its count".to_owned(), async || begun.elapsed() > Duration::from_secs(45)).await;
    let refused = refused(&service.log_text());
    tell(injector.servers.broker(), "start").await;
    run.until_rows_flow("its return").await;
    run.end().await.assert();
    assert!(refused.iter().all(|count| *count < 1_000), "{refused:?} in 30 seconds each");
}

/// How often librdkafka was refused a connection to a broker, as it counts where it does not repeat itself.
fn refused(log: &str) -> Vec<u64> {
    let counts =
        log.lines().filter(|line| line.contains("Connection refused")).filter_map(|line| {
            let (before, _) = line.split_once(" identical error(s) suppressed")?;
            before.rsplit(' ').next()?.parse().ok()
        });
    counts.collect()
}
