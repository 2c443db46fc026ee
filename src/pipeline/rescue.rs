//! A batch that the server refuses → the same batch without the events at fault.
//!
//! The server refuses rows, but only messages can become dead letters, and rows of one entity have been
//! folded in between. So we read the batch's messages from Kafka again and rebuild the batch without
//! the events of the refused rows. This is for faults of the mapping and for constraints that it does
//! not know. It takes time, but only batches with refused rows need it.
//!
//! Holds true: a message is blamed only if the server refuses a row that comes from it alone;
//! everything else of the batch is written.

use super::intake::Intake;
use super::{Now, Setup};
use crate::buffer::Batch;
use crate::consume::{Wanted, reread};
use crate::flush::{NO_PARTITION, NotWritten, Refused, RefusedRow, Writer, Written};
use crate::mapping::{Mapping, Table};
use crate::message::Message;
use crate::offsets::{OffsetRange, Origin, Source};
use crate::reject::{Code, Reject};
use rdkafka::Message as _;
use rdkafka::message::OwnedMessage;
use std::sync::Arc;
use tokio::sync::oneshot;
use tracing::{error, warn};

pub(super) struct Rescuer {
    setup: Setup,
    intake: Intake,
}

/// A message of the batch, and the verdict on it.
struct Suspect {
    message: OwnedMessage,
    topic: Arc<str>,
    origin: Origin,
    event_ids: Vec<String>,
    verdict: Verdict,
}

enum Verdict {
    /// The server accepts it, as far as we know.
    Fine,
    /// It shares a refused row with others: try it alone.
    Unsure,
    /// The server refuses it.
    Refused(Reject),
}

impl Rescuer {
    pub(super) fn new(setup: Setup) -> Self {
        Self { intake: Intake::new(&setup), setup }
    }

    /// Writes what can be written of a refused batch, and the rest as dead letters.
    pub(super) async fn rescue(
        &mut self,
        writer: &mut Writer,
        batch: &Batch,
        sources: &[Option<Source>],
        refused: Refused,
    ) -> Result<Written, NotWritten> {
        error!(
            table = refused.table,
            number = refused.number,
            rows = refused.rows.len(),
            "flush: the server refused rows that passed validation; writing the batch without their events, which become dead letters"
        );
        let Some(mut suspects) = self.messages(batch, sources).await else {
            // Save the rest now: after the next start we can only read what Kafka still has of it.
            let refused_rows = refused.rows.iter().map(|row| (row.table, row.row)).collect();
            writer.flush(&batch.without(&self.setup.mapping, &refused_rows)).await?;
            return Err(refused.into());
        };
        let mut written = self.write_the_fine(writer, batch, refused, &mut suspects).await?;
        for suspect in suspects {
            if matches!(suspect.verdict, Verdict::Unsure) {
                written.add(&self.try_alone(writer, suspect).await?);
            }
        }
        Ok(written)
    }

    /// Writes everything but the unsure, and starts over if that reveals another refused row.
    async fn write_the_fine(
        &mut self,
        writer: &mut Writer,
        batch: &Batch,
        mut refused: Refused,
        suspects: &mut [Suspect],
    ) -> Result<Written, NotWritten> {
        let mut rebuilt: Option<Batch> = None;
        loop {
            let tried = rebuilt.as_ref().unwrap_or(batch);
            let found = accuse(&self.setup.mapping, tried, &refused.rows, suspects);
            if found.is_empty() {
                // No message is to blame, so a person has to look.
                return Err(refused.into());
            }
            for (table, at) in found {
                if let Verdict::Refused(reject) = &suspects[at].verdict {
                    self.say(writer, table, &suspects[at], reject);
                }
            }
            let mut next = Batch::new(&self.setup.mapping);
            for suspect in &*suspects {
                self.append(suspect, &mut next);
            }
            match writer.flush(&next).await {
                Ok(written) => return Ok(written),
                Err(NotWritten::Refused(again)) => refused = again,
                Err(other) => return Err(other),
            }
            rebuilt = Some(next);
        }
    }

    /// Writes a message alone, as rows or as a dead letter.
    async fn try_alone(
        &mut self,
        writer: &mut Writer,
        mut suspect: Suspect,
    ) -> Result<Written, NotWritten> {
        suspect.verdict = Verdict::Fine;
        let mut alone = Batch::new(&self.setup.mapping);
        self.append(&suspect, &mut alone);
        let refused = match writer.flush(&alone).await {
            Err(NotWritten::Refused(refused)) if !refused.rows.is_empty() => refused,
            done => return done,
        };
        let reject = reject(&self.setup.mapping, &refused.rows[0]);
        self.say(writer, refused.rows[0].table, &suspect, &reject);
        suspect.verdict = Verdict::Refused(reject);
        let mut letter = Batch::new(&self.setup.mapping);
        self.append(&suspect, &mut letter);
        writer.flush(&letter).await
    }

    /// Reads the messages of a batch from Kafka. `None` if Kafka no longer has all of them.
    async fn messages(
        &mut self,
        batch: &Batch,
        sources: &[Option<Source>],
    ) -> Option<Vec<Suspect>> {
        // The next owner writes what was lost meanwhile.
        let with_source = batch.ranges().iter().zip(sources);
        let wanted = with_source.filter_map(|(range, source)| {
            let OffsetRange { from, next, messages, .. } = *range;
            Some(Wanted { partition: source.as_ref()?.partition.clone(), from, next, messages })
        });
        let wanted: Vec<Wanted> = wanted.collect();
        let properties = self.setup.config.kafka.properties();
        let (send, messages) = oneshot::channel();
        // Not a task of the runtime, which would wait for it before the process can end.
        std::thread::Builder::new()
            .name("reread".to_owned())
            .spawn(move || {
                // Fails only if the pipeline has ended.
                let _ = send.send(reread(&properties, &wanted));
            })
            .ok()?;
        let messages = match messages.await.ok()? {
            Ok(messages) => messages,
            Err(error) => {
                error!(%error, "flush: cannot read the messages of the refused batch again; writing the rows that the server accepts, then stopping");
                return None;
            }
        };
        let suspects = messages.into_iter().map(|message| {
            let event_ids = self.intake.event_ids(&Message::of_owned(&message));
            let topic: Arc<str> = message.topic().into();
            let origin = origin_of(&topic, message.partition(), sources);
            Suspect { message, topic, origin, event_ids, verdict: Verdict::Fine }
        });
        Some(suspects.collect())
    }

    fn append(&mut self, suspect: &Suspect, batch: &mut Batch) {
        let (message, now) = (Message::of_owned(&suspect.message), Now::read().micros);
        match &suspect.verdict {
            Verdict::Unsure => {}
            Verdict::Fine => {
                self.intake.take(&suspect.topic, &suspect.origin, &message, now, batch);
            }
            Verdict::Refused(reject) => {
                let Suspect { topic, origin, .. } = suspect;
                self.intake.refuse(topic, origin, &message, reject.clone(), now, batch);
            }
        }
    }

    fn say(&self, writer: &Writer, table: usize, suspect: &Suspect, reject: &Reject) {
        writer.count_refused(table);
        warn!(
            topic = &*suspect.topic,
            partition = suspect.message.partition(),
            offset = suspect.message.offset(),
            event_id = suspect.event_ids.first(),
            table = self.setup.mapping.tables[table].name,
            reason = %reject,
            "flush: the server refuses an event, which becomes a dead letter"
        );
    }
}

/// Which topic of its name a partition is of.
fn origin_of(topic: &str, partition: i32, sources: &[Option<Source>]) -> Origin {
    let is_it = |source: &&Source| {
        source.partition.partition == partition && *source.partition.topic == *topic
    };
    sources.iter().flatten().find(is_it).map(|source| source.origin.clone()).unwrap_or_default()
}

/// Finds the messages behind refused rows and changes their verdicts. Returns the table and index of
/// each.
fn accuse(
    mapping: &Mapping,
    batch: &Batch,
    rows: &[RefusedRow],
    suspects: &mut [Suspect],
) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for row in rows {
        let ids = event_ids(&mapping.tables[row.table], batch, row);
        let is_behind = |suspect: &Suspect| {
            matches!(suspect.verdict, Verdict::Fine)
                && suspect.event_ids.iter().any(|id| ids.contains(&id.as_str()))
        };
        let behind: Vec<usize> =
            (0..suspects.len()).filter(|&at| is_behind(&suspects[at])).collect();
        let is_sure = ids.len() == 1 && behind.len() == 1;
        for &at in &behind {
            suspects[at].verdict =
                if is_sure { Verdict::Refused(reject(mapping, row)) } else { Verdict::Unsure };
            found.push((row.table, at));
        }
    }
    found
}

/// The events whose values are in a row.
fn event_ids<'b>(table: &Table, batch: &'b Batch, row: &RefusedRow) -> Vec<&'b str> {
    let rows = batch.rows(row.table);
    let changed_by = table.changing().iter().map(|changing| changing.by);
    let columns = std::iter::once(table.event_id()).chain(changed_by);
    let mut ids: Vec<&str> =
        columns.filter_map(|column| rows.column(column).text(row.row)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn reject(mapping: &Mapping, row: &RefusedRow) -> Reject {
    if row.number == NO_PARTITION {
        return partition_missing(&mapping.tables[row.table], row);
    }
    let what = row.what.as_ref().map_or(String::new(), |what| format!(" because of {what}"));
    let text = format!(
        "table {} refused the row{what} (error {}): the mapping accepts a value that the table does not",
        mapping.tables[row.table].name, row.number
    );
    Reject::new(Code::ServerRefused, text)
}

fn partition_missing(table: &Table, row: &RefusedRow) -> Reject {
    let column = &table.columns[table.event_timestamp()].name;
    let at = row.what.as_deref().unwrap_or_default();
    let fix = row.fix.as_ref().map_or(String::new(), |fix| {
        format!("; if the time is right, add one and replay the letter: {fix}")
    });
    let text = format!("table {} has no partition for {column} {at}{fix}", table.name);
    Reject::new(Code::PartitionMissing, text)
}
