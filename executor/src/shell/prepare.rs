//! Contract → files in the sandbox and a command to run.

use std::{collections::BTreeMap, fs, io, path::Path, time::Duration};

use api::launch::LaunchContract;
use tracing::info;

use super::artifacts::{Missing, find_java, find_kafka};
use crate::{
    command::{JvmCommand, LOG4J_PROPERTIES, LOGS, SERVER_PROPERTIES, command, log4j_properties},
    properties::server_properties,
};

/// Kafka's own default of `zookeeper.session.timeout.ms`, in milliseconds.
const SESSION_TIMEOUT_MS: u64 = 18_000;

/// All that is needed to start the broker.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) command: JvmCommand,
    /// Of the broker's ZooKeeper session.
    pub(super) session_timeout: Duration,
}

/// What stands in the way; several may at once.
#[derive(Debug, thiserror::Error)]
pub(super) enum PrepareError {
    #[error(transparent)]
    Missing(#[from] Missing),
    #[error("the volume {0:?} is not in the sandbox: did the agent mount it?")]
    Volume(String),
    #[error("cannot make the directory {LOGS}")]
    Logs(#[source] io::Error),
    #[error(transparent)]
    Write(#[from] overrider::write::WriteError),
}

/// Finds the artifacts and writes the files.
pub(super) fn prepare(
    contract: &LaunchContract,
    sandbox: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Prepared, Vec<PrepareError>> {
    let kafka = find_kafka(sandbox, &contract.volume).map_err(PrepareError::from);
    let java = find_java(sandbox, &contract.volume, environment).map_err(PrepareError::from);
    let volume = match sandbox.join(&contract.volume).is_dir() {
        true => Ok(()),
        false => Err(PrepareError::Volume(contract.volume.clone())),
    };
    let files = files(contract, sandbox);
    match (kafka, java, volume, files) {
        (Ok(kafka), Ok(java), Ok(()), Ok(())) => {
            let java_program = java.program.display().to_string();
            info!(kafka = %kafka.version, scala = %kafka.scala, java = java_program, source = ?java.source, "artifacts found");
            Ok(Prepared {
                command: command(contract, &kafka, &java, environment),
                session_timeout: session_timeout(contract),
            })
        }
        (kafka, java, volume, files) => {
            let errors = [kafka.err(), java.err(), volume.err(), files.err()];
            Err(errors.into_iter().flatten().collect())
        }
    }
}

fn files(contract: &LaunchContract, sandbox: &Path) -> Result<(), PrepareError> {
    let made = server_properties(contract);
    overrider::write::write(&sandbox.join(SERVER_PROPERTIES), &made.bytes)?;
    // S-122: what the service knows wins, and the log says what that is. Values of secrets are hidden.
    for change in made.changes {
        info!("server.properties: {change}");
    }
    overrider::write::write(&sandbox.join(LOG4J_PROPERTIES), log4j_properties().as_bytes())?;
    fs::create_dir_all(sandbox.join(LOGS)).map_err(PrepareError::Logs)
}

fn session_timeout(contract: &LaunchContract) -> Duration {
    let set =
        contract.layers.iter().rev().find_map(|layer| layer.properties.get("zookeeper.session.timeout.ms"));
    // Kafka itself refuses what is no number, with its own words.
    let millis = set.and_then(|value| value.trim().parse().ok()).unwrap_or(SESSION_TIMEOUT_MS);
    Duration::from_millis(millis)
}
