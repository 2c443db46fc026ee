//! The statements of a purge.
//!
//! Candidates are found by plain reads, which lock nothing. They are locked by their keys, each row under
//! the whole condition, and what is locked is removed in the same transaction. So no row is removed that was
//! living or came back to life, and no lock lasts on another row. `SKIP LOCKED`: a row that an instance is
//! writing is left for the next time, so a purge waits for no entity's row while it holds others.

use super::target::{Lines, Target, Walked};
use crate::datetime;
use crate::literal::push_text;
use crate::mapping::{Storage, Table};

impl Target<'_> {
    /// The end of the next page of the table: no row on the last one.
    pub(super) fn page_end(&self, after: Option<&str>, rows: u32) -> String {
        let (table, column) = (&self.owner.name, &self.walk.column);
        format!(
            "SELECT CAST(owner.`{column}` AS CHAR) FROM `{table}` AS owner WHERE {} \
             ORDER BY owner.`{column}` LIMIT 1 OFFSET {}",
            self.walk.within(after, None),
            rows.saturating_sub(1)
        )
    }

    /// The keys of a page's rows that were deleted long ago.
    pub(super) fn candidates(&self, after: Option<&str>, end: Option<&str>) -> String {
        let (within, key) = (self.walk.within(after, end), self.key());
        let (table, condition) = (&self.owner.name, self.condition());
        format!(
            "SELECT CAST(owner.`{key}` AS CHAR) FROM `{table}` AS owner WHERE {within} AND {condition}"
        )
    }

    /// Locks those of the rows that still are to be removed, and gives their keys.
    pub(super) fn lock(&self, keys: &[String]) -> String {
        let (table, key, index) = (&self.owner.name, self.key(), &self.key_name);
        format!(
            "SELECT CAST(owner.`{key}` AS CHAR) FROM `{table}` AS owner FORCE INDEX (`{index}`) \
             WHERE owner.`{key}` IN ({}) AND {} FOR UPDATE SKIP LOCKED",
            self.list(keys),
            self.condition()
        )
    }

    pub(super) fn remove(&self, keys: &[String]) -> String {
        let (table, key, index) = (&self.owner.name, self.key(), &self.key_name);
        format!(
            "DELETE owner FROM `{table}` AS owner FORCE INDEX FOR JOIN (`{index}`) \
             WHERE owner.`{key}` IN ({}) AND {}",
            self.list(keys),
            self.condition()
        )
    }

    /// Of locked entities.
    pub(super) fn remove_lines(&self, lines: &Lines<'_>, keys: &[String]) -> String {
        let (name, index, key) = (&lines.table.name, &lines.key_name, self.key());
        format!(
            "DELETE line FROM `{name}` AS line FORCE INDEX FOR JOIN (`{index}`) WHERE line.`{key}` IN ({})",
            self.list(keys)
        )
    }

    pub(super) fn count_lines(&self, lines: &Lines<'_>, keys: &[String]) -> String {
        let (name, index, key) = (&lines.table.name, &lines.key_name, self.key());
        format!(
            "SELECT COUNT(*) FROM `{name}` AS line FORCE INDEX (`{index}`) WHERE line.`{key}` IN ({})",
            self.list(keys)
        )
    }

    /// Deleted, and neither that nor any column's change is younger.
    fn condition(&self) -> String {
        let name = |column: usize| &self.owner.columns[column].name;
        let deleted = self.owner.deleted().map_or(Table::KEY, |deleted| deleted.column);
        let mut before = String::new();
        // The text is ASCII.
        let text: String = datetime::format(self.before).map(char::from).iter().collect();
        push_text(&mut before, &text);
        let mut all = format!(
            "owner.`{}` = 1 AND owner.`{}` < {before}",
            name(deleted),
            name(self.owner.event_timestamp())
        );
        for changing in self.owner.changing() {
            let at = name(changing.at);
            all += &format!(" AND (owner.`{at}` IS NULL OR owner.`{at}` < {before})");
        }
        all
    }

    fn key(&self) -> &str {
        &self.owner.columns[Table::KEY].name
    }

    fn list(&self, keys: &[String]) -> String {
        let is_text = self.owner.columns[Table::KEY].storage == Storage::Text;
        let keys: Vec<String> = keys.iter().map(|key| value(key, is_text)).collect();
        keys.join(",")
    }
}

impl Walked {
    fn within(&self, after: Option<&str>, end: Option<&str>) -> String {
        let bound = |sign: &str, text: &str| {
            format!("owner.`{}` {sign} {}", self.column, value(text, self.is_text))
        };
        let bounds = [after.map(|text| bound(">", text)), end.map(|text| bound("<=", text))];
        let bounds: Vec<String> = bounds.into_iter().flatten().collect();
        if bounds.is_empty() { "TRUE".to_owned() } else { bounds.join(" AND ") }
    }
}

/// Numbers stay numbers: the server would compare texts with them inexactly.
fn value(text: &str, is_text: bool) -> String {
    let mut sql = String::new();
    if is_text {
        push_text(&mut sql, text);
    } else {
        sql.push_str(text);
    }
    sql
}
