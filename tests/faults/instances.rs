//! Instances that come and go while the others work.

use crate::fault::Fault;
use crate::own_servers::{Servers, Wants};
use crate::run::{Run, Setup};
use std::sync::Arc;
use testkit::{Chance, Server};

const INSTANCES: usize = 3;

async fn check(fault: Fault) {
    let Some(servers) = Servers::start(Server::MySql, Wants::default()).await else { return };
    let run = Run::start(Arc::new(servers), Setup::of(INSTANCES)).await;
    run.until_rows_flow("the start").await;
    let mut injected = run.injector.inject(fault, &mut Chance::new(1)).await;
    run.until_rows_flow(fault.name()).await;
    run.injector.heal(&mut injected).await;
    run.until_rows_flow(fault.name()).await;
    let ended = injected.ended.is_none_or(|ended| ended.is_ok_and(|status| status.success()));
    assert!(ended, "{}: a polite end", fault.name());
    run.end().await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_killed() {
    check(Fault::InstanceKilled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stops() {
    check(Fault::InstanceStopped).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fourth_joins_and_leaves() {
    check(Fault::InstanceAdded).await;
}
