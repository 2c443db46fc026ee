//! What went wrong, for the table of classes and for people.

use super::retry::Class;
use crate::mapping::TableId;

/// What went wrong with a statement.
#[derive(Debug)]
pub(super) struct Cause {
    pub(super) table: Option<TableId>,
    pub(super) class: Class,
    /// The server's error number; 0 if it is not the server that says so.
    pub(super) number: u16,
    /// The column or constraint that the server names.
    pub(super) what: Option<String>,
    /// For people.
    pub(super) text: String,
}

impl Cause {
    /// What the driver or the server says.
    pub(super) fn of(table: Option<TableId>, error: &sqlx::Error) -> Self {
        let number = number_of(error);
        let message = error.as_database_error().map(|database| database.message());
        Self {
            table,
            class: Class::of_error(error),
            number,
            what: message.and_then(|message| named(number, message)).map(str::to_owned),
            text: shown(error),
        }
    }

    /// What we say ourselves.
    pub(super) fn own(table: Option<TableId>, class: Class, text: String) -> Self {
        Self { table, class, number: 0, what: None, text }
    }
}

fn number_of(error: &sqlx::Error) -> u16 {
    let database = error.as_database_error();
    database
        .and_then(|database| database.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>())
        .map_or(0, sqlx::mysql::MySqlDatabaseError::number)
}

/// An error for people. The server's message may quote values ("Incorrect datetime value: …"), so
/// only its number and state are shown; the driver's own messages hold no data.
#[must_use]
pub fn shown(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(database) => {
            let number = number_of(error);
            let state = database.code().unwrap_or_default();
            let text = if quotes_no_values(number) {
                database.message()
            } else {
                "see the server's error reference"
            };
            format!("error {number} ({state}): {text}")
        }
        None => error.to_string(),
    }
}

/// Messages about the server and its locks and grants name accounts and tables, never values.
fn quotes_no_values(number: u16) -> bool {
    !matches!(Class::of(number), Class::Data | Class::Unknown)
}

/// The column or constraint in a message that quotes nothing before it.
fn named(number: u16, message: &str) -> Option<&str> {
    let quote = match number {
        // "Column '…' cannot be null", "… for column '…' at row 1", "Check constraint '…' is violated."
        1048 | 1264 | 1265 | 1364 | 1406 | 3819 => '\'',
        // MariaDB: "CONSTRAINT `…` failed for `…`.`…`"
        4025 => '`',
        _ => return None,
    };
    message.split(quote).nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_constraints_are_named_and_values_are_not() {
        for (number, message, what) in [
            (1406, "Data too long for column 'title' at row 1", Some("title")),
            (1048, "Column 'status' cannot be null", Some("status")),
            (3819, "Check constraint 'chk_amount' is violated.", Some("chk_amount")),
            (4025, "CONSTRAINT `chk_amount` failed for `shop`.`orders`", Some("chk_amount")),
            (1366, "Incorrect integer value: 'secret' for column 'a' at row 1", None),
            (1062, "Duplicate entry 'secret' for key 'orders.uq'", None),
            (1644, "the trigger's own 'words'", None),
        ] {
            assert_eq!(named(number, message), what, "{number}");
        }
    }
}
