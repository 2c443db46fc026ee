//! JSON in a message → the text of a JSON column: as it arrived, less its secrets.

use super::cells::{Destination, is_null};
use super::cuts;
use super::event::{EventInput, Part};
use super::walk::{Found, walk};
use crate::buffer::Rows;
use crate::decode::{Decoder, Document, kind};
use crate::mapping::{Convert, EventPlan};
use crate::reject::{Code, Reject};
use simd_json::Node;

impl EventInput<'_> {
    /// Appends a value of `data` to a JSON column. Returns false if there is none, or it means null.
    pub(super) fn push_json(
        &self,
        to: Destination<'_>,
        at: u32,
        rows: &mut Rows,
    ) -> Result<bool, Reject> {
        if is_null(self.document, at, to.cell) {
            return Ok(false);
        }
        let at = at as usize;
        if to.cell.convert == Some(Convert::Parse) {
            return self.push_json_of(to, self.document, at, rows);
        }
        let (start, end) = self.document.value_range(at);
        let source = std::str::from_utf8(&self.document.source[start..end]).unwrap_or_default();
        // The walk through `data` has found them.
        let cuts = &self.found.cuts;
        let first = cuts.partition_point(|cut| cut.0 < start);
        let last = cuts.partition_point(|cut| cut.0 < end);
        rows.push_parts(to.column, cuts::pieces(source, start, &cuts[first..last]));
        Ok(true)
    }

    /// Appends a value from anywhere to a JSON column. Returns false if it means null.
    pub(super) fn push_json_of(
        &self,
        to: Destination<'_>,
        document: &Document<'_>,
        at: usize,
        rows: &mut Rows,
    ) -> Result<bool, Reject> {
        if is_null(document, u32::try_from(at).unwrap_or(u32::MAX), to.cell) {
            return Ok(false);
        }
        if to.cell.convert == Some(Convert::Parse) {
            let Node::String(text) = document.tape[at] else {
                let found = kind(Some(&document.tape[at]));
                let problem = format!("is {found}, not JSON in a string");
                return Err(to.reject(Code::ValueType, &problem));
            };
            return self.push_parsed(to, text, rows).map(|()| true);
        }
        let (start, end) = document.value_range(at);
        let pushed = self.push_range(to.column, document, Part { at, start, end }, rows);
        pushed.map(|()| true).map_err(|reject| of_column(to, reject))
    }

    /// Appends a part of the message to a JSON column.
    pub(super) fn push_part(
        &self,
        column: usize,
        part: Part,
        rows: &mut Rows,
    ) -> Result<(), Reject> {
        self.push_range(column, self.document, part, rows)
    }

    fn push_range(
        &self,
        column: usize,
        document: &Document<'_>,
        part: Part,
        rows: &mut Rows,
    ) -> Result<(), Reject> {
        let (plan, limits) = (EventPlan::default(), (self.json_limits, usize::MAX));
        let mut found = Found::default();
        walk(document, part.at, &plan, self.secrets, limits, &mut found)?;
        let source =
            std::str::from_utf8(&document.source[part.start..part.end]).unwrap_or_default();
        rows.push_parts(column, cuts::pieces(source, part.start, &found.cuts));
        Ok(())
    }

    /// Appends a text from beside the message, which the mapping says is JSON.
    pub(super) fn push_json_text(
        &self,
        to: Destination<'_>,
        text: &str,
        rows: &mut Rows,
    ) -> Result<bool, Reject> {
        if to.cell.nulls.iter().any(|null| null == text) {
            return Ok(false);
        }
        self.push_parsed(to, text, rows).map(|()| true)
    }

    /// Appends JSON that was in a string.
    fn push_parsed(&self, to: Destination<'_>, text: &str, rows: &mut Rows) -> Result<(), Reject> {
        let (plan, limits) = (EventPlan::default(), (self.json_limits, usize::MAX));
        let mut decoder = Decoder::within(self.decode_bytes);
        let pushed = decoder.decode(text.as_bytes(), |document| {
            let mut found = Found::default();
            walk(document, 0, &plan, self.secrets, limits, &mut found)?;
            rows.push_parts(to.column, cuts::pieces(text, 0, &found.cuts));
            Ok(())
        });
        match pushed {
            Ok(done) => done.map_err(|reject| of_column(to, reject)),
            Err(reject) if reject.code == Code::EventTooLarge => Err(reject),
            Err(_) => Err(to.reject(Code::ValueType, "is a string that is not JSON")),
        }
    }
}

/// The walk speaks of `data`; what it found is in this column's value.
fn of_column(to: Destination<'_>, reject: Reject) -> Reject {
    match reject.text.strip_prefix("data ") {
        Some(problem) => to.reject(reject.code, problem),
        None => reject,
    }
}
