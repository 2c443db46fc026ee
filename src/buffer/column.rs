//! One growable column of a table: text or numbers.

/// A missing value. No valid number is this small: counts are not negative and times start with the
/// year 1000.
pub const NULL: i64 = i64::MIN;

const NULL_LEN: u32 = u32::MAX;

/// Bytes that a cell takes besides its text, NULL or not: a number, or the range of a text.
pub const CELL_BYTES: usize = 8;
const _: () = assert!(size_of::<TextRange>() == CELL_BYTES && size_of::<i64>() == CELL_BYTES);

/// A column of a [`super::Rows`].
#[derive(Debug, Clone)]
pub enum Column {
    /// Strings, enum values, identifiers and JSON texts.
    Text(TextColumn),
    /// Integers, booleans (0 or 1) and times (microseconds since 1970); [`NULL`] where absent.
    Number(Vec<i64>),
}

/// Text values in one arena. A row holds a range of it, so folding can point a row to another row's
/// text without moving any.
#[derive(Debug, Clone, Default)]
pub struct TextColumn {
    arena: String,
    ranges: Vec<TextRange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TextRange {
    start: u32,
    len: u32,
}

impl TextColumn {
    /// Appends a row's value and returns the bytes it takes.
    ///
    /// # Panics
    /// If the arena would exceed 4 GiB; the batch limits seal it long before.
    #[inline]
    pub fn push(&mut self, value: Option<&str>) -> usize {
        let Some(value) = value else {
            self.ranges.push(TextRange { start: 0, len: NULL_LEN });
            return 0;
        };
        let (start, len) = (offset(self.arena.len()), offset(value.len()));
        self.arena.push_str(value);
        self.ranges.push(TextRange { start, len });
        value.len()
    }

    /// Appends a row whose value is the concatenation of `parts`, and returns the bytes it takes.
    ///
    /// # Panics
    /// As [`Self::push`].
    pub fn push_parts<'t>(&mut self, parts: impl Iterator<Item = &'t str>) -> usize {
        let start = self.arena.len();
        self.arena.extend(parts);
        let len = self.arena.len() - start;
        self.ranges.push(TextRange { start: offset(start), len: offset(len) });
        len
    }

    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        let TextRange { start, len } = self.ranges[row];
        (len != NULL_LEN).then(|| &self.arena[start as usize..][..len as usize])
    }
}

fn offset(bytes: usize) -> u32 {
    assert!(bytes < NULL_LEN as usize, "a text column holds less than 4 GiB");
    u32::try_from(bytes).unwrap_or(NULL_LEN)
}

impl Column {
    /// The text of a row; `None` for NULL.
    ///
    /// # Panics
    /// If this is a column of numbers.
    #[must_use]
    pub fn text(&self, row: usize) -> Option<&str> {
        let Self::Text(column) = self else { panic!("a column of numbers has no text") };
        column.get(row)
    }

    /// The number of a row; [`NULL`] where absent.
    ///
    /// # Panics
    /// If this is a column of texts.
    #[must_use]
    pub fn number(&self, row: usize) -> i64 {
        let Self::Number(column) = self else { panic!("a column of texts has no numbers") };
        column[row]
    }

    /// Makes row `to` hold what row `from` holds.
    pub fn copy(&mut self, from: usize, to: usize) {
        match self {
            Self::Text(column) => column.ranges[to] = column.ranges[from],
            Self::Number(column) => column[to] = column[from],
        }
    }

    /// Removes the rows from `len` on. Their text stays in the arena: folding may have made other rows
    /// share it, and a batch is sealed by the bytes it holds, used or not.
    pub fn truncate(&mut self, len: usize) {
        match self {
            Self::Text(column) => column.ranges.truncate(len),
            Self::Number(column) => column.truncate(len),
        }
    }

    /// Makes room for exactly `rows` rows with `bytes` of text in all: a vector that grows by itself
    /// takes up to twice what it needs.
    pub(super) fn reserve(&mut self, rows: usize, bytes: usize) {
        match self {
            Self::Text(column) => {
                column.ranges.reserve_exact(rows);
                column.arena.reserve_exact(bytes);
            }
            Self::Number(column) => column.reserve_exact(rows),
        }
    }

    /// Removes all rows and their text, but keeps the memory.
    pub fn clear(&mut self) {
        self.truncate(0);
        if let Self::Text(column) = self {
            column.arena.clear();
        }
    }

    /// Frees the memory of an empty column.
    pub(super) fn shrink(&mut self) {
        match self {
            Self::Text(column) => *column = TextColumn::default(),
            Self::Number(column) => *column = Vec::new(),
        }
    }

    /// Bytes of memory that the column keeps.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        match self {
            Self::Text(column) => {
                column.arena.capacity() + column.ranges.capacity() * size_of::<TextRange>()
            }
            Self::Number(column) => column.capacity() * size_of::<i64>(),
        }
    }
}
