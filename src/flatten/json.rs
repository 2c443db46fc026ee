//! A value on the tape → JSON text as it arrived, less its secrets.

use super::EventInput;
use super::cells::{Destination, is_null};
use super::cuts;
use super::walk::{Found, walk};
use crate::buffer::Rows;
use crate::decode::{Decoder, kind};
use crate::mapping::{Convert, EventPlan};
use crate::reject::{Code, Reject};
use simd_json::Node;

impl EventInput<'_, '_> {
    /// Appends the value at `at` to a JSON column. Returns false if there is none, or it means null.
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
            let Node::String(text) = &self.document.tape[at] else {
                let found = kind(Some(&self.document.tape[at]));
                let problem = format!("is {found}, not JSON in a string");
                return Err(to.reject(Code::ValueType, &problem));
            };
            return self.push_parsed(to, text, rows).map(|()| true);
        }
        let (start, end) = self.document.value_range(at);
        let source = std::str::from_utf8(&self.document.source[start..end]).unwrap_or_default();
        let cuts = &self.found.cuts;
        let first = cuts.partition_point(|cut| cut.0 < start);
        let last = cuts.partition_point(|cut| cut.0 < end);
        rows.push_parts(to.column, cuts::pieces(source, start, &cuts[first..last]));
        Ok(true)
    }

    /// Appends JSON that was in a string.
    fn push_parsed(
        &self,
        to: Destination<'_>,
        text: &str,
        rows: &mut Rows,
    ) -> Result<(), Reject> {
        let (plan, limits) = (EventPlan::default(), (self.json_limits, usize::MAX));
        let mut decoder = Decoder::within(self.decode_bytes);
        let pushed = decoder.decode(text.as_bytes(), |document| {
            let mut found = Found::default();
            walk(document, 0, &plan, self.secrets, limits, &mut found)?;
            rows.push_parts(to.column, cuts::pieces(text, 0, &found.cuts));
            Ok(())
        });
        match pushed {
            Ok(done) => done,
            Err(reject) if reject.code == Code::EventTooLarge => Err(reject),
            Err(_) => Err(to.reject(Code::ValueType, "is a string that is not JSON")),
        }
    }
}
