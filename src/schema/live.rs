//! The schema as the server describes it.

use crate::mysql::Dialect;
use std::collections::{BTreeMap, BTreeSet};

/// The tables that a mapping names, `dead_letters`, and what holds for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSchema {
    /// Tables by name.
    pub tables: BTreeMap<String, LiveTable>,
    /// The server.
    pub server: LiveServer,
}

/// What the server says of itself that decides whether tables can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveServer {
    /// MySQL or MariaDB.
    pub dialect: Dialect,
    /// Its clock, in seconds since 1970.
    pub now: i64,
    /// The last moment that its TIMESTAMP holds, likewise.
    pub timestamp_ends: i64,
}

/// A table.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LiveTable {
    /// Whether it is a view.
    pub is_view: bool,
    /// Its storage engine.
    pub engine: String,
    /// Whether the engine has transactions.
    pub is_transactional: bool,
    /// Columns by name.
    pub columns: BTreeMap<String, LiveColumn>,
    /// Unique keys by name, the primary key included.
    pub unique_keys: BTreeMap<String, LiveKey>,
    /// The numbers that the server gives to rows.
    pub ids: Option<LiveIds>,
    /// Foreign keys from it and to it.
    pub foreign_keys: BTreeSet<ForeignKey>,
    /// Triggers, as far as the account may see them.
    pub triggers: BTreeSet<String>,
    /// CHECK constraints, without those that a JSON column of MariaDB has by itself.
    pub checks: BTreeSet<String>,
    /// How it is partitioned.
    pub partitions: Option<Partitions>,
}

/// A column.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LiveColumn {
    /// `varchar`, `bigint`, …
    pub data_type: String,
    /// `varchar(50)`, `enum('a','b')`, …
    pub column_type: String,
    /// In characters.
    pub length: Option<i64>,
    /// In bytes.
    pub octets: Option<i64>,
    /// Digits after the second.
    pub precision: Option<i64>,
    /// Digits of a decimal, and how many of them are after the point.
    pub digits: Option<(i64, i64)>,
    /// Character set and collation, for texts.
    pub collation: Option<(String, String)>,
    /// Whether it takes NULL.
    pub nullable: bool,
    /// Whether its values are computed.
    pub is_generated: bool,
    /// Whether the server numbers rows in it.
    pub is_auto_increment: bool,
    /// The default as SQL.
    pub default: Option<String>,
    /// What `UPDATE` sets it to, as SQL.
    pub on_update: Option<String>,
    /// Whether `SELECT *` leaves it out.
    pub is_invisible: bool,
    /// Its comment.
    pub comment: String,
    /// A CHECK that is part of its definition (MariaDB's JSON), as SQL.
    pub check: Option<String>,
}

/// A unique key.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LiveKey {
    /// What it compares, in order.
    pub parts: Vec<KeyPart>,
    /// Whether the server may use it for look-ups (MySQL: VISIBLE, MariaDB: NOT IGNORED).
    pub is_visible: bool,
    /// Whether it is a tree; a hash cannot be read in order.
    pub is_tree: bool,
}

/// A part of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPart {
    /// A whole column.
    Column(String),
    /// The first characters of a column.
    Prefix(String, i64),
    /// An expression.
    Expression,
}

/// The numbers that the server gives to rows.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LiveIds {
    /// The AUTO_INCREMENT column.
    pub column: String,
    /// The greatest number that its type holds.
    pub greatest: u64,
    /// The last one that was given.
    pub last: u64,
}

/// A foreign key, seen from one of its two tables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ForeignKey {
    /// Its name.
    pub name: String,
    /// Whether this is the table that refers to the other.
    pub is_from: bool,
    /// The other table, with its schema if that is another one.
    pub other: String,
}

/// How a table is partitioned.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Partitions {
    /// `RANGE`, `RANGE COLUMNS`, `LIST`, …
    pub method: String,
    /// What decides.
    pub expression: String,
    /// The end of the last partition; `None` if it takes everything.
    pub end: Option<String>,
}
