//! The threads, tasks, channels and capacities of the pipeline; start, drain, stop.
//!
//! ```text
//!            thread "consume"                      tokio: one task a writer
//!  ┌───────────────────────────────────┐        ┌───────────────────────────┐
//!  │ poll ─▶ decode ─▶ flatten ─▶ open │ sealed │ statement text ─▶ MySQL   │
//!  │                             batch ├───────▶│ retried until durable     │
//!  │ commit ◀─ watermark ◀─────────────│◀───────┤                           │
//!  └───────────────────────────────────┘ flushed└───────────────────────────┘
//! ```
//!
//! Two more threads wait for Kafka so that the loop does not have to: "commit" hands it one list of
//! offsets at a time, "bounds" asks about partitions (`consume.rs`). The pump, which does no IO,
//! decides what to do next; the thread "consume" tells it what happens and does what it says. While we
//! sort out a refused batch, a thread "reread" reads its messages again (`rescue.rs`). Beside these run
//! librdkafka's threads, tokio's, and the tasks of `commands/run.rs`: signals and HTTP.
//!
//! There are `writers + 2` batches in all, and each is either free, open, on its way, or at a writer.
//! So both channels have that capacity (and some more for Kafka's replies) and never block, the number
//! of batches bounds memory, and when none is free the consumer stops reading: first by not polling,
//! then, since the group throws out a silent member, by pausing its partitions. One more task, the keeper,
//! has a connection that waits for no batch: it asks what the database holds, and has it record what no
//! batch carries.

mod batches;
mod begin;
mod consume_loop;
mod intake;
mod keeper;
mod lag;
mod losses;
mod metrics;
mod partitions;
pub mod pump;
mod rescue;
mod timers;
mod until_end;

use crate::buffer::Batch;
use crate::clock;
use crate::config::Config;
use crate::consume::{Consumer, KafkaReply, REPLIES_MAX};
use crate::datetime::Micros;
use crate::flush::WriterMetrics;
use crate::flush::{Holdings, NotWritten, Plan, Refused, Writer, Written};
use crate::health::Health;
use crate::ledger::Ledger;
use crate::mapping::Mapping;
use crate::mysql::JsonLimits;
use crate::offsets::{AssignmentId, Source, TopicPartition};
use consume_loop::{ConsumeLoop, Ended};
use keeper::Task;
use rdkafka::error::KafkaError;
use rescue::Rescuer;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tracing::info;

pub use crate::message::Message;
pub use begin::NoBegin;
pub use metrics::PipelineMetrics;
pub use pump::{Port, Pump};

/// Why a pipeline ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// Kafka or librdkafka cannot continue.
    #[error("Kafka: {0}")]
    Kafka(String),
    /// Kafka did not become ready in time.
    #[error("Kafka is not ready after {0:.0?} (start.timeout): {1}")]
    NotReady(Duration, String),
    #[error("Kafka: {0}")]
    NoBegin(#[from] NoBegin),
    /// With [`Setup::until_end`]: some of what existed at the start could not be loaded.
    #[error("not everything that existed at the start was loaded:\n{}", .0.iter().map(|one| format!("  {one}")).collect::<Vec<_>>().join("\n"))]
    Incomplete(Vec<String>),
    /// Retrying does not help a row.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The deadline passed with batches still under way.
    #[error(
        "stopped after {0:?} (stop.timeout) with batches still under way; their offsets are not committed, so the next start loads them again"
    )]
    Deadline(Duration),
    #[error("the consuming thread ended unexpectedly")]
    Panicked,
}

impl From<KafkaError> for PipelineError {
    /// Only the text: the error repeats itself as its own source.
    fn from(error: KafkaError) -> Self {
        Self::Kafka(error.to_string())
    }
}

/// A request to stop, shared by all who may make it.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// Asks the pipeline to finish what it has and stop.
    pub fn request(&self) {
        self.0.send_replace(true);
    }

    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for the request.
    pub async fn requested(&self) {
        // This cannot fail: we hold the sender ourselves.
        let _ = self.0.subscribe().wait_for(|requested| *requested).await;
    }
}

/// The time by the monotonic clock and by the calendar.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For durations.
    pub at: Instant,
    /// For people.
    pub micros: Micros,
}

impl Now {
    #[must_use]
    pub fn read() -> Self {
        Self { at: clock::now(), micros: clock::unix_micros() }
    }
}

/// What a pipeline needs to know.
#[derive(Clone)]
pub struct Setup {
    pub config: Arc<Config>,
    /// Fits the live schema.
    pub mapping: Arc<Mapping>,
    /// Has the statements for this server.
    pub plan: Arc<Plan>,
    /// What the server's JSON columns accept.
    pub json_limits: JsonLimits,
    /// End when everything up to the end offsets at start is durable and committed.
    pub until_end: bool,
    pub health: Arc<Health>,
    /// What the database is known to hold; its writers and one more commit.
    pub ledger: Arc<Ledger>,
    pub progress: Arc<Progress>,
}

/// What a run has done so far, for those who watch it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Messages that are durable.
    pub messages: AtomicU64,
    pub rows: AtomicU64,
    /// Durable messages that became dead letters.
    pub dead_letters: AtomicU64,
    /// Messages that existed at the start and were not committed; only with `--until-end`.
    pub expected: AtomicU64,
}

/// A sealed batch on its way to a writer.
#[derive(Debug)]
pub struct SealedBatch {
    pub batch: Batch,
    /// The partition of each of its ranges; `None` if it was lost meanwhile.
    pub sources: Vec<Option<Source>>,
    pub sealed_at: Instant,
}

/// A batch that came back from a writer.
#[derive(Debug)]
pub struct Flushed {
    pub batch: Batch,
    pub result: Result<Written, NotWritten>,
    pub sealed_at: Instant,
}

/// What writers and Kafka tell the consuming thread.
enum Reply {
    Flushed(Box<Flushed>),
    Kafka(KafkaReply),
    /// What the database holds.
    Recalled(Result<Holdings, NotWritten>),
    /// How far partitions are, as the database has it now.
    Recorded(Result<Vec<(AssignmentId, i64)>, NotWritten>),
}

/// Consumes and flushes until told to stop, or with [`Setup::until_end`] until everything that
/// existed at the start is durable.
///
/// # Errors
/// If it cannot continue, or stopping took too long.
pub async fn run(setup: Setup, stop: Stop) -> Result<(), PipelineError> {
    loop {
        let ended = run_once(setup.clone(), stop.clone()).await;
        if !matches!(ended, Ok(Ended::ToJoinAgain)) {
            info!("stopped");
            return ended.map(|_| ());
        }
        setup.ledger.restart();
    }
}

/// With one Kafka client, for as long as that is the right one.
async fn run_once(setup: Setup, stop: Stop) -> Result<Ended, PipelineError> {
    let config = Arc::clone(&setup.config);
    let capacity = config.flush.batches();
    let (sealed, to_writers) = mpsc::channel(capacity);
    // Room for every batch, for Kafka's replies, and for the keeper's.
    let (reply, replies) = std_mpsc::sync_channel(capacity + REPLIES_MAX + Task::KINDS);
    let (tasks, to_keeper) = mpsc::channel(Task::KINDS);
    let to_writers = Arc::new(Mutex::new(to_writers));
    let server = Arc::new(config.server.clone());
    let mut writers = tokio::task::JoinSet::new();
    let writer = |number| {
        let metrics = WriterMetrics::new(Arc::clone(&setup.health));
        let (server, plan) = (Arc::clone(&server), Arc::clone(&setup.plan));
        Writer::new(number, server, plan, config.flush.backoff, metrics)
            .with_ledger(Arc::clone(&setup.ledger))
    };
    for number in 0..config.flush.writers {
        let (writer, rescuer) = (writer(number), Rescuer::new(setup.clone()));
        writers.spawn(write_batches(writer, rescuer, Arc::clone(&to_writers), reply.clone()));
    }
    writers.spawn(keeper::keep(writer(config.flush.writers), to_keeper, reply.clone()));
    let consumer = Consumer::new(&config.kafka.properties(), move |replied| {
        // Fails only if the pipeline has ended.
        let _ = reply.send(Reply::Kafka(replied));
    })?;
    let consume_loop = ConsumeLoop::new(setup, consumer, (sealed, tasks), replies, stop);
    let (done, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name("consume".to_owned())
        .spawn(move || {
            // Fails only if the runtime is shutting down.
            let _ = done.send(consume_loop.run());
        })
        .map_err(|_| PipelineError::Panicked)?;
    let result = ended.await.map_err(|_| PipelineError::Panicked)?;
    writers.shutdown().await;
    result
}

/// A writer's task: takes batches until there are no more.
async fn write_batches(
    mut writer: Writer,
    mut rescuer: Rescuer,
    to_writers: Arc<Mutex<mpsc::Receiver<SealedBatch>>>,
    reply: std_mpsc::SyncSender<Reply>,
) {
    loop {
        // We hold the lock while waiting for a batch; the next writer waits for the lock instead.
        let next = to_writers.lock().await.recv().await;
        let Some(SealedBatch { batch, sources, sealed_at }) = next else { return };
        writer.set_busy(true);
        let result = match writer.flush(&batch).await {
            Err(NotWritten::Refused(refused)) => {
                rescuer.rescue(&mut writer, &batch, &sources, refused).await
            }
            other => other,
        };
        writer.set_busy(false);
        // The channel has room for all batches, so this does not block. If it fails, the pipeline has
        // ended.
        let flushed = Box::new(Flushed { batch, result, sealed_at });
        if reply.send(Reply::Flushed(flushed)).is_err() {
            return;
        }
    }
}

/// A list of partitions, for logs and errors.
fn joined<'p>(partitions: impl IntoIterator<Item = &'p TopicPartition>) -> String {
    partitions.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
