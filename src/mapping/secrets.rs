//! The keys that are never stored.

/// Keys that are dropped from every document at any depth, compared without case, whatever a
/// mapping says.
pub const SECRET_KEYS: [&str; 19] = [
    "access_token",
    "api_key",
    "audit",
    "banking_info",
    "billing_address",
    "date_of_birth",
    "idempotency_key",
    "passwd",
    "password",
    "password_hash",
    "payment",
    "refresh_token",
    "registration_number",
    "reset_token",
    "secret",
    "security",
    "tax_id",
    "token",
    "verification_token",
];

/// [`SECRET_KEYS`] and those that the mapping adds.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// By length: most keys have a length or a first letter that no secret has.
    by_len: Vec<OfLength>,
}

/// Secret keys of one length.
#[derive(Debug, Clone, Default)]
struct OfLength {
    /// A bit for each first letter; see [`initial`].
    initials: u64,
    /// In lower case.
    keys: Vec<Box<[u8]>>,
}

/// The bit of a first letter. A letter has the same one in either case; that other characters
/// share it does not matter.
fn initial(key: &[u8]) -> u64 {
    key.first().map_or(1, |first| 1 << ((first | 0x20) & 63))
}

impl Default for Secrets {
    fn default() -> Self {
        Self::with(std::iter::empty())
    }
}

impl Secrets {
    /// The contract's keys and `further` ones.
    pub fn with<'k>(further: impl Iterator<Item = &'k str>) -> Self {
        let mut by_len: Vec<OfLength> = Vec::new();
        for key in SECRET_KEYS.into_iter().chain(further) {
            by_len.resize_with(by_len.len().max(key.len() + 1), OfLength::default);
            let of_length = &mut by_len[key.len()];
            of_length.initials |= initial(key.as_bytes());
            of_length.keys.push(key.to_ascii_lowercase().into_bytes().into());
        }
        Self { by_len }
    }

    /// Whether a key is secret, whatever its case.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        if key.is_ascii() {
            return self.contains_ascii(key);
        }
        // Two characters beyond ASCII are letters of it in another case: K (Kelvin) and ſ (long s).
        let folded = key.chars().map(|character| match character {
            '\u{212A}' => 'k',
            '\u{17F}' => 's',
            other => other,
        });
        self.contains_ascii(&folded.collect::<String>())
    }

    fn contains_ascii(&self, key: &str) -> bool {
        let key = key.as_bytes();
        self.by_len.get(key.len()).is_some_and(|OfLength { initials, keys }| {
            initials & initial(key) != 0
                && keys.iter().any(|secret| key.eq_ignore_ascii_case(secret))
        })
    }

    /// Every secret key, in lower case.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.by_len.iter().flat_map(|of_length| &of_length.keys).map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_length() {
        let secrets = Secrets::with(["Pin"].into_iter());
        for key in SECRET_KEYS {
            assert!(secrets.contains(key) && secrets.contains(&key.to_uppercase()), "{key}");
        }
        assert!(secrets.contains("to\u{212A}en") && secrets.contains("pa\u{17F}sword"));
        assert!(secrets.contains("pin") && secrets.contains("PIN"));
        assert!(
            !secrets.contains("") && !secrets.contains("passwords") && !secrets.contains("audio")
        );
    }
}
