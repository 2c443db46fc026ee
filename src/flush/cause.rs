//! What went wrong with a statement: its class, and a sentence.

use crate::mapping::TableId;
use crate::mysql::{Class, named, number_of, without_values};

#[derive(Debug)]
pub(super) struct Cause {
    pub(super) table: Option<TableId>,
    pub(super) class: Class,
    /// The server's error number; 0 if the error did not come from the server.
    pub(super) number: u16,
    /// The column or constraint that the server names.
    pub(super) what: Option<String>,
    pub(super) text: String,
}

impl Cause {
    /// An error of the driver or the server.
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

    /// An error that we found ourselves.
    pub(super) fn own(table: Option<TableId>, class: Class, text: String) -> Self {
        Self { table, class, number: 0, what: None, text }
    }
}
