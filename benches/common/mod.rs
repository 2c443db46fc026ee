//! What the benches share: events of loadgen, and the stages to run on them.

use loadgen::{Generator, Plan};
use sluicegate::buffer::Batch;
use sluicegate::decode::Decoder;
use sluicegate::flatten::Flattener;
use sluicegate::flush::statement::{StaleLines, StatementLimits, Statements};
use sluicegate::mapping::Mapping;
use std::hint::black_box;
use std::sync::Arc;

/// Events of one batch: about as many as with the default limits.
pub(crate) const EVENTS: u64 = 5_000;
pub(crate) const MIXES: [&str; 3] = ["realistic", "logins", "lifecycle"];
const SEED: u64 = 1;
/// The defaults.
const LIMITS: StatementLimits = StatementLimits { rows: 500, bytes: 256 * 1024 };

pub(crate) struct Events {
    pub(crate) messages: Vec<(String, Vec<u8>)>,
}

impl Events {
    pub(crate) fn of(mix: &str) -> Self {
        let mix = mix.parse().unwrap();
        let plan = Plan { seed: SEED, events: EVENTS, mix, ..Plan::default() };
        let messages =
            Generator::new(plan).map(|m| (m.topic.into_owned(), m.value.unwrap())).collect();
        Self { messages }
    }

    /// Bytes → tape and envelope.
    pub(crate) fn decode(&self, decoder: &mut Decoder) {
        for (topic, message) in &self.messages {
            let data = decoder.decode(message, |document| document.envelope(topic).unwrap().data);
            black_box(data.unwrap());
        }
    }

    /// The same, and tape → columns, folding included.
    pub(crate) fn load(&self, flattener: &mut Flattener, batch: &mut Batch) {
        batch.clear();
        for (offset, (topic, message)) in (0_i64..).zip(&self.messages) {
            flattener.load_value(topic, message, batch).unwrap();
            batch.cover(0, offset, None);
        }
        assert_eq!(batch.messages(), self.messages.len());
    }
}

pub(crate) fn mapping() -> Arc<Mapping> {
    Arc::new(Mapping::built_in().unwrap())
}

/// Columns → statement text: writes every statement of a batch and returns their bytes.
pub(crate) fn write_all(
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
        while from < order.len() {
            from = statements.upsert((id, table), rows, &order, from, LIMITS, text);
            bytes += text.len();
        }
    }
    let key_names = mapping.key_names();
    let stale_lines = StaleLines::all(mapping, &key_names);
    let looks = stale_lines.flat_map(|stale| stale.look(batch, 0..usize::MAX));
    bytes += looks.map(|text| text.len()).sum::<usize>();
    bytes
}
