//! Kafka → messages, in the order of each partition.
//!
//! Takes the subscription, gives messages and rebalances, and hands watermarks back to Kafka.
//! Holds true: offsets are committed only when told to; a rebalance is not answered before the
//! pipeline has seen it; a partition is read from where the pipeline says. Fails only with what a
//! person has to fix; everything else is retried and logged. Absent: sqlx, JSON.

mod bounds;
mod committer;
mod consumer;
mod context;
mod identity;
mod members;
mod queries;
mod reader;
mod reread;
mod sample;

use crate::offsets::TopicPartition;
use rdkafka::client::{Client, ClientContext};
use std::ffi::CString;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use bounds::{Answer, Question};
pub use committer::CommitOutcome;
pub use consumer::Consumer;
pub use members::Member;
pub use queries::{Beginnings, Committed, PartitionFacts};
pub use reader::Reader;
pub use reread::{RereadError, Wanted, reread};
pub use sample::{Sampled, sample};

/// How long Kafka may take to answer a question about topics and offsets.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);

/// What happened in the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rebalance {
    /// This instance gets these partitions.
    Assign(Vec<TopicPartition>),
    /// This instance has to give these up; [`Consumer::give_up`] says when it has.
    Revoke {
        partitions: Vec<TopicPartition>,
        /// Other instances have them already, and it is too late to commit anything.
        lost: bool,
    },
}

#[derive(Debug)]
pub enum KafkaReply {
    Commit(CommitOutcome),
    Answer(Answer),
}

/// How many replies may wait to be taken.
pub const REPLIES_MAX: usize = 1 + bounds::KINDS;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reminds a client of its bootstrap servers; those that it knows already are not affected.
///
/// A cluster whose brokers are all fenced for a moment (one that was frozen or cut off, say) lists
/// none of them. librdkafka 2.10 to 2.13 then forgets every broker it has learned, takes that for a
/// successful bootstrap, and never connects again.
pub fn bootstrap_again<C: ClientContext>(client: &Client<C>, servers: &str) {
    let Ok(servers) = CString::new(servers) else { return };
    // SAFETY: the client lives longer than this call, and the text is copied.
    #[allow(unsafe_code)]
    unsafe {
        rdkafka::bindings::rd_kafka_brokers_add(client.native_ptr(), servers.as_ptr());
    }
}
