//! A batch too large for one transaction → parts that fit.
//!
//! Takes the number of rows of each table in the order of writing, gives ranges. Holds true: every
//! row is in exactly one part, and a table of lines begins a part, so that its owners' rows can be
//! written again before it (see [`owners`]). Absent: IO, SQL.
//!
//! ```text
//! logs 5, orders 3, lines 4, at most 4 a part:   logs 0..4 | logs 4..5, orders 0..3 | lines 0..4
//! ```
//!
//! Cutting is safe because each row is inserted or merged by its own key, whatever else is in its
//! transaction. Only stale lines depend on two rows, and those are always in one part.

use crate::buffer::{Batch, Rows};
use crate::mapping::{Mapping, Table, TableId, TableKind};
use std::ops::Range;

/// The tables, in the order in which every transaction writes them: those whose rows change least
/// come first, logs above all, and lines right after the entities that own them.
///
/// When two writers write the same entity's row, the second waits until the first has committed. With
/// such rows last, that is soon.
///
/// Lines come after their owner's row because its lock covers them, too: the transaction that holds it
/// writes and deletes them without waiting for any other.
pub(super) fn in_order(mapping: &Mapping) -> Vec<(TableId, &Table)> {
    let mut tables: Vec<_> = mapping.tables.iter().enumerate().collect();
    tables.sort_by_key(|&(id, table)| match table.kind {
        TableKind::Log => (None, id, false),
        TableKind::Entity { .. } => (Some(table.changing().len()), id, false),
        TableKind::Lines { parent } => {
            (Some(mapping.tables[parent].changing().len()), parent, true)
        }
    });
    tables
}

/// The parts of a batch: one, unless it has more than `rows_max` rows and dead letters.
pub(super) fn of(mapping: &Mapping, batch: &Batch, rows_max: usize) -> Vec<Part> {
    let size = |(table, spec): (TableId, &Table)| {
        let is_lines = matches!(spec.kind, TableKind::Lines { .. });
        Size { table, rows: batch.rows(table).len(), is_lines }
    };
    let sizes: Vec<Size> = in_order(mapping).into_iter().map(size).collect();
    let mut parts = cut(&sizes, batch.dead_letters.len(), rows_max);
    if let cut @ [_, _, ..] = parts.as_mut_slice() {
        cut.iter_mut().for_each(|part| part.add_owners(mapping, batch));
    }
    parts
}

/// Rows by table and dead letters, by their places in the order of writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    tables: Vec<Range<usize>>,
    pub(super) letters: Range<usize>,
    len: usize,
}

/// What cutting needs to know about a table.
#[derive(Debug, Clone, Copy)]
struct Size {
    table: TableId,
    rows: usize,
    is_lines: bool,
}

impl Part {
    fn none(tables: usize) -> Self {
        Self { tables: vec![0..0; tables], letters: 0..0, len: 0 }
    }

    pub(super) fn rows(&self, table: TableId) -> Range<usize> {
        self.tables[table].clone()
    }

    /// Adds the rows of the owners of its lines.
    fn add_owners(&mut self, mapping: &Mapping, batch: &Batch) {
        for (id, lines) in mapping.tables.iter().enumerate() {
            if let TableKind::Lines { parent } = lines.kind
                && !self.tables[id].is_empty()
            {
                let owner = (&mapping.tables[parent], batch.rows(parent));
                self.tables[parent] = owners((lines, batch.rows(id)), self.rows(id), owner);
            }
        }
    }
}

/// Cuts a batch into parts of at most `rows_max` rows and dead letters.
fn cut(sizes: &[Size], letters: usize, rows_max: usize) -> Vec<Part> {
    let rows_max = rows_max.max(1);
    let total = sizes.iter().map(|size| size.rows).sum::<usize>() + letters;
    let is_cut = total > rows_max;
    let mut parts = vec![Part::none(sizes.len())];
    for size in sizes {
        if is_cut && size.is_lines {
            parts.push(Part::none(sizes.len()));
        }
        fill(&mut parts, size.rows, rows_max, |part, rows| part.tables[size.table] = rows);
    }
    fill(&mut parts, letters, rows_max, |part, rows| part.letters = rows);
    // An empty batch is still a transaction.
    if parts.iter().any(|part| part.len > 0) {
        parts.retain(|part| part.len > 0);
    }
    parts
}

fn fill(
    parts: &mut Vec<Part>,
    rows: usize,
    rows_max: usize,
    set: impl Fn(&mut Part, Range<usize>),
) {
    let mut from = 0;
    while from < rows {
        let tables = parts[0].tables.len();
        if parts.last().is_none_or(|part| part.len == rows_max) {
            parts.push(Part::none(tables));
        }
        let last = parts.len() - 1;
        let part = &mut parts[last];
        let to = rows.min(from + rows_max - part.len);
        set(part, from..to);
        part.len += to - from;
        from = to;
    }
}

/// The places of the owners of these lines among the owners sorted by key. Their rows are written
/// before the lines, so that their locks are held from then on.
fn owners(
    (lines, line_rows): (&Table, &Rows),
    places: Range<usize>,
    (owner, owner_rows): (&Table, &Rows),
) -> Range<usize> {
    let (mut lines_order, mut owners_order) = (Vec::new(), Vec::new());
    line_rows.sorted(lines, &mut lines_order);
    owner_rows.sorted(owner, &mut owners_order);
    let end = places.end.min(lines_order.len());
    let Some([first, .., last] | [first @ last]) = lines_order.get(places.start..end) else {
        return 0..0;
    };
    let key = |rows: &Rows, row: u32| rows.column(Table::KEY).text(row as usize).map(str::to_owned);
    let (first, last) = (key(line_rows, *first), key(line_rows, *last));
    let from = owners_order.partition_point(|&row| key(owner_rows, row) < first);
    let to = owners_order.partition_point(|&row| key(owner_rows, row) <= last);
    from..to
}

/// How many rows a transaction may have, as far as this writer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowsMax {
    rows: usize,
    /// The number of batches after which to try a larger transaction.
    larger_after: u32,
    /// How many of them have been written.
    written: u32,
}

/// Try larger transactions again after this many batches: perhaps only the rows of one batch were
/// large, or the server's limit has been raised.
const LARGER_AFTER: u32 = 64;

impl Default for RowsMax {
    fn default() -> Self {
        Self { rows: usize::MAX, larger_after: LARGER_AFTER, written: 0 }
    }
}

impl RowsMax {
    pub(super) fn get(self) -> usize {
        self.rows
    }

    /// A batch of this many rows was too large; unless `surely`, that is soon forgotten. False if there
    /// is nothing left to halve.
    pub(super) fn halve(&mut self, batch: usize, surely: bool) -> bool {
        let tried = self.rows.min(batch);
        let larger_after = if surely { LARGER_AFTER } else { 1 };
        *self = Self { rows: (tried / 2).max(1), larger_after, written: 0 };
        tried > 1
    }

    /// A batch was written.
    pub(super) fn fits(&mut self) {
        self.written += 1;
        if self.written == self.larger_after {
            *self = Self { rows: self.rows.saturating_mul(2), written: 0, ..*self };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn size(table: TableId, rows: usize, is_lines: bool) -> Size {
        Size { table, rows, is_lines }
    }

    #[test]
    fn logs_come_first_and_what_changes_most_last() {
        let mapping = Mapping::built_in().unwrap();
        let tables = in_order(&mapping);
        let place = |name: &str| tables.iter().position(|(_, table)| table.name == name).unwrap();
        let is_log = |(_, table): &(TableId, &Table)| matches!(table.kind, TableKind::Log);
        assert!(tables.is_sorted_by_key(|table| !is_log(table)));
        assert!(place("user_logins") < place("suppliers") && place("suppliers") < place("users"));
        assert!(place("users") < place("communities"));
        assert_eq!(place("order_items"), place("orders") + 1, "lines under their owner's lock");
    }

    #[test]
    fn lines_begin_a_part() {
        let sizes = [size(0, 5, false), size(1, 3, false), size(2, 4, true)];
        let parts = cut(&sizes, 1, 4);
        let rows: Vec<Vec<Range<usize>>> = parts.iter().map(|part| part.tables.clone()).collect();
        assert_eq!(
            rows,
            [vec![0..4, 0..0, 0..0], vec![4..5, 0..3, 0..0], vec![0..0, 0..0, 0..4], vec![0..0; 3]]
        );
        assert_eq!(parts[3].letters, 0..1);
        assert_eq!(cut(&sizes, 1, 13).len(), 1, "what fits is not cut");
        assert_eq!(cut(&[size(0, 0, false)], 0, 13).len(), 1, "an empty batch is a transaction");
    }

    #[test]
    fn what_is_too_large_is_halved_and_tried_larger_again() {
        let mut rows = RowsMax::default();
        assert!(rows.halve(100, true) && rows.get() == 50);
        assert!(rows.halve(30, true) && rows.get() == 15);
        (0..LARGER_AFTER).for_each(|_| rows.fits());
        assert_eq!(rows.get(), 30);
        while rows.get() > 1 {
            assert!(rows.halve(100, false));
        }
        assert!(!rows.halve(100, false) && rows.get() == 1);
        (0..5).for_each(|_| rows.fits());
        assert_eq!(rows.get(), 32, "what was only perhaps too large");
    }

    proptest! {
        #[test]
        fn every_row_is_in_one_part(
            tables in prop::collection::vec((0..30_usize, any::<bool>()), 1..6),
            letters in 0..10_usize,
            rows_max in 1..40_usize,
        ) {
            let sizes: Vec<Size> = tables
                .iter()
                .enumerate()
                .map(|(table, &(rows, is_lines))| size(table, rows, is_lines))
                .collect();
            let parts = cut(&sizes, letters, rows_max);
            for size in &sizes {
                let rows: Vec<usize> = parts.iter().flat_map(|part| part.rows(size.table)).collect();
                prop_assert_eq!(rows, (0..size.rows).collect::<Vec<_>>());
            }
            let found: Vec<usize> = parts.iter().flat_map(|part| part.letters.clone()).collect();
            prop_assert_eq!(found, (0..letters).collect::<Vec<_>>());
            for part in &parts {
                prop_assert!(part.len <= rows_max);
            }
        }
    }
}
