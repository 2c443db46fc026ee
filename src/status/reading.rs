//! `/metrics` at one moment, as numbers.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

/// Of these histograms only sum and count are kept: nobody asks for their percentiles.
const WITHOUT_BUCKETS: &str = "sluicegate_flush_statement_duration_seconds_bucket";

/// What the metrics said at one moment.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) at: Instant,
    series: HashMap<String, Vec<Series>>,
}

#[derive(Debug, Clone)]
struct Series {
    labels: Vec<(String, String)>,
    value: f64,
}

impl Series {
    fn label(&self, name: &str) -> &str {
        let found = self.labels.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

impl Reading {
    /// Reads what this program's own exporter has written; label values hold no quotes there.
    pub(super) fn parse(text: &str, at: Instant) -> Self {
        let mut series: HashMap<String, Vec<Series>> = HashMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((key, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse() else { continue };
            let (name, labels) = key.split_once('{').unwrap_or((key, ""));
            if name == WITHOUT_BUCKETS {
                continue;
            }
            let labels = labels.trim_end_matches('}').split(',').filter_map(|label| {
                let (name, value) = label.split_once('=')?;
                Some((name.to_owned(), value.trim_matches('"').to_owned()))
            });
            let one = Series { labels: labels.collect(), value };
            series.entry(name.to_owned()).or_default().push(one);
        }
        Self { at, series }
    }

    fn all(&self, name: &str) -> &[Series] {
        self.series.get(name).map_or(&[], Vec::as_slice)
    }

    /// The sum of a metric over all its labels.
    pub(super) fn sum(&self, name: &str) -> f64 {
        self.all(name).iter().map(|series| series.value).sum()
    }

    /// The sums of a metric by some of its labels.
    pub(super) fn by<const N: usize>(
        &self,
        name: &str,
        labels: [&str; N],
    ) -> BTreeMap<[String; N], f64> {
        let mut sums = BTreeMap::new();
        for series in self.all(name) {
            let key = labels.map(|label| series.label(label).to_owned());
            *sums.entry(key).or_default() += series.value;
        }
        sums
    }
}

/// What happened from one reading to a later one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval<'r> {
    pub(super) from: &'r Reading,
    pub(super) to: &'r Reading,
}

impl Interval<'_> {
    pub(super) fn seconds(&self) -> f64 {
        self.to.at.saturating_duration_since(self.from.at).as_secs_f64()
    }

    /// By how much a counter grew.
    pub(super) fn growth(&self, name: &str) -> f64 {
        self.to.sum(name) - self.from.sum(name)
    }

    /// By how much a counter grew a second.
    pub(super) fn rate(&self, name: &str) -> f64 {
        let seconds = self.seconds();
        if seconds > 0.0 { self.growth(name) / seconds } else { 0.0 }
    }

    /// By how much a counter grew, by one of its labels; without those that did not.
    pub(super) fn growth_by(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let before = self.from.by(name, [label]);
        let now = self.to.by(name, [label]).into_iter();
        let grown = now.map(|(key, value)| {
            let value = value - before.get(&key).copied().unwrap_or_default();
            let [key] = key;
            (key, value)
        });
        grown.filter(|(_, value)| *value > 0.0).collect()
    }

    /// The mean of what a histogram saw.
    pub(super) fn mean(&self, histogram: &str) -> Option<f64> {
        let count = self.growth(&format!("{histogram}_count"));
        (count > 0.0).then(|| self.growth(&format!("{histogram}_sum")) / count)
    }

    /// The value that this share of what a histogram saw did not exceed, on a straight line within
    /// its bucket. Beyond the last bucket it is that one's bound.
    pub(super) fn quantile(&self, histogram: &str, share: f64) -> Option<f64> {
        let name = format!("{histogram}_bucket");
        let before = self.from.by(&name, ["le"]);
        let grown = self.to.by(&name, ["le"]).into_iter().filter_map(|(key, count)| {
            let count = count - before.get(&key).copied().unwrap_or_default();
            Some((bound(&key[0])?, count))
        });
        let mut buckets: Vec<(f64, f64)> = grown.collect();
        buckets.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let all = buckets.last().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
        let rank = all * share;
        let at = buckets.iter().position(|(_, count)| *count >= rank)?;
        let (high, count) = buckets[at];
        let (low, before) = at.checked_sub(1).map_or((0.0, 0.0), |at| buckets[at]);
        if high.is_infinite() {
            return Some(low);
        }
        Some(low + (high - low) * ((rank - before) / (count - before).max(1e-9)))
    }
}

fn bound(le: &str) -> Option<f64> {
    if le == "+Inf" { Some(f64::INFINITY) } else { le.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use std::time::Duration;

    const BEFORE: &str = "# HELP rows Rows
rows{table=\"users\"} 10
took_bucket{le=\"1\"} 0
took_bucket{le=\"2\"} 0
took_bucket{le=\"+Inf\"} 0
took_sum 0
took_count 0
";
    const AFTER: &str = "rows{table=\"users\"} 30
rows{table=\"orders\",x=\"1\"} 5
rows{table=\"orders\",x=\"2\"} 1
lag 7
took_bucket{le=\"1\"} 5
took_bucket{le=\"2\"} 10
took_bucket{le=\"+Inf\"} 10
took_sum 12
took_count 10
";

    #[test]
    fn spans_of_readings() {
        let start = clock::now();
        let from = Reading::parse(BEFORE, start);
        let to = Reading::parse(AFTER, start + Duration::from_secs(2));
        let interval = Interval { from: &from, to: &to };
        assert_eq!((to.sum("rows"), to.sum("lag"), to.sum("none")), (36.0, 7.0, 0.0));
        assert_eq!(interval.rate("rows"), 13.0);
        let by_table = interval.growth_by("rows", "table");
        assert_eq!(by_table, [("orders".to_owned(), 6.0), ("users".to_owned(), 20.0)].into());
        assert_eq!(interval.mean("took"), Some(1.2));
        assert_eq!(interval.quantile("took", 0.5), Some(1.0));
        assert_eq!(interval.quantile("took", 0.75), Some(1.5));
        let old = AFTER.replace("} 5\n", "} 0\n").replace("\"2\"} 10", "\"2\"} 0");
        let old = Reading::parse(&old, start + Duration::from_secs(2));
        let beyond = Interval { from: &from, to: &old };
        assert_eq!(beyond.quantile("took", 0.5), Some(2.0), "the last bound");
        let nothing = Interval { from: &to, to: &to };
        assert_eq!((nothing.quantile("took", 0.5), nothing.mean("took")), (None, None));
        assert_eq!(nothing.rate("rows"), 0.0);
    }
}
