//! The rows of one table in one batch.

use super::column::{CELL_BYTES, Column, NULL, TextColumn};
use crate::mapping::{ColumnSpec, Storage, Table, TableKind};
use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;

/// Bytes that a row takes in the index by key.
const INDEX_BYTES: usize = 8;

/// Rows of one table, column by column.
#[derive(Debug)]
pub struct Rows {
    columns: Vec<Column>,
    len: usize,
    /// Of texts.
    bytes: usize,
    /// The row of each key, if this is an entity's table.
    by_key: Option<HashTable<u32>>,
}

impl Rows {
    #[must_use]
    pub fn new(table: &Table) -> Self {
        let column = |spec: &ColumnSpec| match spec.storage {
            Storage::Number => Column::Number(Vec::new()),
            Storage::Text | Storage::Literal => Column::Text(TextColumn::default()),
        };
        Self {
            columns: table.columns.iter().map(column).collect(),
            len: 0,
            bytes: 0,
            by_key: matches!(table.kind, TableKind::Entity { .. }).then(HashTable::new),
        }
    }

    /// Number of complete rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no complete rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory that the rows take: their texts, including those of rows that folding or a verdict
    /// removed, and [`CELL_BYTES`] a cell, NULL or not.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let index = if self.by_key.is_some() { INDEX_BYTES } else { 0 };
        self.bytes + self.len * (self.columns.len() * CELL_BYTES + index)
    }

    #[must_use]
    pub fn column(&self, index: usize) -> &Column {
        &self.columns[index]
    }

    /// Appends a text to the row that is being built.
    ///
    /// # Panics
    /// If the column holds numbers.
    pub fn push_text(&mut self, column: usize, value: Option<&str>) {
        self.bytes += self.text_column(column).push(value);
    }

    /// Appends a text made of parts to the row that is being built.
    ///
    /// # Panics
    /// If the column holds numbers.
    pub fn push_parts<'t>(&mut self, column: usize, parts: impl Iterator<Item = &'t str>) {
        self.bytes += self.text_column(column).push_parts(parts);
    }

    /// Appends a number to the row that is being built; [`NULL`] for none.
    ///
    /// # Panics
    /// If the column holds texts.
    pub fn push_number(&mut self, column: usize, value: i64) {
        let Column::Number(column) = &mut self.columns[column] else {
            panic!("a column of texts holds no numbers");
        };
        column.push(value);
    }

    /// Appends NULL to the row that is being built.
    pub fn push_null(&mut self, column: usize) {
        match &mut self.columns[column] {
            Column::Text(column) => drop(column.push(None)),
            Column::Number(column) => column.push(NULL),
        }
    }

    /// Makes room in `column` for exactly `rows` more rows with `bytes` of text in all.
    pub fn reserve(&mut self, column: usize, rows: usize, bytes: usize) {
        self.columns[column].reserve(rows, bytes);
    }

    fn text_column(&mut self, column: usize) -> &mut TextColumn {
        let Column::Text(column) = &mut self.columns[column] else {
            panic!("a column of numbers holds no texts");
        };
        column
    }

    /// Appends a row from another batch's rows of the same table.
    pub fn push_row(&mut self, from: &Self, row: usize) {
        for (index, column) in from.columns.iter().enumerate() {
            match column {
                Column::Text(values) => self.push_text(index, values.get(row)),
                Column::Number(values) => self.push_number(index, values[row]),
            }
        }
        self.end_row();
    }

    /// Completes the row, which must have one value in each column.
    pub fn end_row(&mut self) {
        self.len += 1;
    }

    /// Removes the rows from `len` on, complete or not.
    pub fn truncate(&mut self, len: usize) {
        self.columns.iter_mut().for_each(|column| column.truncate(len));
        self.len = len;
    }

    /// Removes all rows, but keeps the memory for the next batch.
    pub fn clear(&mut self) {
        self.columns.iter_mut().for_each(Column::clear);
        self.len = 0;
        self.bytes = 0;
        if let Some(by_key) = &mut self.by_key {
            by_key.clear();
        }
    }

    /// Frees the memory.
    pub(super) fn shrink(&mut self) {
        self.columns.iter_mut().for_each(Column::shrink);
        if let Some(by_key) = &mut self.by_key {
            *by_key = HashTable::new();
        }
    }

    /// Bytes of memory that the rows keep.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        let index = self.by_key.as_ref().map_or(0, |by_key| by_key.capacity() * size_of::<u32>());
        self.columns.iter().map(Column::capacity_bytes).sum::<usize>() + index
    }

    /// The earlier row with the same key as row `last`. If there is none, notes this row as the row of its
    /// key. The rows after it have not been looked at yet.
    ///
    /// # Panics
    /// If this is not an entity's table or has no such row.
    pub(super) fn earlier_row_of_key(&mut self, last: usize) -> Option<usize> {
        let Self { columns, by_key: Some(by_key), .. } = self else {
            panic!("only rows of entities have keys");
        };
        let keys = &columns[Table::KEY];
        let hash = |row: usize| FxBuildHasher.hash_one(keys.text(row));
        let same = |&row: &u32| keys.text(row as usize) == keys.text(last);
        match by_key.find(hash(last), same) {
            Some(&row) => Some(row as usize),
            None => {
                // A batch is sealed long before 4 billion rows.
                let row = u32::try_from(last).unwrap_or(u32::MAX);
                by_key.insert_unique(hash(last), row, |&row| hash(row as usize));
                None
            }
        }
    }

    /// Copies row `from` to row `to`.
    pub(super) fn copy_row(&mut self, from: usize, to: usize) {
        self.columns.iter_mut().for_each(|column| column.copy(from, to));
    }

    /// Copies the value of row `from` in `column` to row `to`.
    pub(super) fn copy(&mut self, column: usize, from: usize, to: usize) {
        self.columns[column].copy(from, to);
    }

    /// The order of rows by key: of logs by time and event id, of entities by their id, of lines
    /// by entity and number. Transactions that take their locks in this order do not deadlock, and
    /// an index is filled along its leaves.
    ///
    /// Leaves out the rows of an event that came twice: the server would try to insert them and take
    /// them back, which costs more than new rows.
    pub fn sorted(&self, table: &Table, order: &mut Vec<u32>) {
        order.clear();
        order.extend(0..u32::try_from(self.len).unwrap_or(u32::MAX));
        let text = |column: usize, row: u32| self.columns[column].text(row as usize);
        let number = |column: usize, row: u32| self.columns[column].number(row as usize);
        // Most times differ, so texts are rarely compared.
        let by_event = |a: u32, b: u32| {
            let (at, id) = (table.event_timestamp(), table.event_id());
            number(at, a).cmp(&number(at, b)).then_with(|| text(id, a).cmp(&text(id, b)))
        };
        match table.kind {
            TableKind::Log => {
                order.sort_unstable_by(|&a, &b| by_event(a, b));
                order.dedup_by(|a, b| by_event(*a, *b).is_eq());
            }
            TableKind::Entity { .. } => {
                order.sort_unstable_by(|&a, &b| text(Table::KEY, a).cmp(&text(Table::KEY, b)));
            }
            TableKind::Lines { .. } => {
                let by_line = |a: u32, b: u32| {
                    let key = text(Table::KEY, a).cmp(&text(Table::KEY, b));
                    key.then_with(|| number(Table::LINE, a).cmp(&number(Table::LINE, b)))
                        .then_with(|| by_event(a, b))
                };
                order.sort_unstable_by(|&a, &b| by_line(a, b));
                order.dedup_by(|a, b| by_line(*a, *b).is_eq());
            }
        }
    }
}
