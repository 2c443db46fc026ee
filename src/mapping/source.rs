//! `[envelope]` and keys as typed: where the facts of an event come from.

use super::envelope::IDS;
use super::file::{Values, paths};
use super::tree::{Keys, text, wrong_type};
use toml::Spanned;
use toml::de::DeValue;

/// Where a fact or a key comes from: a path, a list of paths, or a table with more.
#[derive(Debug)]
pub(super) struct SourceEntry {
    /// Where in the file it stands, for faults of the whole.
    pub(super) at: Spanned<String>,
    /// The first of these that is not null counts.
    pub(super) from: Vec<Spanned<String>>,
    pub(super) values: Values,
    /// A constant.
    pub(super) value: Option<Spanned<String>>,
    /// Paths whose values are joined by a dot.
    pub(super) join: Vec<Spanned<String>>,
}

/// The column of an entity's key, and where its value comes from.
#[derive(Debug)]
pub(super) struct KeyEntry {
    pub(super) name: Spanned<String>,
    pub(super) ty: Option<Spanned<String>>,
    /// `None`: `key` of the envelope.
    pub(super) source: Option<SourceEntry>,
}

/// `[envelope]`: where the facts of an event come from.
#[derive(Debug)]
pub(super) struct EnvelopeEntry {
    /// An array whose elements are events: `$message`, or a path.
    pub(super) each: Option<Spanned<String>>,
    pub(super) event_type: SourceEntry,
    pub(super) id: SourceEntry,
    pub(super) time: SourceEntry,
    pub(super) key: Option<SourceEntry>,
    /// The first of these places that is not null holds the values of the columns.
    pub(super) data: Vec<Spanned<String>>,
}

impl EnvelopeEntry {
    pub(super) fn read(keys: &mut Keys<'_, '_, '_>) -> Option<Self> {
        let each = keys.text("each");
        let event_type = required(keys, "type");
        if keys.get("id").is_none() {
            keys.missing_because("id", &format!("; {IDS}"));
        }
        let id = SourceEntry::read(keys, "id");
        let time = required(keys, "time");
        let key = SourceEntry::read(keys, "key");
        if keys.get("data").is_none() {
            keys.missing("data");
        }
        let data = keys.get("data").map(|value| paths(value, "data", keys.report));
        // What is missing has been said; the rest of the file is checked all the same.
        let any = |text: &str| vec![Spanned::new(0..0, text.to_owned())];
        let or = |source: Option<SourceEntry>, place| {
            source.unwrap_or_else(|| SourceEntry::stand_in(any(place)))
        };
        Some(Self {
            each,
            event_type: or(event_type, "$topic"),
            id: or(id, "$content"),
            time: or(time, "$kafka_timestamp"),
            key,
            data: data.unwrap_or_else(|| any("$message")),
        })
    }
}

impl EnvelopeEntry {
    pub(super) fn sources(&self) -> impl Iterator<Item = &SourceEntry> {
        [&self.event_type, &self.id, &self.time].into_iter().chain(&self.key)
    }
}

fn required(keys: &mut Keys<'_, '_, '_>, name: &'static str) -> Option<SourceEntry> {
    if keys.get(name).is_none() {
        keys.missing(name);
    }
    SourceEntry::read(keys, name)
}

impl SourceEntry {
    fn read(keys: &mut Keys<'_, '_, '_>, name: &'static str) -> Option<Self> {
        let value = keys.get(name)?;
        let at = Spanned::new(value.span(), name.to_owned());
        if !matches!(value.get_ref(), DeValue::Table(_)) {
            let from = paths(value, name, keys.report);
            return Some(Self {
                at,
                from,
                values: Values::default(),
                value: None,
                join: Vec::new(),
            });
        }
        keys.one(name, "a source", |keys| Some(Self::of_table(keys, at.clone())))
    }

    /// Stands for a source that is missing.
    fn stand_in(from: Vec<Spanned<String>>) -> Self {
        let at = Spanned::new(0..0, String::new());
        Self { at, from, values: Values::default(), value: None, join: Vec::new() }
    }

    fn of_table(keys: &mut Keys<'_, '_, '_>, at: Spanned<String>) -> Self {
        let from = keys.get("from").map(|value| paths(value, "from", keys.report));
        let values = Values::read_conversion(keys);
        let value = keys.scalar("value");
        let join = keys.texts("join");
        let source = Self { at, from: from.unwrap_or_default(), values, value, join };
        let given = usize::from(!source.from.is_empty())
            + usize::from(source.value.is_some())
            + usize::from(!source.join.is_empty());
        if given != 1 {
            keys.report.fault(&source.at, "needs one of `from`, `value` and `join`");
        }
        source
    }

    /// All its paths.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.from.iter().chain(&self.join)
    }
}

impl KeyEntry {
    /// Reads `key` of a file or a table of it: a name, or a table with a source.
    pub(super) fn read(keys: &mut Keys<'_, '_, '_>) -> Option<Self> {
        let value = keys.get("key")?;
        if let DeValue::String(_) = value.get_ref() {
            let name = text(value, "key", keys.report)?;
            return Some(Self { name, ty: None, source: None });
        }
        if !matches!(value.get_ref(), DeValue::Table(_)) {
            wrong_type(
                value,
                "key",
                "a string, or a table such as { name = \"sku\", from = \"sku\" }",
                keys.report,
            );
            return Some(Self::unread());
        }
        let at = Spanned::new(value.span(), "key".to_owned());
        keys.one("key", "key", |keys| {
            let (name, ty) = (keys.required("name"), keys.text("type"));
            let from = keys.get("from").map(|value| paths(value, "from", keys.report));
            let values = Values::read_conversion(keys);
            let rule = values.convert.iter().chain(&values.null).next();
            if let (None, Some(rule)) = (&from, rule) {
                keys.report.fault(rule, "is for a value that `from` names, but there is no `from`");
            }
            let source = from.map(|from| SourceEntry {
                at: at.clone(),
                from,
                values,
                value: None,
                join: Vec::new(),
            });
            Some(Self { name: name?, ty, source })
        })
    }

    /// Stands for a key whose fault has been reported.
    pub(super) fn unread() -> Self {
        Self { name: Spanned::new(0..0, "key".to_owned()), ty: None, source: None }
    }
}

/// One string, or a list of them; empty if missing.
pub(super) fn one_or_more(keys: &mut Keys<'_, '_, '_>, name: &'static str) -> Vec<Spanned<String>> {
    match keys.get(name) {
        Some(value) if value.get_ref().as_array().is_some_and(|list| list.is_empty()) => {
            keys.report.fault_at(
                value.span().start,
                name,
                "is empty; name at least one event type",
            );
            Vec::new()
        }
        Some(value) if value.get_ref().is_array() => keys.texts(name),
        Some(value) => text(value, name, keys.report).into_iter().collect(),
        None => Vec::new(),
    }
}
