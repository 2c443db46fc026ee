//! What `/metrics` says, in Prometheus' text format.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An answer that takes longer is not waited for: the next scrape gives the same and more.
const ANSWER_WAIT: Duration = Duration::from_millis(200);

/// One scrape: the value of each series, by its name with labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Asks a process on this machine; `None` while nobody answers.
    pub(super) async fn scrape(port: u16) -> Option<Self> {
        let answer = tokio::time::timeout(ANSWER_WAIT, get(port)).await.ok()?.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.starts_with("HTTP/1.0 200").then(|| Self::parse(body))
    }

    fn parse(text: &str) -> Self {
        let series = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(series.collect())
    }

    /// The sum over all labels of a metric, for instance `sluicegate_flush_rows_total`.
    pub(super) fn sum(&self, name: &str) -> f64 {
        self.series(name).map(|(_, value)| value).sum()
    }

    /// The values of a metric by one of its labels.
    pub(super) fn by_label(&self, name: &str, label: &str) -> BTreeMap<&str, f64> {
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
    pub(super) fn mean(&self, name: &str) -> Option<f64> {
        let count = self.sum(&format!("{name}_count"));
        (count > 0.0).then(|| self.sum(&format!("{name}_sum")) / count)
    }

    /// Adds another process's.
    pub(super) fn add(&mut self, other: &Self) {
        for (name, value) in &other.0 {
            *self.0.entry(name.clone()).or_default() += value;
        }
    }

    fn series(&self, name: &str) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().filter_map(move |(series, value)| {
            let labels = series.strip_prefix(name)?;
            (labels.is_empty() || labels.starts_with('{')).then_some((labels, *value))
        })
    }
}

/// HTTP/1.0: the answer ends where the connection does.
async fn get(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
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
        metrics.add(&metrics.clone());
        assert_eq!(metrics.sum("rows"), 14.0);
    }
}
