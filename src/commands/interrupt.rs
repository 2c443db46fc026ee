//! Ctrl-C for commands that work in steps.

use crate::pipeline::Stop;
use tracing::warn;

/// The first Ctrl-C lets the current step finish, which `finishing` describes.
pub(super) fn stop_on_ctrl_c(finishing: &'static str) -> Stop {
    let stop = Stop::default();
    let request = stop.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if request.is_requested() {
                std::process::exit(1);
            }
            warn!("Ctrl-C: {finishing}; press it again to exit at once");
            request.request();
        }
    });
    stop
}
