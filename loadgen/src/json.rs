//! Writes JSON as Python's `json.dumps` does by default: `", "` and `": "` between things, everything beyond printable
//! ASCII as `\uXXXX`, in surrogate pairs where needed.
//!
//! No tree is built: the text grows from front to back, and text that is already escaped is copied as it stands.

use crate::clock;

/// Text as it stands between the quotes of a JSON string: pure ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Escaped(Box<str>);

impl Escaped {
    pub(crate) fn new(text: &str) -> Self {
        let mut out = Vec::with_capacity(text.len());
        escape(&mut out, text);
        Self(String::from_utf8_lossy(&out).into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Appends `text` the way `json.dumps(text)` puts it between the quotes.
pub(crate) fn escape(out: &mut Vec<u8>, text: &str) {
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            ' '..='~' => out.push(c as u8),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| escape_unit(out, *unit)),
        }
    }
}

fn escape_unit(out: &mut Vec<u8>, unit: u16) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b"\\u");
    out.extend([12, 8, 4, 0].map(|shift| DIGITS[usize::from(unit >> shift & 15)]));
}

/// The text being written, and whether the next thing in it needs a comma first.
#[derive(Debug, Default)]
pub(crate) struct Json {
    out: Vec<u8>,
    comma: bool,
}

impl Json {
    /// What was written so far; the buffer keeps its room for the next document.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let text = self.out.to_vec();
        self.out.clear();
        self.comma = false;
        text
    }

    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    /// `"name": `, after a comma if something came before. Names hold nothing that needs escaping.
    pub(crate) fn name(&mut self, name: &str) {
        self.item();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\": ");
        self.comma = false;
    }

    /// Room for a list's next element.
    pub(crate) fn item(&mut self) {
        if self.comma {
            self.out.extend_from_slice(b", ");
        }
        self.comma = true;
    }

    pub(crate) fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.comma = false;
    }

    pub(crate) fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.comma = true;
    }

    /// A string of pieces that are escaped already or need no escaping.
    pub(crate) fn string(&mut self, pieces: &[&[u8]]) {
        self.quoted(|out| pieces.iter().for_each(|piece| out.extend_from_slice(piece)));
    }

    /// A string that `write` fills with escaped text.
    pub(crate) fn quoted(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.push(b'"');
        write(&mut self.out);
        self.out.push(b'"');
        self.comma = true;
    }

    /// Any JSON text, as it stands.
    pub(crate) fn literal(&mut self, json: &str) {
        self.out.extend_from_slice(json.as_bytes());
        self.comma = true;
    }

    pub(crate) fn int(&mut self, number: i64) {
        self.literal(itoa::Buffer::new().format(number));
    }

    /// An ISO 8601 time, with `zone` behind it.
    pub(crate) fn time(&mut self, time_us: i64, zone: &str) {
        self.quoted(|out| {
            clock::write_iso(out, time_us);
            out.extend_from_slice(zone.as_bytes());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_as_python_does() {
        for (text, expected) in [
            ("plain /text~", "plain /text~"),
            ("\"\\\n\r\t\u{8}\u{c}", r#"\"\\\n\r\t\b\f"#),
            ("\0\u{7f}\u{1b}", r"\u0000\u007f\u001b"),
            ("é字😀\u{10ffff}", r"\u00e9\u5b57\ud83d\ude00\udbff\udfff"),
        ] {
            assert_eq!(Escaped::new(text).as_bytes(), expected.as_bytes());
        }
    }

    #[test]
    fn puts_commas_between_and_nowhere_else() {
        let mut json = Json::default();
        json.open(b'{');
        json.name("a");
        json.int(-7);
        json.name("b");
        json.open(b'[');
        json.item();
        json.literal("null");
        json.item();
        json.open(b'{');
        json.close(b'}');
        json.close(b']');
        json.name("c");
        json.string(&[b"x", b"y"]);
        json.close(b'}');
        assert_eq!(json.take(), br#"{"a": -7, "b": [null, {}], "c": "xy"}"#);
        assert_eq!(json.len(), 0);
    }
}
