//! Servers that do not take a whole batch in one transaction.

use super::lifecycles;
use loadgen::{Kind, Message, TOPICS};
use sqlx::Executor;
use testkit::{Instance, OwnServer, Server, World, fold, servers, wait_for};

testkit::on_both_servers!(
    a_batch_that_is_too_large_is_written_in_parts,
    a_refused_event_leaves_no_row_in_another_part
);

/// A world on a server of the test's own whose binlog takes so many bytes of a transaction.
async fn own(server: Server, bytes: &str) -> Option<(World, OwnServer)> {
    let mut world = World::new(server)?;
    let directory = servers::directory("transactions");
    let own = OwnServer::start(server.name(), &directory, |command| {
        command.args(["--log-bin=binlog", "--server-id=7", "--binlog-format=ROW"]);
        command.args(["--binlog-cache-size=4096", &format!("--max-binlog-cache-size={bytes}")]);
    })
    .await;
    world.url = own.url();
    Some((world, own))
}

async fn a_batch_that_is_too_large_is_written_in_parts(server: Server) {
    let Some((world, _own)) = own(server, "65536").await else { return };
    world.create_topics(&TOPICS, 1).await;
    let messages = lifecycles(3_000);
    let expected = fold::of(&messages, server).tables;
    world.produce(messages).await;
    let log = Instance::until_end(&world).finish();
    assert!(log.contains("writing smaller ones") && log.contains("1197"), "{log}");
    world.assert_tables("in parts", &expected).await;
}

/// An event that is refused is so as a whole, although other rows of it fit an earlier part.
async fn a_refused_event_leaves_no_row_in_another_part(server: Server) {
    let Some((world, _own)) = own(server, "8192").await else { return };
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
    world.produce((0..100).map(move |order| created(order, order % 10))).await;
    let log = Instance::until_end(&world).finish();
    assert!(log.contains("writing smaller ones"), "{log}");
    for table in ["orders", "order_items", "order_events"] {
        assert_eq!(world.rows(table).await.len(), 90, "{}: {table}", server.name());
    }
    assert_eq!(world.rows("dead_letters").await.len(), 10, "{}", server.name());
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
    let instance = Instance::until_end(&world);
    wait_for("a failure", || instance.log().contains("flush: failed").then_some(()));
    let log = instance.log();
    assert!(log.contains("larger than max_binlog_cache_size; raise it"), "{log}");
    world.admin().await.execute("SET GLOBAL max_binlog_cache_size = 1048576").await.unwrap();
    instance.finish();
    assert_eq!(world.rows("user_events").await.len(), 1);
}
