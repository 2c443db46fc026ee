//! A value on the tape → a cell of a column, validated against the column's type.

use super::walk::ABSENT;
use crate::buffer::{NULL, Rows};
use crate::datetime;
use crate::decode::{Document, kind};
use crate::mapping::{ColumnSpec, ColumnType, Table};
use crate::reject::{Code, Reject};
use simd_json::{Node, StaticNode};

/// 2⁶³: the first whole number that a signed 64-bit integer cannot hold.
const TWO_POW_63: f64 = 9_223_372_036_854_775_808.0;

/// Where a cell goes.
#[derive(Clone, Copy)]
pub(super) struct Destination<'p> {
    pub(super) table: &'p Table,
    pub(super) column: usize,
    /// Dotted path from `data`, for errors.
    pub(super) path: &'p str,
}

impl Destination<'_> {
    fn spec(&self) -> &ColumnSpec {
        &self.table.columns[self.column]
    }

    pub(super) fn reject(&self, code: Code, problem: &str) -> Reject {
        let (table, column) = (&self.table.name, &self.spec().name);
        let path = match self.path {
            "" => String::new(),
            path => format!("data.{path} "),
        };
        Reject::new(code, format!("{path}{problem} (column {table}.{column})"))
    }

    fn wrong_type(&self, node: &Node<'_>, wanted: &str) -> Reject {
        self.reject(Code::ValueType, &format!("is {}, not {wanted}", kind(Some(node))))
    }

    /// Appends the value at `at`. Returns false if there is none, or it is null.
    pub(super) fn push(
        &self,
        document: &Document<'_>,
        at: u32,
        rows: &mut Rows,
    ) -> Result<bool, Reject> {
        let node = match at {
            ABSENT => return Ok(false),
            at => &document.tape[at as usize],
        };
        if *node == Node::Static(StaticNode::Null) {
            return Ok(false);
        }
        let ty = &self.spec().ty;
        match ty {
            ColumnType::BigInt => rows.push_number(self.column, self.count(node)?),
            ColumnType::Boolean => rows.push_number(self.column, self.boolean(node)?),
            ColumnType::DateTime => rows.push_number(self.column, self.time(node)?),
            _ => {
                let Node::String(text) = node else {
                    return Err(self.wrong_type(node, "a string"));
                };
                self.check_text(text)?;
                rows.push_text(self.column, Some(text));
            }
        }
        Ok(true)
    }

    /// Appends the number of elements of the array at `at`. Returns false if there is none, or it is null.
    pub(super) fn push_length(
        &self,
        document: &Document<'_>,
        at: u32,
        rows: &mut Rows,
    ) -> Result<bool, Reject> {
        match document.tape.get(at as usize) {
            Some(Node::Array { len, .. }) if at != ABSENT => {
                rows.push_number(self.column, i64::try_from(*len).unwrap_or(NULL));
                Ok(true)
            }
            Some(node) if at != ABSENT && *node != Node::Static(StaticNode::Null) => {
                Err(self.wrong_type(node, "an array"))
            }
            _ => Ok(false),
        }
    }

    /// Counts and cents: whole, not negative, at most 2⁶³ − 1. A whole float counts as an integer.
    fn count(&self, node: &Node<'_>) -> Result<i64, Reject> {
        let value = match node {
            Node::Static(StaticNode::I64(value)) => Some(*value).filter(|value| *value >= 0),
            Node::Static(StaticNode::U64(value)) => i64::try_from(*value).ok(),
            Node::Static(StaticNode::F64(value)) => {
                let whole = value.fract() == 0.0 && (0.0..TWO_POW_63).contains(value);
                // In range and whole, so nothing is cut.
                #[allow(clippy::cast_possible_truncation)]
                whole.then_some(*value as i64)
            }
            other => return Err(self.wrong_type(other, "a whole number")),
        };
        value.ok_or_else(|| {
            let limit = format!("is not a whole number from 0 to {}", i64::MAX);
            self.reject(Code::ValueOutOfRange, &limit)
        })
    }

    fn boolean(&self, node: &Node<'_>) -> Result<i64, Reject> {
        match node {
            Node::Static(StaticNode::Bool(value)) => Ok(i64::from(*value)),
            Node::Static(StaticNode::I64(value @ 0..=1)) => Ok(*value),
            Node::Static(StaticNode::U64(0)) => Ok(0),
            Node::Static(StaticNode::U64(1)) => Ok(1),
            #[allow(clippy::float_cmp)]
            Node::Static(StaticNode::F64(value)) if *value == 0.0 || *value == 1.0 => {
                Ok(i64::from(*value == 1.0))
            }
            other => Err(self.wrong_type(other, "true, false, 0 or 1")),
        }
    }

    fn time(&self, node: &Node<'_>) -> Result<i64, Reject> {
        let Node::String(text) = node else {
            return Err(self.wrong_type(node, "a string"));
        };
        datetime::parse(text).map_err(|error| self.reject(Code::ValueTimestamp, &error.to_string()))
    }

    fn check_text(&self, text: &str) -> Result<(), Reject> {
        let too_long = |len: usize, max: usize, unit: &str| {
            let problem = format!("has {len} {unit}; the column holds {max}");
            Err(self.reject(Code::ValueTooLong, &problem))
        };
        match &self.spec().ty {
            // No text has more characters than bytes.
            ColumnType::Varchar(max) if text.len() > *max => match text.chars().count() {
                chars if chars > *max => too_long(chars, *max, "characters"),
                _ => Ok(()),
            },
            ColumnType::Text if text.len() > ColumnType::TEXT_BYTES_MAX => {
                too_long(text.len(), ColumnType::TEXT_BYTES_MAX, "bytes")
            }
            ColumnType::Enum(values) if !values.iter().any(|value| value == text) => {
                let problem = format!("is not one of {}", values.join(", "));
                Err(self.reject(Code::ValueNotInEnum, &problem))
            }
            _ => Ok(()),
        }
    }
}
