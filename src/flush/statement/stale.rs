//! Lines of an older creation event than the one that their entity's row names now.
//!
//! We look for them after every creation, because only the server knows whether there was another
//! one. Looking is a plain read, a third of the work of a `DELETE` that finds nothing. And it is
//! exact: every transaction locks an entity's row before it writes the entity's lines, and this one
//! holds that lock, so all lines that it reads are committed or its own.
//!
//! The statements name each table's key. Going by its statistics, which may call a table empty, a
//! server would read all lines once for every entity.

use crate::buffer::{Batch, NULL, Rows};
use crate::literal::push_text;
use crate::mapping::{Mapping, Storage, Table, TableId, TableKind};
use std::ops::Range;

/// Entities in one statement. Few enough that MariaDB does not turn the list into a derived table
/// (`in_predicate_conversion_threshold`), many enough to need few statements.
const IDS_MAX: usize = 500;

/// A table of lines, and the table of the entities that own them.
#[derive(Debug, Clone, Copy)]
pub struct StaleLines<'m> {
    pub table: TableId,
    pub parent: TableId,
    lines: &'m Table,
    owner: &'m Table,
    lines_key: &'m str,
    owner_key: &'m str,
}

impl<'m> StaleLines<'m> {
    /// All tables of lines of a mapping, whose tables' keys have these names.
    pub fn all(mapping: &'m Mapping, key_names: &'m [String]) -> impl Iterator<Item = Self> {
        let tables = &mapping.tables;
        tables.iter().enumerate().filter_map(|(table, lines)| match lines.kind {
            TableKind::Lines { parent } => Some(Self {
                table,
                parent,
                lines,
                owner: &tables[parent],
                lines_key: &key_names[table],
                owner_key: &key_names[parent],
            }),
            _ => None,
        })
    }

    /// The queries for entities with stale lines, among those that a batch creates and whose rows are
    /// at `places` in the order of keys.
    ///
    /// Lines are numbered from 1 and those of the newest creation have its version, so an entity
    /// has stale ones if its last line has another version. That line alone is read.
    pub fn look(&self, batch: &Batch, places: Range<usize>) -> Vec<String> {
        let rows = batch.rows(self.parent);
        let created = rows.column(self.owner.event_timestamp());
        let mut ids: Vec<&str> = (0..rows.len())
            .filter(|&row| created.number(row) != NULL)
            .filter_map(|row| rows.column(Table::KEY).text(row))
            .collect();
        ids.sort_unstable();
        if places.len() < rows.len() {
            self.keep(&mut ids, rows, places);
        }
        ids.chunks(IDS_MAX).map(|ids| self.look_at(ids)).collect()
    }

    /// Keeps the ids of rows at `places`.
    fn keep(&self, ids: &mut Vec<&str>, rows: &Rows, places: Range<usize>) {
        let mut order = Vec::new();
        rows.sorted(self.owner, &mut order);
        let key = |place: usize| rows.column(Table::KEY).text(order[place] as usize);
        if places.is_empty() {
            ids.clear();
        } else {
            let (first, last) = (key(places.start), key(places.end - 1));
            ids.retain(|id| first <= Some(id) && Some(*id) <= last);
        }
    }

    fn look_at(&self, ids: &[&str]) -> String {
        let key = &self.lines.columns[Table::KEY].name;
        let shown = match self.is_key_text() {
            true => format!("owner.`{key}`"),
            false => format!("CAST(owner.`{key}` AS CHAR)"),
        };
        let number = &self.lines.columns[Table::LINE].name;
        let (lines, owner) = (&self.lines.name, &self.owner.name);
        let (lines_key, owner_key) = (self.lines_key, self.owner_key);
        // Ordered by the whole index, since MySQL sorts all lines if the key is left out.
        let mut text = format!(
            "SELECT {shown} FROM `{owner}` AS owner FORCE INDEX (`{owner_key}`) \
             WHERE (owner.event_timestamp, owner.event_id) <> \
             (SELECT line.event_timestamp, line.event_id FROM `{lines}` AS line FORCE INDEX (`{lines_key}`) \
             WHERE line.`{key}` = owner.`{key}` ORDER BY line.`{key}` DESC, line.`{number}` DESC LIMIT 1) \
             AND owner.`{key}` IN ("
        );
        self.push_list(&mut text, ids);
        text
    }

    /// The statement that deletes the stale lines of these entities.
    #[must_use]
    pub fn delete(&self, ids: &[impl AsRef<str>]) -> String {
        let key = &self.lines.columns[Table::KEY].name;
        let (lines, owner) = (&self.lines.name, &self.owner.name);
        let (lines_key, owner_key) = (self.lines_key, self.owner_key);
        let mut text = format!(
            "DELETE line FROM `{lines}` AS line FORCE INDEX FOR JOIN (`{lines_key}`) \
             STRAIGHT_JOIN `{owner}` AS owner FORCE INDEX FOR JOIN (`{owner_key}`) ON owner.`{key}` = line.`{key}` \
             WHERE (line.event_timestamp <> owner.event_timestamp OR line.event_id <> owner.event_id) \
             AND line.`{key}` IN ("
        );
        self.push_list(&mut text, ids);
        text
    }

    fn is_key_text(&self) -> bool {
        self.lines.columns[Table::KEY].storage == Storage::Text
    }

    /// Numbers stay numbers: the server would compare texts with them inexactly.
    fn push_list(&self, text: &mut String, ids: &[impl AsRef<str>]) {
        for (index, id) in ids.iter().enumerate() {
            text.push_str(if index == 0 { "" } else { "," });
            match self.is_key_text() {
                true => push_text(text, id.as_ref()),
                false => text.push_str(id.as_ref()),
            }
        }
        text.push(')');
    }
}
