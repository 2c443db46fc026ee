//! The servers' limits on the columns and the bytes of a row.

use super::report::Report;
use super::table::ColumnSpec;
use super::types::ColumnType;
use toml::Spanned;

/// A row, with pointers for texts that are stored apart.
pub const ROW_BYTES_MAX: i64 = 65_535;
/// Left free for NULL flags and small differences between servers.
const RESERVE: i64 = 256;
/// InnoDB's limit.
const COLUMNS_MAX: usize = 1_017;
/// `id` and `created_at`.
const SERVER_COLUMNS: usize = 2;

/// Bytes of a utf8mb4 character.
const CHAR_BYTES: i64 = 4;
/// A pointer to a text that is stored apart.
pub const POINTER: i64 = 12;
/// Numbers, times, ENUM.
const PLAIN: i64 = 16;

#[must_use]
pub const fn fits_row(bytes: i64) -> bool {
    bytes + RESERVE <= ROW_BYTES_MAX
}

/// The most bytes that a column of this type takes.
#[must_use]
pub fn bytes(ty: &ColumnType) -> i64 {
    let of_chars = |chars: usize| i64::try_from(chars).unwrap_or(i64::MAX / 8) * CHAR_BYTES;
    match ty {
        ColumnType::Id => 52,
        ColumnType::Varchar(chars) | ColumnType::Key(chars) => of_chars(*chars) + 2,
        ColumnType::Char(chars) => of_chars(*chars),
        ColumnType::Varbinary(bytes) => i64::try_from(*bytes).unwrap_or(i64::MAX / 8) + 2,
        ColumnType::Text | ColumnType::MediumText | ColumnType::Blob | ColumnType::Json => POINTER,
        ColumnType::Decimal { digits, .. } => i64::from(*digits) / 2 + 2,
        ColumnType::Enum(_)
        | ColumnType::Int(_)
        | ColumnType::Double
        | ColumnType::Boolean
        | ColumnType::Date
        | ColumnType::DateTime(_) => PLAIN,
    }
}

/// The type that holds the same values but is stored apart from the row, if there is one.
#[must_use]
pub const fn apart(ty: &ColumnType) -> Option<ColumnType> {
    match ty {
        ColumnType::Char(_) | ColumnType::Varchar(_) => Some(ColumnType::Text),
        ColumnType::Varbinary(_) => Some(ColumnType::Blob),
        _ => None,
    }
}

/// Checks what no server can have, even with the widest texts stored apart. Keys and ids of events, of which
/// each changing column has one, cannot be.
pub(super) fn check(report: &mut Report<'_>, name: &Spanned<String>, columns: &[ColumnSpec]) {
    let count = columns.len() + SERVER_COLUMNS;
    if count > COLUMNS_MAX {
        let problem = format!(
            "has {count} columns, with sluicegate's own and the server's; a table has at most {COLUMNS_MAX}"
        );
        report.fault(name, &problem);
    }
    let least = |spec: &ColumnSpec| apart(&spec.ty).map_or(bytes(&spec.ty), |_| POINTER);
    let row: i64 = columns.iter().map(least).sum();
    if !fits_row(row) {
        let problem = format!(
            "takes up to {row} bytes a row, even with its texts stored apart; a row has at most {ROW_BYTES_MAX}. Each changing column has the id of its last event: use fewer of those, or ids that are shorter"
        );
        report.fault(name, &problem);
    }
}

#[cfg(test)]
mod tests {
    use crate::mapping::Mapping;

    fn faults(entity: &str) -> Vec<String> {
        let head = "topic = 'a'\nkey = 'k'\n[envelope]\ntype = 't'\nid = 'i'\ntime = 'at'\nkey = 'k'\ndata = 'd'\n";
        let text = format!("{head}[entity]\ntable = 'a'\ncreated_by = 'c'\n{entity}");
        let compiled = Mapping::compile([("a.toml", text.as_str())]);
        compiled.err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_no_server_can_have_is_a_fault() {
        let columns = |count: usize, ty: &str| {
            let column = |at: usize| format!("{{ name = 'c{at}', type = '{ty}', from = 'c' }}, ");
            format!("columns = [{}]", (0..count).map(column).collect::<String>())
        };
        let changing = |count: usize| {
            let one = |at: usize| {
                format!("[[entity.changing]]\nname = 'c{at}'\ntype = 'int'\nfrom = 'c'\non = []\n")
            };
            format!("columns = []\n{}", (0..count).map(one).collect::<String>())
        };
        // Its key, event_id, event_timestamp, id and created_at are five more.
        assert_eq!(faults(&columns(1_012, "int")), [""; 0]);
        let many = faults(&columns(1_013, "int"));
        assert!(many[0].starts_with("a.toml:10: a: has 1018 columns"), "{many:?}");
        // Texts can be stored apart, ids of events cannot.
        assert_eq!(faults(&columns(60, "varchar(16383)")), [""; 0]);
        assert_eq!(faults(&changing(59)), [""; 0]);
        let wide = faults(&changing(61));
        assert!(wide[0].contains("bytes a row, even with its texts stored apart"), "{wide:?}");
    }
}
