//! The tables' creation and change: plain SQL files, applied once each.

use crate::flush::connect::{Server, close};
use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::mysql::MySqlConnection;
use sqlx::{Executor, Row};
use std::collections::BTreeSet;
use std::time::Duration;
use tracing::info;

static MIGRATOR: Migrator = sqlx::migrate!();

/// Several instances may start at once: one migrates, the others wait for it, but not for ever.
const LOCK_WAIT: Duration = Duration::from_secs(120);
const NO_SUCH_TABLE: &str = "42S02";

/// Why the tables could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server said no.
    #[error("{0}")]
    Server(#[from] sqlx::Error),
    /// A migration failed, or the applied ones are not those of this version.
    #[error("{0}")]
    Migrate(#[from] MigrateError),
    /// Somebody else migrates for too long.
    #[error(
        "another instance has been migrating this database for {LOCK_WAIT:?}; see SHOW PROCESSLIST"
    )]
    Locked,
    /// There is something to do, but it must not be done now.
    #[error(
        "{0} migrations are pending and --no-migrate was given; run `sluicegate migrate` first"
    )]
    Pending(usize),
}

/// Creates the database if need be, and applies what is pending; gives the number applied.
///
/// # Errors
/// As [`Error`].
pub async fn migrate(server: &Server) -> Result<usize, Error> {
    if let Err(error) = server.connect().await {
        // Unknown database, and the account may be allowed to create it.
        if !has_state(&error, "42000") {
            return Err(error.into());
        }
        server.create_database().await?;
    }
    let mut connection = server.connect().await?;
    let lock = format!("sluicegate migrate {}", server.database);
    // A name for GET_LOCK has at most 64 characters.
    let lock: String = lock.chars().take(64).collect();
    let taken = sqlx::query("SELECT GET_LOCK(?, ?)")
        .bind(&lock)
        .bind(LOCK_WAIT.as_secs())
        .fetch_one(&mut connection)
        .await?;
    if taken.try_get::<Option<i64>, _>(0)? != Some(1) {
        return Err(Error::Locked);
    }
    let applied = apply(&mut connection).await;
    // Also released by closing; a failed release is no failed migration.
    let _ = sqlx::query("SELECT RELEASE_LOCK(?)").bind(&lock).fetch_one(&mut connection).await;
    close(connection).await;
    applied
}

async fn apply(connection: &mut MySqlConnection) -> Result<usize, Error> {
    // A migration that was interrupted is marked as failed, and DDL is not rolled back. Ours can
    // be repeated, so the mark is taken away.
    match connection.execute("DELETE FROM _sqlx_migrations WHERE success = 0").await {
        Ok(_) => {}
        Err(error) if has_state(&error, NO_SUCH_TABLE) => {}
        Err(error) => return Err(error.into()),
    }
    let pending = pending_on(connection).await?;
    if pending > 0 {
        // The driver's own lock waits for ever on MySQL and is none on MariaDB; ours is taken.
        let migrator = Migrator { locking: false, ..Migrator::DEFAULT };
        let migrator = Migrator { migrations: MIGRATOR.migrations.clone(), ..migrator };
        migrator.run(connection).await?;
        info!(applied = pending, "migrations applied");
    }
    Ok(pending)
}

/// Fails if there is something to migrate.
///
/// # Errors
/// [`Error::Pending`], or whatever the server says.
pub async fn refuse_pending(server: &Server) -> Result<(), Error> {
    let mut connection = server.connect().await?;
    let pending = pending_on(&mut connection).await?;
    close(connection).await;
    if pending == 0 { Ok(()) } else { Err(Error::Pending(pending)) }
}

/// Number of migrations that are not applied yet.
///
/// # Errors
/// Whatever the server says.
pub async fn pending_on(connection: &mut MySqlConnection) -> Result<usize, Error> {
    let table = &MIGRATOR.table_name;
    let applied: BTreeSet<i64> = match connection.list_applied_migrations(table).await {
        Ok(applied) => applied.iter().map(|migration| migration.version).collect(),
        Err(MigrateError::Execute(error)) if has_state(&error, NO_SUCH_TABLE) => BTreeSet::new(),
        Err(error) => return Err(error.into()),
    };
    Ok(MIGRATOR.iter().filter(|migration| !applied.contains(&migration.version)).count())
}

fn has_state(error: &sqlx::Error, state: &str) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|c| c == state)
}
