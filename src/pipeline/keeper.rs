//! A connection of its own for what the database says of partitions, and for what it is to record without a
//! batch.
//!
//! Takes a [`Task`], gives the answer once. Retries like a writer while the database is away.

use super::Reply;
use crate::flush::{Offered, Writer};
use crate::offsets::TopicPartition;
use std::sync::mpsc::SyncSender;
use tokio::sync::mpsc::Receiver;

/// What does the database hold of these partitions?
#[derive(Debug, Clone)]
pub(super) struct Recall {
    pub(super) partitions: Vec<TopicPartition>,
    /// For a database that has never recorded anything.
    pub(super) offered: Offered,
}

/// What the keeper does. There is one of each kind at a time.
#[derive(Debug)]
pub(super) enum Task {
    Recall(Recall),
    /// Record what is durable.
    Record,
}

impl Task {
    /// How many there are at a time.
    pub(super) const KINDS: usize = 2;
}

/// Carries out tasks until there are no more.
pub(super) async fn keep(mut writer: Writer, mut tasks: Receiver<Task>, reply: SyncSender<Reply>) {
    while let Some(task) = tasks.recv().await {
        let answer = match task {
            Task::Recall(Recall { partitions, offered }) => {
                Reply::Recalled(writer.recall(&partitions, &offered).await)
            }
            Task::Record => Reply::Recorded(writer.keep_up().await),
        };
        // The channel has room for it. If this fails, the pipeline has ended.
        if reply.send(answer).is_err() {
            return;
        }
    }
}
