//! SIGTERM: what was read is flushed and committed, and the process ends in time.

use loadgen::{Generator, Message, Plan};
use testkit::instance::done;
use testkit::{Instance, Server, World, fold, tables};

const EVENTS: u64 = 8_000;

testkit::on_both_servers!(sigterm_in_mid_run_leaves_nothing_to_redo);

async fn sigterm_in_mid_run_leaves_nothing_to_redo(server: Server) {
    let Some(mut world) = World::migrated(server, 2).await else { return };
    let messages: Vec<Message> =
        Generator::new(Plan { events: EVENTS, ..Plan::default() }).collect();
    let expected = fold::of(&messages, server).tables;
    world.produce(messages).await;
    // Small batches that stay open: what is in them at the end is lost if it is not flushed.
    world.set("batch.rows", 300).set("batch.age", "1h");
    let mut connection = world.connect().await;
    let mut instance = Instance::start(&world);
    // At once, and not a moment later.
    while tables::count(&mut connection, "user_events").await <= 100 {
        assert!(!instance.has_ended(), "{}", instance.log());
    }
    let log = instance.stop();
    assert!(log.contains("leaving the group"), "{log}");
    // Every row that is there now belongs to a committed offset: the rest adds up exactly.
    let (first, second) = (done(&log, "messages"), done(&world.load(), "messages"));
    assert_eq!(first + second, EVENTS, "no message was done twice");
    world.assert_tables("stopped and started", &expected).await;
    world.end().await;
}
