//! A primary that dies, and a replica that is promoted in its place behind the same address: what the replica had not
//! received is read from Kafka again, by the process that wrote it first.

use crate::own_servers::{Servers, Wants};
use crate::replica::{Replication, count};
use crate::run::{Outcome, Run, Setup};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::{Server, until};

testkit::on_both_servers!(
    failover_that_lost,
    failover_that_lost_while_idle,
    failover_that_lost_nothing
);

const WENT_BACK: &str = "the database went back";
/// A table that nearly every event of users adds to.
const TABLE: &str = "user_events";
/// Rows of it that the replica lacks, at least: about a second of the load.
const LACKS: i64 = 100;
/// How long an idle instance may take to notice: it looks every few seconds.
const NOTICED_WITHIN: Duration = Duration::from_secs(30);

async fn start(server: Server) -> Option<Run> {
    let wants = Wants { replicas: true, ..Wants::default() };
    let servers = Servers::start(server, wants).await?;
    let run = Run::start(Arc::new(servers), Setup::of(1)).await;
    run.until_rows_flow("the start").await;
    Some(run)
}

/// A replica that lacks what was written last.
async fn replica_that_lacks(servers: &Servers) -> crate::replica::Replica {
    let replica = servers.replica(Replication::Asynchronous).await;
    replica.stop_receiving().await;
    let (primary, database) = (servers.database(), &servers.world.database);
    let has = replica.count(database, TABLE).await;
    let what = || "rows that the replica lacks".to_owned();
    until(what, async || count(&primary, database, TABLE).await >= has + LACKS).await;
    replica
}

/// The tables are what the events say, and it was said and counted that they were not, or that was never so.
#[track_caller]
fn assert(outcome: Outcome, went_back: bool) {
    let (said, counted) = (outcome.said(), outcome.seen.went_back);
    outcome.assert();
    assert_eq!(said.contains(WENT_BACK), went_back, "{said}");
    assert_eq!(counted > 0, went_back, "it is counted: {counted}\n{said}");
}

async fn failover_that_lost(server: Server) {
    let Some(run) = start(server).await else { return };
    let servers = &run.injector.servers;
    let replica = replica_that_lacks(servers).await;
    servers.fail_over(replica).await;
    run.until_rows_flow("the failover").await;
    assert(run.end().await, true);
}

/// No message comes that would make it write.
async fn failover_that_lost_while_idle(server: Server) {
    let Some(run) = start(server).await else { return };
    let replica = replica_that_lacks(&run.injector.servers).await;
    let failed_over = std::cell::Cell::new(None);
    let outcome = run.end_after(async |servers| {
        servers.fail_over(replica).await;
        failed_over.set(Some(Instant::now()));
    });
    let outcome = outcome.await;
    let took = failed_over.get().unwrap().elapsed();
    assert(outcome, true);
    assert!(took < NOTICED_WITHIN, "it took {took:?} to notice, and to load what was lost");
}

/// For comparison: commits that are acknowledged are in the replica, and nothing is read again.
async fn failover_that_lost_nothing(server: Server) {
    let Some(run) = start(server).await else { return };
    let servers = &run.injector.servers;
    let replica = servers.replica(Replication::SemiSynchronous).await;
    run.until_rows_flow("semi-synchronous replication").await;
    servers.fail_over(replica).await;
    run.until_rows_flow("the failover").await;
    assert(run.end().await, false);
}
