//! `kill -9` at every moment of a life, each followed by a restart, under load.

use super::{assert_loaded, impatient_group};
use loadgen::{Generator, Message, Plan};
use sqlx::{Executor, MySqlConnection, Row};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use testkit::instance::{ASSIGNED, JOINING};
use testkit::kafka::Group;
use testkit::{Chance, DEADLINE, Instance, Server, World, chance, environment};

testkit::on_both_servers!(killed_at_any_moment);

/// `SLUICEGATE_KILLS` says otherwise.
const KILLS: u64 = 12;
/// Messages that come while one instance lives: at so many a second, it is never without work.
const EVENTS_A_LIFE: u64 = 500;
const EVENTS_A_SECOND: f64 = 400.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// Somewhere between its start and its work.
    Starting,
    /// It has partitions, and reads and writes.
    Consuming,
    /// A transaction has ended a moment ago, the next ones are open.
    Flushing,
    /// A transaction has ended, its offsets can hardly be committed.
    Written,
    /// It was told to stop, and drains.
    Stopping,
    /// Another instance joins, and one of them dies.
    Rebalancing,
}

const MOMENTS: [Moment; 6] = [
    Moment::Starting,
    Moment::Consuming,
    Moment::Flushing,
    Moment::Written,
    Moment::Stopping,
    Moment::Rebalancing,
];

/// What is durable: rows of the log tables, of which every event has one, and dead letters.
async fn durable(connection: &mut MySqlConnection) -> i64 {
    let tables = [
        "user_logins",
        "user_events",
        "supplier_logins",
        "supplier_events",
        "order_events",
        "post_events",
        "product_events",
        "promotion_events",
        "community_memberships",
        "community_events",
        "dead_letters",
    ];
    let counts = tables.map(|table| format!("(SELECT COUNT(*) FROM {table})"));
    let sum = format!("SELECT {}", counts.join(" + "));
    connection.fetch_one(sqlx::AssertSqlSafe(sum)).await.unwrap().get(0)
}

/// Waits for the end of the next transaction; false if there is none for a while.
async fn next_write(connection: &mut MySqlConnection) -> bool {
    let before = durable(connection).await;
    let deadline = Instant::now() + Duration::from_secs(3);
    while Instant::now() < deadline {
        if durable(connection).await > before {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    false
}

/// Waits for so many milliseconds at most.
async fn wait(chance: &mut Chance, limit_ms: u64) {
    tokio::time::sleep(chance.milliseconds(0..limit_ms)).await;
}

/// One life and death.
async fn live(
    world: &World,
    moment: Moment,
    chance: &mut Chance,
    connection: &mut MySqlConnection,
) {
    let instance = Instance::start(world);
    if moment == Moment::Starting {
        wait(chance, 500).await;
        instance.kill();
        return;
    }
    instance.says(ASSIGNED).await;
    match moment {
        Moment::Starting => {}
        Moment::Consuming => wait(chance, 400).await,
        Moment::Flushing => {
            next_write(connection).await;
            wait(chance, 20).await;
        }
        Moment::Written => {
            next_write(connection).await;
        }
        Moment::Stopping => {
            wait(chance, 300).await;
            instance.signal("TERM");
            wait(chance, 50).await;
        }
        Moment::Rebalancing => {
            let other = Instance::started(world, JOINING).await;
            wait(chance, 600).await;
            let (dies, stays) =
                if chance.once_in(2) { (instance, other) } else { (other, instance) };
            dies.kill();
            // The one that stays is alone with what both had begun.
            stays.stop();
            return;
        }
    }
    instance.kill();
}

async fn killed_at_any_moment(server: Server) {
    let Some(mut world) = World::migrated(server, 3).await else { return };
    let seed = chance::seed("SLUICEGATE_KILLS_SEED");
    let kills = environment::number("SLUICEGATE_KILLS").unwrap_or(KILLS);
    eprintln!("{}: SLUICEGATE_KILLS={kills} SLUICEGATE_KILLS_SEED={seed}", server.name());
    impatient_group(&mut world);
    world.set("batch.rows", 20).set("batch.age", "20ms");
    let plan = Plan {
        seed,
        events: kills * EVENTS_A_LIFE,
        duplicates: 0.1,
        disorder: 0.1,
        poison: 0.02,
        ..Plan::default()
    };
    let messages: Vec<Message> = Generator::new(plan).collect();
    let lives = messages.chunks(messages.len().div_ceil(usize::try_from(kills).unwrap()));
    let mut chance = Chance::new(seed);
    let mut connection = world.connect().await;
    let group = Group::new(&world);
    let mut moments: BTreeMap<Moment, u32> = BTreeMap::new();
    let (mut with_work_left, mut uncommitted) = (0, 0);
    for (number, load) in lives.enumerate() {
        let moment = MOMENTS[number % MOMENTS.len()];
        let producing = world.stream(load.to_vec(), EVENTS_A_SECOND);
        live(&world, moment, &mut chance, &mut connection).await;
        *moments.entry(moment).or_default() += 1;
        let (end, committed) = group.offsets();
        with_work_left += u32::from(committed < end || !producing.is_finished());
        // Repeated events have one row: there may be more of these deaths than are seen here.
        uncommitted += u32::from(durable(&mut connection).await > committed);
        producing.await.unwrap();
    }
    let deadline = Instant::now() + DEADLINE;
    world.load();
    assert!(Instant::now() < deadline, "the last run has a little to do, and the group is empty");
    eprintln!(
        "{}: killed at {moments:?}; {with_work_left} with messages left, {uncommitted} with rows whose offsets were not committed",
        server.name()
    );
    assert!(with_work_left > 0, "kills that come when all is done prove nothing");
    assert_loaded(&format!("seed {seed}"), &world, &messages).await;
    world.end().await;
}
