//! The rows of a batch, as they are written into statements.

use sluicegate::buffer::Batch;
use sluicegate::flush::statement::{StatementLimits, Statements};
use sluicegate::mapping::{Mapping, TableKind};
use sluicegate::mysql::Dialect;
use std::collections::BTreeMap;
use testkit::fold::declared::event::Row;
use testkit::fold::declared::file::File;
use testkit::fold::declared::types::Type;
use testkit::fuzz;

/// The rows of each table as a server that had only these would print them.
pub(super) fn of_batch(
    mapping: &Mapping,
    batch: &Batch,
    file: &File,
) -> BTreeMap<String, Vec<Row>> {
    let types = file.tables();
    let statements = Statements::new(mapping, Dialect::MySql);
    let limits = StatementLimits { rows: 1_000_000, bytes: 100_000_000 };
    let mut tables = BTreeMap::new();
    for (id, table) in mapping.tables.iter().enumerate() {
        let (mut order, mut text) = (Vec::new(), String::new());
        let rows = batch.rows(id);
        rows.sorted(table, &mut order);
        if order.is_empty() {
            tables.insert(table.name.clone(), Vec::new());
            continue;
        }
        let written = statements.upsert((id, table), rows, &order, 0, limits, &mut text);
        assert_eq!(written, order.len());
        let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        let types = &types[table.name.as_str()];
        let row = |values: Vec<Option<Vec<u8>>>| {
            let values = names.iter().zip(values);
            let print = |(name, value): (&&str, Option<Vec<u8>>)| {
                ((*name).to_owned(), value.map(|value| printed(&types[*name], value)))
            };
            values.map(print).collect::<Row>()
        };
        let rows: Vec<Row> = fuzz::rows_of(&text).into_iter().map(row).collect();
        tables.insert(table.name.clone(), rows);
    }
    for table in &mapping.tables {
        if let TableKind::Lines { parent } = table.kind {
            let owners = tables[&mapping.tables[parent].name].clone();
            let key = table.columns[0].name.as_str();
            // The server removes lines of an older creation.
            let is_current = |line: &Row| {
                let version =
                    |row: &Row| [key, "event_timestamp", "event_id"].map(|name| row[name].clone());
                owners.iter().any(|owner| version(owner) == version(line))
            };
            tables.get_mut(&table.name).unwrap().retain(is_current);
        }
    }
    tables
}

fn printed(ty: &Type, value: Vec<u8>) -> String {
    match ty {
        Type::Bytes(_) => value.iter().map(|byte| format!("{byte:02X}")).collect(),
        ty => ty.printed(&String::from_utf8(value).unwrap()),
    }
}
