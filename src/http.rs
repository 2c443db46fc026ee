//! Metrics, health and the status page over HTTP.
//!
//! The page and its JSON are for browsers, so they answer only under this host's known names. Scrapers
//! and probes often use the name of a service, and get only counts or one line: `/metrics`, `/healthz`
//! and `/readyz` answer under any name.

mod hosts;

use crate::metrics::catalog::{BYTES, LATENCIES, ROWS, SECONDS};
use crate::status::{Board, Status};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

const PAGE: &str = include_str!("status/page.html");
/// The page talks to this server alone, and no other page may put it into a frame.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
     connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Open connections. Each takes a file descriptor, and MySQL and Kafka need some, too.
const CONNECTIONS_MAX: usize = 64;
/// The largest head of a request.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// From a connection to the end of its request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(2);
/// From a connection to the end of its answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after a failed accept, when file descriptors have run out.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// Installs the recorder for all metrics of the process.
///
/// # Errors
/// If one is installed already.
pub fn install_metrics() -> Result<PrometheusHandle, BuildError> {
    let full = |name: &str| Matcher::Full(name.to_owned());
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(full("sluicegate_end_to_end_latency_seconds"), &LATENCIES)?
        .set_buckets_for_metric(full("sluicegate_kafka_to_durable_latency_seconds"), &LATENCIES)?
        .set_buckets_for_metric(full("sluicegate_buffer_batch_rows"), &ROWS)?
        .set_buckets_for_metric(full("sluicegate_buffer_batch_bytes"), &BYTES)?
        .install_recorder()
}

/// # Errors
/// If it cannot listen on `address`.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until the process ends. The page answers under these names only, see `http::hosts`.
pub async fn serve(listener: TcpListener, board: Arc<Board>, names: Vec<String>) {
    // Also moves samples into their histograms' buckets when nothing scrapes.
    tokio::spawn(Arc::clone(&board).watch());
    let routes = Router::new()
        .route("/", get(page))
        .route("/status", get(status))
        .route_layer(from_fn_with_state(Arc::<[String]>::from(names), only_as_ours))
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readiness))
        .with_state(board);
    let service = TowerToHyperService::new(routes);
    let mut open = VecDeque::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                make_room(&mut open);
                open.push_back(tokio::spawn(answer(stream, service.clone())).abort_handle());
            }
            Err(error) => {
                tracing::warn!(%error, "http: cannot accept a connection");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Closes the oldest connection if there are too many. An answer takes milliseconds, so the oldest is
/// one that sends or reads nothing, and would keep others waiting.
fn make_room(open: &mut VecDeque<AbortHandle>) {
    open.retain(|connection| !connection.is_finished());
    if open.len() >= CONNECTIONS_MAX
        && let Some(oldest) = open.pop_front()
    {
        oldest.abort();
    }
}

/// Answers one request.
async fn answer(stream: TcpStream, service: TowerToHyperService<Router>) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Errors of a connection are the client's concern.
    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, served).await;
}

async fn only_as_ours(
    State(names): State<Arc<[String]>>,
    request: Request,
    next: Next,
) -> Response {
    if hosts::is_ours(request.uri(), request.headers(), &names) {
        return next.run(request).await;
    }
    let text = "This instance does not know the name in the Host header. Use its IP address, or add the name to the setting http.hosts.\n";
    (StatusCode::MISDIRECTED_REQUEST, typed("text/plain; charset=utf-8"), text).into_response()
}

fn typed(media: &'static str) -> [(HeaderName, &'static str); 2] {
    [(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "no-store")]
}

async fn page() -> impl IntoResponse {
    let policy = [(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)];
    (typed("text/html; charset=utf-8"), policy, PAGE)
}

async fn status(State(board): State<Arc<Board>>) -> impl IntoResponse {
    let status: Status = board.status();
    match serde_json::to_string(&status) {
        Ok(json) => (StatusCode::OK, typed("application/json"), json),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, typed("text/plain"), error.to_string()),
    }
}

async fn metrics(State(board): State<Arc<Board>>) -> impl IntoResponse {
    (typed("text/plain; version=0.0.4; charset=utf-8"), board.metrics())
}

async fn readiness(State(board): State<Arc<Board>>) -> (StatusCode, String) {
    match board.ready() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(waits_for) => (StatusCode::SERVICE_UNAVAILABLE, format!("{waits_for}\n")),
    }
}
