//! Collects the faults of one mapping file.

use super::MappingError;
use toml::Spanned;

pub(super) struct Report<'a> {
    pub(super) file: &'a str,
    text: &'a str,
    faults: &'a mut Vec<MappingError>,
}

impl<'a> Report<'a> {
    pub(super) fn new(file: &'a str, text: &'a str, faults: &'a mut Vec<MappingError>) -> Self {
        Self { file, text, faults }
    }

    /// Reports a fault in the value `at`.
    pub(super) fn fault(&mut self, at: &Spanned<String>, problem: &str) {
        self.fault_at(at.span().start, at.get_ref(), problem);
    }

    pub(super) fn fault_at(&mut self, byte: usize, key: &str, problem: &str) {
        let before = &self.text.as_bytes()[..byte.min(self.text.len())];
        self.faults.push(MappingError {
            file: self.file.to_owned(),
            line: before.iter().filter(|&&b| b == b'\n').count() + 1,
            key: key.to_owned(),
            problem: problem.to_owned(),
        });
    }

    /// The faults so far, those of other files included.
    pub(super) fn count(&self) -> usize {
        self.faults.len()
    }
}
