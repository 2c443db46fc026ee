//! A table of TOML, key by key. Reports missing and unknown keys and wrong types, and still reads the
//! rest, so that one fault does not hide another.

use super::report::Report;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// A known key that is less similar is not suggested.
const ALIKE: f64 = 0.7;

pub(super) struct Keys<'t, 'r, 'a> {
    table: &'t DeTable<'t>,
    /// For messages, such as `[[log]]`.
    name: &'static str,
    span: Range<usize>,
    known: Vec<&'static str>,
    pub(super) report: &'r mut Report<'a>,
}

impl<'t, 'r, 'a> Keys<'t, 'r, 'a> {
    pub(super) fn new(
        table: &'t DeTable<'t>,
        span: Range<usize>,
        name: &'static str,
        report: &'r mut Report<'a>,
    ) -> Self {
        Self { table, name, span, known: Vec::new(), report }
    }

    pub(super) fn get(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key)
    }

    /// An optional string.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Spanned<String>> {
        let value = self.get(key)?;
        text(value, key, self.report)
    }

    /// An optional string, number or boolean, as text.
    pub(super) fn scalar(&mut self, key: &'static str) -> Option<Spanned<String>> {
        let value = self.get(key)?;
        scalar(value, key, self.report)
    }

    /// A required string.
    pub(super) fn required(&mut self, key: &'static str) -> Option<Spanned<String>> {
        if !self.table.contains_key(key) {
            self.missing(key);
        }
        self.text(key)
    }

    pub(super) fn missing(&mut self, key: &'static str) {
        self.missing_because(key, "");
    }

    /// Reports a missing key; `why` is what follows the sentence.
    pub(super) fn missing_because(&mut self, key: &'static str, why: &str) {
        let problem = format!("is missing in {}{why}", self.name);
        self.report.fault_at(self.span.start, key, &problem);
    }

    /// `true` or `false`; `false` if missing.
    pub(super) fn flag(&mut self, key: &'static str) -> bool {
        let Some(value) = self.get(key) else { return false };
        value.get_ref().as_bool().unwrap_or_else(|| {
            wrong_type(value, key, "true or false", self.report);
            false
        })
    }

    /// A list of strings; empty if missing.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<Spanned<String>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            wrong_type(value, key, "a list of strings", self.report);
            return Vec::new();
        };
        list.iter().filter_map(|value| text(value, key, self.report)).collect()
    }

    /// A list of tables, each read by `read`; empty if missing.
    pub(super) fn each<T>(
        &mut self,
        key: &'static str,
        name: &'static str,
        mut read: impl FnMut(&mut Keys<'t, '_, 'a>) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            let wanted = format!("a list of tables: {name}");
            wrong_type(value, key, &wanted, self.report);
            return Vec::new();
        };
        list.iter().filter_map(|entry| one(entry, key, name, self.report, &mut read)).collect()
    }

    /// An optional table, read by `read`.
    pub(super) fn one<T>(
        &mut self,
        key: &'static str,
        name: &'static str,
        read: impl FnMut(&mut Keys<'t, '_, 'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(key)?;
        one(value, key, name, self.report, read)
    }

    /// The keys and values of a table whose keys are the user's own.
    pub(super) fn entries(
        &mut self,
        key: &'static str,
    ) -> Vec<(Spanned<String>, &'t Spanned<DeValue<'t>>)> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(table) = value.get_ref().as_table() else {
            let wanted = "a table such as { \"order.created\" = … }";
            wrong_type(value, key, wanted, self.report);
            return Vec::new();
        };
        let own =
            |name: &Spanned<DeString<'t>>| Spanned::new(name.span(), name.get_ref().to_string());
        table.iter().map(|(name, value)| (own(name), value)).collect()
    }

    /// Reports every key that was not read.
    pub(super) fn end(&mut self) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if self.known.contains(&name) {
                continue;
            }
            let like = |known: &&&str| strsim::jaro_winkler(known, name) >= ALIKE;
            let nearest = self.known.iter().filter(like).max_by(|a, b| {
                strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name))
            });
            let problem = match nearest {
                Some(nearest) => format!("unknown key in {}; did you mean {nearest}?", self.name),
                None => {
                    format!(
                        "unknown key in {}; known keys are {}",
                        self.name,
                        self.known.join(", ")
                    )
                }
            };
            self.report.fault_at(key.span().start, name, &problem);
        }
    }
}

fn one<'t, 'a, T>(
    value: &'t Spanned<DeValue<'t>>,
    key: &str,
    name: &'static str,
    report: &mut Report<'a>,
    mut read: impl FnMut(&mut Keys<'t, '_, 'a>) -> Option<T>,
) -> Option<T> {
    let Some(table) = value.get_ref().as_table() else {
        wrong_type(value, key, &format!("a table: {name}"), report);
        return None;
    };
    let mut keys = Keys::new(table, value.span(), name, report);
    let read = read(&mut keys);
    keys.end();
    read
}

/// A string and its position.
pub(super) fn text(
    value: &Spanned<DeValue<'_>>,
    key: &str,
    report: &mut Report<'_>,
) -> Option<Spanned<String>> {
    match value.get_ref().as_str() {
        Some(text) => Some(Spanned::new(value.span(), text.to_owned())),
        None => {
            wrong_type(value, key, "a string", report);
            None
        }
    }
}

/// A string, number or boolean as text, and its position.
pub(super) fn scalar(
    value: &Spanned<DeValue<'_>>,
    key: &str,
    report: &mut Report<'_>,
) -> Option<Spanned<String>> {
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(value) => value.to_string(),
        _ => {
            wrong_type(value, key, "a string, a number, true or false", report);
            return None;
        }
    };
    Some(Spanned::new(value.span(), text))
}

pub(super) fn wrong_type(
    value: &Spanned<DeValue<'_>>,
    key: &str,
    wanted: &str,
    report: &mut Report<'_>,
) {
    let found = value.get_ref().type_str();
    report.fault_at(value.span().start, key, &format!("expected {wanted}, found {found}"));
}
