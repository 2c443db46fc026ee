//! Mapping files that chance makes, on real servers: any order, repetition and batching of the same messages
//! gives the tables of the reference fold. Without servers, `tests/reference/declared.rs` tries many more.

use super::convergence::{letter, write};
use sluicegate::buffer::Batch;
use sluicegate::flatten::Flattener;
use sluicegate::mapping::Mapping;
use sluicegate::migrate::migrate;
use sluicegate::mysql::{ServerFacts, server_facts};
use sqlx::{AssertSqlSafe, Executor, MySqlConnection, Row as _};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use testkit::fold::declared::event::Row;
use testkit::fold::declared::file::File;
use testkit::fold::declared::types::Type;
use testkit::fold::declared::{Message, assert_rows, fold};
use testkit::fuzz::declared::{headers, of_kafka};
use testkit::{Chance, Server, World, environment, invented};

testkit::on_both_servers!(any_mapping_gives_the_tables_of_the_fold);

/// How many mapping files each server gets; `SLUICEGATE_PROPERTY_CASES` says otherwise.
const CASES: u64 = 15;
/// `SLUICEGATE_PROPERTY_SEED` says otherwise: the seed of the first file.
const SEED: u64 = 1;
const MESSAGES: usize = 60;

async fn any_mapping_gives_the_tables_of_the_fold(server: Server) {
    let Some(world) = World::new(server) else { return };
    let first = environment::number("SLUICEGATE_PROPERTY_SEED").unwrap_or(SEED);
    let cases = environment::number("SLUICEGATE_PROPERTY_CASES").unwrap_or(CASES);
    for seed in first..first + cases {
        case(&world, seed).await;
    }
    world.end().await;
}

async fn case(world: &World, seed: u64) {
    let mut chance = Chance::new(seed);
    let text = invented::mapping(&mut chance, &format!("m{seed}_"));
    let context = format!("{}: SLUICEGATE_PROPERTY_SEED={seed}\n{text}", world.server.name());
    let mapping = Arc::new(Mapping::compile([("invented.toml", text.as_str())]).unwrap());
    let made = migrate(&world.product_server(), &mapping).await;
    made.unwrap_or_else(|error| panic!("{context}{error}"));
    let mut connection = world.connect().await;
    let facts = server_facts(&mut connection).await.unwrap();
    let file = File::read(&text);
    let mut messages = invented::messages(&mut chance, &file, MESSAGES);
    chance.shuffle(&mut messages);
    let expected = fold(&file, &messages, facts.json_limits().depth);

    connection.execute("DELETE FROM dead_letters").await.unwrap();
    let batches = batches(&mapping, &facts, &messages, &mut chance);
    write(world, &mapping, &facts, batches, &mut chance).await;

    for (table, types) in file.tables() {
        let found = rows(&mut connection, table, &types).await;
        assert_rows(&context, table, &found, &expected.tables[table]);
    }
    let dead: BTreeSet<_> = messages
        .iter()
        .zip(&expected.outcomes)
        .filter(|(_, outcome)| outcome.is_dead())
        .map(|(message, _)| (&message.topic, message.partition, message.offset))
        .collect();
    let letters = usize::try_from(world.count("dead_letters").await).unwrap();
    assert_eq!(letters, dead.len(), "{context}: dead letters");
}

/// The messages in batches of chance sizes.
fn batches(
    mapping: &Arc<Mapping>,
    facts: &ServerFacts,
    messages: &[Message],
    chance: &mut Chance,
) -> VecDeque<Batch> {
    let mut flattener = Flattener::new(Arc::clone(mapping), facts.json_limits());
    let mut batches = VecDeque::new();
    let longest = *chance.pick(&[1, 7, 30, 1_000]);
    let mut rest = messages;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rest.len().min(1 + chance.below(longest)));
        rest = later;
        let mut batch = Batch::new(mapping);
        for (message, offset) in now.iter().zip(0_i64..) {
            let (headers, place) = (headers(message), (message.partition, message.offset));
            let loaded = flattener.load(&of_kafka(message, &headers), &message.topic, &mut batch);
            if let Err(faulty) = loaded {
                let value = message.value.as_deref().unwrap_or_default();
                batch.push_dead_letter(letter(&message.topic, place, value, *faulty));
            }
            batch.cover(0, offset, None);
        }
        batches.push_back(batch);
    }
    batches
}

/// Every row as the server prints it.
async fn rows(
    connection: &mut MySqlConnection,
    table: &str,
    types: &BTreeMap<String, Type>,
) -> Vec<Row> {
    let columns = types.iter().map(|(name, ty)| match ty {
        Type::Bytes(_) => format!("HEX(`{name}`)"),
        _ => format!("CAST(`{name}` AS CHAR)"),
    });
    let columns: Vec<String> = columns.collect();
    let select = format!("SELECT {} FROM `{table}`", columns.join(", "));
    let rows = connection.fetch_all(AssertSqlSafe(select)).await.unwrap();
    let print = |(at, (name, ty)): (usize, (&String, &Type)), row: &sqlx::mysql::MySqlRow| {
        let bytes: Option<Vec<u8>> = row.get_unchecked(at);
        let text = bytes.map(|bytes| ty.printed(&String::from_utf8(bytes).unwrap()));
        (name.clone(), text)
    };
    rows.iter()
        .map(|row| types.iter().enumerate().map(|column| print(column, row)).collect())
        .collect()
}
