//! The tables of a mapping: names, types and the roles of their columns.

/// Index into [`super::Mapping::tables`], which is also the order of a flush.
pub type TableId = usize;

/// A table and how its rows merge.
///
/// In every table the entity's key is the first column, `event_id` and `event_timestamp` the last two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    /// In the order of the `INSERT`; without `id` and `created_at`, which the server fills.
    pub columns: Vec<ColumnSpec>,
    pub kind: TableKind,
}

/// How the rows of a table merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableKind {
    /// One row per entity: a creation part and changing columns, each with its own version.
    Entity { changing: Vec<Changing>, children: Vec<TableId> },
    /// Lines of an entity, numbered in the second column; all from one creation event.
    Lines { parent: TableId },
    /// One row per event.
    Log,
}

/// A changing column and its version, as column indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changing {
    pub value: usize,
    /// `<value>_changed_at`: when an event after the creation last changed it.
    pub at: usize,
    /// `<value>_changed_by`: the id of that event.
    pub by: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSpec {
    pub name: String,
    pub ty: ColumnType,
    /// The event must have a value. Until the creation event arrives, an entity's row has `''` or NULL
    /// here: see [`Self::is_empty_when_absent`].
    pub required: bool,
}

/// The types of columns, with the limits that flatten checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnType {
    /// `VARCHAR(50)` in `ascii_bin`, for ids from the envelope.
    Id,
    /// `VARCHAR(n)`, n in characters.
    Varchar(usize),
    /// `TEXT`: up to 65,535 bytes.
    Text,
    Enum(Vec<String>),
    /// For counts and cents: never negative.
    BigInt,
    Boolean,
    /// `DATETIME(6)`, UTC.
    DateTime,
    Json,
}

impl Table {
    /// The column of the entity's id.
    pub const KEY: usize = 0;
    /// The column of the line's number in a [`TableKind::Lines`] table.
    pub const LINE: usize = 1;

    /// The id of the creating or logged event.
    #[must_use]
    pub fn event_id(&self) -> usize {
        self.columns.len() - 2
    }

    /// The time of the creating or logged event.
    #[must_use]
    pub fn event_timestamp(&self) -> usize {
        self.columns.len() - 1
    }

    /// Empty unless this is an entity's table.
    #[must_use]
    pub fn changing(&self) -> &[Changing] {
        match &self.kind {
            TableKind::Entity { changing, .. } => changing,
            TableKind::Lines { .. } | TableKind::Log => &[],
        }
    }

    /// Whether a column belongs to the creation part: neither key, nor changing, nor a version.
    #[must_use]
    pub fn is_creation(&self, column: usize) -> bool {
        column != Self::KEY
            && column < self.event_id()
            && !self.changing().iter().any(|c| [c.value, c.at, c.by].contains(&column))
    }
}

impl ColumnSpec {
    /// Whether an entity's row holds `''` here until its creation event arrives. Other required types
    /// have no such value for "not yet", so they hold NULL.
    #[must_use]
    pub fn is_empty_when_absent(&self) -> bool {
        let is_text = matches!(self.ty, ColumnType::Id | ColumnType::Varchar(_) | ColumnType::Text);
        self.required && is_text
    }
}

impl ColumnType {
    pub const TEXT_BYTES_MAX: usize = 65_535;

    /// Whether a batch keeps the values as numbers.
    #[must_use]
    pub fn is_number(&self) -> bool {
        matches!(self, Self::BigInt | Self::Boolean | Self::DateTime)
    }

    /// The type in SQL, as in `ALTER TABLE`.
    #[must_use]
    pub fn sql(&self) -> String {
        match self {
            Self::Id => "VARCHAR(50) CHARACTER SET ascii COLLATE ascii_bin".to_owned(),
            Self::Varchar(chars) => format!("VARCHAR({chars})"),
            Self::Text => "TEXT".to_owned(),
            Self::Enum(values) => format!("ENUM('{}')", values.join("', '")),
            Self::BigInt => "BIGINT".to_owned(),
            Self::Boolean => "BOOLEAN".to_owned(),
            Self::DateTime => "DATETIME(6)".to_owned(),
            Self::Json => "JSON".to_owned(),
        }
    }
}

impl std::str::FromStr for ColumnType {
    type Err = String;

    /// Reads a type in the mapping's syntax: `varchar(200)`, `enum(a, b)`, `bigint`, …
    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "unknown type {text:?}; use varchar(N), text, enum(a, b, …), bigint, boolean, datetime(6), json"
            )
        };
        let (name, arguments) = match text.split_once('(') {
            Some((name, rest)) => (name, rest.strip_suffix(')').ok_or_else(unknown)?),
            None => (text, ""),
        };
        match name.trim() {
            "varchar" => match arguments.trim().parse() {
                Ok(chars @ 1..=16_383) => Ok(Self::Varchar(chars)),
                _ => Err(format!("{text:?}: varchar takes a length of 1 to 16383 characters")),
            },
            "enum" => {
                let values: Vec<String> =
                    arguments.split(',').map(|value| value.trim().to_owned()).collect();
                let word = |v: &String| {
                    !v.is_empty()
                        && v.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
                };
                if values.iter().all(word) {
                    Ok(Self::Enum(values))
                } else {
                    Err(format!("{text:?}: enum takes words, separated by commas"))
                }
            }
            "text" if arguments.is_empty() => Ok(Self::Text),
            "bigint" if arguments.is_empty() => Ok(Self::BigInt),
            "boolean" if arguments.is_empty() => Ok(Self::Boolean),
            "json" if arguments.is_empty() => Ok(Self::Json),
            "datetime" if arguments.trim() == "6" => Ok(Self::DateTime),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read() {
        assert_eq!("varchar(200)".parse(), Ok(ColumnType::Varchar(200)));
        assert_eq!("enum(a, b_c)".parse(), Ok(ColumnType::Enum(vec!["a".into(), "b_c".into()])));
        assert_eq!("datetime(6)".parse(), Ok(ColumnType::DateTime));
        for wrong in ["varchar", "varchar(0)", "int", "enum()", "enum(a'b)", "datetime", "text(3)"]
        {
            assert!(wrong.parse::<ColumnType>().is_err(), "{wrong}");
        }
    }
}
