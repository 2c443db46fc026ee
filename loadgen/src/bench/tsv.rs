//! The rows that sluicegate wrote, as files for `LOAD DATA`.
//!
//! * takes: a database that sluicegate has filled;
//! * gives: of each table one file with all rows, in the order in which they were written, and the same rows cut into
//!   as many files as there are streams;
//! * holds true: `LOAD DATA` with its default format gives the same values; one page of rows is in memory at a time.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::server::{Server, Table};

/// Rows that are read at a time.
const PAGE_ROWS: u64 = 5_000;

/// A table's rows in files.
#[derive(Clone, Debug)]
pub(super) struct Exported {
    pub(super) table: Table,
    pub(super) rows: u64,
    pub(super) whole: PathBuf,
    /// One for each stream.
    pub(super) parts: Vec<PathBuf>,
}

/// Writes a table with `rows` rows to files in `directory`.
pub(super) async fn export(
    server: &mut Server,
    database: &str,
    table: &Table,
    rows: u64,
    streams: u32,
    directory: &Path,
) -> Result<Exported> {
    let path = |suffix: &str| directory.join(format!("{}{suffix}.tsv", table.name));
    let whole = path("");
    let parts: Vec<_> = (1..=streams).map(|part| path(&format!(".{part}"))).collect();
    let create =
        |path: &PathBuf| File::create(path).map(|file| BufWriter::with_capacity(1 << 20, file));
    let mut whole_file = create(&whole)?;
    let mut part_files = parts.iter().map(create).collect::<io::Result<Vec<_>>>()?;
    let (mut id, mut done, mut line) = (0, 0, Vec::new());
    loop {
        let page = server.rows_after(database, table, id, PAGE_ROWS).await?;
        let Some((last, _)) = page.last() else { break };
        id = *last;
        for (_, values) in &page {
            line.clear();
            write_line(&mut line, values);
            whole_file.write_all(&line)?;
            part_files[part_of(done, rows, streams)].write_all(&line)?;
            done += 1;
        }
    }
    whole_file.flush()?;
    part_files.iter_mut().try_for_each(Write::flush)?;
    Ok(Exported { table: table.clone(), rows: done, whole, parts })
}

/// Of 5 rows in 2 parts: 0, 0, 0, 1, 1.
fn part_of(row: u64, rows: u64, parts: u32) -> usize {
    let parts = u64::from(parts);
    (row * parts / rows.max(1)).min(parts - 1) as usize
}

/// One line in the format that `LOAD DATA` reads by default: tabs between, `\` before what has a meaning, `\N` for NULL.
fn write_line(out: &mut Vec<u8>, values: &[Option<Vec<u8>>]) {
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b'\t');
        }
        match value {
            Some(value) => write_escaped(out, value),
            None => out.extend_from_slice(b"\\N"),
        }
    }
    out.push(b'\n');
}

fn write_escaped(out: &mut Vec<u8>, value: &[u8]) {
    for byte in value {
        match byte {
            b'\\' | b'\t' | b'\n' => out.extend_from_slice(&[b'\\', *byte]),
            0 => out.extend_from_slice(b"\\0"),
            _ => out.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_null_empty_and_special_bytes_apart() {
        let values = ["a\tb", "c\nd", "\\N", "e\0f\r", "", "é"].map(|text| Some(text.into()));
        let mut line = Vec::new();
        write_line(&mut line, &values);
        assert_eq!(line, "a\\\tb\tc\\\nd\t\\\\N\te\\0f\r\t\té\n".as_bytes());
        line.clear();
        write_line(&mut line, &[None, Some(b"NULL".to_vec()), None]);
        assert_eq!(line, b"\\N\tNULL\t\\N\n");
    }

    #[test]
    fn parts_are_alike_and_in_order() {
        let parts: Vec<_> = (0..5).map(|row| part_of(row, 5, 2)).collect();
        assert_eq!(parts, [0, 0, 0, 1, 1]);
        // More rows than were counted go to the last.
        assert_eq!(part_of(9, 5, 2), 1);
        assert_eq!(part_of(0, 0, 3), 0);
    }
}
