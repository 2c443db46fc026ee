//! The HTTP port among others who use it badly.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use testkit::net::{Answer, get_as};
use testkit::{Instance, Server, World, free_port, wait_for};

/// How long one waits that others keep waiting.
const WAIT: Duration = Duration::from_secs(5);

/// An instance that waits for a database that is not there.
fn waiting(settings: &[(&str, &str)]) -> Option<Instance> {
    let mut world = World::new(Server::MySql)?;
    world.set("mysql.port", free_port()).serve_http();
    for (key, value) in settings {
        world.set(key, value);
    }
    let instance = Instance::start(&world);
    wait_for("an answer", || instance.get("/healthz"));
    Some(instance)
}

fn ask_as(instance: &Instance, path: &str, host: &str) -> Answer {
    get_as(instance.port(), path, host, WAIT).unwrap()
}

fn connect(instance: &Instance) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", instance.port())).unwrap();
    stream.set_read_timeout(Some(WAIT)).unwrap();
    stream
}

/// Another site's page cannot read the status under its own name (DNS rebinding), and scrapers and
/// probes go on by the names of services.
#[tokio::test]
async fn the_status_answers_under_known_names_only() {
    let names = [("http.hosts", "sluicegate.example.com")];
    let Some(instance) = waiting(&names) else { return };
    for path in ["/", "/status"] {
        for host in ["127.0.0.1:9464", "localhost", "[::1]:9464", "Sluicegate.example.com:80"] {
            let answer = ask_as(&instance, path, host);
            assert_eq!(answer.status, 200, "{host}{path}: {answer:?}");
        }
        for host in ["evil.example", "evil.example:9464", "127.0.0.1.evil.example", ""] {
            let answer = ask_as(&instance, path, host);
            assert_eq!(answer.status, 421, "{host}{path}: {answer:?}");
            let text = answer.text;
            assert!(text.contains("http.hosts") && !text.contains("doctype"), "{text}");
        }
    }
    for path in ["/metrics", "/healthz"] {
        let answer = ask_as(&instance, path, "sluicegate.analytics.svc:9464");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    let answer = ask_as(&instance, "/readyz", "sluicegate.analytics.svc:9464");
    assert_eq!(answer.status, 503, "{answer:?}");
}

/// Connections that send nothing, or a byte now and then, or read nothing, keep no one waiting.
#[tokio::test]
async fn slow_connections_do_not_delay_health() {
    let Some(instance) = waiting(&[]) else { return };
    let mut held: Vec<TcpStream> = Vec::new();
    for round in 0..3 {
        held.extend((0..100).map(|_| connect(&instance)));
        for (index, stream) in held.iter_mut().enumerate() {
            let text =
                [&b""[..], b"G", b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"][index % 3];
            // Those that were ended to make room do not take it.
            let _ = stream.write_all(text);
        }
        let asked = Instant::now();
        // It gives up after a second.
        let answer = instance.get("/healthz");
        let took = asked.elapsed();
        assert!(answer.is_some_and(|answer| answer.body() == "ok\n"), "round {round}: {took:?}");
    }
    // The server gives up on a head that does not end.
    let mut half = connect(&instance);
    half.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    let mut answer = Vec::new();
    let ended = half.read_to_end(&mut answer);
    assert!(ended.is_ok(), "the connection is ended within 5 s: {ended:?}");
}
