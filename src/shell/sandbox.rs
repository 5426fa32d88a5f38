//! Reads incidents out of sandboxes while the core wants any (D45).

use std::time::Duration;

use ::mesos::files::{Files, Wanted};
use api::incident::{Incident, WHOLE_LIMIT, file_name};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Input, log};
use crate::{event::Event, fetch::Fetch};

/// For each question to a master or an agent.
pub(crate) const QUESTION: Duration = Duration::from_secs(10);

/// Sends an [`Event::Fetched`] per incident wanted, until stopped; one after the other.
pub(crate) async fn read(
    mut wanted: watch::Receiver<Option<Fetch>>,
    files: Files,
    inputs: mpsc::Sender<Input>,
    stop: CancellationToken,
) {
    let reading = async {
        // An error means that the loop has ended, and this with it.
        while let Ok(fetch) = wanted.wait_for(Option::is_some).await.map(|fetch| fetch.clone()) {
            let Some(fetch) = fetch else { continue };
            let (id, result) = (fetch.id, incident(&files, fetch).await);
            if inputs.send(Input::Event(Event::Fetched { id, result })).await.is_err() {
                return;
            }
            // What is wanted changes with that event, sooner or later.
            if wanted.changed().await.is_err() {
                return;
            }
        }
    };
    let _ = stop.run_until_cancelled(reading).await;
}

async fn incident(files: &Files, fetch: Fetch) -> Result<Box<Incident>, String> {
    let Fetch { id, task, agent_id, framework_id } = fetch;
    let wanted = Wanted { agent_id, framework_id, executor_id: task.to_string(), name: file_name(id) };
    let bytes = files.read(&wanted, WHOLE_LIMIT).await.map_err(|error| log::chain(&error))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("its file is no incident: {error}"))
}

#[cfg(test)]
mod tests;
