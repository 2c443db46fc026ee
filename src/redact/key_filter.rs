//! Quickly rules out most keys that are not in a set.

/// Rules out most keys that are not in a set, by length and first byte. Ignores case.
#[derive(Debug, Clone, Default)]
pub struct KeyFilter {
    /// By length, modulo 32: a bit for each first byte, modulo 32.
    first_bytes: [u32; 32],
}

impl KeyFilter {
    /// Adds the keys of this length and first byte; an empty key has none.
    pub(crate) fn add(&mut self, len: usize, first: Option<u8>) {
        self.first_bytes[len % 32] |= bit(first);
    }

    /// Whether `key` may be one of those that were added; false is certain.
    #[must_use]
    #[inline]
    pub fn may_hold(&self, key: &str) -> bool {
        self.first_bytes[key.len() % 32] & bit(key.as_bytes().first().copied()) != 0
    }
}

fn bit(first: Option<u8>) -> u32 {
    1 << (first.unwrap_or_default() % 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_may_be_there() {
        let mut filter = KeyFilter::default();
        filter.add(0, None);
        filter.add(5, Some(b't'));
        filter.add(40, Some(0xC5));
        let long = format!("\u{17F}{}", "x".repeat(38));
        for key in ["", "token", "TOKEN", "tiger", &long] {
            assert!(filter.may_hold(key), "{key}");
        }
        assert!(!filter.may_hold("tokens") && !filter.may_hold("audit") && !filter.may_hold("x"));
    }
}
