//! The mapping: which event writes which value into which column. Data, not code.
//!
//! Takes TOML files, one per domain, and gives a [`Mapping`] in which every name is resolved to an
//! index, so that the hot path only indexes. Holds true: a [`Mapping`] is complete and consistent in
//! itself; the schema check compares it with the database. Fails with every [`MappingError`] at once:
//! file, line, key, and the likely fix.

mod columns;
mod compile;
mod constants;
mod convert;
mod coverage;
mod declared;
mod directory;
mod envelope;
mod file;
mod language;
mod names;
mod paths;
mod patterns;
mod places;
pub mod plan;
mod plans;
mod report;
pub mod size;
mod source;
mod specs;
pub mod table;
mod todo;
mod tree;
pub mod types;

use rustc_hash::FxHashMap;
use std::path::Path;

pub use convert::Convert;
pub use declared::{Declared, Each, Envelope, IdSource, TypeSource};
pub use language::JSON_SCHEMA;
pub use patterns::TOMBSTONE;
pub use plan::{
    Cell, Constant, EventPlan, Label, LabelId, LinesPlan, PathNode, Place, Role, Root, RowPlan,
    Source, TopicPlan, Tree,
};
pub use table::{Bound, Bounds, Changing, ColumnSpec, Deleted, Table, TableId, TableKind};
pub use types::{ColumnType, IntSize, IntType, Storage};

/// The built-in domains: file name and text.
pub const BUILT_IN: [(&str, &str); 7] = [
    ("community.toml", include_str!("domains/community.toml")),
    ("order.toml", include_str!("domains/order.toml")),
    ("post.toml", include_str!("domains/post.toml")),
    ("product.toml", include_str!("domains/product.toml")),
    ("promotion.toml", include_str!("domains/promotion.toml")),
    ("supplier.toml", include_str!("domains/supplier.toml")),
    ("user.toml", include_str!("domains/user.toml")),
];

/// The mapping files, compiled.
#[derive(Debug)]
pub struct Mapping {
    /// Every table, in the order of a flush: logs first, then entities, each before its lines.
    pub tables: Vec<Table>,
    /// By topic.
    pub topics: FxHashMap<String, TopicPlan>,
    /// The labels under which events are counted.
    pub labels: Vec<Label>,
    /// Whether the built-in domains are part of it, whose tables SQL files make.
    pub has_built_in: bool,
    /// Keys that some topic redacts: for messages of a topic that no file maps.
    pub secrets: crate::redact::Secrets,
}

/// A fault in a mapping file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {key}: {problem}")]
pub struct MappingError {
    pub file: String,
    /// From 1, also for a file as a whole.
    pub line: usize,
    /// The key or value at fault.
    pub key: String,
    /// What is wrong, and the likely fix.
    pub problem: String,
}

impl Mapping {
    /// The built-in domains. A test holds that they compile.
    pub fn built_in() -> Result<Self, Vec<MappingError>> {
        Self::compile(BUILT_IN).map(|mapping| Self { has_built_in: true, ..mapping })
    }

    /// The `*.toml` files of `directory`, and the built-in domains if wanted; the files win where the topic is
    /// the same.
    ///
    /// # Errors
    /// Every fault in the files and in their names.
    pub fn with_directory(directory: &Path, has_built_in: bool) -> Result<Self, Vec<MappingError>> {
        let compiled = directory::compile(directory, has_built_in);
        compiled.map(|mapping| Self { has_built_in, ..mapping })
    }

    /// Compiles files, each given as name and text.
    ///
    /// # Errors
    /// Every fault found.
    pub fn compile<'f>(
        files: impl IntoIterator<Item = (&'f str, &'f str)>,
    ) -> Result<Self, Vec<MappingError>> {
        compile::compile(files)
    }

    /// The keys to redact in messages of this topic.
    #[must_use]
    pub fn secrets_of(&self, topic: &str) -> &crate::redact::Secrets {
        self.topics.get(topic).map_or(&self.secrets, |plan| &plan.secrets)
    }

    /// Sorted.
    #[must_use]
    pub fn topic_names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.topics.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The names of the tables' keys where we made them.
    #[must_use]
    pub fn key_names(&self) -> Vec<String> {
        self.tables.iter().map(Table::key_name).collect()
    }

    #[must_use]
    pub fn table(&self, name: &str) -> Option<TableId> {
        self.tables.iter().position(|table| table.name == name)
    }
}

#[cfg(test)]
mod tests;
