//! A flat log, told twice now and then: `visits.toml`.

use super::{DAY_MS, FAULTY, Sent, Table, chance, on_that_day, sent};
use rdkafka::message::Header;
use serde_json::json;
use testkit::Row;

pub(super) const TOPIC: &str = "visits";
const CLIENTS: usize = 200;

pub(super) struct Visit {
    number: u64,
    client: String,
    kind: &'static str,
    method: &'static str,
    ms: u64,
    status: usize,
    bytes: Option<usize>,
    is_faulty: bool,
}

impl Visit {
    pub(super) fn of(seed: u64, number: u64) -> Self {
        let mut chance = chance(seed, number);
        Self {
            number,
            client: format!("10.0.0.{}", chance.below(CLIENTS)),
            kind: *chance.pick(&["page", "page", "api"]),
            method: *chance.pick(&["GET", "GET", "POST"]),
            ms: number * 7 + chance.draw() % 5_000,
            status: 200 + chance.below(300),
            bytes: (!chance.once_in(4)).then(|| chance.below(1_000_000)),
            is_faulty: chance.once_in(FAULTY),
        }
    }

    /// As it is told in a step: a secret of it differs each time.
    pub(super) fn message(&self, step: u64) -> Sent {
        let Self { number, client, method, ms, status, .. } = self;
        let (at, bytes) = (DAY_MS + ms, self.bytes_text());
        let at = format!("{}.{:03}", at / 1_000, at % 1_000);
        let end = if self.is_faulty { "" } else { "}" };
        let value = format!(
            r#"{{"visit":{number},"session":"s-{step}","at":{at},"client":"{client}","method":"{method}","status":"{status}","bytes":"{bytes}"{end}"#
        );
        let sent = sent(TOPIC, *number, client, Some(value), self.is_faulty);
        let headers = sent.headers.insert(Header { key: "Kind", value: Some(self.kind) });
        Sent { headers, ..sent }
    }

    fn bytes_text(&self) -> String {
        self.bytes.map_or("-".to_owned(), |bytes| bytes.to_string())
    }

    fn row(&self) -> Row {
        let Self { number, client, kind, method, ms, status, bytes, .. } = self;
        let row = json!({
            "client": client,
            "event_timestamp": on_that_day(*ms),
            "visit": number,
            "event_type": format!("{kind}.{method}"),
        });
        let more = match *kind {
            "page" => json!({"status": status, "bytes": bytes}),
            _ => json!({"message": {
                "visit": number,
                "at": (DAY_MS + ms) as f64 / 1_000.0,
                "client": client,
                "method": method,
                "status": status.to_string(),
                "bytes": self.bytes_text(),
            }}),
        };
        [row, more].iter().flat_map(|part| part.as_object().unwrap().clone()).collect()
    }
}

pub(super) fn tables(visits: impl Iterator<Item = Visit>) -> Vec<Table> {
    let valid = visits.filter(|visit| !visit.is_faulty);
    let (pages, others): (Vec<Visit>, Vec<Visit>) = valid.partition(|visit| visit.kind == "page");
    let table = |name, visits: Vec<Visit>| Table {
        name,
        keys: &["visit"],
        rows: visits.iter().map(Visit::row).collect(),
    };
    vec![table("page_visits", pages), table("other_visits", others)]
}
