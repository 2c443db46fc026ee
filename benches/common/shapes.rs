//! Events of other shapes than the contract's, made up here, and the mapping files that take them.

use loadgen::{Kind, Message, Rng, Stream};
use sluicegate::mapping::Mapping;

/// The envelope of the contract, as a file of one's own would declare it, and what comes after it in a file.
const ENVELOPE: &str = "[envelope]\n\
    type = 'event_type'\nid = 'event_id'\ntime = 'timestamp'\nkey = 'entity_id'\ndata = 'data'\n\
    [entity]";
/// Milliseconds since 1970 of the first event.
const FIRST_MS: u64 = 1_767_225_600_000;
const CUSTOMERS: u32 = 1_000;
const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "curl/8.14.1",
];

/// The contract's files for the topics of the logins, with the envelope declared.
pub(super) fn declared_mapping() -> Mapping {
    let files = [
        ("user.toml", include_str!("../../src/domains/user.toml")),
        ("supplier.toml", include_str!("../../src/domains/supplier.toml")),
    ];
    let texts = files.map(|(name, text)| (name, text.replacen("[entity]", ENVELOPE, 1)));
    Mapping::compile(texts.iter().map(|(name, text)| (*name, text.as_str()))).unwrap()
}

/// A request after the other: all values at the top.
pub(super) fn flat(seed: u64) -> impl Iterator<Item = Message> {
    let mut rng = Rng::new(seed, Stream::Tests);
    (0_u64..).map(move |number| {
        let id = format!("{:016x}{:016x}", rng.next(), number);
        let ts = FIRST_MS + number * 7;
        let host = rng.below(20);
        let client = format!("203.0.113.{}", rng.below(256));
        let method = rng.choose(&["GET", "GET", "GET", "POST"]);
        let path = format!("/articles/{}?page={}", rng.below(100_000), rng.below(10));
        let status = rng.choose(&["200", "200", "304", "404"]);
        let bytes = rng.below(100_000);
        let upstream = match rng.one_in(5) {
            true => "-".to_owned(),
            false => format!("0.{:03}", rng.below(1_000)),
        };
        let agent = rng.choose(&AGENTS);
        let value = format!(
            r#"{{"id":"{id}","ts":{ts},"host":"edge-{host}","client":"{client}","method":"{method}","path":"{path}","status":"{status}","bytes":{bytes},"upstream":"{upstream}","agent":"{agent}","referer":null}}"#
        );
        message("access", client, value)
    })
}

pub(super) fn flat_mapping() -> Mapping {
    Mapping::compile([("flat.toml", include_str!("flat.toml"))]).unwrap()
}

/// Operations on the rows of a table, each with the row before and after.
pub(super) fn cdc(seed: u64) -> impl Iterator<Item = Message> {
    let mut rng = Rng::new(seed, Stream::Tests);
    (0_u64..).map(move |number| {
        let id = rng.below(CUSTOMERS);
        let mut row = |at: u64| {
            format!(
                r#"{{"id":{id},"full_name":"Customer {id}","email":"customer-{id}@example.com","balance":{}.{:02},"born":{},"updated_at":{at}000,"note":null}}"#,
                rng.below(10_000),
                rng.below(100),
                rng.below(20_000),
            )
        };
        let ts = FIRST_MS + number * 3;
        let (before, after) = (row(ts - 60_000), row(ts));
        let (op, before, after) = match rng.below(10) {
            0 => ("c", "null", &*after),
            1 => ("d", &*before, "null"),
            _ => ("u", &*before, &*after),
        };
        let value = format!(
            r#"{{"before":{before},"after":{after},"source":{{"version":"3.2.0.Final","connector":"postgresql","name":"shop","ts_ms":{ts},"snapshot":"false","db":"shop","schema":"public","table":"customers","txId":{number},"lsn":{},"xmin":null}},"op":"{op}","ts_ms":{},"transaction":null}}"#,
            24_000_000 + number * 56,
            ts + 120,
        );
        message("shop.public.customers", format!(r#"{{"id":{id}}}"#), value)
    })
}

pub(super) fn cdc_mapping() -> Mapping {
    Mapping::compile([("cdc.toml", include_str!("cdc.toml"))]).unwrap()
}

fn message(topic: &'static str, key: String, value: String) -> Message {
    let (key, value) = (Some(key.into_bytes()), Some(value.into_bytes()));
    Message { topic: topic.into(), key, value, kind: Kind::Valid }
}
