//! `/metrics` of a process that runs.

use std::time::Duration;

use loadgen::metrics::Metrics;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longer than this is not worth a wait: the next scrape gives the same and more.
const ANSWER_WAIT: Duration = Duration::from_millis(200);

/// Asks a process on this machine; `None` while nothing answers.
pub(super) async fn scrape(port: u16) -> Option<Metrics> {
    let answer = tokio::time::timeout(ANSWER_WAIT, get(port)).await.ok()?.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.0 200").then(|| Metrics::parse(body))
}

/// HTTP/1.0: the answer ends where the connection does.
async fn get(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
