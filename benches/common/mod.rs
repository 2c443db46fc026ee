//! What the benches share: events, the mappings that take them, and the stages to run on them.

mod shapes;

use loadgen::{Generator, Plan};
use sluicegate::buffer::Batch;
use sluicegate::decode::Decoder;
use sluicegate::flatten::Flattener;
use sluicegate::flush::statement::{StaleLines, StatementLimits, Statements};
use sluicegate::mapping::{Envelope, Mapping};
use sluicegate::message::Message;
use std::hint::black_box;
use std::sync::Arc;

/// Events of one batch: about as many as with the default limits.
pub(crate) const EVENTS: u64 = 5_000;
/// Three of loadgen's, and three with envelopes of their own: the logins again, with the contract's envelope
/// declared; flat messages; change data capture.
pub(crate) const MIXES: [&str; 6] = ["realistic", "logins", "lifecycle", "declared", "flat", "cdc"];
const SEED: u64 = 1;
/// The defaults.
const LIMITS: StatementLimits = StatementLimits { rows: 500, bytes: 256 * 1024 };

pub(crate) struct Events {
    pub(crate) mapping: Arc<Mapping>,
    pub(crate) messages: Vec<loadgen::Message>,
}

impl Events {
    pub(crate) fn of(mix: &str) -> Self {
        let (mapping, messages) = match mix {
            "declared" => (shapes::declared_mapping(), generated("logins")),
            "flat" => (shapes::flat_mapping(), shapes::flat(SEED).take(EVENTS as usize).collect()),
            "cdc" => (shapes::cdc_mapping(), shapes::cdc(SEED).take(EVENTS as usize).collect()),
            mix => (Mapping::built_in().unwrap(), generated(mix)),
        };
        Self { mapping: Arc::new(mapping), messages }
    }

    /// Topics and values of the messages.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.messages
            .iter()
            .map(|message| (&*message.topic, message.value.as_deref().unwrap_or_default()))
    }

    /// Bytes → tape, and the contract's envelope; to look for one that is declared is part of flattening.
    pub(crate) fn decode(&self, decoder: &mut Decoder) {
        for (topic, value) in self.values() {
            let is_contract = matches!(self.mapping.topics[topic].envelope, Envelope::Contract);
            let data = decoder.decode(value, |document| match is_contract {
                true => document.envelope(topic).unwrap().data,
                false => document.tape.len(),
            });
            black_box(data.unwrap());
        }
    }

    /// The same, and tape → columns, folding included.
    pub(crate) fn load(&self, flattener: &mut Flattener, batch: &mut Batch) {
        batch.clear();
        for (offset, sent) in (0_i64..).zip(&self.messages) {
            let value = sent.value.as_deref().unwrap_or_default();
            let bare = Message::bare(&sent.topic, value);
            let message = Message { key: sent.key.as_deref(), offset, ..bare };
            flattener.load(&message, &sent.topic, batch).unwrap();
            batch.cover(0, offset, None);
        }
        assert_eq!(batch.messages(), self.messages.len());
    }
}

fn generated(mix: &str) -> Vec<loadgen::Message> {
    let mix = mix.parse().unwrap();
    Generator::new(Plan { seed: SEED, events: EVENTS, mix, ..Plan::default() }).collect()
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
