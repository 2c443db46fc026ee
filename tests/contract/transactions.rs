//! Servers that do not take a whole batch in one transaction.

use crate::support::servers::{self, Own};
use crate::support::{DEADLINE, Server, World, assert_table, wait_for};
use crate::{input, lifecycles, reference};
use loadgen::{Kind, Message, TOPICS};
use sqlx::Executor;
use std::path::Path;
use std::process::{Child, Stdio};

/// A world on a server of the test's own whose binlog takes so many bytes of a transaction.
async fn own(server: Server, bytes: &str) -> Option<(World, Own)> {
    let mut world = World::new(server).await?;
    let directory = servers::directory("transactions");
    let own = Own::start(server.name(), &directory, |command| {
        command.args(["--log-bin=binlog", "--server-id=7", "--binlog-format=ROW"]);
        command.args(["--binlog-cache-size=4096", &format!("--max-binlog-cache-size={bytes}")]);
    })
    .await;
    world.url = format!("mysql://sluicegate:sluicegate@127.0.0.1:{}", own.port);
    Some((world, own))
}

/// `run --until-end`, with its log in a file.
pub(crate) fn start(world: &World, log: &Path) -> Child {
    let mut command = world.command();
    command.args(["run", "--until-end"]).stdout(Stdio::null());
    command.stderr(std::fs::File::create(log).unwrap()).spawn().unwrap()
}

/// Waits for the end, which must be a good one, with a deadline: what a server cannot do would be
/// retried forever. Gives the log.
#[track_caller]
pub(crate) fn finish(mut child: Child, log: &Path) -> String {
    let deadline = std::time::Instant::now() + DEADLINE;
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if std::time::Instant::now() > deadline => break None,
            None => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    };
    let _ = child.kill();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(status.is_some_and(|status| status.success()), "{status:?}: {log}");
    log
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_too_large_is_written_in_parts() {
    for server in Server::ALL {
        let Some((world, _own)) = own(server, "65536").await else { continue };
        world.create_topics(&TOPICS, 1).await;
        let messages = lifecycles(3_000);
        let expected = reference::fold(messages.iter().map(input), server.json_depth());
        world.produce(messages).await;
        let log = tempfile::NamedTempFile::new().unwrap();
        let log = finish(start(&world, log.path()), log.path());
        assert!(log.contains("writing smaller ones") && log.contains("1197"), "{log}");
        for (table, rows) in &expected.tables {
            assert_table(server.name(), table, &world.rows(table).await, rows);
        }
    }
}

/// An event that is refused is so as a whole, although other rows of it fit an earlier part.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_event_leaves_no_row_in_another_part() {
    for server in Server::ALL {
        let Some((world, _own)) = own(server, "8192").await else { continue };
        world.create_topics(&["order"], 1).await;
        world.succeed(&["migrate"]);
        let mut connection = world.connect().await;
        let refuse = "ALTER TABLE order_items ADD CONSTRAINT own CHECK (quantity < 9)";
        connection.execute(refuse).await.unwrap();
        let created = |order: usize, quantity: usize| {
            Message {
            topic: "order".into(),
            key: None,
            value: Some(
                format!(
                    r#"{{"event_type":"order.created","event_id":"e{order}","timestamp":"2025-01-06T08:00:00Z","entity_id":"o{order}","data":{{"order_number":"n","note":"{}","items":[{{"quantity":{quantity}}}]}}}}"#,
                    "x".repeat(500)
                )
                .into_bytes(),
            ),
            kind: Kind::Valid,
        }
        };
        world.produce((0..100).map(|order| created(order, order % 10)).collect()).await;
        let log = tempfile::NamedTempFile::new().unwrap();
        let log = finish(start(&world, log.path()), log.path());
        assert!(log.contains("writing smaller ones"), "{log}");
        for table in ["orders", "order_items", "order_events"] {
            assert_eq!(world.rows(table).await.len(), 90, "{}: {table}", server.name());
        }
        assert_eq!(world.rows("dead_letters").await.len(), 10, "{}", server.name());
    }
}

/// What does not fit alone waits, and the sentence names the setting. (MySQL takes a single row of
/// any size.)
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_too_large_alone_waits_for_the_setting() {
    let Some((world, _own)) = own(Server::MariaDb, "16384").await else { return };
    world.create_topics(&["user"], 1).await;
    let noted = format!(
        r#"{{"event_type":"user.noted","event_id":"e","timestamp":"2025-01-06T08:00:00Z","entity_id":"u1","data":{{"note":"{}"}}}}"#,
        "x".repeat(40_000)
    );
    let value = Some(noted.into_bytes());
    world
        .produce(vec![Message { topic: "user".into(), key: None, value, kind: Kind::Valid }])
        .await;
    let log = tempfile::NamedTempFile::new().unwrap();
    let child = start(&world, log.path());
    let said = || std::fs::read_to_string(log.path()).unwrap();
    wait_for("a failure", || said().contains("flush: failed").then_some(()));
    assert!(said().contains("larger than max_binlog_cache_size; raise it"), "{}", said());
    world.admin().await.execute("SET GLOBAL max_binlog_cache_size = 1048576").await.unwrap();
    finish(child, log.path());
    assert_eq!(world.rows("user_events").await.len(), 1);
}
