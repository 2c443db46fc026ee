//! Batches of readings, each a row and perhaps its sensor's newest: `readings.toml`.

use super::{DAY_MS, FAULTY, Sent, Table, chance, on_that_day, sent};
use serde_json::json;
use std::collections::BTreeMap;
use testkit::Row;

pub(super) const TOPIC: &str = "readings";
const SENSORS: usize = 40;
const READINGS_MAX: usize = 6;
/// So many messages have times of the same range, so that many are equal and late.
const WITHIN_MS: u64 = 500;

pub(super) struct Batch {
    number: u64,
    readings: Vec<Reading>,
    /// The number of its faulty element.
    faulty: Option<usize>,
}

struct Reading {
    id: String,
    sensor: String,
    ms: u64,
    hundredths: usize,
}

impl Batch {
    pub(super) fn of(seed: u64, number: u64) -> Self {
        let mut chance = chance(seed, number);
        let len = 1 + chance.below(READINGS_MAX);
        let reading = |element| Reading {
            id: format!("r-{number}-{element}"),
            sensor: format!("sensor-{}", chance.below(SENSORS)),
            ms: number * 2 + chance.draw() % WITHIN_MS,
            hundredths: chance.below(10_000),
        };
        let readings = (1..=len).map(reading).collect();
        let faulty = chance.once_in(FAULTY).then(|| 1 + chance.below(len));
        Self { number, readings, faulty }
    }

    pub(super) fn message(&self) -> Sent {
        let text = |(index, reading): (usize, &Reading)| {
            let Reading { id, sensor, ms, .. } = reading;
            let at = DAY_MS + ms;
            // More than the column takes.
            let more = if self.faulty == Some(index + 1) { "1" } else { "" };
            let celsius = reading.celsius();
            format!(r#"{{"id":"{id}","at":{at},"sensor":"{sensor}","celsius":{more}{celsius}}}"#)
        };
        let texts: Vec<String> = self.readings.iter().enumerate().map(text).collect();
        let value = format!(r#"{{"readings":[{}]}}"#, texts.join(","));
        let key = format!("gateway-{}", self.number % 7);
        let sent = sent(TOPIC, self.number, &key, Some(value), self.faulty.is_some());
        Sent { element: self.faulty.map(|element| (element, self.readings.len())), ..sent }
    }
}

impl Reading {
    /// With two digits before the point, so that a faulty one is above the maximum.
    fn celsius(&self) -> String {
        format!("{}.{:02}", 10 + self.hundredths % 90, self.hundredths / 100)
    }

    fn row(&self) -> Row {
        let row = json!({
            "sensor": self.sensor,
            "event_id": self.id,
            "event_timestamp": on_that_day(self.ms),
            "celsius": self.celsius(),
        });
        row.as_object().unwrap().clone().into_iter().collect()
    }
}

pub(super) fn tables(batches: impl Iterator<Item = Batch>) -> Vec<Table> {
    let valid = batches.filter(|batch| batch.faulty.is_none());
    let readings: Vec<Reading> = valid.flat_map(|batch| batch.readings).collect();
    let mut newest: BTreeMap<&str, &Reading> = BTreeMap::new();
    for reading in &readings {
        let newest = newest.entry(&reading.sensor).or_insert(reading);
        if (reading.ms, &reading.id) > (newest.ms, &newest.id) {
            *newest = reading;
        }
    }
    let sensors = newest.into_values().map(Reading::row).collect();
    vec![
        Table { name: "sensors", keys: &["sensor"], rows: sensors },
        Table {
            name: "readings",
            keys: &["event_id"],
            rows: readings.iter().map(Reading::row).collect(),
        },
    ]
}
