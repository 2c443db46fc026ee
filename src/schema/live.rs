//! The schema as the server describes it.

use crate::mysql::Dialect;
use std::collections::{BTreeMap, BTreeSet};

/// The mapped tables and `dead_letters`, as far as they exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSchema {
    pub tables: BTreeMap<String, LiveTable>,
    /// Whatever has the name of a view of living rows.
    pub views: BTreeMap<String, LiveView>,
    pub server: LiveServer,
}

impl LiveSchema {
    /// Of a database that does not exist yet.
    #[must_use]
    pub fn empty() -> Self {
        let server = LiveServer { dialect: Dialect::MySql, now: 0, timestamp_ends: i64::MAX };
        Self { tables: BTreeMap::new(), views: BTreeMap::new(), server }
    }
}

/// What has the name of a view of living rows.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LiveView {
    /// In order.
    pub columns: Vec<String>,
    /// Its text without the database's name, empty if the account may not see it; `None` for a table.
    pub definition: Option<String>,
    /// Whether it reads with the rights of its reader.
    pub is_invoker: bool,
}

/// What the checks need to know of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveServer {
    pub dialect: Dialect,
    /// Its clock, in seconds since 1970.
    pub now: i64,
    /// The last second that fits a TIMESTAMP, since 1970.
    pub timestamp_ends: i64,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LiveTable {
    pub is_view: bool,
    /// Roughly, as the server estimates it.
    pub rows: u64,
    pub engine: String,
    /// Whether its engine has transactions.
    pub is_transactional: bool,
    /// By name.
    pub columns: BTreeMap<String, LiveColumn>,
    /// By name, including `PRIMARY`.
    pub unique_keys: BTreeMap<String, LiveKey>,
    /// `None` if the server does not number rows.
    pub ids: Option<LiveIds>,
    /// Both from it and to it.
    pub foreign_keys: BTreeSet<ForeignKey>,
    /// Those that the account may see.
    pub triggers: BTreeSet<String>,
    /// CHECK constraints, without those that MariaDB adds to JSON columns.
    pub checks: BTreeSet<String>,
    pub partitions: Option<Partitions>,
}

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
    /// Digits of a decimal: all, and those after the point.
    pub digits: Option<(i64, i64)>,
    /// Character set and collation, for texts.
    pub collation: Option<(String, String)>,
    pub nullable: bool,
    pub is_generated: bool,
    pub is_auto_increment: bool,
    /// As SQL.
    pub default: Option<String>,
    /// `ON UPDATE`, as SQL.
    pub on_update: Option<String>,
    /// Whether `SELECT *` leaves it out.
    pub is_invisible: bool,
    pub comment: String,
    /// A CHECK in its definition (MariaDB's JSON), as SQL.
    pub check: Option<String>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LiveKey {
    /// In order.
    pub parts: Vec<KeyPart>,
    /// Whether the optimizer uses it (MySQL: VISIBLE, MariaDB: NOT IGNORED).
    pub is_visible: bool,
    /// Whether it is a B-tree; a hash cannot be read in order.
    pub is_tree: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPart {
    Column(String),
    /// A column's first characters.
    Prefix(String, i64),
    Expression,
}

/// The numbers of a table's rows.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LiveIds {
    /// The AUTO_INCREMENT column.
    pub column: String,
    /// The greatest number of its type.
    pub greatest: u64,
    /// The last number taken.
    pub last: u64,
}

/// A foreign key, seen from one of its two tables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ForeignKey {
    pub name: String,
    /// Whether this table is the one that refers to the other.
    pub is_from: bool,
    /// The other table, as `schema.table` if the schema is another one.
    pub other: String,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Partitions {
    /// `RANGE`, `RANGE COLUMNS`, `LIST`, …
    pub method: String,
    /// What decides on a row's partition.
    pub expression: String,
    /// The end of the last partition; `None` if it is open.
    pub end: Option<String>,
}
