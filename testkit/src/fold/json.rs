//! Strict JSON (RFC 8259) into a [`Value`].
//!
//! Takes: the bytes of one message. Gives: its one document. Holds true: of duplicate keys the last one is there, and
//! of those before it nothing but that they were JSON; a number that is not an integer of 64 bits is the nearest
//! double. Beside the document it says whether the last `data` of its top level, read or not, has a zero that MySQL's
//! JSON column refuses. Fails: with a reason, on anything but one document.
//!
//! serde_json would do for most of this, but not for three things the contract is exact about: it stops at 128 levels,
//! also in envelope fields that are not read; without its `float_roundtrip` feature it may miss the nearest double by
//! one bit; and which of its features are on depends on what else is in the build.

use serde_json::{Map, Number, Value};

/// How many arrays and objects may be open at once, the envelope included.
pub const NESTING_MAX: usize = 1_024;

/// The largest exponent of a zero in a JSON column of MySQL, less the digits of its fraction.
const ZERO_EXPONENT_MAX: usize = 308;

/// A document, and whether its `data` has a zero with an exponent that MySQL refuses.
pub struct Document {
    pub value: Value,
    pub has_huge_zero: bool,
}

/// Parses one document.
pub fn parse(bytes: &[u8]) -> Result<Value, String> {
    document(bytes).map(|document| document.value)
}

/// The same, with what else is to know about it.
pub fn document(bytes: &[u8]) -> Result<Document, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("JSON: {error}"))?;
    let mut reader = Reader { rest: text, has_huge_zero: false, data_has_huge_zero: false };
    let value = reader.value(1)?;
    let has_huge_zero = reader.data_has_huge_zero;
    reader.blanks();
    if reader.rest.is_empty() {
        Ok(Document { value, has_huge_zero })
    } else {
        Err("JSON: text after the document".to_owned())
    }
}

struct Reader<'a> {
    rest: &'a str,
    has_huge_zero: bool,
    data_has_huge_zero: bool,
}

impl Reader<'_> {
    /// One value with the blanks before it. `level` is the nesting it has if it is an array or an object.
    fn value(&mut self, level: usize) -> Result<Value, String> {
        self.blanks();
        match self.rest.bytes().next() {
            Some(b'{' | b'[') if level > NESTING_MAX => Err("JSON: nested too deep".to_owned()),
            Some(b'{') => self.object(level),
            Some(b'[') => self.array(level),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ if self.take("null") => Ok(Value::Null),
            _ if self.take("true") => Ok(Value::Bool(true)),
            _ if self.take("false") => Ok(Value::Bool(false)),
            Some(_) => Err("JSON: not a value".to_owned()),
            None => Err("JSON: the document ends early".to_owned()),
        }
    }

    fn object(&mut self, level: usize) -> Result<Value, String> {
        let mut fields = Map::new();
        self.expect("{")?;
        self.blanks();
        if self.take("}") {
            return Ok(Value::Object(fields));
        }
        loop {
            self.blanks();
            let key = self.string()?;
            self.blanks();
            self.expect(":")?;
            if level == 1 {
                self.has_huge_zero = false;
            }
            let value = self.value(level + 1)?;
            if level == 1 && key == "data" {
                self.data_has_huge_zero = self.has_huge_zero;
            }
            fields.insert(key, value);
            self.blanks();
            if !self.take(",") {
                self.expect("}")?;
                return Ok(Value::Object(fields));
            }
        }
    }

    fn array(&mut self, level: usize) -> Result<Value, String> {
        let mut elements = Vec::new();
        self.expect("[")?;
        self.blanks();
        if self.take("]") {
            return Ok(Value::Array(elements));
        }
        loop {
            elements.push(self.value(level + 1)?);
            self.blanks();
            if !self.take(",") {
                self.expect("]")?;
                return Ok(Value::Array(elements));
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        let mut string = String::new();
        self.expect("\"")?;
        loop {
            match self.next()? {
                '"' => return Ok(string),
                '\\' => string.push(self.escaped()?),
                '\0'..='\x1f' => return Err("JSON: a control character in a string".to_owned()),
                character => string.push(character),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, String> {
        match self.next()? {
            character @ ('"' | '\\' | '/') => Ok(character),
            'b' => Ok('\x08'),
            'f' => Ok('\x0c'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'u' => self.code_point(),
            _ => Err("JSON: no such escape".to_owned()),
        }
    }

    /// What follows `\u`: four hex digits, or a surrogate pair `D83D\uDE00`.
    fn code_point(&mut self) -> Result<char, String> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or_else(|| "JSON: a lone surrogate".to_owned());
        }
        self.expect("\\u")?;
        let second = self.hex()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err("JSON: a lone surrogate".to_owned());
        }
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
            .ok_or_else(|| "JSON: no such character".to_owned())
    }

    fn hex(&mut self) -> Result<u32, String> {
        let (digits, rest) = self.rest.split_at_checked(4).ok_or("JSON: \\u ends early")?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("JSON: \\u without four hex digits".to_owned());
        }
        self.rest = rest;
        u32::from_str_radix(digits, 16).map_err(|error| format!("JSON: {error}"))
    }

    fn number(&mut self) -> Result<Value, String> {
        let belongs = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let (token, rest) = self.rest.split_at(self.rest.bytes().take_while(belongs).count());
        self.rest = rest;
        if !is_number(token) {
            return Err(format!("JSON: not a number: {token}"));
        }
        self.has_huge_zero |= is_huge_zero(token);
        if let Ok(integer) = token.parse::<u64>() {
            return Ok(integer.into());
        }
        if let Ok(integer) = token.parse::<i64>() {
            return Ok(integer.into());
        }
        let double: f64 = token.parse().map_err(|error| format!("JSON: {error}"))?;
        Number::from_f64(double)
            .map(Value::Number)
            .ok_or_else(|| "JSON: a number too large".to_owned())
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn next(&mut self) -> Result<char, String> {
        let mut characters = self.rest.chars();
        let character = characters.next().ok_or("JSON: the document ends in a string")?;
        self.rest = characters.as_str();
        Ok(character)
    }

    fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(format!("JSON: no {token} where one must be")) }
    }
}

/// Whether this is a zero, and yet its exponent is too large for MySQL.
fn is_huge_zero(token: &str) -> bool {
    let Some((mantissa, exponent)) = token.split_once(['e', 'E']) else { return false };
    let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let exponent = exponent.strip_prefix('+').unwrap_or(exponent).trim_start_matches('0');
    let is_zero = mantissa.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'));
    let is_huge = |exponent: usize| exponent > ZERO_EXPONENT_MAX + fraction;
    // Of digits alone, so it is larger than any limit if it does not fit.
    let are_digits = !exponent.is_empty() && exponent.bytes().all(|byte| byte.is_ascii_digit());
    is_zero && are_digits && exponent.parse().map_or(true, is_huge)
}

/// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
fn is_number(token: &str) -> bool {
    let are_digits =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match token.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (token, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    are_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(are_digits)
        && exponent.is_none_or(|part| are_digits(part.strip_prefix(['+', '-']).unwrap_or(part)))
}
