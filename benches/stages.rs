//! Every stage alone and all of them together, in memory, on events of several shapes.
//!
//! Reports throughput twice: events a second, and bytes of Kafka messages a second.

#![allow(clippy::unwrap_used)]

mod common;

use common::{EVENTS, Events, MIXES, write_all};
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use sluicegate::buffer::Batch;
use sluicegate::decode::Decoder;
use sluicegate::flatten::Flattener;
use sluicegate::flush::statement::Statements;
use sluicegate::mysql::Dialect;
use sluicegate::mysql::JsonLimits;
use std::hint::black_box;
use std::sync::Arc;

/// Benches `run`, which takes all events of a mix, in units of events and in units of bytes.
fn bench(
    group: &mut BenchmarkGroup<'_, WallTime>,
    mix: &str,
    events: &Events,
    mut run: impl FnMut(&Events),
) {
    let bytes = events.values().map(|(_, value)| value.len() as u64).sum();
    for (unit, throughput) in
        [("events", Throughput::Elements(EVENTS)), ("bytes", Throughput::Bytes(bytes))]
    {
        group.throughput(throughput);
        group.bench_function(BenchmarkId::new(mix, unit), |b| b.iter(|| run(events)));
    }
}

/// Bytes → tape and envelope.
fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    let mut decoder = Decoder::default();
    for mix in MIXES {
        bench(&mut group, mix, &Events::of(mix), |events| events.decode(&mut decoder));
    }
}

/// The same, and tape → columns, folding included.
fn flatten(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode_flatten");
    for mix in MIXES {
        let events = Events::of(mix);
        let (mut flattener, mut batch) = empty(&events);
        bench(&mut group, mix, &events, |events| events.load(&mut flattener, &mut batch));
    }
}

/// The order of a sealed batch's rows.
fn buffer(c: &mut Criterion) {
    let mut group = c.benchmark_group("buffer_sort");
    let mut order = Vec::new();
    for mix in MIXES {
        let events = Events::of(mix);
        let (mut flattener, mut batch) = empty(&events);
        events.load(&mut flattener, &mut batch);
        bench(&mut group, mix, &events, |events| {
            for (id, table) in events.mapping.tables.iter().enumerate() {
                batch.rows(id).sorted(table, &mut order);
                black_box(&order);
            }
        });
    }
}

/// Columns → statement text.
fn statement(c: &mut Criterion) {
    let mut group = c.benchmark_group("statement_text");
    let mut text = String::new();
    for mix in MIXES {
        let events = Events::of(mix);
        let statements = Statements::new(&events.mapping, Dialect::MySql);
        let (mut flattener, mut batch) = empty(&events);
        events.load(&mut flattener, &mut batch);
        bench(&mut group, mix, &events, |events| {
            black_box(write_all(&events.mapping, &statements, &batch, &mut text));
        });
    }
}

/// From bytes to the text of every statement: everything that the process does except IO.
fn pipeline(c: &mut Criterion) {
    let mut group = c.benchmark_group("pipeline");
    let mut text = String::new();
    for mix in MIXES {
        let events = Events::of(mix);
        let statements = Statements::new(&events.mapping, Dialect::MySql);
        let (mut flattener, mut batch) = empty(&events);
        bench(&mut group, mix, &events, |events| {
            events.load(&mut flattener, &mut batch);
            black_box(write_all(&events.mapping, &statements, &batch, &mut text));
        });
    }
}

/// A flattener for these events, and a batch for their rows.
fn empty(events: &Events) -> (Flattener, Batch) {
    let flattener = Flattener::new(Arc::clone(&events.mapping), JsonLimits::MYSQL);
    (flattener, Batch::new(&events.mapping))
}

criterion_group!(benches, decode, flatten, buffer, statement, pipeline);
criterion_main!(benches);
