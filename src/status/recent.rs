//! The last warnings and errors of the log.

use crate::clock;
use crate::datetime::{self, Micros};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// So many are kept.
const KEPT: usize = 20;

/// A line of the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// When it was last said, UTC.
    pub at: String,
    /// `WARN` or `ERROR`.
    pub level: String,
    /// The message and its fields.
    pub text: String,
    /// How often it was said, perhaps with other numbers in it.
    pub times: u64,
}

/// Keeps the last warnings and errors, for the status page. As the log, they name places and never
/// show payloads or secrets.
#[derive(Debug, Clone, Default)]
pub struct Recent(Arc<Mutex<VecDeque<Line>>>);

impl Recent {
    /// The last lines, the newest first.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().rev().cloned().collect()
    }

    fn add(&self, level: Level, text: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let level = level.to_string();
        let is_same = |line: &Line| line.level == level && is_same_but_numbers(&line.text, &text);
        // An outage says the same few things again and again; what came before it is to stay.
        let before = lines.iter().position(is_same).and_then(|at| lines.remove(at));
        if lines.len() == KEPT {
            lines.pop_front();
        }
        let times = before.map_or(0, |before| before.times) + 1;
        lines.push_back(Line { at: now(), level, text, times });
    }
}

/// Counters, times and offsets make no other line.
fn is_same_but_numbers(a: &str, b: &str) -> bool {
    let rest = |text| str::chars(text).filter(|c| !c.is_ascii_digit());
    rest(a).eq(rest(b))
}

impl<S: Subscriber> Layer<S> for Recent {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        if level <= Level::WARN {
            let mut text = Text::default();
            event.record(&mut text);
            self.add(level, format!("{}{}", text.message, text.fields));
        }
    }
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        // Writing to a string does not fail.
        let _ = write!(self.fields, " {}={value}", field.name());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            let _ = write!(self.fields, " {}={value:?}", field.name());
        }
    }
}

/// The present time, to the second.
pub(super) fn now() -> String {
    shown(clock::unix_micros())
}

fn shown(micros: Micros) -> String {
    let text = datetime::format(micros);
    let text = String::from_utf8_lossy(&text[..19]);
    format!("{}Z", text.replace(' ', "T"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn keeps_warnings_and_counts_what_is_repeated() {
        let recent = Recent::default();
        let subscriber = tracing_subscriber::registry().with(recent.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("not kept");
            for _ in 0..3 {
                tracing::warn!(writer = 1, table = "users", "failed");
            }
            for number in 0..50 {
                tracing::error!(number, "away");
                tracing::warn!(after_ms = number, "again");
            }
        });
        let lines = recent.lines();
        let texts: Vec<(&str, u64)> =
            lines.iter().map(|line| (line.text.as_str(), line.times)).collect();
        assert_eq!(
            texts,
            [("again after_ms=49", 50), ("away number=49", 50), ("failed writer=1 table=users", 3)]
        );
        for letter in 'a'..='z' {
            recent.add(Level::WARN, letter.to_string());
        }
        let lines = recent.lines();
        assert_eq!(
            (lines.len(), lines[0].text.as_str(), lines[19].text.as_str()),
            (KEPT, "z", "g")
        );
    }
}
