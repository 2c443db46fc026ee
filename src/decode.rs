//! Bytes of a message → tape and envelope.
//!
//! Takes a message's value, gives its [`Envelope`] and the tape of the whole document. Holds true:
//! the document is strict JSON in UTF-8, the envelope's five fields have their types and shapes.
//! Fails with a [`Reject`]; nothing here knows what an event type means.
//!
//! simd-json unescapes strings in place, in a copy of the message. So every key on the tape starts
//! where it started in the message, and we find the untouched text of `data` in
//! [`Document::source`] without a second parse.

mod envelope;

use crate::reject::{Code, Reject};
use simd_json::{Buffers, INPUT_PADDING, Node, Tape};

pub use envelope::{EVENT_TYPE_CHARS_MAX, Envelope, ID_CHARS_MAX, Identity, is_event_type_of};

/// Messages of at least this many bytes do not keep their scratch space for the next one.
pub const LARGE: usize = 256 * 1024;
/// Scratch space for a byte of a message: its copy, and room to unescape a string.
const SCRATCH_A_BYTE: usize = 2;
/// Scratch space for each bracket, comma, colon and beginning of a value or key: simd-json notes its
/// place and reserves a node for it, which is more than we need later.
const SCRATCH_A_STRUCTURAL: usize = 32;

/// A parser; its scratch space is reused from message to message.
pub struct Decoder {
    bytes_max: usize,
    input: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
}

/// A parsed document: the tape and the text it came from.
pub struct Document<'d> {
    /// All nodes in document order; objects and arrays carry the number of nodes they span.
    pub tape: &'d [Node<'d>],
    /// The message as it arrived.
    pub source: &'d [u8],
    /// Address of the copy that the strings on the tape point into.
    base: usize,
}

impl Document<'_> {
    /// Where a string of the document starts in the message, after its quote.
    #[must_use]
    pub fn offset_of(&self, text: &str) -> usize {
        text.as_ptr() as usize - self.base
    }

    /// Where the value of the member with this key begins in the message.
    #[must_use]
    pub fn value_start(&self, key: &str) -> usize {
        let mut at = self.string_end(key);
        while matches!(self.source[at], b' ' | b'\t' | b'\n' | b'\r' | b':') {
            at += 1;
        }
        at
    }

    /// Where the text of a member's value starts and ends in the message, given its place on the tape.
    ///
    /// # Panics
    /// If no key comes before it.
    #[must_use]
    pub fn value_range(&self, at: usize) -> (usize, usize) {
        let start = self.value_start(self.key(at - 1));
        (start, self.value_end(at, start))
    }

    /// Where the text of the value ends that starts at `start` in the message. The tape tells where the last
    /// member of an object is, so that what comes before it need not be read:
    ///
    /// ```text
    /// {"a": "…", "b": {"c": "…", "d": 1}}
    ///                                 ▲▲▲  the last value of the last object, and the ends of two
    /// ```
    fn value_end(&self, mut at: usize, mut start: usize) -> usize {
        let mut objects = 0;
        while let Node::Object { len: 1.., .. } = self.tape[at] {
            objects += 1;
            at = self.last_member(at);
            start = self.value_start(self.key(at));
            at += 1;
        }
        let mut end = match self.tape[at] {
            Node::String(text) => self.string_end(text),
            _ => skip_value(self.source, start),
        };
        for _ in 0..objects {
            end += self.source[end..].iter().take_while(|byte| **byte != b'}').count() + 1;
        }
        end
    }

    /// Where the key of the last member of the object at `object` is on the tape.
    fn last_member(&self, object: usize) -> usize {
        let Node::Object { len, .. } = self.tape[object] else { unreachable!("it is an object") };
        (1..len).fold(object + 1, |key, _| key + 1 + span(&self.tape[key + 1]))
    }

    /// The key at this place on the tape.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn key(&self, at: usize) -> &str {
        let Node::String(key) = self.tape[at] else { panic!("a member's value follows its key") };
        key
    }

    /// The index in the message after a string of the document and its closing quote.
    fn string_end(&self, text: &str) -> usize {
        let start = self.offset_of(text);
        let end = start + text.len();
        // Without escapes, which is nearly always, the tape has what the message has. With escapes it never does: there
        // would be a backslash more.
        match self.source.get(start..=end) {
            Some([same @ .., b'"']) if same == text.as_bytes() => end + 1,
            _ => skip_string(self.source, start - 1),
        }
    }

    /// The text of a member's value as it arrived.
    ///
    /// # Panics
    /// As [`Self::value_range`].
    #[must_use]
    pub fn value_text(&self, at: usize) -> &str {
        let (start, end) = self.value_range(at);
        // simd-json has checked that the whole message is UTF-8.
        std::str::from_utf8(&self.source[start..end]).unwrap_or_default()
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::within(usize::MAX)
    }
}

impl Decoder {
    /// A decoder that takes at most `bytes_max` bytes of memory for a message.
    #[must_use]
    pub fn within(bytes_max: usize) -> Self {
        let (buffers, tape) = (Buffers::new(0), Tape(Vec::new()));
        Self { bytes_max, input: Vec::new(), buffers, tape }
    }

    /// Parses `message` and hands the document to `read`.
    ///
    /// # Errors
    /// [`Code::JsonInvalid`] if the message is not one strict JSON document,
    /// [`Code::EventTooLarge`] if parsing takes more memory than allowed.
    pub fn decode<R>(
        &mut self,
        message: &[u8],
        read: impl FnOnce(&Document<'_>) -> R,
    ) -> Result<R, Reject> {
        if message.is_empty() {
            return Err(Reject::new(Code::JsonInvalid, "the message is empty: zero bytes"));
        }
        self.check_size(message)?;
        self.input.clear();
        self.input.reserve(message.len() + INPUT_PADDING);
        self.input.extend_from_slice(message);
        self.input.resize(message.len() + INPUT_PADDING, 0);
        let base = self.input.as_ptr() as usize;
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape_padded(
            &mut self.input,
            message.len(),
            &mut self.buffers,
            &mut tape,
        );
        let result = match parsed {
            Ok(()) => Ok(read(&Document { tape: &tape.0, source: message, base })),
            Err(error) => Err(json_invalid(&error, message)),
        };
        self.tape = tape.reset();
        if message.len() >= LARGE {
            *self = Self::within(self.bytes_max);
        }
        result
    }

    /// Whether we have the memory for a message. Most messages are so small that we need not count.
    fn check_size(&self, message: &[u8]) -> Result<(), Reject> {
        let at_most = message.len().saturating_mul(SCRATCH_A_BYTE + SCRATCH_A_STRUCTURAL);
        if at_most <= self.bytes_max {
            return Ok(());
        }
        let needed = message.len() * SCRATCH_A_BYTE + structurals(message) * SCRATCH_A_STRUCTURAL;
        if needed <= self.bytes_max {
            return Ok(());
        }
        Err(Reject::new(
            Code::EventTooLarge,
            format!(
                "reading the message of {} bytes takes up to {needed} bytes of memory, more than the {} allowed (a sixteenth of memory.limit); raise memory.limit, then replay",
                message.len(),
                self.bytes_max
            ),
        ))
    }
}

/// An upper bound of the number of brackets, commas, colons and beginnings of values and keys: it counts
/// those in strings, too.
fn structurals(message: &[u8]) -> usize {
    let count = |bytes: &[u8]| message.iter().filter(|byte| bytes.contains(byte)).count();
    // Every key or value that does not begin with a bracket follows a comma, a colon or an opening
    // bracket.
    count(b"{}[]") + 2 * count(b",:") + count(b"{[") + 1
}

/// simd-json is fast because it does not keep track of its position, so a slower parser finds the place.
/// What we pass on of their errors never quotes the message.
fn json_invalid(error: &simd_json::Error, message: &[u8]) -> Reject {
    let reason = match std::str::from_utf8(message) {
        Err(error) => format!("invalid UTF-8 at byte {}", error.valid_up_to()),
        Ok(text) => match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Err(error) => error.to_string(),
            Ok(_) => {
                let kind = format!("{:?}", error.error());
                kind.split(['(', '{', ' ']).next().unwrap_or_default().to_owned()
            }
        },
    };
    let len = message.len();
    Reject::new(
        Code::JsonInvalid,
        format!(
            "the message is not one strict JSON document in UTF-8: {reason}; it has {len} bytes"
        ),
    )
}

/// How many nodes a value takes on the tape, its own included.
#[must_use]
pub fn span(node: &Node<'_>) -> usize {
    match node {
        Node::Object { count, .. } | Node::Array { count, .. } => count + 1,
        Node::String(_) | Node::Static(_) => 1,
    }
}

/// The JSON type of a value, with an article.
#[must_use]
pub fn kind(node: Option<&Node<'_>>) -> &'static str {
    use simd_json::StaticNode::{Bool, F64, I64, Null, U64};
    match node {
        None => "nothing",
        Some(Node::String(_)) => "a string",
        Some(Node::Object { .. }) => "an object",
        Some(Node::Array { .. }) => "an array",
        Some(Node::Static(Null)) => "null",
        Some(Node::Static(Bool(_))) => "a boolean",
        Some(Node::Static(I64(_) | U64(_) | F64(_))) => "a number",
    }
}

/// The index after the string that opens at `at`, in a valid document.
#[must_use]
pub fn skip_string(source: &[u8], mut at: usize) -> usize {
    at += 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &source[at..]) {
        at += found;
        if source[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    source.len()
}

/// The index after the value that starts at `at`, in a valid document.
#[must_use]
pub fn skip_value(source: &[u8], mut at: usize) -> usize {
    let mut open = 0_usize;
    loop {
        match source[at] {
            b'"' => at = skip_string(source, at),
            b'{' | b'[' => {
                open += 1;
                at += 1;
            }
            b'}' | b']' => {
                open -= 1;
                at += 1;
            }
            _ if open > 0 => at += 1,
            _ => {
                let ends = |b: &u8| b",]} \t\n\r".contains(b);
                return source[at..].iter().position(ends).map_or(source.len(), |len| at + len);
            }
        }
        if open == 0 {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_its_last_member_ends() {
        let check = |value: &str| {
            for message in [
                format!(r#"{{"a\u0062": {value} , "c": {{"}}": 1}} }}"#),
                format!(r#"{{"a":{value}}}"#),
            ] {
                let found = Decoder::default()
                    .decode(message.as_bytes(), |document| document.value_text(2).to_owned());
                assert_eq!(found.unwrap(), value, "{message}");
            }
        };
        for leaf in
            ["1", "null", "-1.5e3", r#""""#, r#""x""#, r#""\\""#, r#""\\\"}""#, r#""é\u00e9""#]
        {
            check(leaf);
            check(&format!(r#"{{"k": "}}", "l" :{leaf}}}"#));
            check(&format!(r#"{{"k": [{{}}, {leaf} ], "l": {{"m": {leaf} }} }}"#));
            check(&format!(r#"[{leaf}, {{"k": {leaf}}}]"#));
            check(&format!(r#"{{"k": {{"l": [ {leaf}, "]}}" ] }}}}"#));
        }
        check("{}");
        check(r#"{"k": { } }"#);
    }
}
