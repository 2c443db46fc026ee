//! Waiting for a condition, with a deadline that only a failing test reaches.

use std::time::{Duration, Instant};

/// How long anything may take that should take a moment.
pub const DEADLINE: Duration = Duration::from_secs(120);

const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Conditions that ask a server.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Waits until `condition` gives something.
#[track_caller]
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not after {DEADLINE:?}");
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Waits until `condition` holds; `what` tells about it if it never does.
pub async fn until(what: impl Fn() -> String, condition: impl AsyncFnMut() -> bool) {
    until_within(DEADLINE, what, condition).await;
}

/// Waits until `condition` holds, for so long.
pub async fn until_within(
    limit: Duration,
    what: impl Fn() -> String,
    mut condition: impl AsyncFnMut() -> bool,
) {
    let deadline = Instant::now() + limit;
    while !condition().await {
        assert!(Instant::now() < deadline, "not after {limit:?}: {}", what());
        tokio::time::sleep(ASK_AGAIN).await;
    }
}
