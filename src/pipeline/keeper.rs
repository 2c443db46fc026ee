//! A connection of its own for what the database says of partitions.
//!
//! Takes a [`Recall`], gives the answer once. Retries like a writer while the database is away.

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

/// The keeper's task: answers until there are no more questions.
pub(super) async fn keep(
    mut writer: Writer,
    mut recalls: Receiver<Recall>,
    reply: SyncSender<Reply>,
) {
    while let Some(Recall { partitions, offered }) = recalls.recv().await {
        let answer = writer.recall(&partitions, &offered).await;
        // The channel has room for it. If this fails, the pipeline has ended.
        if reply.send(Reply::Recalled(answer)).is_err() {
            return;
        }
    }
}
