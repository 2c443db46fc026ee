//! Metrics, health and the status page over HTTP.

use crate::metrics::catalog::{BYTES, LATENCIES, ROWS, SECONDS};
use crate::status::{Board, Status};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

const PAGE: &str = include_str!("status/page.html");
/// The page asks nobody but this server, and nobody may put it into a frame.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
     connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Connections at the same time; others wait. Each takes a file, and MySQL and Kafka need theirs.
const CONNECTIONS_MAX: usize = 64;
/// From a connection to the end of its answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// When there is no file left for a connection.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// Installs the recorder for all metrics of the process.
///
/// # Errors
/// When there is one already.
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

/// Listens on `address`.
///
/// # Errors
/// When the address cannot be had.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until the process ends.
pub async fn serve(listener: TcpListener, board: Arc<Board>) {
    // It also empties histograms into their buckets when nobody scrapes.
    tokio::spawn(Arc::clone(&board).watch());
    let routes = Router::new()
        .route("/", get(page))
        .route("/status", get(status))
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readiness))
        .with_state(board);
    let service = TowerToHyperService::new(routes);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // Nobody closes it.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let service = service.clone();
                tokio::spawn(async move {
                    let mut server = http1::Builder::new();
                    // One request a connection: who is slow or idle keeps nobody's place.
                    let served =
                        server.keep_alive(false).serve_connection(TokioIo::new(stream), service);
                    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, served).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "http: a connection could not be taken");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
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
