//! Creates and changes the tables: plain SQL files, each of which can be repeated.
//!
//! Any number of instances may start at once, on any number of a cluster's nodes. `GET_LOCK` lets
//! those on the same node take turns. It does not reach other nodes, and a cluster's strict modes
//! refuse it, but it is not needed: a file changes nothing the second time, it is recorded only after
//! it was applied, and an instance that collides with another retries until nothing is pending.
//!
//! The records are sqlx's (`_sqlx_migrations`), so that its command-line tool reads them.

mod files;

use crate::clock;
use crate::mapping::Mapping;
use crate::mysql::without_values;
use crate::mysql::{Backoff, number_of};
use crate::mysql::{Server, close};
use crate::schema::{self, Growth};
use files::{Pending, files, forget_later_state, is_recorded, pending, record};
use sqlx::migrate::Migrator;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};
use std::hash::{BuildHasher, RandomState};
use std::ops::RangeInclusive;
use std::time::Duration;
use tracing::{debug, info, warn};

static MIGRATOR: Migrator = sqlx::migrate!();

/// How long to retry while others are in the way.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long to wait for the lock before checking again what is pending.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Pauses between retries.
const PAUSES: Backoff =
    Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(2) };

/// 1049 unknown database, 1044 denied: the account does not see a database that does not exist.
const NO_DATABASE: [u16; 2] = [1044, 1049];
const NO_SUCH_TABLE: u16 = 1146;
const DUPLICATE: u16 = 1062;
/// Errors that another instance's migration causes: 1020 record changed, 1050 table exists, 1060 column
/// exists, 1061 key exists, 1062 recorded already, 1091 dropped already, 1205 lock wait, 1213
/// deadlock or lost certification, 1412 definition changed, 1684 definition being changed, 3101
/// rolled back by the group, 1317 a statement that a cluster aborted for another node's change.
const IN_THE_WAY: [u16; 12] =
    [1020, 1050, 1060, 1061, 1062, 1091, 1205, 1213, 1317, 1412, 1684, 3101];

/// The migration that creates the tables in which sluicegate records how far it is. It is applied again if
/// one of them is missing.
const OWN_TABLES: i64 = 9;

/// The migrations that create the tables of the built-in topics.
const BUILT_IN_TABLES: RangeInclusive<i64> = 1..=7;

/// The table of records, as sqlx creates it.
const RECORDS: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
)";

/// Why the tables could not be brought up to date.
///
/// Its text is ours. The driver's error is not in the chain of causes, since that is printed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}", without_values(.0))]
    Server(sqlx::Error),
    #[error("migration {version} ({name}): {}", without_values(.error))]
    Migration { version: i64, name: String, error: sqlx::Error },
    #[error("{}: {statement}", without_values(.error))]
    Table { statement: String, error: sqlx::Error },
    /// The applied migration has another text than this version's.
    #[error(
        "migration {0} was applied by a sluicegate that has another text for it; use the version that created the tables, or restore the database"
    )]
    Changed(i64),
    /// Others were in the way for too long.
    #[error(
        "other sessions have been changing this database for {PATIENCE:?}, and migrations are still pending; SHOW PROCESSLIST lists them"
    )]
    Locked,
    #[error(
        "{0} migrations are pending, but --no-migrate was given; run `sluicegate migrate` first"
    )]
    Pending(usize),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Server(error)
    }
}

/// What was done.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// SQL files.
    pub files: usize,
    /// Statements that made or grew tables of the mapping.
    pub statements: usize,
}

/// Creates the database if it does not exist, and applies what is pending.
pub async fn migrate(server: &Server, mapping: &Mapping) -> Result<Applied, Error> {
    migrate_as(server, mapping, true).await
}

/// [`migrate`] without the lock, as between two nodes of a cluster.
pub async fn migrate_without_lock(server: &Server, mapping: &Mapping) -> Result<Applied, Error> {
    migrate_as(server, mapping, false).await
}

async fn migrate_as(server: &Server, mapping: &Mapping, with_lock: bool) -> Result<Applied, Error> {
    if let Err(error) = server.connect().await {
        if !NO_DATABASE.contains(&number_of(&error)) {
            return Err(error.into());
        }
        server.create_database().await?;
    }
    let mut connection = server.connect().await?;
    let lock = with_lock.then(|| lock_name(&server.database));
    let deadline = clock::now() + PATIENCE;
    let (mut applied, mut attempt) = (Applied::default(), 0);
    let result = loop {
        match turn(&mut connection, mapping, lock.as_deref(), &mut applied).await {
            Ok(Turn::Done) => break Ok(applied),
            Err(error) if !error.is_in_the_way() => break Err(error),
            _ if clock::now() > deadline => break Err(Error::Locked),
            Ok(Turn::Locked) => {
                info!("migrations: another instance is applying them; waiting");
            }
            Err(error) => {
                attempt += 1;
                debug!(%error, "migrations: another instance was in the way; retrying");
                let random = RandomState::new().hash_one(attempt);
                tokio::time::sleep(PAUSES.pause(attempt, random)).await;
            }
        }
    };
    close(connection).await;
    if applied.files > 0 && result.is_ok() {
        info!(applied = applied.files, "migrations applied");
    }
    result
}

enum Turn {
    /// Nothing is pending any longer.
    Done,
    /// Another instance holds the lock.
    Locked,
}

/// Applies what is pending, under the lock if there is one.
async fn turn(
    connection: &mut MySqlConnection,
    mapping: &Mapping,
    lock: Option<&str>,
    applied: &mut Applied,
) -> Result<Turn, Error> {
    // Takes the lock only if needed: behind ProxySQL it ends the sharing of connections.
    let is_current = pending(connection, mapping.has_built_in).await?.is_empty();
    if is_current && growth(connection, mapping).await?.is_empty() {
        return Ok(Turn::Done);
    }
    let taken = match lock {
        Some(name) => take(connection, name).await,
        None => Lock::Useless,
    };
    if matches!(taken, Lock::Held) {
        return Ok(Turn::Locked);
    }
    let done = apply(connection, mapping, applied).await;
    if let (Lock::Taken, Some(name)) = (taken, lock) {
        // Also released by closing; a failed release is not a failed migration.
        let release = format!("SELECT RELEASE_LOCK('{name}')");
        let _ = connection.execute(AssertSqlSafe(release)).await;
    }
    done.map(|()| Turn::Done)
}

enum Lock {
    Taken,
    /// Another instance has it.
    Held,
    /// The server refuses it.
    Useless,
}

async fn take(connection: &mut MySqlConnection, name: &str) -> Lock {
    let get = format!("SELECT GET_LOCK('{name}', {})", LOCK_WAIT.as_secs());
    let answer = connection.fetch_one(AssertSqlSafe(get)).await;
    match answer.and_then(|row| row.try_get_unchecked::<Option<i64>, _>(0)) {
        Ok(Some(1)) => Lock::Taken,
        Ok(Some(_)) => Lock::Held,
        Ok(None) => Lock::Useless,
        Err(error) => {
            debug!(error = without_values(&error), "migrations: continuing without GET_LOCK");
            Lock::Useless
        }
    }
}

/// At most 64 characters, none of which needs an escape.
fn lock_name(database: &str) -> String {
    let name = format!("sluicegate migrate {database}");
    let plain = name.chars().map(|c| if c == '\'' || c == '\\' { '_' } else { c });
    plain.take(64).collect()
}

async fn apply(
    connection: &mut MySqlConnection,
    mapping: &Mapping,
    applied: &mut Applied,
) -> Result<(), Error> {
    connection.execute(RECORDS).await?;
    for Pending { migration, is_again } in pending(connection, mapping.has_built_in).await? {
        let started = clock::now();
        let done = connection.execute(migration.sql.clone()).await;
        done.map_err(|error| Error::Migration {
            version: migration.version,
            name: migration.description.to_string(),
            error,
        })?;
        if is_again {
            applied.files += 1;
            continue;
        }
        if migration.version == OWN_TABLES && !is_recorded(connection, migration).await? {
            forget_later_state(connection).await?;
        }
        if record(connection, migration, started.elapsed()).await? {
            applied.files += 1;
        }
    }
    for Growth { sql, cost } in growth(connection, mapping).await? {
        match cost {
            Some(cost) => warn!(statement = sql, "migrations: changing a large table: {cost}"),
            None => info!(statement = sql, "migrations: changing a table of the mapping"),
        }
        let done = connection.execute(AssertSqlSafe(sql.clone())).await;
        done.map_err(|error| Error::Table { statement: sql, error })?;
        applied.statements += 1;
    }
    Ok(())
}

/// What makes and grows the tables of the mapping.
async fn growth(connection: &mut MySqlConnection, mapping: &Mapping) -> Result<Vec<Growth>, Error> {
    let live = schema::read(connection, mapping).await?;
    Ok(schema::growth(mapping, &live))
}

/// # Errors
/// [`Error::Pending`] if migrations are pending.
pub async fn refuse_pending(server: &Server, mapping: &Mapping) -> Result<(), Error> {
    let mut connection = server.connect().await?;
    let pending = pending_on(&mut connection, mapping).await?;
    close(connection).await;
    if pending == 0 { Ok(()) } else { Err(Error::Pending(pending)) }
}

/// How many migrations are pending.
///
/// # Errors
/// [`Error::Changed`], too.
pub async fn pending_on(
    connection: &mut MySqlConnection,
    mapping: &Mapping,
) -> Result<usize, Error> {
    Ok(pending(connection, mapping.has_built_in).await?.len())
}

/// The SQL that [`migrate`] would run.
///
/// # Errors
/// If the server cannot be reached or queried.
pub async fn preview(server: &Server, mapping: &Mapping) -> Result<Vec<String>, Error> {
    let mut statements = Vec::new();
    let mut connection = match server.connect().await {
        Err(error) if NO_DATABASE.contains(&number_of(&error)) => {
            statements.push(server.create_database_text());
            let files =
                files(mapping.has_built_in).map(|migration| migration.sql.as_str().to_owned());
            statements.extend(files);
            let empty = schema::LiveSchema::empty();
            statements.extend(schema::growth(mapping, &empty).into_iter().map(as_sql));
            return Ok(statements);
        }
        connected => connected?,
    };
    let pending = pending(&mut connection, mapping.has_built_in).await?;
    statements.extend(pending.iter().map(|pending| pending.migration.sql.as_str().to_owned()));
    statements.extend(growth(&mut connection, mapping).await?.into_iter().map(as_sql));
    close(connection).await;
    Ok(statements)
}

/// A statement below a comment that says what it costs.
fn as_sql(Growth { sql, cost }: Growth) -> String {
    match cost {
        Some(cost) => format!("-- {cost}\n{sql}"),
        None => sql,
    }
}

impl Error {
    /// Whether another instance's migration may have caused it.
    fn is_in_the_way(&self) -> bool {
        match self {
            Self::Server(error) | Self::Migration { error, .. } => {
                IN_THE_WAY.contains(&number_of(error))
            }
            // Of a unique key it says that rows collide, which waiting does not change.
            Self::Table { error, .. } => {
                let number = number_of(error);
                number != DUPLICATE && IN_THE_WAY.contains(&number)
            }
            _ => false,
        }
    }
}
