//! The SQL files, and the records of those that were applied.

use super::{BUILT_IN_TABLES, Error, MIGRATOR, NO_SUCH_TABLE, OWN_TABLES};
use crate::ledger;
use crate::mysql::number_of;
use sqlx::migrate::Migration;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};
use std::collections::BTreeMap;
use std::time::Duration;
use tracing::warn;

pub(super) async fn is_recorded(
    connection: &mut MySqlConnection,
    migration: &Migration,
) -> Result<bool, Error> {
    let select = sqlx::query("SELECT 1 FROM _sqlx_migrations WHERE version = ? AND success");
    Ok(!connection.fetch_all(select.bind(migration.version)).await?.is_empty())
}

/// A backup of before sluicegate recorded anything may be restored over tables that record what a later
/// state held: what they say is not true of this one.
pub(super) async fn forget_later_state(connection: &mut MySqlConnection) -> Result<(), Error> {
    let mut rows = 0;
    for table in [ledger::PROGRESS, ledger::WRITERS, ledger::TOPICS] {
        let delete = AssertSqlSafe(format!("DELETE FROM `{table}`"));
        rows += connection.execute(delete).await?.rows_affected();
    }
    if rows > 0 {
        warn!(
            rows,
            "migrations: sluicegate's own tables are newer than this database, so an older backup was restored over it; emptied them. The next start reads every partition from its first offset; to say where the backup was: sluicegate progress set --all --to-time"
        );
    }
    Ok(())
}

/// Records a migration as applied. Returns false if another instance did so first.
pub(super) async fn record(
    connection: &mut MySqlConnection,
    migration: &Migration,
    took: Duration,
) -> Result<bool, Error> {
    // A record that an earlier version left unfinished.
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version = ? AND success = 0")
        .bind(migration.version)
        .execute(&mut *connection)
        .await?;
    let recorded = sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (?, ?, 1, ?, ?)",
    )
    .bind(migration.version)
    .bind(&*migration.description)
    .bind(&*migration.checksum)
    .bind(i64::try_from(took.as_nanos()).unwrap_or(i64::MAX))
    .execute(&mut *connection)
    .await;
    match recorded {
        Ok(_) => Ok(true),
        Err(error) if number_of(&error) == 1062 => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The SQL files that are wanted.
pub(super) fn files(has_built_in: bool) -> impl Iterator<Item = &'static Migration> {
    MIGRATOR.iter().filter(move |file| has_built_in || !BUILT_IN_TABLES.contains(&file.version))
}

/// A migration to apply.
pub(super) struct Pending {
    pub(super) migration: &'static Migration,
    /// It was applied, and a table that it creates is missing.
    pub(super) is_again: bool,
}

pub(super) async fn pending(
    connection: &mut MySqlConnection,
    has_built_in: bool,
) -> Result<Vec<Pending>, Error> {
    let applied = "SELECT version, checksum FROM _sqlx_migrations WHERE success";
    let rows = match connection.fetch_all(applied).await {
        Ok(rows) => rows,
        Err(error) if number_of(&error) == NO_SUCH_TABLE => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let mut checksums: BTreeMap<i64, Vec<u8>> = BTreeMap::new();
    for row in rows {
        checksums.insert(row.try_get(0)?, row.try_get(1)?);
    }
    let mut pending = Vec::new();
    for migration in files(has_built_in) {
        match checksums.remove(&migration.version) {
            None => pending.push(Pending { migration, is_again: false }),
            Some(checksum) if checksum == *migration.checksum => {
                if migration.version == OWN_TABLES && lacks_own_tables(connection).await? {
                    pending.push(Pending { migration, is_again: true });
                }
            }
            Some(_) => return Err(Error::Changed(migration.version)),
        }
    }
    // The rest is of a newer version; the schema check tells whether its tables fit.
    Ok(pending)
}

/// Whether a table of [`OWN_TABLES`] was dropped.
async fn lacks_own_tables(connection: &mut MySqlConnection) -> Result<bool, Error> {
    let own = [ledger::PROGRESS, ledger::WRITERS, ledger::TOPICS];
    let count = format!(
        "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN ('{}')",
        own.join("', '")
    );
    let count: i64 = connection.fetch_one(AssertSqlSafe(count)).await?.try_get(0)?;
    Ok(usize::try_from(count).is_ok_and(|count| count < own.len()))
}
