//! The HTTP port among others who use it badly.

use crate::support::{Server, World, free_port, get, wait_for};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// An instance that is killed with its owner; it waits for a database that is not there.
struct Running {
    child: Child,
    port: u16,
}

impl Running {
    async fn start(settings: &[(&str, &str)]) -> Option<Self> {
        let mut world = World::new(Server::MySql).await?;
        let port = free_port();
        world.set("http.address", format!("127.0.0.1:{port}")).set("mysql.port", free_port());
        for (key, value) in settings {
            world.set(key, value);
        }
        let child = world.command().arg("run").stderr(Stdio::null()).spawn().unwrap();
        let running = Self { child, port };
        wait_for("an answer", || get(port, "/healthz").ok());
        Some(running)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream
    }

    fn get_as(&self, path: &str, host: &str) -> String {
        let mut stream = self.connect();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Another site's page cannot read the status under its own name (DNS rebinding), and scrapers and
/// probes go on by the names of services.
#[tokio::test]
async fn the_status_answers_under_known_names_only() {
    let names = [("http.hosts", "sluicegate.example.com")];
    let Some(running) = Running::start(&names).await else { return };
    for path in ["/", "/status"] {
        for host in ["127.0.0.1:9464", "localhost", "[::1]:9464", "Sluicegate.example.com:80"] {
            let answer = running.get_as(path, host);
            assert!(answer.starts_with("HTTP/1.1 200"), "{host}{path}: {answer}");
        }
        for host in ["evil.example", "evil.example:9464", "127.0.0.1.evil.example", ""] {
            let answer = running.get_as(path, host);
            assert!(answer.starts_with("HTTP/1.1 421"), "{host}{path}: {answer}");
            assert!(answer.contains("http.hosts") && !answer.contains("doctype"), "{answer}");
        }
    }
    for path in ["/metrics", "/healthz"] {
        let answer = running.get_as(path, "sluicegate.analytics.svc:9464");
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    let answer = running.get_as("/readyz", "sluicegate.analytics.svc:9464");
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
}

/// Connections that send nothing, or a byte now and then, or read nothing, keep no one waiting.
#[tokio::test]
async fn slow_connections_do_not_delay_health() {
    let Some(running) = Running::start(&[]).await else { return };
    let mut held: Vec<TcpStream> = Vec::new();
    for round in 0..3 {
        held.extend((0..100).map(|_| running.connect()));
        for (index, stream) in held.iter_mut().enumerate() {
            let text =
                [&b""[..], b"G", b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"][index % 3];
            // Those that were ended to make room do not take it.
            let _ = stream.write_all(text);
        }
        let asked = Instant::now();
        // It gives up after a second.
        let answer = get(running.port, "/healthz");
        let took = asked.elapsed();
        assert!(answer.is_ok_and(|answer| answer.ends_with("ok\n")), "round {round}: {took:?}");
    }
    // A head that does not come to its end is not waited for.
    let mut half = running.connect();
    half.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    let mut answer = Vec::new();
    let ended = half.read_to_end(&mut answer);
    assert!(ended.is_ok(), "the connection is ended within 5 s: {ended:?}");
}
