//! The tables a mapping writes to: names, types and the roles of their columns.

/// Index of a table in [`super::Mapping::tables`], which is also the order in which a batch is
/// flushed.
pub type TableId = usize;

/// A table and how its rows merge.
///
/// Every table has the same frame: the entity's key first, `event_id` and `event_timestamp` last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Name in the database.
    pub name: String,
    /// Columns in the order of the `INSERT`; `id` and `created_at` are the server's.
    pub columns: Vec<ColumnSpec>,
    /// How rows merge.
    pub kind: TableKind,
}

/// How the rows of a table merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableKind {
    /// One row an entity: a creation part and changing columns, each with a version of its own.
    Entity {
        /// The changing columns.
        changing: Vec<Changing>,
        /// The tables of its lines.
        children: Vec<TableId>,
    },
    /// Lines of an entity, numbered in the second column; they belong to one creation event.
    Lines {
        /// The entity's table.
        parent: TableId,
    },
    /// One row an event.
    Log,
}

/// A changing column and its version, as column indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changing {
    /// The value.
    pub value: usize,
    /// `<value>_changed_at`: when a later event than the creation last changed it.
    pub at: usize,
    /// `<value>_changed_by`: the id of that event.
    pub by: usize,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Name in the database.
    pub name: String,
    /// Type in the database.
    pub ty: ColumnType,
    /// The event must have a value. An entity's row without its creation holds `''` or NULL: see
    /// [`Self::is_empty_when_absent`].
    pub required: bool,
}

/// The types a column can have, with the limits that flatten checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnType {
    /// `VARCHAR(50)` in `ascii_bin`: ids from the envelope.
    Id,
    /// `VARCHAR(n)`, n in characters.
    Varchar(usize),
    /// `TEXT`: up to 65,535 bytes.
    Text,
    /// `ENUM` with its values.
    Enum(Vec<String>),
    /// `BIGINT`, used for counts and cents: not negative.
    BigInt,
    /// `BOOLEAN`.
    Boolean,
    /// `DATETIME(6)`, UTC.
    DateTime,
    /// `JSON`.
    Json,
}

impl Table {
    /// The column of the entity's id.
    pub const KEY: usize = 0;
    /// The column of the line's number in a [`TableKind::Lines`] table.
    pub const LINE: usize = 1;

    /// The column of the creating or logged event's id.
    #[must_use]
    pub fn event_id(&self) -> usize {
        self.columns.len() - 2
    }

    /// The column of the creating or logged event's time.
    #[must_use]
    pub fn event_timestamp(&self) -> usize {
        self.columns.len() - 1
    }

    /// The changing columns; none unless this is an entity's table.
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
    /// Whether an entity's row holds `''` here until its creation is known. Other required types have
    /// no value that says "not yet", so they hold NULL.
    #[must_use]
    pub fn is_empty_when_absent(&self) -> bool {
        let is_text = matches!(self.ty, ColumnType::Id | ColumnType::Varchar(_) | ColumnType::Text);
        self.required && is_text
    }
}

impl ColumnType {
    /// Largest `TEXT`, in bytes.
    pub const TEXT_BYTES_MAX: usize = 65_535;

    /// Whether values are kept as numbers rather than as text.
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

    /// Reads a type as it is written in a mapping: `varchar(200)`, `enum(a, b)`, `bigint`, …
    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "unknown type {text:?}; one of varchar(N), text, enum(a, b, …), bigint, boolean, datetime(6), json"
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
