//! Texts and bytes → cells: their lengths, and what keys and ids may not be.

use super::cells::Destination;
use super::numbers;
use crate::buffer::Rows;
use crate::mapping::ColumnType;
use crate::reject::{Code, Reject};

impl Destination<'_> {
    pub(super) fn push_text(&self, text: &str, rows: &mut Rows) -> Result<(), Reject> {
        self.check_text(text)?;
        rows.push_text(self.column, Some(text));
        Ok(())
    }

    fn check_text(&self, text: &str) -> Result<(), Reject> {
        let ty = &self.spec().ty;
        match ty {
            ColumnType::Key(max) => {
                if let Err(problem) = check_name(text, *max) {
                    return Err(self.reject(Code::EntityIdInvalid, &problem));
                }
            }
            // No text has more characters than bytes.
            ColumnType::Varchar(max) | ColumnType::Char(max) if text.len() > *max => {
                let chars = text.chars().count();
                if chars > *max {
                    return Err(self.too_long(chars, *max, "characters"));
                }
            }
            ColumnType::Enum(values) if !values.iter().any(|value| value == text) => {
                let problem = format!("is not one of {}", values.join(", "));
                return Err(self.reject(Code::ValueNotInEnum, &problem));
            }
            _ => {}
        }
        if matches!(ty, ColumnType::Char(_)) && text.ends_with(' ') {
            let problem = "ends with a space, which a char column drops; make it a varchar";
            return Err(self.reject(Code::ValueOutOfRange, problem));
        }
        self.check_bytes(text.len())
    }

    fn check_bytes(&self, len: usize) -> Result<(), Reject> {
        match self.spec().ty.bytes_max() {
            Some(max) if len > max => Err(self.too_long(len, max, "bytes")),
            _ => Ok(()),
        }
    }

    fn too_long(&self, len: usize, max: usize, unit: &str) -> Reject {
        let problem = format!("has {len} {unit}; the column holds {max}");
        self.reject(Code::ValueTooLong, &problem)
    }

    pub(super) fn push_bytes(&self, bytes: &[u8], rows: &mut Rows) -> Result<(), Reject> {
        self.check_bytes(bytes.len())?;
        rows.push_text(self.column, Some(&numbers::hex_literal(bytes)));
        Ok(())
    }
}

/// Checks the text of a key or an id, which the servers compare byte by byte but for blanks at the end.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_name(text: &str, max: usize) -> Result<(), String> {
    // Most are this, and to look at every byte, without stopping at the first other one, is fastest.
    let is_plain = text.bytes().fold(true, |all, byte| all & byte.is_ascii_graphic());
    if is_plain && (1..=max).contains(&text.len()) {
        return Ok(());
    }
    // No text has more characters than bytes.
    let is_long = text.len() > max && text.chars().count() > max;
    let problem = if text.is_empty() {
        "is empty"
    } else if is_long {
        return Err(format!("has {} characters; it may have {max}", text.chars().count()));
    } else if text.ends_with(' ') {
        "ends with a blank, which the servers ignore when they compare"
    } else if text.chars().any(char::is_control) {
        "has a control character"
    } else {
        return Ok(());
    };
    Err(problem.to_owned())
}
