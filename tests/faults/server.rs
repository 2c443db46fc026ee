//! One kind of trouble with the database server at a time, on MySQL and MariaDB: it is waited out,
//! said so, counted under its class, and no message is blamed for it.

use crate::fault::Fault;
use crate::own_servers::{POLL_INTERVAL_MAX, Servers, Wants};
use crate::run::{Run, Setup};
use std::sync::Arc;
use std::time::Duration;
use testkit::{Chance, Server, until};

testkit::on_both_servers!(
    killed,
    stopped,
    frozen,
    read_only,
    connections_killed,
    wait_timeout_while_idle,
    deadlocks,
    lock_wait_timeout,
    table_locked,
    global_read_lock,
    max_allowed_packet_lowered,
    disk_full,
    grant_revoked,
    column_missing,
    column_narrower,
    ids_run_out,
);

/// Whether the trouble lasts until it is healed, so that `/readyz` can be asked meanwhile.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    Lasts,
    Passes,
}

/// It is counted under one of `classes`.
async fn check(server: Server, fault: Fault, classes: &[&str], trouble: Trouble) {
    let wants = Wants { disk: fault == Fault::DiskFull, ..Wants::default() };
    let Some(servers) = Servers::start(server, wants).await else { return };
    let run = Run::start(Arc::new(servers), Setup::of(1)).await;
    if !run.injector.allows(fault).await {
        eprintln!("LEFT OUT: {} on {}: not on this machine", fault.name(), server.name());
        return;
    }
    let service = &run.injector.services[0];
    let context = format!("{} on {}", fault.name(), server.name());
    run.until_rows_flow("the start").await;
    until(|| "readiness".to_owned(), async || service.is_ready()).await;
    let rebalances = || service.metric("sluicegate_consume_rebalances_total");
    let rebalances_before = rebalances();

    let mut injected = run.injector.inject(fault, &mut Chance::new(1)).await;
    if fault == Fault::IdleTimeout {
        let what = || "idle connections that have ended".to_owned();
        until(what, async || run.injector.servers.connections().await.is_empty()).await;
        run.injector.heal(&mut injected).await;
    }
    let is_counted = || {
        let retries = run.watch.seen().retries;
        classes.iter().any(|&class| retries.get(class).is_some_and(|count| *count > 0))
    };
    until(|| format!("{context}: a retry of class {classes:?}"), async || is_counted()).await;
    if trouble == Trouble::Lasts {
        let is_reason =
            |body: &str| classes.iter().any(|class| body.starts_with(&format!("MySQL: {class}")));
        let says_so = || {
            let answer = service.get("/readyz");
            answer.is_some_and(|answer| answer.status == 503 && is_reason(answer.body()))
        };
        until(|| format!("{context}: /readyz says {classes:?}"), async || says_so()).await;
    }
    if fault == Fault::ServerFrozen {
        tokio::time::sleep(POLL_INTERVAL_MAX + Duration::from_secs(2)).await;
    }
    if fault != Fault::IdleTimeout {
        run.injector.heal(&mut injected).await;
    }
    until(|| format!("{context}: ready again"), async || service.is_ready()).await;
    run.until_rows_flow(&context).await;

    assert_eq!(rebalances(), rebalances_before, "{context}: it stays in its group");
    let log = service.log_text();
    let is_said = classes.iter().any(|class| log.contains(&format!(r#""class":"{class}""#)));
    assert!(is_said && log.contains("flush: recovered"), "{context}: {log}");
    run.end().await.assert();
}

async fn killed(server: Server) {
    check(server, Fault::ServerKilled, &["connection"], Trouble::Lasts).await;
}

async fn stopped(server: Server) {
    check(server, Fault::ServerStopped, &["connection"], Trouble::Lasts).await;
}

async fn frozen(server: Server) {
    check(server, Fault::ServerFrozen, &["connection"], Trouble::Lasts).await;
}

async fn read_only(server: Server) {
    check(server, Fault::ServerReadOnly, &["outage"], Trouble::Lasts).await;
}

async fn connections_killed(server: Server) {
    check(server, Fault::ConnectionsKilled, &["connection"], Trouble::Passes).await;
}

async fn wait_timeout_while_idle(server: Server) {
    check(server, Fault::IdleTimeout, &["connection"], Trouble::Passes).await;
}

async fn deadlocks(server: Server) {
    check(server, Fault::Deadlock, &["contention"], Trouble::Passes).await;
}

async fn lock_wait_timeout(server: Server) {
    check(server, Fault::LockWaitTimeout, &["contention"], Trouble::Lasts).await;
}

/// The server lets a statement wait for a table as long as it takes; sluicegate does not.
async fn table_locked(server: Server) {
    check(server, Fault::TableLocked, &["contention"], Trouble::Lasts).await;
}

async fn global_read_lock(server: Server) {
    check(server, Fault::GlobalReadLock, &["contention"], Trouble::Lasts).await;
}

async fn max_allowed_packet_lowered(server: Server) {
    check(server, Fault::PacketLowered, &["connection"], Trouble::Passes).await;
}

/// The server says so, or does not answer, or gives up.
async fn disk_full(server: Server) {
    check(server, Fault::DiskFull, &["outage", "connection"], Trouble::Lasts).await;
}

async fn grant_revoked(server: Server) {
    check(server, Fault::GrantRevoked, &["grant"], Trouble::Lasts).await;
}

async fn column_missing(server: Server) {
    check(server, Fault::ColumnMissing, &["schema"], Trouble::Lasts).await;
}

/// The server refuses a value, but it is the table that is at fault.
async fn column_narrower(server: Server) {
    check(server, Fault::ColumnNarrower, &["schema"], Trouble::Lasts).await;
}

/// No row gets another one's values; the batch waits until there are numbers again.
async fn ids_run_out(server: Server) {
    check(server, Fault::IdsRunOut, &["schema"], Trouble::Lasts).await;
}
