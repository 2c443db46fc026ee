//! Statements that take long, or too long.

use crate::mysql::Late;
use std::time::Duration;

/// A statement without an answer for this long is logged: the server or its disk may be stuck. Waits
/// for locks end after `flush.lock_wait_timeout`.
pub(super) const SLOW: Duration = Duration::from_secs(10);

/// Runs a statement with a time limit. After the limit the connection is in an unknown state and must
/// be dropped.
pub(super) async fn within<T>(
    limit: Duration,
    on_slow: impl FnOnce(Duration),
    run: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let mut run = std::pin::pin!(run);
    if let Ok(done) = tokio::time::timeout(limit.min(SLOW), &mut run).await {
        return done;
    }
    if limit > SLOW {
        on_slow(SLOW);
        if let Ok(done) = tokio::time::timeout(limit - SLOW, &mut run).await {
            return done;
        }
    }
    Err(Late::Statement(limit).into())
}
