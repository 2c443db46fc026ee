//! The threads, tasks, channels and capacities of the pipeline; start, drain, stop.
//!
//! ```text
//!            thread "consume"                      tokio: one task a writer
//!  ┌───────────────────────────────────┐        ┌───────────────────────────┐
//!  │ poll ─▶ decode ─▶ flatten ─▶ open │ sealed │ statement text ─▶ MySQL   │
//!  │                             batch ├───────▶│ again until it is durable │
//!  │ commit ◀─ watermark ◀─────────────│◀───────┤                           │
//!  └───────────────────────────────────┘ flushed└───────────────────────────┘
//! ```
//!
//! Two more threads wait for Kafka so that the loop does not have to: "commit" hands it one list of
//! offsets at a time, "ask" puts questions about partitions (`consume.rs`). What is to be done when is decided by the
//! pump, which does no IO; the thread "consume" gives it what happens and does what it says. While a
//! refused batch is sorted out, a thread "reread" reads its messages again (`rescue.rs`). Beside these
//! run librdkafka's threads, tokio's, and the tasks of `commands/run.rs`: signals and HTTP.
//!
//! There are `writers + 2` batches in all, and a batch is either free, open, on its way, or at a
//! writer. So both channels have that capacity (and some more for Kafka's replies) and never
//! block, memory is bounded by the number of batches, and when none is free the consumer stops
//! reading: first by not polling, then, since a silent member is thrown out of its group, by
//! pausing its partitions.

mod batches;
mod begin;
mod consume_loop;
mod intake;
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
use crate::flush::{Plan, Refused, Writer, Written};
use crate::health::Health;
use crate::mapping::Mapping;
use crate::mysql::JsonLimits;
use crate::offsets::TopicPartition;
use consume_loop::ConsumeLoop;
use rdkafka::error::KafkaError;
use rescue::Rescuer;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tracing::info;

pub use begin::NoBegin;
pub use intake::Message;
pub use metrics::PipelineMetrics;
pub use pump::{Port, Pump};

/// Why a pipeline ended although nobody asked for it.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// Kafka or librdkafka cannot continue.
    #[error("Kafka: {0}")]
    Kafka(String),
    /// Kafka did not become ready in time.
    #[error("Kafka is not ready after {0:.0?} (start.timeout): {1}")]
    NotReady(Duration, String),
    /// There is no offset to begin from.
    #[error("Kafka: {0}")]
    NoBegin(#[from] NoBegin),
    /// With an end to reach: not everything that was there at the start could be loaded.
    #[error("not everything that was there at the start was loaded:\n{}", .0.iter().map(|one| format!("  {one}")).collect::<Vec<_>>().join("\n"))]
    Incomplete(Vec<String>),
    /// A row cannot be written however long one waits.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The deadline passed with batches still under way.
    #[error(
        "stopped after {0:?} (stop.timeout) with batches still under way; their offsets are not committed, so the next start does them again"
    )]
    Deadline(Duration),
    /// The consuming thread is gone.
    #[error("the consuming thread ended unexpectedly")]
    Panicked,
}

impl From<KafkaError> for PipelineError {
    /// Only the text: the error repeats itself as its own source.
    fn from(error: KafkaError) -> Self {
        Self::Kafka(error.to_string())
    }
}

/// A request to stop, shared by whoever may make it.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// Asks the pipeline to finish what it has and stop.
    pub fn request(&self) {
        self.0.send_replace(true);
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until somebody asks.
    pub async fn requested(&self) {
        // The sender is this very value, so it is not gone.
        let _ = self.0.subscribe().wait_for(|requested| *requested).await;
    }
}

/// The time, by the clock that never goes back and by the calendar.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For durations.
    pub at: Instant,
    /// For people.
    pub micros: Micros,
}

impl Now {
    /// Reads both clocks.
    #[must_use]
    pub fn read() -> Self {
        Self { at: clock::now(), micros: clock::unix_micros() }
    }
}

/// What a pipeline needs to know.
#[derive(Clone)]
pub struct Setup {
    /// Checked settings.
    pub config: Arc<Config>,
    /// The mapping, which fits the live schema.
    pub mapping: Arc<Mapping>,
    /// Statements for the server found.
    pub plan: Arc<Plan>,
    /// What the server's JSON column takes.
    pub json_limits: JsonLimits,
    /// End when everything up to the end offsets at start is durable and committed.
    pub until_end: bool,
    /// Whether the process can do its work.
    pub health: Arc<Health>,
    /// Counts for whoever watches.
    pub progress: Arc<Progress>,
}

/// Counts for whoever watches a run.
#[derive(Debug, Default)]
pub struct Progress {
    /// Messages that are durable.
    pub messages: AtomicU64,
    /// Rows that were written.
    pub rows: AtomicU64,
    /// Dead letters among them.
    pub dead_letters: AtomicU64,
    /// Messages that were there at the start and are not committed; only with `--until-end`.
    pub expected: AtomicU64,
}

/// A sealed batch on its way to a writer.
#[derive(Debug)]
pub struct SealedBatch {
    /// What is to be written.
    pub batch: Batch,
    /// The partition of each of its ranges; `None` if it was lost meanwhile.
    pub partitions: Vec<Option<TopicPartition>>,
    /// When it was sealed.
    pub sealed_at: Instant,
}

/// A batch that came back from a writer.
#[derive(Debug)]
pub struct Flushed {
    /// The batch.
    pub batch: Batch,
    /// What was written.
    pub result: Result<Written, Refused>,
    /// As in [`SealedBatch`].
    pub sealed_at: Instant,
}

/// What the consuming thread is told by others.
enum Reply {
    /// By a writer.
    Flushed(Box<Flushed>),
    Kafka(KafkaReply),
}

/// Consumes and flushes until told to stop, or with [`Setup::until_end`] until everything that
/// was there at the start is durable.
///
/// # Errors
/// When it cannot go on, or the deadline for stopping passed.
pub async fn run(setup: Setup, stop: Stop) -> Result<(), PipelineError> {
    let config = Arc::clone(&setup.config);
    let capacity = config.flush.batches();
    let (sealed, to_writers) = mpsc::channel(capacity);
    // Every batch, and Kafka's replies.
    let (reply, replies) = std_mpsc::sync_channel(capacity + REPLIES_MAX);
    let to_writers = Arc::new(Mutex::new(to_writers));
    let server = Arc::new(config.server.clone());
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..config.flush.writers {
        let writer = Writer::new(
            number,
            Arc::clone(&server),
            Arc::clone(&setup.plan),
            config.flush.backoff,
            WriterMetrics::new(Arc::clone(&setup.health)),
        );
        let rescuer = Rescuer::new(setup.clone());
        writers.spawn(write_batches(writer, rescuer, Arc::clone(&to_writers), reply.clone()));
    }
    let consumer = Consumer::new(&config.kafka.properties(), move |replied| {
        // It fails when the pipeline has ended.
        let _ = reply.send(Reply::Kafka(replied));
    })?;
    let consume_loop = ConsumeLoop::new(setup, consumer, sealed, replies, stop);
    let (done, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name("consume".to_owned())
        .spawn(move || {
            // Nobody listens any more only if the runtime is going down.
            let _ = done.send(consume_loop.run());
        })
        .map_err(|_| PipelineError::Panicked)?;
    let result = ended.await.map_err(|_| PipelineError::Panicked)?;
    writers.shutdown().await;
    info!("stopped");
    result
}

/// A writer's task: takes batches as they come, until there are no more.
async fn write_batches(
    mut writer: Writer,
    mut rescuer: Rescuer,
    to_writers: Arc<Mutex<mpsc::Receiver<SealedBatch>>>,
    reply: std_mpsc::SyncSender<Reply>,
) {
    loop {
        // The lock is held while waiting: the next writer waits for it instead.
        let next = to_writers.lock().await.recv().await;
        let Some(SealedBatch { batch, partitions, sealed_at }) = next else { return };
        writer.set_busy(true);
        let result = match writer.flush(&batch).await {
            Err(refused) => rescuer.rescue(&mut writer, &batch, &partitions, refused).await,
            written => written,
        };
        writer.set_busy(false);
        // As many places as there are batches, so this does not block; if nobody listens any
        // more, the pipeline has ended.
        let flushed = Box::new(Flushed { batch, result, sealed_at });
        if reply.send(Reply::Flushed(flushed)).is_err() {
            return;
        }
    }
}

/// Partitions for people.
fn joined<'p>(partitions: impl IntoIterator<Item = &'p TopicPartition>) -> String {
    partitions.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
