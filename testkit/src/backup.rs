//! A backup of a database: what all its tables held at one moment, kept on the same server, to be put back later.

use crate::DEADLINE;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Error, Executor};
use std::time::Instant;

/// Numbers of the errors that a deadlock with a writer and a wait for one give: who meets them asks again.
const IN_THE_WAY: [u16; 2] = [1205, 1213];

/// A copy of each table in a database of its own.
#[derive(Debug)]
pub struct Backup {
    of: String,
    copy: String,
    tables: Vec<String>,
}

impl Backup {
    /// Takes it. Writers wait meanwhile, so that no transaction is in it by half.
    pub async fn take(connection: &mut MySqlConnection, database: &str) -> Self {
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = ? AND TABLE_TYPE = 'BASE TABLE' ORDER BY TABLE_NAME",
        )
        .bind(database)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
        let backup = Self { of: database.to_owned(), copy: crate::unique("backup"), tables };
        execute(connection, &format!("CREATE DATABASE {}", backup.copy)).await;
        for (table, copy) in backup.pairs() {
            execute(connection, &format!("CREATE TABLE {copy} LIKE {table}")).await;
        }
        let locks: Vec<String> =
            backup.pairs().map(|(table, copy)| format!("{table} WRITE, {copy} WRITE")).collect();
        execute(connection, &format!("LOCK TABLES {}", locks.join(", "))).await;
        for (table, copy) in backup.pairs() {
            execute(connection, &format!("INSERT INTO {copy} SELECT * FROM {table}")).await;
        }
        execute(connection, "UNLOCK TABLES").await;
        backup
    }

    /// The same without these tables, which stay as they will be.
    #[must_use]
    pub fn without(mut self, tables: &[&str]) -> Self {
        self.tables.retain(|table| !tables.contains(&table.as_str()));
        self
    }

    /// Puts all tables back in one statement: whoever is connected sees either all of them as they are, or all of them as
    /// they were.
    pub async fn restore(self, connection: &mut MySqlConnection) {
        let renames: Vec<String> = self
            .pairs()
            .map(|(table, copy)| {
                let gone = format!("{}_gone`", copy.trim_end_matches('`'));
                format!("{table} TO {gone}, {copy} TO {table}")
            })
            .collect();
        execute(connection, &format!("RENAME TABLE {}", renames.join(", "))).await;
        execute(connection, &format!("DROP DATABASE {}", self.copy)).await;
    }

    /// Each table and its copy.
    fn pairs(&self) -> impl Iterator<Item = (String, String)> {
        let name = |database: &str, table: &str| format!("`{database}`.`{table}`");
        self.tables.iter().map(move |table| (name(&self.of, table), name(&self.copy, table)))
    }
}

async fn execute(connection: &mut MySqlConnection, statement: &str) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match connection.execute(AssertSqlSafe(statement)).await {
            Ok(_) => return,
            Err(error) if is_in_the_way(&error) && Instant::now() < deadline => {}
            Err(error) => panic!("{statement}: {error}"),
        }
    }
}

fn is_in_the_way(error: &Error) -> bool {
    let Error::Database(error) = error else { return false };
    let error = error.downcast_ref::<sqlx::mysql::MySqlDatabaseError>();
    IN_THE_WAY.contains(&error.number())
}
