//! Any permutation, repetition and batching of the same messages, written by any number of
//! writers at once, gives the same tables: those of the reference fold.

use loadgen::{Generator, Mix, Plan as Wanted};
use sluicegate::buffer::Batch;
use sluicegate::dead_letter::DeadLetter;
use sluicegate::flatten::{Faulty, Flattener};
use sluicegate::flush::WriterMetrics;
use sluicegate::flush::statement::{StatementLimits, Statements};
use sluicegate::flush::{Plan, Writer};
use sluicegate::health::Health;
use sluicegate::mapping::Mapping;
use sluicegate::mysql::retry::Backoff;
use sluicegate::mysql::{ServerFacts, server_facts};
use sluicegate::offsets::Origin;
use sqlx::{AssertSqlSafe, Executor};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use testkit::fold::{self, Input, Verdict};
use testkit::{Chance, Server, World, environment};

testkit::on_both_servers!(any_order_and_batching_gives_the_same_tables);

/// How many cases each server gets; `SLUICEGATE_PROPERTY_CASES` says otherwise.
const CASES: u64 = 30;
/// `SLUICEGATE_PROPERTY_SEED` says otherwise: the seed of the first case.
const SEED: u64 = 1;

/// A message in its topic.
type Message = (String, Vec<u8>);

async fn any_order_and_batching_gives_the_same_tables(server: Server) {
    let Some(world) = World::new(server) else { return };
    world.migrate_built_in().await;
    let facts = server_facts(&mut world.connect().await).await.unwrap();
    let first = environment::number("SLUICEGATE_PROPERTY_SEED").unwrap_or(SEED);
    let cases = environment::number("SLUICEGATE_PROPERTY_CASES").unwrap_or(CASES);
    for seed in first..first + cases {
        case(&world, &facts, seed).await;
    }
    world.end().await;
}

async fn case(world: &World, facts: &ServerFacts, seed: u64) {
    let context = format!("SLUICEGATE_PROPERTY_SEED={seed}");
    let mut chance = Chance::new(seed);
    let messages = messages(seed, &mut chance);
    let inputs = messages.iter().map(|(topic, value)| Input { topic, value: Some(value) });
    let expected = fold::fold(inputs, facts.json_limits().depth);

    empty(world).await;
    let mapping = Arc::new(Mapping::built_in().unwrap());
    let batches = batches(&context, &mapping, facts, &messages, &expected.verdicts, &mut chance);
    write(world, &mapping, facts, batches, &mut chance).await;

    world.assert_tables(&context, &expected.tables).await;
    let dead = expected.verdicts.iter().filter(|verdict| **verdict == Verdict::Dead).count();
    let letters = usize::try_from(world.count("dead_letters").await).unwrap();
    assert_eq!(letters, dead, "{context}: dead letters");
}

/// Events of few entities, rivals, and poison; shuffled, some of them twice or three times.
fn messages(seed: u64, chance: &mut Chance) -> Vec<Message> {
    let wanted = Wanted {
        seed,
        events: 20 + chance.below(120) as u64,
        mix: if chance.below(4) == 0 { Mix::Realistic } else { Mix::Lifecycle },
        poison: 0.05,
        ..Wanted::default()
    };
    let mut messages: Vec<Message> = Generator::new(wanted)
        .filter_map(|message| Some((message.topic.into_owned(), message.value?)))
        .chain(rivals(chance))
        .collect();
    for _ in 0..messages.len() / 3 {
        let again = chance.pick(&messages).clone();
        messages.push(again);
    }
    chance.shuffle(&mut messages);
    messages
}

/// Orders that are created twice, with other lines each time, and changes at the very times of
/// their creations: whichever comes first, the newest one's lines and columns must remain.
fn rivals(chance: &mut Chance) -> Vec<Message> {
    let mut rivals = Vec::new();
    for order in 0..4 {
        for creation in 0..2 {
            let lines = vec![r#"{"quantity":2,"final_price_cents":5}"#; chance.below(4)].join(",");
            rivals.push(event(
                "order.created",
                &format!("c{creation}"),
                chance.below(3),
                order,
                &format!(
                    r#"{{"order_number":"n{creation}","status":"s{creation}","items":[{lines}]}}"#
                ),
            ));
        }
        let change = *chance.pick(&["order.cancelled", "order.completed", "order.noted"]);
        rivals.push(event(change, "b", chance.below(3), order, "{}"));
        rivals.push(event("order.completed", "d", chance.below(3), order, r#"{"status":"paid"}"#));
    }
    rivals
}

fn event(event_type: &str, event_id: &str, second: usize, order: usize, data: &str) -> Message {
    // An id names one event, so it holds all that may differ.
    let value = format!(
        r#"{{"event_type":"{event_type}","event_id":"{event_id}-{order}-{second}","timestamp":"2025-01-06T00:00:0{second}Z","entity_id":"rival{order}","data":{data}}}"#
    );
    ("order".to_owned(), value.into_bytes())
}

/// The messages in batches of chance sizes; each verdict is the reference's.
fn batches(
    context: &str,
    mapping: &Arc<Mapping>,
    facts: &ServerFacts,
    messages: &[Message],
    verdicts: &[Verdict],
    chance: &mut Chance,
) -> VecDeque<Batch> {
    let mut flattener = Flattener::new(Arc::clone(mapping), facts.json_limits());
    let mut batches = VecDeque::from([Batch::new(mapping)]);
    let longest = *chance.pick(&[1, 5, 30, 1_000]);
    let mut left = 1 + chance.below(longest);
    for (offset, ((topic, value), verdict)) in (0_i64..).zip(messages.iter().zip(verdicts)) {
        if left == 0 {
            batches.push_back(Batch::new(mapping));
            left = 1 + chance.below(longest);
        }
        left -= 1;
        let batch = batches.back_mut().unwrap();
        let loaded = flattener.load_value(topic, value, batch);
        let text = String::from_utf8_lossy(value);
        assert_eq!(loaded.is_ok(), *verdict == Verdict::Loaded, "{context}: {topic} {text}");
        if let Err(faulty) = loaded {
            batch.push_dead_letter(letter(topic, (0, offset), value, *faulty));
        }
        batch.cover(0, offset, None);
    }
    batches
}

pub(super) fn letter(
    topic: &str,
    (partition, offset): (i32, i64),
    value: &[u8],
    faulty: Faulty,
) -> DeadLetter {
    DeadLetter {
        topic: topic.into(),
        partition,
        offset,
        origin: Origin::default(),
        headers: BTreeMap::new(),
        key: None,
        payload_bytes: value.len(),
        payload_cut: false,
        payload: faulty.payload,
        event_type: faulty.identity.event_type,
        event_id: faulty.identity.event_id,
        reject: faulty.reject,
        kafka_timestamp: Some(0),
        dead_at: 0,
    }
}

/// Hands the batches, in no order, to one to three writers that work at the same time.
pub(super) async fn write(
    world: &World,
    mapping: &Arc<Mapping>,
    facts: &ServerFacts,
    mut batches: VecDeque<Batch>,
    chance: &mut Chance,
) {
    let plan = Arc::new(Plan {
        statements: Statements::new(mapping, facts.dialect),
        limits: StatementLimits { rows: 1 + chance.below(40), bytes: 300 + chance.below(40_000) },
        timeout: Duration::from_secs(60),
        mapping: Arc::clone(mapping),
        key_names: mapping.key_names(),
        greatest_ids: Vec::new(),
    });
    let millisecond = Duration::from_millis(1);
    let backoff = Backoff { first: millisecond, longest: 20 * millisecond };
    let server = Arc::new(world.product_server());
    chance.shuffle(batches.make_contiguous());
    let queue = Arc::new(std::sync::Mutex::new(batches));
    let writers = 0..1 + chance.below(3);
    let tasks: Vec<_> = writers
        .map(|number| {
            let metrics = WriterMetrics::new(Arc::new(Health::default()));
            let mut writer =
                Writer::new(number, Arc::clone(&server), Arc::clone(&plan), backoff, metrics);
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                loop {
                    let next = queue.lock().unwrap().pop_front();
                    let Some(batch) = next else { break };
                    writer.flush(&batch).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Empties every table.
async fn empty(world: &World) {
    let mut connection = world.connect().await;
    connection.execute("START TRANSACTION").await.unwrap();
    let tables = fold::schema::TABLES.iter().copied().chain(["dead_letters"]);
    for table in tables {
        let delete = format!("DELETE FROM `{table}`");
        connection.execute(AssertSqlSafe(delete)).await.unwrap();
    }
    connection.execute("COMMIT").await.unwrap();
}
