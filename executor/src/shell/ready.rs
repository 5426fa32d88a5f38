//! All that a start needs, made off the loop.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use api::launch::{Health, LaunchContract};
use tokio::net::TcpListener;

use super::{
    admin,
    broker::{Broker, chain},
    evidence::Witness,
    metrics,
    prepare::{Place, PrepareError, Prepared, prepare},
};

/// All that a start needs.
pub(super) struct Ready {
    pub(super) prepared: Prepared,
    pub(super) broker: Arc<Broker>,
    pub(super) health: Option<Health>,
    pub(super) logs: syslog::Options,
    pub(super) witness: Witness,
    pub(super) metrics: metrics::Settings,
}

/// Files, artifacts and, at the first time, the admin endpoint's port; all problems at once.
pub(super) async fn make_ready(
    contract: LaunchContract,
    place: Place,
    logs: syslog::Options,
    sandbox: PathBuf,
    environment: BTreeMap<String, String>,
) -> Result<(Ready, Option<TcpListener>), Vec<String>> {
    let listener = match place {
        Place::Final => admin::listen(&contract).await.map(Some),
        Place::Staged { .. } => Ok(None),
    };
    let broker = Broker::new(&contract);
    let witness = Witness::of(&contract);
    let health = contract.health.clone();
    let metrics = metrics::Settings::new(&contract, &sandbox, &environment);
    let prepared =
        tokio::task::spawn_blocking(move || prepare(&contract, place, &sandbox, &environment)).await;
    let prepared = match prepared {
        Ok(Ok(prepared)) => Ok(prepared),
        Ok(Err(problems)) => Err(problems.iter().map(|problem: &PrepareError| chain(problem)).collect()),
        Err(panic) => Err(vec![format!("preparing the sandbox failed: {panic}")]),
    };
    match (prepared, broker, listener) {
        (Ok(prepared), Ok(broker), Ok(listener)) => {
            Ok((Ready { prepared, broker: Arc::new(broker), health, logs, witness, metrics }, listener))
        }
        (prepared, broker, listener) => {
            let mut problems: Vec<String> = prepared.err().unwrap_or_default();
            problems.extend(broker.err().map(|error| error.to_string()));
            problems.extend(listener.err().map(|(address, error)| {
                format!("the admin endpoint cannot listen on {address} (API_PORT): {error}")
            }));
            Err(problems)
        }
    }
}
