//! The tables of a purge, and by which columns and keys their rows are found.

use super::unknown_table;
use crate::commands::{Usage, lines};
use crate::datetime::Micros;
use crate::mapping::{Mapping, Storage, Table, TableId};
use crate::schema::{self, LiveSchema};
use anyhow::bail;

/// A table of lines.
#[derive(Debug, Clone)]
pub(super) struct Lines<'m> {
    pub(super) table: &'m Table,
    pub(super) key_name: String,
}

/// An entity's table whose rows may be deleted.
#[derive(Debug, Clone)]
pub(super) struct Target<'m> {
    pub(super) table: TableId,
    pub(super) owner: &'m Table,
    /// The tables of its lines.
    pub(super) lines: Vec<Lines<'m>>,
    /// The name of the unique key over the entity's key.
    pub(super) key_name: String,
    /// In the order of this column the table is read: its AUTO_INCREMENT, along which the rows lie, or else
    /// the entity's key.
    pub(super) walk: Walked,
    /// Rows deleted before this time are removed.
    pub(super) before: Micros,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Walked {
    pub(super) column: String,
    pub(super) is_text: bool,
}

/// The tables with these names, all that have deleted rows if there are none.
pub(super) fn choose<'m>(
    mapping: &'m Mapping,
    live: &LiveSchema,
    names: &[String],
    before: Micros,
) -> anyhow::Result<Vec<Target<'m>>> {
    let tables = mapping.tables.iter().enumerate();
    let all: Vec<(TableId, &Table)> =
        tables.filter(|(_, table)| table.deleted().is_some()).collect();
    let known: Vec<&str> = all.iter().map(|(_, table)| table.name.as_str()).collect();
    let unknown = names.iter().find(|name| !known.contains(&name.as_str()));
    if unknown.is_some() || known.is_empty() {
        let name = unknown.map_or("", String::as_str);
        bail!(Usage(unknown_table(name, &known)));
    }
    let is_chosen = |table: &Table| names.is_empty() || names.contains(&table.name);
    let chosen = all.into_iter().filter(|(_, table)| is_chosen(table));
    chosen.map(|(id, owner)| of_table(mapping, live, (id, owner), before)).collect()
}

fn of_table<'m>(
    mapping: &'m Mapping,
    live: &LiveSchema,
    (table, owner): (TableId, &'m Table),
    before: Micros,
) -> anyhow::Result<Target<'m>> {
    let lines_of: Vec<&Table> = owner.children().iter().map(|id| &mapping.tables[*id]).collect();
    let mut refused = schema::refused(mapping, live);
    refused.retain(|mismatch| {
        mismatch.is_of(&owner.name) || lines_of.iter().any(|table| mismatch.is_of(&table.name))
    });
    let key_name = schema::key_name(owner, live);
    let of_lines = lines_of.iter().map(|&table| {
        let key_name = schema::key_name(table, live)?;
        Some(Lines { table, key_name })
    });
    let of_lines: Option<Vec<Lines<'_>>> = of_lines.collect();
    let (Some(key_name), Some(of_lines), []) = (key_name, of_lines, refused.as_slice()) else {
        bail!("the schema does not fit the mapping:\n{}", lines(&refused));
    };
    let key = &owner.columns[Table::KEY];
    let ids = live.tables.get(&owner.name).and_then(|table| table.ids.as_ref());
    let walk = match ids {
        Some(ids) => Walked { column: ids.column.clone(), is_text: false },
        None => Walked { column: key.name.clone(), is_text: key.storage == Storage::Text },
    };
    Ok(Target { table, owner, lines: of_lines, key_name, walk, before })
}
