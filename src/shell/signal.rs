//! SIGTERM and SIGINT ask for a clean stop.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for SIGTERM or SIGINT and says which.
///
/// # Errors
/// Signals cannot be listened for.
pub(crate) async fn asked_to_stop() -> std::io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
