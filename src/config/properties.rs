//! librdkafka's properties: their section, their names, and those that are refused.

use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

/// The section whose keys are librdkafka's, not ours.
pub(super) const PROPERTIES: &str = "kafka.properties";

/// Other names of librdkafka's for properties that sluicegate sets, looks at or refuses.
pub(super) const ALIASES: [(&str, &str); 4] = [
    ("auto.commit.enable", "enable.auto.commit"),
    ("fetch.message.max.bytes", "max.partition.fetch.bytes"),
    ("metadata.broker.list", "bootstrap.servers"),
    ("sasl.mechanisms", "sasl.mechanism"),
];

const OFFSETS: &str = "offsets are committed after the flush and never otherwise; remove it";

/// Properties that would make a promise false, and why; docs/tuning.md lists them.
pub(super) const REFUSED: [(&str, &str); 6] = [
    ("enable.auto.commit", OFFSETS),
    ("enable.auto.offset.store", OFFSETS),
    ("offset.store.method", OFFSETS),
    ("offset.store.path", OFFSETS),
    ("topic.blacklist", "it hides topics, and what is in them would never be read; remove it"),
    (
        "test.mock.num.brokers",
        "librdkafka would talk to brokers that it makes up itself; remove it",
    ),
];

/// Whether librdkafka has such a property.
pub(super) fn is_known(property: &str) -> bool {
    use RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN;
    let set = ClientConfig::new().set(property, "").create_native_config();
    !matches!(set, Err(KafkaError::ClientConfig(RD_KAFKA_CONF_UNKNOWN, ..)))
}
