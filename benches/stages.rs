//! Every stage alone and all of them together, in memory, on the events of loadgen.
//!
//! Throughput is given twice: events a second, and bytes of Kafka messages a second.

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use loadgen::{Generator, Mix, Plan};
use sluicegate::buffer::Batch;
use sluicegate::decode::Decoder;
use sluicegate::flatten::{Flattener, JsonLimits};
use sluicegate::flush::Dialect;
use sluicegate::flush::statement::{StaleLines, StatementLimits, Statements};
use sluicegate::mapping::Mapping;
use std::hint::black_box;
use std::sync::Arc;

/// Events of one batch, about as many as the default limits seal.
const EVENTS: u64 = 5_000;
const SEED: u64 = 1;
const LIMITS: StatementLimits = StatementLimits { rows: 2_000, bytes: 1024 * 1024 };

struct Events {
    name: &'static str,
    messages: Vec<(String, Vec<u8>)>,
    bytes: u64,
}

impl Events {
    fn all() -> [Self; 3] {
        [
            Self::of("realistic", Mix::Realistic),
            Self::of("logins", Mix::Logins),
            Self::of("lifecycle", Mix::Lifecycle),
        ]
    }

    fn of(name: &'static str, mix: Mix) -> Self {
        let plan = Plan { seed: SEED, events: EVENTS, mix, ..Plan::default() };
        let messages: Vec<_> =
            Generator::new(plan).map(|m| (m.topic.into_owned(), m.value.unwrap())).collect();
        let bytes = messages.iter().map(|(_, value)| value.len() as u64).sum();
        Self { name, messages, bytes }
    }

    /// Benches `run` in units of events and in units of bytes.
    fn bench(&self, group: &mut BenchmarkGroup<'_, WallTime>, mut run: impl FnMut(&Self)) {
        for (unit, throughput) in
            [("events", Throughput::Elements(EVENTS)), ("bytes", Throughput::Bytes(self.bytes))]
        {
            group.throughput(throughput);
            group.bench_function(BenchmarkId::new(self.name, unit), |b| b.iter(|| run(self)));
        }
    }

    fn load(&self, flattener: &mut Flattener, batch: &mut Batch) {
        batch.clear();
        for (offset, (topic, message)) in (0_i64..).zip(&self.messages) {
            flattener.load(topic, message, batch).unwrap();
            batch.cover(0, offset);
        }
        assert_eq!(batch.messages(), self.messages.len());
    }
}

fn mapping() -> Arc<Mapping> {
    Arc::new(Mapping::built_in().unwrap())
}

/// Bytes → tape and envelope.
fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    let mut decoder = Decoder::default();
    for events in Events::all() {
        events.bench(&mut group, |events| {
            for (topic, message) in &events.messages {
                let data =
                    decoder.decode(message, |document| document.envelope(topic).unwrap().data);
                black_box(data.unwrap());
            }
        });
    }
}

/// The same, and tape → columns, folding included.
fn flatten(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode_flatten");
    let mapping = mapping();
    let mut batch = Batch::new(&mapping);
    let mut flattener = Flattener::new(Arc::clone(&mapping), JsonLimits::MYSQL);
    for events in Events::all() {
        events.bench(&mut group, |events| events.load(&mut flattener, &mut batch));
    }
}

/// The order of a sealed batch's rows.
fn buffer(c: &mut Criterion) {
    let mut group = c.benchmark_group("buffer_sort");
    let mapping = mapping();
    let mut order = Vec::new();
    for events in Events::all() {
        let mut batch = Batch::new(&mapping);
        let mut flattener = Flattener::new(Arc::clone(&mapping), JsonLimits::MYSQL);
        events.load(&mut flattener, &mut batch);
        events.bench(&mut group, |_| {
            for (id, table) in mapping.tables.iter().enumerate() {
                batch.rows(id).sorted(table, &mut order);
                black_box(&order);
            }
        });
    }
}

/// Columns → statement text.
fn statement(c: &mut Criterion) {
    let mut group = c.benchmark_group("statement_text");
    let mapping = mapping();
    let statements = Statements::new(&mapping, Dialect::MySql);
    let mut text = String::new();
    for events in Events::all() {
        let mut batch = Batch::new(&mapping);
        let mut flattener = Flattener::new(Arc::clone(&mapping), JsonLimits::MYSQL);
        events.load(&mut flattener, &mut batch);
        events.bench(&mut group, |_| {
            black_box(write_all(&mapping, &statements, &batch, &mut text));
        });
    }
}

/// From bytes to the text of every statement: all that the process does but for the IO.
fn pipeline(c: &mut Criterion) {
    let mut group = c.benchmark_group("pipeline");
    let mapping = mapping();
    let statements = Statements::new(&mapping, Dialect::MySql);
    let mut flattener = Flattener::new(Arc::clone(&mapping), JsonLimits::MYSQL);
    let mut batch = Batch::new(&mapping);
    let mut text = String::new();
    for events in Events::all() {
        events.bench(&mut group, |events| {
            events.load(&mut flattener, &mut batch);
            black_box(write_all(&mapping, &statements, &batch, &mut text));
        });
    }
}

/// Writes every statement of a batch and gives their bytes.
fn write_all(
    mapping: &Mapping,
    statements: &Statements,
    batch: &Batch,
    text: &mut String,
) -> usize {
    let mut bytes = 0;
    let mut order = Vec::new();
    for (id, table) in mapping.tables.iter().enumerate() {
        let rows = batch.rows(id);
        rows.sorted(table, &mut order);
        let mut from = 0;
        while from < rows.len() {
            from = statements.upsert((id, table), rows, &order, from, LIMITS, text);
            bytes += text.len();
        }
    }
    let looks = StaleLines::all(mapping).flat_map(|stale| stale.look(batch));
    bytes += looks.map(|text| text.len()).sum::<usize>();
    bytes
}

criterion_group!(benches, decode, flatten, buffer, statement, pipeline);
criterion_main!(benches);
