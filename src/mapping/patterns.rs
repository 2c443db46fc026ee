//! Which event types a part of a mapping file is about.

use toml::Spanned;

/// Every event type that no other part names.
pub(super) const ANY: &str = "*";
/// A message without a value, as an event type of a file with `[envelope]`.
pub const TOMBSTONE: &str = "$tombstone";

/// The event types that share a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selector<'f> {
    Type(&'f str),
    /// All that begin so, less those that have a plan of their own.
    Prefix(&'f str),
    /// All others.
    Other,
    Tombstone,
}

/// How well a pattern fits: the larger, the closer. A name fits better than any beginning.
pub(super) type Closeness = usize;

impl<'f> Selector<'f> {
    /// What a pattern of the file selects: `invoice.paid`, `invoice.*`, `*`, `$tombstone`.
    pub(super) fn of(pattern: &'f str) -> Self {
        match pattern.strip_suffix('*') {
            Some("") => Self::Other,
            Some(prefix) => Self::Prefix(prefix),
            None if pattern == TOMBSTONE => Self::Tombstone,
            None => Self::Type(pattern),
        }
    }

    /// How well a pattern fits these event types; `None` if it does not.
    fn closeness(self, pattern: &str) -> Option<Closeness> {
        let fits = match (self, Selector::of(pattern)) {
            (Selector::Tombstone, Selector::Tombstone) => return Some(Closeness::MAX),
            (Selector::Tombstone, _) | (_, Selector::Tombstone) => false,
            (Selector::Type(name), Selector::Type(named)) => {
                return (name == named).then_some(Closeness::MAX);
            }
            (Selector::Type(name) | Selector::Prefix(name), Selector::Prefix(prefix)) => {
                name.starts_with(prefix)
            }
            (_, Selector::Other) => true,
            (Selector::Prefix(_) | Selector::Other, _) => false,
        };
        fits.then(|| pattern.len() - 1)
    }

    /// How well the best of these patterns fits.
    pub(super) fn best<'p>(
        self,
        patterns: impl IntoIterator<Item = &'p Spanned<String>>,
    ) -> Option<Closeness> {
        patterns.into_iter().filter_map(|pattern| self.closeness(pattern.get_ref())).max()
    }

    /// What its events are counted as.
    pub(super) fn label(self) -> String {
        match self {
            Self::Type(name) => name.to_owned(),
            Self::Prefix(prefix) => format!("{prefix}{ANY}"),
            Self::Other => "other".to_owned(),
            Self::Tombstone => TOMBSTONE.to_owned(),
        }
    }

    /// The name, of a single event type.
    pub(super) fn name(self) -> Option<&'f str> {
        match self {
            Self::Type(name) => Some(name),
            Self::Tombstone => Some(TOMBSTONE),
            Self::Prefix(_) | Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_pattern_counts() {
        let best = |selector: Selector<'_>, patterns: &[&str]| {
            let patterns: Vec<_> =
                patterns.iter().map(|text| Spanned::new(0..0, (*text).to_owned())).collect();
            selector.best(&patterns)
        };
        let paid = Selector::of("invoice.paid");
        assert_eq!(best(paid, &["*", "invoice.*", "invoice.paid"]), Some(Closeness::MAX));
        assert_eq!(best(paid, &["*", "invoice.*"]), Some(8));
        assert_eq!(best(paid, &["*"]), Some(0));
        assert_eq!(best(paid, &["invoice", "invoice.paid.*", "$tombstone"]), None);
        let all = Selector::of("invoice.*");
        assert_eq!(best(all, &["in*", "invoice.paid"]), Some(2));
        assert_eq!(best(Selector::Other, &["invoice.*"]), None);
        assert_eq!(best(Selector::Tombstone, &["*"]), None);
        assert_eq!(best(Selector::of(TOMBSTONE), &["*", TOMBSTONE]), Some(Closeness::MAX));
    }
}
