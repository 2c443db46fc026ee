//! The Kafka section → librdkafka's properties and the topics.
//!
//! Holds true: each property that the program reads has its own type, and librdkafka accepts each
//! property.

use super::check::Check;
use super::properties::{ALIASES, PROPERTIES, REFUSED, is_known};
use super::raw;
use super::{Kafka, OffsetReset};
use crate::offsets::is_topic_name;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use std::collections::{BTreeMap, BTreeSet};

const MIB: usize = 1024 * 1024;
/// Messages that librdkafka prefetches: a few batches. Each costs about 300 bytes besides its own.
const QUEUED_MESSAGES: usize = 30_000;
/// librdkafka's own maximum for its queue.
const QUEUED_KIB_MAX: usize = 2_097_151;
/// How long librdkafka stops fetching when its queue is full. By default that is a second, in which
/// the queue runs empty: then the queue's size limits the throughput.
const FETCH_AGAIN_MS: usize = 10;
/// The broker answers a fetch once it has this many bytes, or after this wait. By default it answers
/// each message of a steady trickle alone, which costs broker and consumer most of their time.
const FETCH_BYTES: usize = 64 * 1024;
const FETCH_WAIT_MS: usize = 20;
/// librdkafka unpacks a response as a whole, but counts its packed bytes. A response may grow by this
/// factor before it exceeds its share of memory, a single partition's part by eight times as much.
/// JSON usually shrinks to a fifth or a tenth; lz4 shrinks nothing below a 255th.
const UNPACKED: usize = 64;
/// An instance learns of a rebalance with its heartbeat; until then the revoked partitions are not
/// read. librdkafka's default is three seconds.
const HEARTBEAT_MS: usize = 500;

/// Kafka's limit.
const TOPIC_CHARS_MAX: usize = 249;
/// What the key of `sluicegate_progress` has room for.
const GROUP_CHARS_MAX: usize = 255;

/// Properties that must stay, since the program depends on them.
const REQUIRED: [&str; 3] = ["bootstrap.servers", "group.id", "statistics.interval.ms"];

/// A property's value and the setting that gave it.
type Given = BTreeMap<String, (String, String)>;

impl Check<'_> {
    pub(super) fn kafka(&mut self, kafka: &raw::Kafka, queue_bytes: usize) -> Kafka {
        let password =
            self.secret("kafka.sasl_password", &kafka.sasl_password, &kafka.sasl_password_file);
        self.one_of("kafka.security_protocol", &kafka.security_protocol);
        if kafka.security_protocol.starts_with("sasl") {
            self.not_empty("kafka.sasl_mechanism", &kafka.sasl_mechanism);
        }
        let mut given = derived(kafka, &password.unwrap_or_default(), queue_bytes);
        self.user_properties(kafka, &mut given);
        self.required(&given);
        let reset = self.reset(&mut given);
        // A missing one is already a fault.
        let (bootstrap_servers, key) = given.remove("bootstrap.servers").unwrap_or_default();
        if !key.is_empty() {
            self.brokers(&key, &bootstrap_servers);
        }
        let (group_id, key) = given.remove("group.id").unwrap_or_default();
        if !key.is_empty() {
            self.plain_text(&key, &group_id);
            if group_id.chars().count() > GROUP_CHARS_MAX {
                self.fault(&key, format!("is too long; use at most {GROUP_CHARS_MAX} characters"));
            }
        }
        self.topic_prefix(&kafka.topic_prefix);
        self.topics(kafka);
        Kafka {
            bootstrap_servers,
            group_id,
            reset,
            passed_on: given.into_iter().map(|(name, (value, _))| (name, value)).collect(),
            topics: kafka.topics.clone(),
            topic_prefix: kafka.topic_prefix.clone(),
            revoke_timeout: self.duration("kafka.revoke_timeout", &kafka.revoke_timeout),
        }
    }

    /// Puts the user's own properties over ours.
    fn user_properties(&mut self, kafka: &raw::Kafka, given: &mut Given) {
        for (name, value) in &kafka.properties {
            let key = format!("{PROPERTIES}.{name}");
            let alias = ALIASES.iter().find(|(alias, _)| alias == name);
            let own_name = alias.map_or(name.as_str(), |(_, own)| own);
            if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == own_name) {
                self.fault(&key, (*why).to_owned());
            } else if value.is_empty() {
                // An empty value removes one of ours: some exclude each other.
                if REQUIRED.contains(&own_name) {
                    self.fault(&key, "cannot be removed; delete this line".to_owned());
                }
                given.remove(own_name);
            } else if let Err(problem) = taken(name, value) {
                self.fault(&key, problem);
            } else {
                given.insert(own_name.to_owned(), (value.clone(), key));
            }
        }
    }

    fn required(&mut self, given: &Given) {
        let value_of = |name| given.get(name).map(|(value, key)| (value.as_str(), key.as_str()));
        // Lag, readiness and reconnecting depend on the statistics.
        if let Some((millis, key)) = value_of("statistics.interval.ms")
            && !millis.parse().is_ok_and(|millis: u32| (100..=10_000).contains(&millis))
        {
            self.fault(key, "must be 100 to 10000: lag and readiness depend on it".to_owned());
        }
        if let Some((protocol, key)) = value_of("group.protocol")
            && !protocol.eq_ignore_ascii_case("classic")
        {
            self.fault(key, "only classic is supported; remove it".to_owned());
        }
    }

    fn reset(&mut self, given: &mut Given) -> OffsetReset {
        // librdkafka's default.
        let default = || ("latest".to_owned(), "kafka.auto_offset_reset".to_owned());
        let (value, key) = given.remove("auto.offset.reset").unwrap_or_else(default);
        OffsetReset::named(&value).unwrap_or_else(|| {
            self.fault(&key, "must be one of earliest, latest, error".to_owned());
            OffsetReset::Error
        })
    }

    fn brokers(&mut self, key: &str, servers: &str) {
        const FORM: &str = "give HOST:PORT, or several separated by commas";
        let mut brokers = servers.split(',').map(str::trim).filter(|broker| !broker.is_empty());
        let is_port = |port: &str| port.parse().is_ok_and(|port: u16| port > 0);
        let is_broker = |broker: &str| {
            let address = broker.rsplit('/').next().unwrap_or_default();
            let has_port = !address.ends_with(']') && address.contains(':');
            let port = has_port.then(|| address.rsplit(':').next().unwrap_or_default());
            !broker.contains('@')
                && !address.starts_with(':')
                && !address.is_empty()
                && port.is_none_or(is_port)
                && !broker.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        match brokers.clone().find(|broker| !is_broker(broker)) {
            // Not quoted: the part before the @ may be a password.
            Some(broker) if broker.contains('@') => {
                self.fault(
                    key,
                    format!("contains an account; {FORM}, and the account as kafka.sasl_username"),
                );
            }
            Some(broker) => self.fault(key, format!("{broker:?} is not a broker; {FORM}")),
            None if brokers.next().is_none() => self.fault(key, format!("names no broker; {FORM}")),
            None => {}
        }
    }

    fn topic_prefix(&mut self, prefix: &str) {
        // Leaves room for a topic of the mapping, up to 100 characters.
        const CHARS_MAX: usize = 149;
        if prefix.len() > CHARS_MAX || !(prefix.is_empty() || is_topic_name(prefix)) {
            self.fault(
                "kafka.topic_prefix",
                format!(
                    "may contain letters, digits, '.', '_' and '-', at most {CHARS_MAX} characters"
                ),
            );
        }
    }

    fn topics(&mut self, kafka: &raw::Kafka) {
        let prefix = kafka.topic_prefix.as_str();
        let mut seen = BTreeSet::new();
        for topic in &kafka.topics {
            let length = prefix.len() + topic.len();
            let problem = if topic.starts_with('^') {
                format!("{topic:?} is a pattern; list the topics one by one")
            } else if !is_topic_name(topic)
                || length > TOPIC_CHARS_MAX
                || prefix.is_empty() && [".", ".."].contains(&topic.as_str())
            {
                format!(
                    "{topic:?} is not a topic name; use letters, digits, '.', '_' and '-', at most {TOPIC_CHARS_MAX} characters including kafka.topic_prefix"
                )
            } else if !seen.insert(topic) {
                format!("lists {topic} twice; remove one of the two")
            } else if prefix.ends_with(['.', '-']) && topic.starts_with(prefix) {
                let rest = &topic[prefix.len()..];
                format!(
                    "{topic} already begins with kafka.topic_prefix, and would become {prefix}{topic}; write {rest:?}"
                )
            } else {
                continue;
            };
            self.fault("kafka.topics", problem);
        }
    }
}

/// The properties that our own settings decide; empty values are left to librdkafka.
fn derived(kafka: &raw::Kafka, password: &str, queue_bytes: usize) -> Given {
    // A quarter of the share is for the queue, the rest for a response in flight.
    let fetch = (queue_bytes / UNPACKED).clamp(MIB / 4, 50 * MIB);
    let partition_fetch = (fetch / 8).clamp(FETCH_BYTES, MIB);
    let queue_kib = (queue_bytes / 4 / 1024).clamp(1024, QUEUED_KIB_MAX);
    let settings: [(&str, &str, &str); 11] = [
        ("bootstrap.servers", "bootstrap_servers", &kafka.bootstrap_servers),
        ("client.id", "client_id", &kafka.client_id),
        ("group.id", "group_id", &kafka.group_id),
        ("auto.offset.reset", "auto_offset_reset", &kafka.auto_offset_reset),
        ("security.protocol", "security_protocol", &kafka.security_protocol),
        ("sasl.mechanism", "sasl_mechanism", &kafka.sasl_mechanism),
        ("sasl.username", "sasl_username", &kafka.sasl_username),
        ("sasl.password", "sasl_password", password),
        ("ssl.ca.location", "tls_ca", &kafka.tls_ca),
        ("ssl.certificate.location", "tls_cert", &kafka.tls_cert),
        ("ssl.key.location", "tls_key", &kafka.tls_key),
    ];
    // These are required, so an empty one is a fault.
    let must_be = |name: &str| name == "auto.offset.reset" || REQUIRED.contains(&name);
    let is_given = |name: &str, value: &str| !value.is_empty() || must_be(name);
    let settings = settings
        .into_iter()
        .filter(|(name, _, value)| is_given(name, value))
        .map(|(name, setting, value)| (name, format!("kafka.{setting}"), value.to_owned()));
    let ours = [
        ("partition.assignment.strategy", "cooperative-sticky".to_owned()),
        ("queued.max.messages.kbytes", queue_kib.to_string()),
        ("queued.min.messages", QUEUED_MESSAGES.to_string()),
        ("fetch.queue.backoff.ms", FETCH_AGAIN_MS.to_string()),
        ("fetch.max.bytes", fetch.to_string()),
        ("max.partition.fetch.bytes", partition_fetch.to_string()),
        // For a consumer it is only a lower bound of fetch.max.bytes.
        ("message.max.bytes", partition_fetch.to_string()),
        ("fetch.min.bytes", FETCH_BYTES.to_string()),
        ("fetch.wait.max.ms", FETCH_WAIT_MS.to_string()),
        ("statistics.interval.ms", "1000".to_owned()),
        // A killed instance blocks its partitions for this long.
        ("session.timeout.ms", "10000".to_owned()),
        ("heartbeat.interval.ms", HEARTBEAT_MS.to_string()),
    ];
    let ours = ours.map(|(name, value)| (name, format!("{PROPERTIES}.{name}"), value));
    settings.chain(ours).map(|(name, key, value)| (name.to_owned(), (value, key))).collect()
}

/// Whether librdkafka accepts a property. Its message quotes the value, so a secret gets our own.
fn taken(name: &str, value: &str) -> Result<(), String> {
    match ClientConfig::new().set(name, value).create_native_config() {
        Ok(_) => Ok(()),
        Err(_) if !is_known(name) => {
            Err("librdkafka has no such property; its CONFIGURATION.md lists them".to_owned())
        }
        Err(KafkaError::ClientConfig(_, problem, ..))
            if !super::secret::is_secret(&format!("{PROPERTIES}.{name}")) =>
        {
            Err(problem)
        }
        Err(_) => Err("librdkafka does not accept this value".to_owned()),
    }
}
