//! What `/metrics` says, in Prometheus' text format.

use std::collections::BTreeMap;

/// One scrape: the value of each series, by its name with labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Reads a page.
    pub fn parse(text: &str) -> Self {
        let series = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(series.collect())
    }

    /// The sum over all labels of a metric, for instance `sluicegate_flush_rows_total`.
    pub fn sum(&self, name: &str) -> f64 {
        self.series(name).map(|(_, value)| value).sum()
    }

    /// The values of a metric by one of its labels.
    pub fn by_label(&self, name: &str, label: &str) -> BTreeMap<&str, f64> {
        let start = format!("{label}=\"");
        let mut by_value = BTreeMap::new();
        for (labels, value) in self.series(name) {
            let text = labels.split_once(&start).and_then(|(_, rest)| rest.split_once('"'));
            if let Some((text, _)) = text {
                *by_value.entry(text).or_default() += value;
            }
        }
        by_value
    }

    /// The mean of a histogram.
    pub fn mean(&self, name: &str) -> Option<f64> {
        let count = self.sum(&format!("{name}_count"));
        (count > 0.0).then(|| self.sum(&format!("{name}_sum")) / count)
    }

    /// Adds another process's.
    pub fn add(&mut self, other: &Self) {
        for (name, value) in &other.0 {
            *self.0.entry(name.clone()).or_default() += value;
        }
    }

    /// The value of one series, for instance `sluicegate_flush_rows_total{table="users"}`.
    pub fn value(&self, series: &str) -> Option<f64> {
        self.0.get(series).copied()
    }

    /// All series, each by its name with labels.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The series of a metric: labels, such as `{table="users"}`, and value.
    pub fn series(&self, name: &str) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().filter_map(move |(series, value)| {
            let labels = series.strip_prefix(name)?;
            (labels.is_empty() || labels.starts_with('{')).then_some((labels, *value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_labels_and_tells_them_apart() {
        let text = "# TYPE rows counter\nrows{table=\"users\"} 3\nrows{table=\"orders\"} 4\nrows_seen 9\n\n\
                    took_sum 1.5\ntook_count 3\ntook_bucket{le=\"+Inf\"} 3\n";
        let mut metrics = Metrics::parse(text);
        assert_eq!(metrics.sum("rows"), 7.0);
        assert_eq!(metrics.by_label("rows", "table"), [("orders", 4.0), ("users", 3.0)].into());
        assert_eq!(metrics.mean("took"), Some(0.5));
        assert_eq!(metrics.mean("gave"), None);
        assert_eq!(metrics.value("rows{table=\"orders\"}"), Some(4.0));
        assert_eq!(metrics.value("rows"), None);
        metrics.add(&metrics.clone());
        assert_eq!(metrics.sum("rows"), 14.0);
    }
}
