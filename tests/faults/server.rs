//! One kind of trouble with the database server at a time, on MySQL and MariaDB: it is waited out,
//! said so, counted under its class, and no message is blamed for it.

use crate::chance::Chance;
use crate::fault::Fault;
use crate::site::{POLL_INTERVAL_MAX, Site, Wants};
use crate::stage::{Cast, Stage, until};
use crate::support::Server;
use std::sync::Arc;
use std::time::Duration;

/// Whether the trouble lasts until it is healed, so that `/readyz` can be asked meanwhile.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    Lasts,
    Passes,
}

/// It is counted under one of `classes`.
async fn check(fault: Fault, classes: &[&str], trouble: Trouble) {
    for server in Server::ALL {
        check_on(server, fault, classes, trouble).await;
    }
}

async fn check_on(server: Server, fault: Fault, classes: &[&str], trouble: Trouble) {
    let wants = Wants { broker: false, disk: fault == Fault::DiskFull };
    let Some(site) = Site::start(server, wants).await else { return };
    let stage = Stage::start(Arc::new(site), Cast::of(1)).await;
    if !stage.ground.allows(fault).await {
        eprintln!("LEFT OUT: {} on {}: not on this machine", fault.name(), server.name());
        return;
    }
    let instance = &stage.ground.instances[0];
    let context = format!("{} on {}", fault.name(), server.name());
    stage.until_rows_flow("the start").await;
    until("readiness", async || instance.get("/readyz").is_some_and(|(code, _)| code == 200)).await;
    let rebalances = || instance.metric("sluicegate_consume_rebalances_total");
    let rebalances_before = rebalances();

    let mut injected = stage.ground.inject(fault, &mut Chance::new(1)).await;
    if fault == Fault::IdleTimeout {
        until("idle connections ended", async || stage.ground.site.connections().await.is_empty())
            .await;
        stage.ground.heal(&mut injected).await;
    }
    let is_counted = || {
        let retries = stage.watch.seen().retries;
        classes.iter().any(|&class| retries.get(class).is_some_and(|count| *count > 0))
    };
    until(&format!("{context}: a retry of class {classes:?}"), async || is_counted()).await;
    if trouble == Trouble::Lasts {
        let is_reason =
            |body: &str| classes.iter().any(|class| body.starts_with(&format!("MySQL: {class}")));
        let says_so = || {
            let answer = instance.get("/readyz");
            answer.is_some_and(|(code, body)| code == 503 && is_reason(&body))
        };
        until(&format!("{context}: /readyz says {classes:?}"), async || says_so()).await;
    }
    if fault == Fault::ServerFrozen {
        tokio::time::sleep(POLL_INTERVAL_MAX + Duration::from_secs(2)).await;
    }
    if fault != Fault::IdleTimeout {
        stage.ground.heal(&mut injected).await;
    }
    until(&format!("{context}: ready again"), async || {
        instance.get("/readyz").is_some_and(|(code, _)| code == 200)
    })
    .await;
    stage.until_rows_flow(&context).await;

    assert_eq!(rebalances(), rebalances_before, "{context}: it stays in its group");
    let log = instance.log_text();
    let is_said = classes.iter().any(|class| log.contains(&format!(r#""class":"{class}""#)));
    assert!(is_said && log.contains("works again"), "{context}: {log}");
    stage.end().await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed() {
    check(Fault::ServerKilled, &["connection"], Trouble::Lasts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped() {
    check(Fault::ServerStopped, &["connection"], Trouble::Lasts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen() {
    check(Fault::ServerFrozen, &["connection"], Trouble::Lasts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only() {
    check(Fault::ServerReadOnly, &["outage"], Trouble::Lasts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_killed() {
    check(Fault::ConnectionsKilled, &["connection"], Trouble::Passes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_timeout_while_idle() {
    check(Fault::IdleTimeout, &["connection"], Trouble::Passes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deadlocks() {
    check(Fault::Deadlock, &["contention"], Trouble::Passes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lock_wait_timeout() {
    check(Fault::LockWaitTimeout, &["contention"], Trouble::Lasts).await;
}

/// The server lets a statement wait for a table as long as it takes; sluicegate does not.
#[tokio::test(flavor = "multi_thread")]
async fn table_locked() {
    check(Fault::TableLocked, &["contention"], Trouble::Lasts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn global_read_lock() {
    check(Fault::GlobalReadLock, &["contention"], Trouble::Lasts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn max_allowed_packet_lowered() {
    check(Fault::PacketLowered, &["connection"], Trouble::Passes).await;
}

/// The server says so, or does not answer, or gives up.
#[tokio::test(flavor = "multi_thread")]
async fn disk_full() {
    check(Fault::DiskFull, &["outage", "connection"], Trouble::Lasts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grant_revoked() {
    check(Fault::GrantRevoked, &["grant"], Trouble::Lasts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn column_missing() {
    check(Fault::ColumnMissing, &["schema"], Trouble::Lasts).await;
}

/// The server refuses a value, but it is the table that is at fault.
#[tokio::test(flavor = "multi_thread")]
async fn column_narrower() {
    check(Fault::ColumnNarrower, &["schema"], Trouble::Lasts).await;
}

/// No row gets another one's values; the batch waits until there are numbers again.
#[tokio::test(flavor = "multi_thread")]
async fn ids_run_out() {
    check(Fault::IdsRunOut, &["schema"], Trouble::Lasts).await;
}
