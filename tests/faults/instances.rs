//! Instances that come and go while the others work.

use crate::chance::Chance;
use crate::fault::Fault;
use crate::site::{Site, Wants};
use crate::stage::{Cast, Stage};
use crate::support::Server;
use std::sync::Arc;

const INSTANCES: usize = 3;

async fn check(fault: Fault) {
    let Some(site) = Site::start(Server::MySql, Wants::default()).await else { return };
    let stage = Stage::start(Arc::new(site), Cast::of(INSTANCES)).await;
    stage.until_rows_flow("the start").await;
    let mut injected = stage.ground.inject(fault, &mut Chance::new(1)).await;
    stage.until_rows_flow(fault.name()).await;
    stage.ground.heal(&mut injected).await;
    stage.until_rows_flow(fault.name()).await;
    let ended = injected.ended.is_none_or(|ended| ended.is_ok_and(|status| status.success()));
    assert!(ended, "{}: a polite end", fault.name());
    stage.end().await.assert();
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
