//! Contract → files in the sandbox and a command to run.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use api::launch::LaunchContract;
use tracing::info;

use super::{
    archive::{self, Recipe},
    artifacts::{Missing, find_java, find_kafka},
    limits,
};
use crate::{
    artifact::Kafka,
    command::{JvmCommand, LOGS, Machine, SERVER_PROPERTIES, command, logging},
    properties::server_properties,
};

/// Kafka's own default of `zookeeper.session.timeout.ms`, in milliseconds.
const SESSION_TIMEOUT_MS: u64 = 18_000;

/// Where the files of a restart in place wait until the JVM before is gone.
const STAGED: &str = "staged";

/// Where the files are written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// Where the JVM reads them: none runs yet.
    Final,
    /// Beside those of a JVM that runs, in a directory of their own.
    Staged {
        /// Tells it from earlier ones.
        number: u32,
    },
}

impl Place {
    fn directory(self) -> PathBuf {
        match self {
            Self::Final => PathBuf::new(),
            Self::Staged { number } => Path::new(STAGED).join(number.to_string()),
        }
    }
}

/// All that is needed to start the broker.
#[derive(Debug)]
pub(super) struct Prepared {
    place: Place,
    pub(super) command: JvmCommand,
    /// Of its class-data archive, where it has one.
    pub(super) archive: Option<Recipe>,
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
    #[error("cannot make the directory {}", .0.display())]
    Stage(PathBuf, #[source] io::Error),
    #[error(transparent)]
    Write(#[from] overrider::write::WriteError),
}

/// Files that were written and could not be moved.
#[derive(Debug, thiserror::Error)]
#[error("cannot put {} into its place", .0.display())]
pub(super) struct Misplaced(PathBuf, #[source] io::Error);

impl Prepared {
    /// Moves staged files to where the JVM reads them.
    ///
    /// # Errors
    /// The first that cannot be moved.
    pub(super) fn put_in_place(&self, sandbox: &Path) -> Result<(), Misplaced> {
        let Place::Staged { number: own } = self.place else { return Ok(()) };
        let staged = sandbox.join(self.place.directory());
        let listed = |error| Misplaced(staged.clone(), error);
        for entry in fs::read_dir(&staged).map_err(listed)? {
            let entry = entry.map_err(listed)?;
            let moved = fs::rename(entry.path(), sandbox.join(entry.file_name()));
            moved.map_err(|error| Misplaced(entry.path(), error))?;
        }
        // Those of earlier restarts, which never came to be, go too.
        for number in 1..=own {
            let _none_is_fine = fs::remove_dir_all(sandbox.join(Place::Staged { number }.directory()));
        }
        Ok(())
    }
}

/// Finds the artifacts and writes the files.
pub(super) fn prepare(
    contract: &LaunchContract,
    place: Place,
    sandbox: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Prepared, Vec<PrepareError>> {
    let kafka = find_kafka(sandbox, &contract.volume).map_err(PrepareError::from);
    let java = find_java(sandbox, &contract.volume, environment).map_err(PrepareError::from);
    let volume = match sandbox.join(&contract.volume).is_dir() {
        true => Ok(()),
        false => Err(PrepareError::Volume(contract.volume.clone())),
    };
    let files = files(contract, place, sandbox, kafka.as_ref().ok());
    match (kafka, java, volume, files) {
        (Ok(kafka), Ok(java), Ok(()), Ok(())) => {
            let java_program = java.program.display().to_string();
            info!(kafka = %kafka.version, scala = %kafka.scala, java = java_program, source = ?java.source, "artifacts found");
            let machine = Machine {
                free: limits::free(sandbox),
                archive: archive::find(contract, &kafka, &java, sandbox),
                environment: environment.clone(),
            };
            let command = command(contract, &kafka, &java, &machine);
            let archive = machine
                .archive
                .map(|archive| Recipe { maker: archive.maker(contract, &kafka, &command), archive });
            Ok(Prepared { place, command, archive, session_timeout: session_timeout(contract) })
        }
        (kafka, java, volume, files) => {
            let errors = [kafka.err(), java.err(), volume.err(), files.err()];
            Err(errors.into_iter().flatten().collect())
        }
    }
}

fn files(
    contract: &LaunchContract,
    place: Place,
    sandbox: &Path,
    kafka: Option<&Kafka>,
) -> Result<(), PrepareError> {
    let directory = sandbox.join(place.directory());
    fs::create_dir_all(&directory).map_err(|error| PrepareError::Stage(directory.clone(), error))?;
    let before = match place {
        Place::Final => None,
        // Written by us; where somebody spoiled it, every key is told.
        Place::Staged { .. } => fs::read(sandbox.join(SERVER_PROPERTIES))
            .ok()
            .and_then(|bytes| overrider::properties::Properties::parse(&bytes).ok()),
    };
    let made = server_properties(contract, &before.unwrap_or_default());
    overrider::write::write(&directory.join(SERVER_PROPERTIES), &made.bytes)?;
    // S-122: what the service knows wins, and the log says what that is. Values of secrets are hidden.
    for change in made.changes {
        info!("server.properties: {change}");
    }
    if let Some(logging) = kafka.map(|kafka| logging(kafka.line())) {
        overrider::write::write(&directory.join(logging.file), logging.text.as_bytes())?;
    }
    fs::create_dir_all(sandbox.join(LOGS)).map_err(PrepareError::Logs)
}

fn session_timeout(contract: &LaunchContract) -> Duration {
    let set =
        contract.layers.iter().rev().find_map(|layer| layer.properties.get("zookeeper.session.timeout.ms"));
    // Kafka itself refuses what is no number, with its own words.
    let millis = set.and_then(|value| value.trim().parse().ok()).unwrap_or(SESSION_TIMEOUT_MS);
    Duration::from_millis(millis)
}
