//! librdkafka's callbacks: logs, errors, statistics, rebalances.

use super::queries::partitions_of;
use super::{Rebalance, lock};
use crate::clock;
use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tracing::{debug, error, info, warn};

/// How often to log the same error. While a broker is away, librdkafka reports it many times a second.
const SAID_EVERY: Duration = Duration::from_secs(10);
/// How many different errors to remember.
const SAID_MAX: usize = 100;

/// A rebalance as librdkafka reported it. The answer repeats it.
pub(super) enum Notice {
    Assign(TopicPartitionList),
    Revoke { partitions: TopicPartitionList, lost: bool },
}

impl Notice {
    pub(super) fn told(&self) -> Rebalance {
        match self {
            Self::Assign(partitions) => Rebalance::Assign(partitions_of(partitions)),
            Self::Revoke { partitions, lost } => {
                Rebalance::Revoke { partitions: partitions_of(partitions), lost: *lost }
            }
        }
    }
}

#[derive(Default)]
pub(super) struct Context {
    pub(super) rebalances: Mutex<VecDeque<Notice>>,
    pub(super) closing: AtomicBool,
    pub(super) statistics: Mutex<Option<Statistics>>,
    /// When each error was last logged.
    said: Mutex<BTreeMap<String, Instant>>,
}

impl Context {
    /// Logs `text`, unless the same `kind` was logged a moment ago.
    pub(super) fn say(&self, kind: String, text: &str) {
        let (mut said, now) = (lock(&self.said), clock::now());
        if said.len() > SAID_MAX {
            said.clear();
        }
        if said.get(&kind).is_none_or(|last| now - *last >= SAID_EVERY) {
            said.insert(kind, now);
            warn!(target: "librdkafka", "{text}");
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        use RDKafkaLogLevel::{Alert, Critical, Debug, Emerg, Error, Info, Notice, Warning};
        match level {
            // librdkafka reconnects by itself, so even its errors are warnings here.
            Emerg | Alert | Critical | Error | Warning => {
                warn!(target: "librdkafka", fac, "{message}");
            }
            Notice | Info => info!(target: "librdkafka", fac, "{message}"),
            Debug => debug!(target: "librdkafka", fac, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure};
        // The reasons of these two contain counters and times.
        let away = [Some(AllBrokersDown), Some(BrokerTransportFailure)];
        let is_away = away.contains(&error.rdkafka_error_code());
        let text = format!("{error}: {reason}");
        self.say(if is_away { error.to_string() } else { text.clone() }, &text);
    }

    fn stats(&self, statistics: Statistics) {
        *lock(&self.statistics) = Some(statistics);
    }
}

impl ConsumerContext for Context {
    /// Only notes the rebalance: librdkafka waits for the answer, `assign` or `unassign`, and by then
    /// everything of a revoked partition is durable and committed.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let rebalance = if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            Notice::Assign(partitions.clone())
        } else {
            Notice::Revoke { partitions: partitions.clone(), lost: consumer.assignment_lost() }
        };
        if self.closing.load(Ordering::Relaxed) {
            // Everything is drained and committed; there is nothing left to wait for.
            answer(consumer, &rebalance);
        } else {
            lock(&self.rebalances).push_back(rebalance);
        }
    }
}

/// Answers a rebalance: from now on we read the partitions, or have given them up.
pub(super) fn answer(consumer: &BaseConsumer<Context>, rebalance: &Notice) {
    let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
    let answered = match rebalance {
        Notice::Assign(partitions) if cooperative => consumer.incremental_assign(partitions),
        Notice::Assign(partitions) => consumer.assign(partitions),
        Notice::Revoke { partitions, .. } if cooperative => {
            consumer.incremental_unassign(partitions)
        }
        Notice::Revoke { .. } => consumer.unassign(),
    };
    if let Err(error) = answered {
        error!(%error, "consume: librdkafka did not accept the answer to a rebalance");
    }
}
