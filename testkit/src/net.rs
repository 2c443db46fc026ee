//! Free ports, and HTTP as plain as it gets.

use crate::Metrics;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// How long an answer may take.
const ANSWER_WAIT: Duration = Duration::from_secs(1);

/// A port that is free, and that nothing else in this process is given. It is below the ephemeral
/// range: a client that retries a dead port inside it can end up connected to itself, and keep it.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        // Each test process begins elsewhere.
        let port =
            10_000 + (std::process::id() as u16).wrapping_mul(37).wrapping_add(step) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// An answer over HTTP.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Head and body.
    pub text: String,
}

impl Answer {
    fn parse(text: String) -> Option<Self> {
        let status = text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        text.contains("\r\n\r\n").then_some(Self { status, text })
    }

    pub fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").unwrap().1
    }

    pub fn is_ok(&self) -> bool {
        self.status == 200
    }
}

/// Whether an instance at this port says that it is ready.
pub fn is_ready(port: u16) -> bool {
    get(port, "/readyz").is_ok_and(|answer| answer.is_ok())
}

/// What `/metrics` says; `None` without an answer.
pub fn metrics(port: u16) -> Option<Metrics> {
    let answer = get(port, "/metrics").ok()?;
    answer.is_ok().then(|| Metrics::parse(answer.body()))
}

/// Asks a port of this machine for a page, under the name `localhost`.
pub fn get(port: u16, path: &str) -> io::Result<Answer> {
    get_as(port, path, "localhost", ANSWER_WAIT)
}

/// Asks under any name, and waits so long.
pub fn get_as(port: u16, path: &str, host: &str, wait: Duration) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(wait))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Answer::parse(text).ok_or_else(|| io::Error::other("half an answer"))
}
