//! Writers that change the same orders at once: no deadlocks, and no statement that reads more
//! than the rows it is about, whatever the server's statistics say.

use sluicegate::buffer::Batch;
use sluicegate::flatten::Flattener;
use sluicegate::flush::WriterMetrics;
use sluicegate::flush::statement::{StaleLines, StatementLimits, Statements};
use sluicegate::flush::{Plan, Writer};
use sluicegate::health::Health;
use sluicegate::mapping::Mapping;
use sluicegate::mysql::retry::Backoff;
use sluicegate::mysql::{ServerFacts, server_facts};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row as _};
use std::sync::Arc;
use std::time::Duration;
use testkit::{Chance, OwnServer, Server, World, servers};

testkit::on_both_servers!(
    writers_of_the_same_orders_do_not_deadlock,
    statements_are_lookups_whatever_the_statistics_say
);

const WRITERS: usize = 3;
const BATCHES: usize = 150;
const ORDERS: usize = 30;

fn created(order: usize, version: usize, lines: usize) -> String {
    let items = vec![r#"{"quantity":2,"final_price_cents":5}"#; lines].join(",");
    let second = version % 60;
    format!(
        r#"{{"event_type":"order.created","event_id":"c{version}-{order}","timestamp":"2025-01-06T00:00:{second:02}Z","entity_id":"o{order:05}","data":{{"order_number":"n{version}","status":"s","items":[{items}]}}}}"#
    )
}

fn batch(
    mapping: &Arc<Mapping>,
    facts: &ServerFacts,
    events: impl Iterator<Item = String>,
) -> Batch {
    let mut flattener = Flattener::new(Arc::clone(mapping), facts.json_limits());
    let mut batch = Batch::new(mapping);
    for (offset, event) in (0..).zip(events) {
        assert!(flattener.load_value("order", event.as_bytes(), &mut batch).is_ok(), "{event}");
        batch.cover(0, offset, None);
    }
    batch
}

/// A server of the test's own, since others make deadlocks on purpose.
async fn own(server: Server) -> Option<(World, OwnServer)> {
    let mut world = World::new(server)?;
    let directory = servers::directory("rivals");
    let own = OwnServer::start(server.name(), &directory, |_| {}).await;
    world.url = own.url();
    world.migrate_built_in().await;
    Some((world, own))
}

async fn deadlocks(connection: &mut MySqlConnection, server: Server) -> i64 {
    let query = match server {
        Server::MySql => {
            "SELECT CAST(`COUNT` AS SIGNED) FROM information_schema.INNODB_METRICS WHERE NAME = 'lock_deadlocks'"
        }
        Server::MariaDb => {
            "SELECT CAST(VARIABLE_VALUE AS SIGNED) FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'Innodb_deadlocks'"
        }
    };
    connection.fetch_one(query).await.unwrap().get(0)
}

async fn writers_of_the_same_orders_do_not_deadlock(server: Server) {
    let Some((world, _own)) = own(server).await else { return };
    let mut connection = world.connect().await;
    let facts = server_facts(&mut connection).await.unwrap();
    let mapping = Arc::new(Mapping::built_in().unwrap());
    let plan = Arc::new(Plan {
        key_names: mapping.key_names(),
        greatest_ids: Vec::new(),
        statements: Statements::new(&mapping, facts.dialect),
        limits: StatementLimits { rows: 7, bytes: 100_000 },
        timeout: Duration::from_secs(60),
        mapping: Arc::clone(&mapping),
    });
    let mut chance = Chance::new(1);
    let batches: Vec<Batch> = (0..BATCHES)
        .map(|version| {
            // Some batches bring no lines, only stale ones to delete.
            let lines_max = *chance.pick(&[1, 6]);
            let orders: Vec<usize> = (0..ORDERS).filter(|_| chance.below(3) > 0).collect();
            let events: Vec<String> = orders
                .into_iter()
                .map(|order| created(order, version, chance.below(lines_max)))
                .collect();
            batch(&mapping, &facts, events.into_iter())
        })
        .collect();
    let queue = Arc::new(std::sync::Mutex::new(batches));
    let product = Arc::new(world.product_server());
    let tasks: Vec<_> = (0..WRITERS)
        .map(|number| {
            let metrics = WriterMetrics::new(Arc::new(Health::default()));
            let millisecond = Duration::from_millis(1);
            let backoff = Backoff { first: millisecond, longest: 20 * millisecond };
            let (server, plan) = (Arc::clone(&product), Arc::clone(&plan));
            let mut writer = Writer::new(number, server, plan, backoff, metrics);
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                loop {
                    let next = queue.lock().unwrap().pop();
                    let Some(batch) = next else { break };
                    writer.flush(&batch).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let stale = "SELECT COUNT(*) FROM order_items AS line JOIN orders AS owner USING (order_id) \
             WHERE line.event_id <> owner.event_id";
    let stale: i64 = connection.fetch_one(stale).await.unwrap().get(0);
    assert_eq!(stale, 0, "{}: stale lines", server.name());
    assert_eq!(deadlocks(&mut connection, server).await, 0, "{}", server.name());
}

/// Rows that this session has read by now, one way or another.
async fn reads(connection: &mut MySqlConnection) -> u64 {
    let rows = connection.fetch_all("SHOW SESSION STATUS LIKE 'Handler_read%'").await.unwrap();
    rows.iter()
        .map(|row| String::from_utf8(row.get_unchecked::<Vec<u8>, _>(1)).unwrap())
        .map(|count| count.parse::<u64>().unwrap())
        .sum()
}

/// A new table's statistics say that it has no rows, until they are renewed; a restored one's, too.
async fn statements_are_lookups_whatever_the_statistics_say(server: Server) {
    const STORED: usize = 4_000;
    const LOOKED_AT: usize = 300;
    /// Rows read by an id: its own and its lines, from more than one index.
    const READS_MAX: u64 = 40;
    let Some((world, _own)) = own(server).await else { return };
    let mut connection = world.product_server().connect().await.unwrap();
    for table in ["orders", "order_items", "order_events"] {
        let freeze = format!("ALTER TABLE {table} STATS_PERSISTENT=1, STATS_AUTO_RECALC=0");
        connection.execute(AssertSqlSafe(freeze)).await.unwrap();
        let analyze = format!("ANALYZE TABLE {table}");
        connection.fetch_all(AssertSqlSafe(analyze)).await.unwrap();
    }
    let facts = server_facts(&mut connection).await.unwrap();
    let mapping = Arc::new(Mapping::built_in().unwrap());
    let statements = Statements::new(&mapping, facts.dialect);
    let limits = StatementLimits { rows: 500, bytes: 1_000_000 };
    let stored = batch(&mapping, &facts, (0..STORED).map(|order| created(order, 1, 3)));
    for text in upserts(&statements, &mapping, &stored, limits) {
        connection.execute(AssertSqlSafe(text)).await.unwrap();
    }
    // What the tables' files say, which is what a server knows of a table that it has just opened.
    connection.execute("FLUSH TABLES orders, order_items, order_events").await.unwrap();
    let again = batch(&mapping, &facts, (0..LOOKED_AT).map(|order| created(order * 7, 2, 2)));
    let mut texts = upserts(&statements, &mapping, &again, limits);
    let key_names = mapping.key_names();
    for stale in StaleLines::all(&mapping, &key_names) {
        texts.extend(stale.look(&again, 0..usize::MAX));
        let ids: Vec<String> = (0..LOOKED_AT).map(|order| format!("o{:05}", order * 7)).collect();
        texts.push(stale.delete(&ids));
    }
    assert!(texts.len() >= 5, "{}", texts.len());
    for text in texts {
        let before = reads(&mut connection).await;
        let rows = connection.fetch_all(AssertSqlSafe(text.clone())).await.unwrap();
        // The status itself reads a few rows.
        let read = reads(&mut connection).await - before;
        let head: String = text.chars().take(60).collect();
        assert!(
            read < READS_MAX * LOOKED_AT as u64,
            "{}: {read} rows read by {head}",
            server.name()
        );
        if head.starts_with("SELECT") {
            assert_eq!(rows.len(), LOOKED_AT, "{}: orders with stale lines", server.name());
        }
    }
    let left: i64 = connection
        .fetch_one("SELECT COUNT(*) FROM order_items WHERE order_id = 'o00007'")
        .await
        .unwrap()
        .get(0);
    assert_eq!(left, 2, "{}: the third line is deleted", server.name());
}

fn upserts(
    statements: &Statements,
    mapping: &Mapping,
    batch: &Batch,
    limits: StatementLimits,
) -> Vec<String> {
    let mut texts = Vec::new();
    for table in mapping.tables.iter().enumerate() {
        let rows = batch.rows(table.0);
        let mut order = Vec::new();
        rows.sorted(table.1, &mut order);
        let mut from = 0;
        while from < order.len() {
            let mut text = String::new();
            from = statements.upsert(table, rows, &order, from, limits, &mut text);
            texts.push(text);
        }
    }
    texts
}
