//! librdkafka's properties: their section, their names, and the forbidden ones.

use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

/// The section whose keys are librdkafka's, not ours.
pub(super) const PROPERTIES: &str = "kafka.properties";

/// librdkafka's other names for properties that sluicegate sets, reads or forbids.
pub(super) const ALIASES: [(&str, &str); 4] = [
    ("auto.commit.enable", "enable.auto.commit"),
    ("fetch.message.max.bytes", "max.partition.fetch.bytes"),
    ("metadata.broker.list", "bootstrap.servers"),
    ("sasl.mechanisms", "sasl.mechanism"),
];

const OFFSETS: &str = "offsets are committed after the flush only; remove this setting";

/// Properties that would break a guarantee, and why; docs/tuning.md lists them.
pub(super) const REFUSED: [(&str, &str); 6] = [
    ("enable.auto.commit", OFFSETS),
    ("enable.auto.offset.store", OFFSETS),
    ("offset.store.method", OFFSETS),
    ("offset.store.path", OFFSETS),
    ("topic.blacklist", "it hides topics, whose messages would never be read; remove it"),
    ("test.mock.num.brokers", "librdkafka would talk to mock brokers in this process; remove it"),
];

/// Whether librdkafka has such a property.
pub(super) fn is_known(property: &str) -> bool {
    use RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN;
    let set = ClientConfig::new().set(property, "").create_native_config();
    !matches!(set, Err(KafkaError::ClientConfig(RD_KAFKA_CONF_UNKNOWN, ..)))
}
