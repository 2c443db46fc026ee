//! What went wrong, for the table of classes and for people.

use crate::mapping::TableId;
use crate::mysql::{Class, named, number_of, without_values};

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
            text: without_values(error),
        }
    }

    /// What we say ourselves.
    pub(super) fn own(table: Option<TableId>, class: Class, text: String) -> Self {
        Self { table, class, number: 0, what: None, text }
    }
}
