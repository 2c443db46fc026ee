//! Just enough of Rust's grammar: code without comments, strings and test modules, and the paths in it.
//!
//! It relies on rustfmt: what begins at an indentation ends with a `}` at the same one.

/// A file's lines without comments and without what strings say.
pub(crate) fn code(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let (mut blanked, mut at) = (String::with_capacity(text.len()), 0);
    while at < chars.len() {
        let end = at + blank_length(&chars, at);
        if end == at {
            blanked.push(chars[at]);
            at += 1;
        } else {
            blanked.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    blanked.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// How many characters from here on are a comment or a literal.
fn blank_length(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let is_word_before = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match rest {
        ['/', '/', ..] => rest.iter().take_while(|c| **c != '\n').count(),
        ['"', ..] => string_length(rest),
        ['r', '"' | '#', ..] if !is_word_before => raw_length(rest),
        ['\'', '\\', _, tail @ ..] => {
            3 + tail.iter().position(|c| *c == '\'').map_or(0, |close| close + 1)
        }
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    }
}

fn string_length(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// Of `r#"…"#`; `r#name` is not a literal.
fn raw_length(rest: &[char]) -> usize {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let body = 2 + hashes;
    let length = rest[body..].windows(close.len()).position(|window| window == close);
    length.map_or(rest.len(), |length| body + length + close.len())
}

/// The same lines, with those of `#[cfg(test)]` modules emptied; and how many others there are.
pub(crate) fn without_tests(mut lines: Vec<String>) -> (Vec<String>, usize) {
    let (mut at, mut others) = (0, 0);
    while at < lines.len() {
        let is_tests = lines[at].trim() == "#[cfg(test)]"
            && lines.get(at + 1).is_some_and(|next| next.contains("mod ") && next.ends_with('{'));
        let end = if is_tests { end_of_block(&lines, at) } else { at };
        if is_tests {
            lines[at..=end].iter_mut().for_each(String::clear);
        } else {
            others += 1;
        }
        at = end + 1;
    }
    (lines, others)
}

/// The line that closes what begins on this one: the next `}`, or end of a signature without a
/// body, at its indentation.
pub(crate) fn end_of_block(lines: &[String], start: usize) -> usize {
    if lines[start].ends_with('}') || lines[start].ends_with(';') {
        return start;
    }
    let indent = indentation(&lines[start]);
    let closes = |line: &String| {
        indentation(line) == indent
            && (line.trim_start().starts_with('}')
                || line.trim_start().starts_with(')') && line.ends_with(';'))
    };
    lines[start + 1..].iter().position(closes).map_or(lines.len() - 1, |more| start + 1 + more)
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// A path in code, with its line (from 1): `use a::{b, c::d}` gives `a::b` and `a::c::d`.
pub(crate) struct CodePath {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
}

#[derive(PartialEq)]
enum Token {
    Word(String),
    /// `::`
    Into,
    Mark(char),
}

pub(crate) fn paths(lines: &[String]) -> Vec<CodePath> {
    let tokens = tokens(lines);
    let (mut paths, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        at = read_path(&tokens, at, &[], &mut paths).max(at + 1);
    }
    paths
}

fn tokens(lines: &[String]) -> Vec<(usize, Token)> {
    let mut tokens = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let (token, length) = if is_word(first) {
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                (Token::Word(rest[..length].to_owned()), length)
            } else if rest.starts_with("::") {
                (Token::Into, 2)
            } else {
                (Token::Mark(first), first.len_utf8())
            };
            tokens.push((number + 1, token));
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

/// Reads one path, or a braced list of them behind a prefix; gives where it ends.
fn read_path(
    tokens: &[(usize, Token)],
    start: usize,
    prefix: &[String],
    paths: &mut Vec<CodePath>,
) -> usize {
    let (mut at, mut segments) = (start, prefix.to_vec());
    while let Some((line, Token::Word(word))) = tokens.get(at) {
        segments.push(word.clone());
        at += 1;
        if tokens.get(at).map(|(_, token)| token) != Some(&Token::Into) {
            paths.push(CodePath { line: *line, segments });
            return at;
        }
        at += 1;
    }
    if segments.is_empty() || tokens.get(at).map(|(_, token)| token) != Some(&Token::Mark('{')) {
        return at;
    }
    at += 1;
    while at < tokens.len() && tokens[at].1 != Token::Mark('}') {
        at = read_path(tokens, at, &segments, paths).max(at + 1);
    }
    at + 1
}
