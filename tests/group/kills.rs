//! `kill -9` at every moment of a life, each followed by a restart, under load.

use crate::group::Group;
use crate::instance::{ASSIGNED, Instance, JOINING};
use crate::support::{DEADLINE, Server, World};
use crate::{assert_tables, impatient_group, migrated};
use loadgen::{Generator, Message, Plan};
use sqlx::{Executor, MySqlConnection, Row};
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

/// SplitMix64: the same moments for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    async fn wait(&mut self, limit_ms: u64) {
        tokio::time::sleep(Duration::from_millis(self.below(limit_ms + 1))).await;
    }
}

fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

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

/// One life and death.
async fn live(
    world: &World,
    moment: Moment,
    chance: &mut Chance,
    connection: &mut MySqlConnection,
) {
    let instance = Instance::start(world);
    if moment == Moment::Starting {
        chance.wait(500).await;
        return instance.kill();
    }
    instance.says(ASSIGNED).await;
    match moment {
        Moment::Starting => {}
        Moment::Consuming => chance.wait(400).await,
        Moment::Flushing => {
            next_write(connection).await;
            chance.wait(20).await;
        }
        Moment::Written => {
            next_write(connection).await;
        }
        Moment::Stopping => {
            chance.wait(300).await;
            instance.signal("TERM");
            chance.wait(50).await;
        }
        Moment::Rebalancing => {
            let other = Instance::started(world, JOINING).await;
            chance.wait(600).await;
            let (dies, stays) =
                if chance.below(2) == 0 { (instance, other) } else { (other, instance) };
            dies.kill();
            // The one that stays is alone with what both had begun.
            stays.leave();
            return;
        }
    }
    instance.kill();
}

async fn check(server: Server) {
    let Some(mut world) = migrated(server, 3).await else { return };
    let seed = from_environment("SLUICEGATE_KILLS_SEED").unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() % 1_000_000
    });
    let kills = from_environment("SLUICEGATE_KILLS").unwrap_or(12);
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
    let mut chance = Chance(seed);
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
    assert_tables(&format!("seed {seed}"), &world, &messages).await;
    world.end().await;
}

#[tokio::test]
async fn mysql() {
    check(Server::MySql).await;
}

#[tokio::test]
async fn mariadb() {
    check(Server::MariaDb).await;
}
