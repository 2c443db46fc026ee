//! Errors of the server and the driver in our own words, never with a value from a statement.

mod unfit;
mod words;

pub(crate) use unfit::Late;
pub use unfit::Unfit;

/// The server's error number; 0 if the error did not come from the server.
#[must_use]
pub fn number_of(error: &sqlx::Error) -> u16 {
    let database = error.as_database_error();
    database
        .and_then(|database| database.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>())
        .map_or(0, sqlx::mysql::MySqlDatabaseError::number)
}

/// Describes an error in our own words. It quotes neither the server's message (see `words`) nor what
/// the driver says about an answer: either may hold values.
#[must_use]
pub fn without_values(error: &sqlx::Error) -> String {
    use sqlx::Error;
    match error {
        Error::Database(_) => words::sentence(number_of(error)),
        Error::Io(io) => shown_io(io),
        // Happens before we send anything, so it has nothing to quote.
        Error::Tls(tls) => format!("TLS: {tls}; check mysql.tls_mode and the certificates"),
        Error::Configuration(unfit) => match unfit.downcast_ref::<Unfit>() {
            Some(unfit) => unfit.to_string(),
            None => "the driver does not accept the connection settings; check those under mysql".to_owned(),
        },
        Error::Protocol(_) => {
            "the answer is cut off or is not MySQL's protocol; check mysql.port and any proxy in between"
                .to_owned()
        }
        _ => "the answer does not fit the query; check any proxy between sluicegate and the server".to_owned(),
    }
}

/// Texts of the operating system and our own hold no data; of any other we show only the kind.
fn shown_io(error: &std::io::Error) -> String {
    let inner = error.get_ref().map(ToString::to_string).unwrap_or_default();
    let is_ours = error.get_ref().is_some_and(|inner| inner.is::<Late>());
    let is_dns = inner.starts_with("failed to lookup address information");
    if is_ours || is_dns || error.raw_os_error().is_some() {
        error.to_string()
    } else {
        error.kind().to_string()
    }
}

/// The column or constraint that a message names, if the message is word for word the server's own.
/// One that a proxy has added to could quote anything.
pub(crate) fn named(number: u16, message: &str) -> Option<&str> {
    let (before, after): (&str, &[&str]) = match number {
        1048 => ("Column '", &["' cannot be null"]),
        1264 => ("Out of range value for column '", &["' at row "]),
        1265 => ("Data truncated for column '", &["' at row "]),
        1364 => ("Field '", &["' doesn't have a default value"]),
        1406 => ("Data too long for column '", &["' at row "]),
        3819 => ("Check constraint '", &["' is violated."]),
        // MariaDB.
        4025 => ("CONSTRAINT `", &["` failed for `", "`.`", "`"]),
        _ => return None,
    };
    let (name, mut rest) = message.strip_prefix(before)?.split_once(after[0])?;
    for text in &after[1..] {
        rest = rest.trim_start_matches(is_of_identifier).strip_prefix(text)?;
    }
    let is_end = rest.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = (1..=IDENTIFIER_MAX).contains(&name.len()) && name.chars().all(is_of_identifier);
    (is_end && is_name).then_some(name)
}

/// A table's name, a dot and a column's, of 64 characters each.
const IDENTIFIER_MAX: usize = 129;

/// MariaDB calls a column's own CHECK `table.column`.
fn is_of_identifier(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_$.".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_of_the_driver_are_not_quoted() {
        use std::io::{Error as IoError, ErrorKind};
        let secret = || "secret".to_owned();
        for error in [
            sqlx::Error::Protocol(secret()),
            sqlx::Error::Decode(secret().into()),
            sqlx::Error::ColumnNotFound(secret()),
            sqlx::Error::Configuration(secret().into()),
            sqlx::Error::Io(IoError::new(ErrorKind::InvalidData, secret())),
        ] {
            let said = without_values(&error);
            assert!(!said.contains("secret") && !said.is_empty(), "{said}");
        }
        let refused = IoError::from_raw_os_error(111);
        assert!(without_values(&sqlx::Error::Io(refused)).starts_with("Connection refused"));
        let late = Late::Connection(std::time::Duration::from_secs(10));
        assert!(without_values(&late.into()).contains("mysql.connect_timeout"));
    }

    #[test]
    fn columns_and_constraints_are_named_and_values_are_not() {
        for (number, message, what) in [
            (1406, "Data too long for column 'title' at row 1", Some("title")),
            (1048, "Column 'status' cannot be null", Some("status")),
            (3819, "Check constraint 'chk_amount' is violated.", Some("chk_amount")),
            (4025, "CONSTRAINT `chk_amount` failed for `shop`.`orders`", Some("chk_amount")),
            (1048, "Column 'x' cannot be null: Sql: insert 'secret'", None),
            (1406, "target: shop.0: Data too long for column 'title' at row 1", None),
            (1406, "Data too long for column 'se cret' at row 1", None),
            (1264, "Out of range value for column 'n' at row 1 BindVars: {x}", None),
            (4025, "CONSTRAINT `orders.n` failed for `shop`.`orders`", Some("orders.n")),
            (4025, "CONSTRAINT `n` failed for `shop`.`orders` Sql: x", None),
            (1366, "Incorrect integer value: 'secret' for column 'a' at row 1", None),
            (1062, "Duplicate entry 'secret' for key 'orders.uq'", None),
            (1644, "the trigger's own 'words'", None),
        ] {
            assert_eq!(named(number, message), what, "{number}");
        }
    }
}
