//! Arguments that several subcommands take.

use crate::clock;
use crate::datetime::{self, Micros};
use crate::offsets::is_topic_name;
use anyhow::{anyhow, bail};

pub(super) fn topic(text: &str) -> anyhow::Result<String> {
    if !is_topic_name(text) {
        bail!("not a topic name");
    }
    Ok(text.to_owned())
}

/// A time such as `2025-01-06T08:00:00Z`, which people may shorten, or an age such as `2h`.
pub(super) fn time_or_age(text: &str) -> anyhow::Result<Micros> {
    if let Ok(age) = humantime::parse_duration(text) {
        return Ok(clock::unix_micros() - i64::try_from(age.as_micros())?);
    }
    datetime::parse(&in_full(text))
        .map_err(|error| anyhow!("it {error}, and is not an age such as 2h"))
}

/// Adds the time of day to a date, and the seconds to hours and minutes.
fn in_full(text: &str) -> String {
    const DATE: usize = "2025-01-06".len();
    const MINUTES: usize = "2025-01-06T08:00".len();
    let is_short = |rest: &str| rest.is_empty() || rest.starts_with(['Z', '+', '-']);
    match (text.get(DATE..), text.get(MINUTES..)) {
        (Some(""), _) => format!("{text}T00:00:00"),
        (_, Some(rest)) if is_short(rest) => format!("{}:00{rest}", &text[..MINUTES]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_may_be_short() {
        let midnight = datetime::parse("2026-11-20T00:00:00").unwrap();
        for text in [
            "2026-11-20",
            "2026-11-20T00:00",
            "2026-11-20 00:00Z",
            "2026-11-20T01:30+01:30",
            "2026-11-19T23:00-01",
            "2026-11-20T00:00:00",
            "2026-11-20T00:00:00.000Z",
        ] {
            assert_eq!(time_or_age(text).unwrap(), midnight, "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2026-11",
            "2026-11-20T",
            "2026-11-20T00",
            "2026-11-20Z",
            "2026-11-20T0ü:00",
        ] {
            let error = time_or_age(text).unwrap_err().to_string();
            assert!(error.contains("not an age such as 2h"), "{text}: {error}");
        }
    }

    #[test]
    fn an_age_counts_back_from_now() {
        let time = time_or_age("2h").unwrap();
        let age = clock::unix_micros() - time;
        assert!((7_200_000_000..7_260_000_000).contains(&age), "{age}");
    }
}
