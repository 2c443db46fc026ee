//! JSON whose numbers are still as they were written, and which knows its text without secrets.

use std::collections::BTreeMap;

use super::super::json;

/// A value of a document.
#[derive(Clone, Debug)]
pub struct Json {
    pub kind: Kind,
    /// As it was written, less its secrets. Blanks around a secret go with it.
    pub kept: String,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Null,
    Bool(bool),
    /// As it was written.
    Number(String),
    Text(String),
    Array(Vec<Json>),
    /// Of a key that comes twice the last value, secrets included.
    Object(BTreeMap<String, Json>),
}

/// Something else than an object where a path leads through.
#[derive(Clone, Copy, Debug)]
pub struct InTheWay;

/// Credentials, which are secret in every file.
pub const SECRETS: [&str; 11] = [
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

impl Json {
    /// Parses one document. `redact` are the file's own secrets.
    pub fn parse(bytes: &[u8], redact: &[String]) -> Option<Self> {
        // It is valid, so that what follows need not look for faults.
        json::parse(bytes).ok()?;
        let text = std::str::from_utf8(bytes).ok()?;
        Some(Reader { text, at: 0, redact }.value())
    }

    pub fn null() -> Self {
        Self { kind: Kind::Null, kept: "null".to_owned() }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// How many arrays and objects are open at its deepest place.
    pub fn depth(&self) -> usize {
        match &self.kind {
            Kind::Array(elements) => 1 + elements.iter().map(Self::depth).max().unwrap_or(0),
            Kind::Object(members) => 1 + members.values().map(Self::depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// What is at the keys of a path: nothing if there is none, or if null is on the way.
    ///
    /// # Errors
    /// If something else than an object is on the way.
    pub fn follow(&self, keys: &[String]) -> Result<Option<&Self>, InTheWay> {
        let Some((key, rest)) = keys.split_first() else { return Ok(Some(self)) };
        match &self.kind {
            Kind::Object(members) => members.get(key).map_or(Ok(None), |value| value.follow(rest)),
            Kind::Null => Ok(None),
            _ => Err(InTheWay),
        }
    }
}

/// The keys of a dotted path, of which some may be in quotes: `a."b.c"`.
pub fn keys(path: &str) -> Vec<String> {
    let (mut keys, mut is_quoted) = (vec![String::new()], false);
    for letter in path.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '.' if !is_quoted => keys.push(String::new()),
            letter => keys.last_mut().unwrap().push(letter),
        }
    }
    keys
}

/// Whether a key is dropped. The Kelvin sign and the long s are letters of ASCII in another case.
fn is_secret(key: &str, redact: &[String]) -> bool {
    let plain: String = key
        .chars()
        .map(|letter| match letter {
            '\u{212A}' => 'k',
            '\u{17F}' => 's',
            letter => letter.to_ascii_lowercase(),
        })
        .collect();
    SECRETS.contains(&plain.as_str()) || redact.iter().any(|own| own.eq_ignore_ascii_case(&plain))
}

/// Reads a document that is known to be valid.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    redact: &'t [String],
}

impl Reader<'_> {
    fn value(&mut self) -> Json {
        self.skip(" \t\r\n");
        let start = self.at;
        let (kind, kept) = match self.text.as_bytes()[start] {
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' => (Kind::Text(self.string()), None),
            _ => {
                let rest = &self.text[start..];
                let end = rest.find([',', ']', '}', ' ', '\t', '\r', '\n']);
                self.at += end.unwrap_or(rest.len());
                let kind = match &self.text[start..self.at] {
                    "null" => Kind::Null,
                    "true" => Kind::Bool(true),
                    "false" => Kind::Bool(false),
                    number => Kind::Number(number.to_owned()),
                };
                (kind, None)
            }
        };
        let kept = kept.unwrap_or_else(|| self.text[start..self.at].to_owned());
        Json { kind, kept }
    }

    /// Its members, and its text if that is not as it was written.
    fn object(&mut self) -> (Kind, Option<String>) {
        let (mut members, mut kept, mut is_whole) = (BTreeMap::new(), Vec::new(), true);
        self.at += 1;
        loop {
            self.skip(" \t\r\n,");
            if self.take('}') {
                let text = format!("{{{}}}", kept.join(","));
                return (Kind::Object(members), (!is_whole).then_some(text));
            }
            let start = self.at;
            let key = self.string();
            let name = &self.text[start..self.at];
            self.skip(" \t\r\n:");
            let start = self.at;
            let value = self.value();
            if is_secret(&key, self.redact) {
                is_whole = false;
            } else {
                is_whole &= value.kept == self.text[start..self.at];
                kept.push(format!("{name}:{}", value.kept));
            }
            members.insert(key, value);
        }
    }

    fn array(&mut self) -> (Kind, Option<String>) {
        let (mut elements, mut is_whole) = (Vec::new(), true);
        self.at += 1;
        loop {
            self.skip(" \t\r\n,");
            if self.take(']') {
                let kept: Vec<&str> = elements.iter().map(|value: &Json| &*value.kept).collect();
                let text = format!("[{}]", kept.join(","));
                return (Kind::Array(elements), (!is_whole).then_some(text));
            }
            let start = self.at;
            let value = self.value();
            is_whole &= value.kept == self.text[start..self.at];
            elements.push(value);
        }
    }

    fn string(&mut self) -> String {
        let (start, mut is_escaped) = (self.at, false);
        for (at, letter) in self.text[start..].char_indices().skip(1) {
            match letter {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                '"' => {
                    self.at = start + at + 1;
                    break;
                }
                _ => {}
            }
        }
        match json::parse(&self.text.as_bytes()[start..self.at]) {
            Ok(serde_json::Value::String(text)) => text,
            other => panic!("not a string: {other:?}"),
        }
    }

    fn skip(&mut self, letters: &str) {
        let rest = self.text[self.at..].trim_start_matches(|letter| letters.contains(letter));
        self.at = self.text.len() - rest.len();
    }

    fn take(&mut self, letter: char) -> bool {
        let is_there = self.text[self.at..].starts_with(letter);
        self.at += usize::from(is_there);
        is_there
    }
}
