//! Waits until this database holds what Kafka has.

use super::positions::Position;
use super::{Places, words};
use crate::clock;
use crate::config::Config;
use crate::offsets::Offsets;
use anyhow::bail;
use sqlx::mysql::MySqlConnection;
use std::time::Duration;

/// How long running instances may take.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Returns once this database holds what Kafka has of these topics now.
///
/// # Errors
/// If it does not, and no instance runs or those that do are behind for too long; or if Kafka or the server
/// cannot be asked.
pub(in crate::commands) async fn catch_up(
    connection: &mut MySqlConnection,
    config: &Config,
    topics: &[String],
) -> anyhow::Result<()> {
    let mut places = Places::new(connection, config).await?;
    let deadline = clock::now() + PATIENCE;
    let (mut positions, _) = places.look(topics).await?;
    let ends: Offsets = positions.iter().map(|one| (one.partition.clone(), one.end)).collect();
    loop {
        let lacks = |one: &&Position| {
            ends.get(&one.partition).is_some_and(|end| one.lacks_from() < (*end).min(one.end))
        };
        let behind: Vec<&Position> = positions.iter().filter(lacks).collect();
        if behind.is_empty() {
            return Ok(());
        }
        if clock::now() > deadline || places.members().await?.is_none() {
            bail!("{}", words::behind(&behind));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        (positions, _) = places.look(topics).await?;
    }
}
