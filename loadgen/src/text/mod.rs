//! Text: prose that is written straight into a document, and short values that are kept and repeated.
//!
//! Prose is put together from words that were escaped once at the start: writing it is copying. Short values (names,
//! titles, mail addresses) are made as plain text first, because their length in characters must fit a column.

mod names;
mod words;

use crate::json::{Escaped, escape};
use crate::rng::Rng;
use names::{CITIES, COUNTRIES, CURRENCIES, DOMAINS, FIRMS, PEOPLE, STATES, STREETS};
use words::{LANGUAGE_WEIGHTS, LANGUAGES, Language, ODDITIES};

/// One value in so many is exactly as long as its column allows.
const AT_LIMIT_ONE_IN: u32 = 256;

/// One sentence in so many is followed by an oddity.
const ODDITY_ONE_IN: u32 = 24;

/// All words, escaped once.
#[derive(Debug)]
pub(crate) struct Lexicon {
    languages: Vec<EscapedLanguage>,
    /// Indexes into `languages`, each as often as its weight.
    draw: Vec<usize>,
    oddities: Vec<Escaped>,
}

#[derive(Debug)]
struct EscapedLanguage {
    plain: &'static Language,
    plain_words: Vec<&'static str>,
    words: Vec<Escaped>,
    between: Escaped,
    stop: Escaped,
}

impl Lexicon {
    pub(crate) fn new() -> Self {
        Self {
            languages: LANGUAGES
                .iter()
                .map(|plain| EscapedLanguage {
                    plain,
                    plain_words: plain.words.split(' ').collect(),
                    words: plain.words.split(' ').map(Escaped::new).collect(),
                    between: Escaped::new(plain.between),
                    stop: Escaped::new(plain.stop),
                })
                .collect(),
            draw: LANGUAGE_WEIGHTS
                .iter()
                .enumerate()
                .flat_map(|(index, weight)| vec![index; *weight])
                .collect(),
            oddities: ODDITIES.iter().map(|oddity| Escaped::new(oddity)).collect(),
        }
    }

    /// Appends escaped sentences of 6 to 14 words, at most about 160 characters each.
    pub(crate) fn prose(&self, out: &mut Vec<u8>, rng: &mut Rng, sentences: u32) {
        for _ in 0..sentences {
            let language = &self.languages[rng.choose(&self.draw)];
            out.extend_from_slice(rng.pick(&language.words).as_bytes());
            for _ in 0..rng.between(5, 13) {
                out.extend_from_slice(language.between.as_bytes());
                out.extend_from_slice(rng.pick(&language.words).as_bytes());
            }
            out.extend_from_slice(language.stop.as_bytes());
            if rng.one_in(ODDITY_ONE_IN) {
                out.extend_from_slice(rng.pick(&self.oddities).as_bytes());
            }
        }
    }

    /// One escaped word.
    pub(crate) fn word(&self, rng: &mut Rng) -> &Escaped {
        let language = &self.languages[rng.choose(&self.draw)];
        rng.pick(&language.words)
    }

    /// A headline of at most `limit` characters, not escaped.
    pub(crate) fn title(&self, rng: &mut Rng, limit: usize) -> String {
        if let Some(text) = at_limit(rng, limit) {
            return text;
        }
        let language = &self.languages[rng.choose(&self.draw)];
        let mut text = String::new();
        for _ in 0..rng.between(5, 11) {
            text.push_str(rng.choose(&language.plain_words));
            text.push_str(language.plain.between);
        }
        if rng.one_in(20) {
            text.push_str(rng.choose(&ODDITIES));
        }
        cut(format!("{text}#{}", rng.below(1_000_000)), limit)
    }
}

pub(crate) fn person(rng: &mut Rng, limit: usize) -> String {
    if let Some(text) = at_limit(rng, limit) {
        return text;
    }
    let script = if rng.one_in(2) { 0 } else { rng.index(PEOPLE.len()) };
    let (given, family) = PEOPLE[script];
    let mut text = format!("{} {}", rng.pick(given), rng.pick(family));
    if rng.one_in(30) {
        text.push_str(rng.choose(&ODDITIES));
    }
    cut(text, limit)
}

pub(crate) fn firm(rng: &mut Rng, limit: usize) -> String {
    if let Some(text) = at_limit(rng, limit) {
        return text;
    }
    let (_, family) = rng.pick(&PEOPLE);
    cut(format!("{}{}", rng.pick(family), rng.pick(&FIRMS)), limit)
}

pub(crate) fn city(rng: &mut Rng) -> String {
    at_limit(rng, 100).unwrap_or_else(|| rng.choose(&CITIES).to_owned())
}

pub(crate) fn state(rng: &mut Rng) -> String {
    at_limit(rng, 100).unwrap_or_else(|| rng.choose(&STATES).to_owned())
}

pub(crate) fn street(rng: &mut Rng) -> String {
    at_limit(rng, 200).unwrap_or_else(|| {
        format!("{} {}{}", rng.between(1, 999), rng.pick(&STREETS), rng.below(400))
    })
}

pub(crate) fn country(rng: &mut Rng) -> &'static str {
    rng.choose(&COUNTRIES)
}

pub(crate) fn currency(rng: &mut Rng) -> &'static str {
    rng.choose(&CURRENCIES)
}

pub(crate) fn zip(rng: &mut Rng) -> String {
    match rng.below(40) {
        0 => at_limit_always(rng, 20),
        1..8 => format!("{:02}-{:03} ", rng.below(100), rng.below(1_000)),
        _ => format!("{:05}", rng.below(100_000)),
    }
}

/// A mail address, unlike any other for all practical purposes; at most 320 characters.
pub(crate) fn email(rng: &mut Rng) -> String {
    let number = rng.below(1_000_000_000);
    if rng.one_in(4 * AT_LIMIT_ONE_IN) {
        let label = "long-label-of-a-domain-name-";
        return format!("{number:0>64}@{}.example", label.repeat(9).split_at(247).0);
    }
    let (given, _) = PEOPLE[0];
    let local = rng.pick(given).to_ascii_lowercase();
    format!("{local}{number}@{}", rng.pick(&DOMAINS))
}

pub(crate) fn phone(rng: &mut Rng) -> String {
    let (area, exchange, line) = (rng.between(200, 999), rng.between(200, 999), rng.below(10_000));
    match rng.below(4) {
        0 => format!("+1-{area}-{exchange}-{line:04}"),
        1 => format!("({area}){exchange}-{line:04}x{}", rng.below(1_000)),
        2 => format!("001-{area}-{exchange}-{line:04}"),
        _ => format!("{area}.{exchange}.{line:04}"),
    }
}

/// An address of version 4 or 6.
pub(crate) fn ip(rng: &mut Rng) -> String {
    let bits = rng.next();
    if rng.one_in(2) {
        let [a, b, c, d, ..] = bits.to_be_bytes();
        return format!("{a}.{b}.{c}.{d}");
    }
    let more = rng.next();
    let group = |bits: u64, shift: u32| bits >> shift & 0xffff;
    format!(
        "{:x}:{:x}:{:x}:{:x}:{:x}:{:x}:{:x}:{:x}",
        group(bits, 48),
        group(bits, 32),
        group(bits, 16),
        group(bits, 0),
        group(more, 48),
        group(more, 32),
        group(more, 16),
        group(more, 0)
    )
}

/// A link of at most `limit` characters.
pub(crate) fn url(rng: &mut Rng, limit: usize) -> String {
    let number = rng.below(100_000_000);
    if rng.one_in(4 * AT_LIMIT_ONE_IN) {
        let start = format!("https://cdn.example.com/i/{number}?q=");
        return format!("{start}{}", "x".repeat(limit - start.len()));
    }
    match rng.below(12) {
        0 => format!("https://bücher.example/{number}"),
        1 => format!("http://img.example.org:8080/p%C3%A4th/{number}?w=1&h=%20x#top"),
        2 => format!("https://user:pass@example.com/{number}/{}", rng.below(10)),
        _ => format!("https://cdn.example.com/i/{number}.jpg"),
    }
}

/// The part of a link that stands for a name: ASCII letters and digits in lower case, other scripts as they are.
pub(crate) fn slug(name: &str, limit: usize) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' => out.push(c.to_ascii_lowercase()),
            '\0'..='\u{7f}' if out.ends_with('-') => {}
            '\0'..='\u{7f}' => out.push('-'),
            _ => out.push(c),
        }
    }
    cut(out, limit)
}

/// Now and then, text that fills its column to the last character.
fn at_limit(rng: &mut Rng, limit: usize) -> Option<String> {
    rng.one_in(AT_LIMIT_ONE_IN).then(|| at_limit_always(rng, limit))
}

fn at_limit_always(rng: &mut Rng, limit: usize) -> String {
    const FILLERS: [&str; 6] = ["😀", "𠮷", "字", "é", "\\", "a"];
    rng.pick(&FILLERS).repeat(limit)
}

fn cut(mut text: String, limit: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(limit) {
        text.truncate(end);
    }
    text
}

/// Escapes straight into `out`.
pub(crate) fn escaped_into(out: &mut Vec<u8>, text: &str) {
    escape(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn values_fit_their_columns_and_fill_them_now_and_then() {
        type Make<'a> = &'a dyn Fn(&mut Rng) -> String;
        let lexicon = Lexicon::new();
        let headline = |rng: &mut Rng| lexicon.title(rng, 200);
        let cases: [(&str, usize, Make<'_>); 9] = [
            ("title", 200, &headline),
            ("person", 100, &|rng| person(rng, 100)),
            ("firm", 200, &|rng| firm(rng, 200)),
            ("city", 100, &city),
            ("state", 100, &state),
            ("street", 200, &street),
            ("zip", 20, &zip),
            ("email", 320, &email),
            ("url", 2_048, &|rng| url(rng, 2_048)),
        ];
        let mut rng = Rng::new(11, Stream::Events);
        for (name, limit, make) in cases {
            let longest = (0..20_000).map(|_| make(&mut rng).chars().count()).max();
            assert_eq!(longest, Some(limit), "{name}");
        }
        assert!((0..1_000).all(|_| phone(&mut rng).len() <= 100 && ip(&mut rng).len() <= 64));
    }

    #[test]
    fn slugs_hold_no_blanks_and_keep_other_scripts() {
        assert_eq!(slug("Soft  \"Walnut\" Table №1", 250), "soft-walnut-table-№1");
        assert_eq!(slug("字字字", 2), "字字");
    }

    #[test]
    fn prose_is_escaped_and_bounded() {
        let (lexicon, mut rng) = (Lexicon::new(), Rng::new(2, Stream::Events));
        let mut text = b"\"".to_vec();
        lexicon.prose(&mut text, &mut rng, 2_000);
        text.push(b'"');
        assert!(text.is_ascii());
        let text: String = serde_json::from_slice(&text).unwrap_or_default();
        let chars = text.chars().count();
        assert!((80_000..320_000).contains(&chars), "{chars}");
    }
}
