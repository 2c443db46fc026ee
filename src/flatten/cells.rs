//! A value on the tape → a cell of a column, validated against the column's type.

use super::numbers::{self, NumberFault};
use super::values::Value;
use super::walk::ABSENT;
use crate::buffer::Rows;
use crate::datetime::{self, Micros};
use crate::decode::{Document, kind};
use crate::exact::{Exact, NoFit, write_double};
use crate::mapping::{Cell, ColumnSpec, ColumnType, Convert, Place, Storage, Table};
use crate::reject::{Code, Reject};
use simd_json::{Node, StaticNode};

/// Where a cell goes.
#[derive(Clone, Copy)]
pub(super) struct Destination<'p> {
    pub(super) table: &'p Table,
    pub(super) column: usize,
    pub(super) cell: &'p Cell,
    pub(super) origin: Origin<'p>,
}

/// Where a value comes from, for errors.
#[derive(Clone, Copy)]
pub(super) enum Origin<'p> {
    /// This path of `data`.
    Data(&'p str),
    Place(&'p Place),
}

impl std::fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Data(path) => write!(f, "data.{path}"),
            Self::Place(place) => place.fmt(f),
        }
    }
}

/// How a number is written.
#[derive(Clone, Copy)]
pub(super) enum Token<'t> {
    /// The value at this place on the tape.
    In(&'t Document<'t>, usize),
    Text(&'t str),
}

impl<'t> Token<'t> {
    pub(super) fn text(self) -> &'t str {
        match self {
            Token::In(document, at) => document.value_text(at),
            Token::Text(text) => text,
        }
    }
}

impl<'p> Destination<'p> {
    pub(super) fn spec(&self) -> &'p ColumnSpec {
        &self.table.columns[self.column]
    }

    pub(super) fn reject(&self, code: Code, problem: &str) -> Reject {
        let (table, column) = (&self.table.name, &self.spec().name);
        Reject::new(code, format!("{} {problem} (column {table}.{column})", self.origin))
    }

    fn wrong_type(&self, node: &Node<'_>, wanted: &str) -> Reject {
        self.reject(Code::ValueType, &format!("is {}, not {wanted}", kind(Some(node))))
    }

    pub(super) fn is_json(&self) -> bool {
        matches!(self.spec().ty, ColumnType::Json)
    }

    /// Appends the value at `at`. Returns false if there is none, or it means null.
    pub(super) fn push(
        &self,
        document: &Document<'_>,
        at: u32,
        rows: &mut Rows,
    ) -> Result<bool, Reject> {
        if is_null(document, at, self.cell) {
            return Ok(false);
        }
        let at = at as usize;
        self.push_node(document.tape[at], Token::In(document, at), rows)?;
        Ok(true)
    }

    /// Appends a value from anywhere. Returns false if it means null.
    pub(super) fn push_value(&self, value: Value<'_>, rows: &mut Rows) -> Result<bool, Reject> {
        match value {
            Value::Node(document, at) => {
                self.push(document, u32::try_from(at).unwrap_or(ABSENT), rows)
            }
            Value::Text(text) if self.cell.nulls.iter().any(|null| null == text) => Ok(false),
            Value::Text(text) => {
                self.push_node(Node::String(text), Token::Text(text), rows)?;
                Ok(true)
            }
            Value::Number(number) => {
                let mut text = itoa::Buffer::new();
                let token = Token::Text(text.format(number));
                self.push_node(Node::Static(StaticNode::I64(number)), token, rows)?;
                Ok(true)
            }
            Value::Time(micros) => {
                self.push_micros(micros, rows);
                Ok(true)
            }
            // Only JSON columns take one; the mapping's check has made sure of it.
            Value::Part(_) => Ok(false),
        }
    }

    fn push_node(&self, node: Node<'_>, token: Token<'_>, rows: &mut Rows) -> Result<(), Reject> {
        match self.cell.convert {
            None => self.push_as_it_is(token, &node, rows),
            Some(convert) => self.push_converted(convert, token, &node, rows),
        }
    }

    fn push_as_it_is(
        &self,
        token: Token<'_>,
        node: &Node<'_>,
        rows: &mut Rows,
    ) -> Result<(), Reject> {
        match &self.spec().ty {
            ColumnType::Int(_) => match node {
                Node::Static(StaticNode::I64(value)) => self.push_whole(i128::from(*value), rows),
                Node::Static(StaticNode::U64(value)) => self.push_whole(i128::from(*value), rows),
                Node::Static(StaticNode::F64(_)) => {
                    self.push_number(Exact::read(token.text()), node, rows)
                }
                _ => Err(self.wrong_type(node, "a whole number")),
            },
            ColumnType::Decimal { .. } => match node {
                Node::Static(StaticNode::I64(_) | StaticNode::U64(_) | StaticNode::F64(_)) => {
                    self.push_number(Exact::read(token.text()), node, rows)
                }
                Node::String(text) => self.push_number(Exact::read(text), node, rows),
                _ => Err(self.wrong_type(node, "a number, or a text of one")),
            },
            ColumnType::Double => {
                let value = double(node).ok_or_else(|| self.wrong_type(node, "a number"))?;
                self.push_double(value, rows)
            }
            ColumnType::Boolean => {
                rows.push_number(self.column, self.boolean(token, node)?);
                Ok(())
            }
            ColumnType::DateTime(digits) => {
                let micros = datetime::parse(self.text(node, "a string")?)
                    .map_err(|error| self.reject(Code::ValueTimestamp, &error.to_string()))?;
                rows.push_number(self.column, datetime::cut(micros, *digits));
                Ok(())
            }
            ColumnType::Date => {
                let days = datetime::parse_date(self.text(node, "a string")?)
                    .map_err(|error| self.reject(Code::ValueTimestamp, &error.to_string()))?;
                rows.push_number(self.column, days);
                Ok(())
            }
            ColumnType::Varbinary(_) | ColumnType::Blob => {
                self.push_bytes(self.text(node, "a string")?.as_bytes(), rows)
            }
            _ => self.push_text(self.text(node, "a string")?, rows),
        }
    }

    fn push_converted(
        &self,
        convert: Convert,
        token: Token<'_>,
        node: &Node<'_>,
        rows: &mut Rows,
    ) -> Result<(), Reject> {
        match convert {
            Convert::Seconds
            | Convert::Millis
            | Convert::Micros
            | Convert::Nanos
            | Convert::Days => {
                let number = number_of(token, node);
                let number =
                    number.ok_or_else(|| self.wrong_type(node, "a number, or a text of one"))?;
                self.push_time(convert, number, rows)
            }
            Convert::Number => {
                let text = self.text(node, "digits in a string")?;
                match self.spec().ty {
                    ColumnType::Double if Exact::read(text).is_some() => {
                        self.push_double(text.parse().unwrap_or(f64::INFINITY), rows)
                    }
                    _ => self.push_number(Exact::read(text), node, rows),
                }
            }
            Convert::Text => match node {
                Node::String(text) => self.push_text(text, rows),
                Node::Static(StaticNode::Bool(_) | StaticNode::I64(_) | StaticNode::U64(_)) => {
                    self.push_text(token.text(), rows)
                }
                Node::Static(StaticNode::F64(_)) if numbers::is_whole(token.text()) => {
                    self.push_text(token.text(), rows)
                }
                _ => Err(self.wrong_type(node, "a whole number, a boolean or a string")),
            },
            Convert::Base64 | Convert::Hex => {
                let text = self.text(node, "a string")?;
                let bytes = match convert {
                    Convert::Hex => numbers::from_hex(text),
                    _ => numbers::from_base64(text),
                };
                let bytes = bytes.ok_or_else(|| {
                    self.reject(Code::ValueType, &format!("is not {}", convert.as_str()))
                })?;
                self.push_bytes(&bytes, rows)
            }
            Convert::Length => match node {
                Node::Array { len, .. } => {
                    self.push_whole(i128::try_from(*len).unwrap_or(i128::MAX), rows)
                }
                _ => Err(self.wrong_type(node, "an array")),
            },
            // JSON goes another way.
            Convert::Parse => Err(self.wrong_type(node, "JSON in a string")),
        }
    }

    fn text<'t>(&self, node: &'t Node<'_>, wanted: &str) -> Result<&'t str, Reject> {
        match node {
            Node::String(text) => Ok(text),
            other => Err(self.wrong_type(other, wanted)),
        }
    }

    fn push_whole(&self, value: i128, rows: &mut Rows) -> Result<(), Reject> {
        let ColumnSpec { range: (least, greatest), storage, .. } = self.spec();
        if !(*least..=*greatest).contains(&value) {
            return Err(self.not_whole());
        }
        match (storage, i64::try_from(value)) {
            (Storage::Number, Ok(value)) => rows.push_number(self.column, value),
            _ => rows.push_text(self.column, Some(itoa::Buffer::new().format(value))),
        }
        Ok(())
    }

    fn not_whole(&self) -> Reject {
        let (least, greatest) = self.spec().range;
        let limit = format!("is not a whole number from {least} to {greatest}");
        self.reject(Code::ValueOutOfRange, &limit)
    }

    /// Appends a number to a column of whole or decimal ones.
    fn push_number(
        &self,
        number: Option<Exact<'_>>,
        node: &Node<'_>,
        rows: &mut Rows,
    ) -> Result<(), Reject> {
        let Some(number) = number else {
            return Err(match node {
                Node::String(_) => self.reject(Code::ValueType, "is a string that is not a number"),
                other => self.wrong_type(other, "a number"),
            });
        };
        let ColumnType::Decimal { digits, scale } = self.spec().ty else {
            return self.push_whole(number.whole().ok_or_else(|| self.not_whole())?, rows);
        };
        let out_of_range = |problem: String| self.reject(Code::ValueOutOfRange, &problem);
        number.check(digits, scale).map_err(|fault| {
            out_of_range(match fault {
                NoFit::TooLarge => {
                    format!("has more than {} digits before the point", digits - scale)
                }
                NoFit::TooFine => {
                    format!("has more than {scale} digits after the point, and is not rounded")
                }
            })
        })?;
        self.check_bounds(&number)?;
        match number.plain() {
            Some(text) => rows.push_text(self.column, Some(text)),
            None => {
                let mut text = String::new();
                number.write(&mut text);
                rows.push_text(self.column, Some(&text));
            }
        }
        Ok(())
    }

    fn check_bounds(&self, number: &Exact<'_>) -> Result<(), Reject> {
        let bounds = &self.spec().bounds;
        let beyond = match (&bounds.min, &bounds.max) {
            (Some(min), _) if *number < min.value() => format!("is less than {min}"),
            (_, Some(max)) if *number > max.value() => format!("is more than {max}"),
            _ => return Ok(()),
        };
        Err(self.reject(Code::ValueOutOfRange, &beyond))
    }

    fn push_double(&self, value: f64, rows: &mut Rows) -> Result<(), Reject> {
        if !value.is_finite() {
            return Err(self.reject(Code::ValueOutOfRange, "is larger than a double"));
        }
        let mut text = String::new();
        write_double(value, &mut text);
        if let Some(number) = Exact::read(&text) {
            self.check_bounds(&number)?;
        }
        rows.push_text(self.column, Some(&text));
        Ok(())
    }

    fn push_time(
        &self,
        convert: Convert,
        number: Exact<'_>,
        rows: &mut Rows,
    ) -> Result<(), Reject> {
        let micros = numbers::micros(convert, &number).map_err(|fault| match fault {
            NumberFault::Fraction => {
                self.reject(Code::ValueTimestamp, "is not a whole number of days")
            }
            NumberFault::Range => {
                self.reject(Code::ValueTimestamp, "lies outside the years 1000 to 9999 (UTC)")
            }
        })?;
        self.push_micros(micros, rows);
        Ok(())
    }

    fn push_micros(&self, micros: Micros, rows: &mut Rows) {
        let value = match self.spec().ty {
            ColumnType::DateTime(digits) => datetime::cut(micros, digits),
            _ => datetime::day_of(micros),
        };
        rows.push_number(self.column, value);
    }

    fn boolean(&self, token: Token<'_>, node: &Node<'_>) -> Result<i64, Reject> {
        match node {
            Node::Static(StaticNode::Bool(value)) => Ok(i64::from(*value)),
            Node::Static(StaticNode::I64(value @ 0..=1)) => Ok(*value),
            Node::Static(StaticNode::U64(0)) => Ok(0),
            Node::Static(StaticNode::U64(1)) => Ok(1),
            Node::Static(StaticNode::F64(_)) => {
                match Exact::read(token.text()).and_then(|number| number.whole()) {
                    Some(0) => Ok(0),
                    Some(1) => Ok(1),
                    _ => Err(self.wrong_type(node, "true, false, 0 or 1")),
                }
            }
            other => Err(self.wrong_type(other, "true, false, 0 or 1")),
        }
    }
}

/// Whether a value is missing, or means null.
pub(super) fn is_null(document: &Document<'_>, at: u32, cell: &Cell) -> bool {
    match at {
        ABSENT => true,
        at => match &document.tape[at as usize] {
            Node::Static(StaticNode::Null) => true,
            Node::String(text) => cell.nulls.iter().any(|null| null == text),
            _ => false,
        },
    }
}

fn double(node: &Node<'_>) -> Option<f64> {
    // A double keeps 53 bits of a whole number, as the column does.
    #[expect(clippy::cast_precision_loss)]
    match node {
        Node::Static(StaticNode::F64(value)) => Some(*value),
        Node::Static(StaticNode::I64(value)) => Some(*value as f64),
        Node::Static(StaticNode::U64(value)) => Some(*value as f64),
        _ => None,
    }
}

fn number_of<'t>(token: Token<'t>, node: &'t Node<'_>) -> Option<Exact<'t>> {
    match node {
        Node::String(text) => Exact::read(text),
        Node::Static(StaticNode::I64(_) | StaticNode::U64(_) | StaticNode::F64(_)) => {
            Exact::read(token.text())
        }
        _ => None,
    }
}
