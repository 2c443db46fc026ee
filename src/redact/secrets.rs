//! The keys that are never stored.

use super::key_filter::KeyFilter;

const KELVIN: &str = "\u{212A}";
const LONG_S: &str = "\u{17F}";

/// Keys of credentials. They are dropped from every document at any depth, compared without case, whatever
/// a mapping says.
pub const SECRET_KEYS: [&str; 11] = [
    "access_token",
    "api_key",
    "idempotency_key",
    "passwd",
    "password",
    "password_hash",
    "refresh_token",
    "reset_token",
    "secret",
    "token",
    "verification_token",
];

/// What the built-in files add.
#[cfg(test)]
pub(crate) const CONTRACT_KEYS: [&str; 8] = [
    "audit",
    "banking_info",
    "billing_address",
    "date_of_birth",
    "payment",
    "registration_number",
    "security",
    "tax_id",
];

/// [`SECRET_KEYS`] and those that the mapping adds.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// In lower case.
    keys: Vec<Box<[u8]>>,
    /// [`folded`], for texts that we do not trust.
    folded: Vec<Box<str>>,
    filter: KeyFilter,
}

impl Default for Secrets {
    fn default() -> Self {
        Self::with(std::iter::empty())
    }
}

impl Secrets {
    /// The keys of credentials and `further` ones.
    pub fn with<'k>(further: impl Iterator<Item = &'k str>) -> Self {
        let mut secrets =
            Self { keys: Vec::new(), folded: Vec::new(), filter: KeyFilter::default() };
        for key in SECRET_KEYS.into_iter().chain(further) {
            let key = key.to_ascii_lowercase();
            secrets.filter_in_any_case(key.as_bytes());
            secrets.folded.extend(Some(folded(&key)).filter(|key| !key.is_empty()).map(Into::into));
            secrets.keys.push(key.into_bytes().into());
        }
        secrets
    }

    /// Two characters outside ASCII are ASCII letters in another case: K (Kelvin, three bytes) and
    /// ſ (long s, two bytes). A key written with them is longer and may begin with another byte.
    fn filter_in_any_case(&mut self, key: &[u8]) {
        let count = |letter| key.iter().filter(|byte| **byte == letter).count();
        let (longest, first) = (key.len() + 2 * count(b'k') + count(b's'), key.first().copied());
        let in_other_case = match first {
            Some(b'k') => Some(KELVIN.as_bytes()[0]),
            Some(b's') => Some(LONG_S.as_bytes()[0]),
            _ => None,
        };
        for len in key.len()..=longest {
            self.filter.add(len, first);
            self.filter.add(len, in_other_case.or(first));
        }
    }

    /// Whether a key is secret, whatever its case.
    #[must_use]
    #[inline]
    pub fn contains(&self, key: &str) -> bool {
        self.filter.may_hold(key) && self.is_one(key)
    }

    #[cold]
    fn is_one(&self, key: &str) -> bool {
        let is_one =
            |key: &str| self.keys.iter().any(|secret| key.as_bytes().eq_ignore_ascii_case(secret));
        is_one(key) || !key.is_ascii() && is_one(&key.replace(KELVIN, "k").replace(LONG_S, "s"))
    }

    /// Whether a text may name a secret. Far broader than [`Self::contains`], for texts that we do not
    /// trust: a name counts inside other words, in any case, in full width, with or without signs
    /// between its letters: `accessToken`, `X-API-KEY`, `new_password2`.
    #[must_use]
    pub fn are_named_in(&self, text: &str) -> bool {
        let text = folded(text);
        self.folded
            .iter()
            .any(|name| memchr::memmem::find(text.as_bytes(), name.as_bytes()).is_some())
    }
}

/// Letters and digits of a text, in one case and one width.
fn folded(text: &str) -> String {
    /// From `！` to `!`, and so on for all of ASCII.
    const FULL_WIDTH: u32 = 0xFEE0;
    let narrow = |c: char| match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - FULL_WIDTH).unwrap_or(c),
        c => c,
    };
    // Long s and sharp s stay as they are in lower case, so to upper case first.
    let all = text.chars().map(narrow).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    all.filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The filter rules out no secret key, however it is written.
        #[test]
        fn any_way_to_write_a_key(
            key in prop::sample::select(&SECRET_KEYS[..]),
            ways in prop::collection::vec(0..3_u8, 24),
        ) {
            let letters = key.chars().zip(ways).map(|(letter, way)| match (letter, way) {
                ('k', 2) => KELVIN.to_owned(),
                ('s', 2) => LONG_S.to_owned(),
                (letter, 1) => letter.to_uppercase().to_string(),
                (letter, _) => letter.to_string(),
            });
            let written: String = letters.collect();
            prop_assert!(Secrets::default().contains(&written), "{}", written);
            let other = written + "x";
            prop_assert!(!Secrets::default().contains(&other), "{}", other);
        }
    }

    #[test]
    fn names_in_doubt() {
        let secrets = Secrets::with(["Pin code", "--"].into_iter());
        for text in [
            "accessToken",
            "X-API-KEY",
            "new_password2",
            "the token is",
            "ＰＡＳＳＷＤ",
            "pa\u{17F}\u{17F}word",
            "paßword",
            "to\u{212A}en",
            "p a s s w d",
            "pin_code",
        ] {
            assert!(secrets.are_named_in(text), "{text}");
        }
        for text in ["", "user", "passenger", "677ed49836ca092b1852e6bf", "--"] {
            assert!(!secrets.are_named_in(text), "{text}");
        }
    }

    /// The list in the documentation is this one.
    #[test]
    fn the_keys_are_documented() {
        let docs = include_str!("../../docs/dead-letters.md");
        let (_, list) = docs.split_once("## Secret keys\n").unwrap();
        let list = list.split("\n## ").next().unwrap();
        let block = list.split("```text\n").nth(1).and_then(|rest| rest.split("```").next());
        let documented: Vec<&str> = block.unwrap().split_whitespace().collect();
        assert_eq!(documented, SECRET_KEYS);
    }

    #[test]
    fn the_built_in_files_redact_what_the_contract_says() {
        for (name, text) in crate::mapping::BUILT_IN {
            let list = text.lines().find_map(|line| line.strip_prefix("redact = ")).unwrap();
            let keys: Vec<String> = serde_json::from_str(list).unwrap();
            assert_eq!(keys, CONTRACT_KEYS, "{name}");
        }
        let docs = include_str!("../../docs/dead-letters.md");
        for key in CONTRACT_KEYS {
            assert!(docs.contains(&format!("`{key}`")), "{key}");
        }
    }

    #[test]
    fn case_and_length() {
        let secrets = Secrets::with(["Pin"].into_iter());
        for key in SECRET_KEYS {
            assert!(secrets.contains(key) && secrets.contains(&key.to_uppercase()), "{key}");
        }
        for key in ["to\u{212A}en", "pa\u{17F}sword", "pa\u{17F}\u{17F}WORD", "pa\u{17F}\u{17F}wd"]
        {
            assert!(secrets.contains(key), "{key}");
        }
        assert!(Secrets::with(["key"].into_iter()).contains("\u{212A}ey"));
        assert!(secrets.contains("pin") && secrets.contains("PIN"));
        assert!(
            !secrets.contains("") && !secrets.contains("passwords") && !secrets.contains("audio")
        );
    }
}
