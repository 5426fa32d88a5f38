//! The registry on disk: one JSON file, replaced whole, so that it is right at any moment the process may die.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::master::Registry;

/// Why the registry cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The file system's word.
    #[error("cannot {verb} {path}")]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file is not one of ours.
    #[error("{path} is no registry; move it away to start with an empty one")]
    Content {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The stored shape.
#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    agents: BTreeMap<String, serde_json::Value>,
    unreachable: BTreeMap<String, f64>,
    gone: BTreeMap<String, f64>,
}

const VERSION: u32 = 1;

/// Where the registry is.
#[derive(Debug)]
pub(super) struct File {
    directory: PathBuf,
    path: PathBuf,
}

impl File {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), path: directory.join("registry.json") }
    }

    fn io(&self, verb: &'static str) -> impl FnOnce(io::Error) -> RegistryError {
        let path = self.path.clone();
        move |source| RegistryError::Io { verb, path, source }
    }

    /// The last registry stored; an empty one if there is none.
    pub(super) fn load(&self) -> Result<Registry, RegistryError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Registry::default()),
            Err(error) => return Err(self.io("read")(error)),
        };
        let content = |source: Box<dyn std::error::Error + Send + Sync>| RegistryError::Content {
            path: self.path.clone(),
            source,
        };
        let document: Document = serde_json::from_slice(&bytes).map_err(|error| content(error.into()))?;
        if document.version != VERSION {
            return Err(content(
                format!("its version is {}, this build reads {VERSION}", document.version).into(),
            ));
        }
        let times = |map: BTreeMap<String, f64>| {
            map.into_iter()
                .map(|(id, seconds)| (id, Duration::try_from_secs_f64(seconds).unwrap_or_default()))
                .collect::<BTreeMap<_, _>>()
        };
        let agents = document
            .agents
            .into_iter()
            .map(|(id, info)| mesos::json::from_value(&info).map(|info| (id, info)))
            .collect::<Result<_, _>>()
            .map_err(|error| content(error.into()))?;
        Ok(Registry { agents, unreachable: times(document.unreachable), gone: times(document.gone) })
    }

    /// Stores a registry: written beside, synced, renamed, and the directory synced.
    pub(super) fn store(&self, registry: &Registry) -> Result<(), RegistryError> {
        let times = |map: &BTreeMap<String, Duration>| {
            map.iter().map(|(id, since)| (id.clone(), since.as_secs_f64())).collect()
        };
        let document = Document {
            version: VERSION,
            agents: registry
                .agents
                .iter()
                .map(|(id, info)| (id.clone(), mesos::json::to_value(info)))
                .collect(),
            unreachable: times(&registry.unreachable),
            gone: times(&registry.gone),
        };
        let text = serde_json::to_vec_pretty(&document)
            .map_err(|error| RegistryError::Content { path: self.path.clone(), source: error.into() })?;
        fs::create_dir_all(&self.directory).map_err(self.io("make the directory of"))?;
        let mut beside = tempfile::NamedTempFile::new_in(&self.directory).map_err(self.io("write beside"))?;
        beside.write_all(&text).map_err(self.io("write"))?;
        beside.as_file().sync_all().map_err(self.io("sync"))?;
        beside.persist(&self.path).map_err(|error| self.io("replace")(error.error))?;
        fs::File::open(&self.directory).and_then(|it| it.sync_all()).map_err(self.io("sync the directory of"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
    use super::*;

    #[test]
    fn what_is_stored_is_loaded_and_nonsense_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = File::new(&directory.path().join("master"));
        assert_eq!(file.load().unwrap(), Registry::default());
        let mut registry = Registry::default();
        let info = mesos::v1::AgentInfo { hostname: "h".to_owned(), port: Some(1), ..Default::default() };
        registry.agents.insert("S0".to_owned(), info);
        registry.gone.insert("S1".to_owned(), Duration::from_millis(1500));
        file.store(&registry).unwrap();
        assert_eq!(file.load().unwrap(), registry);
        fs::write(&file.path, "{").unwrap();
        assert!(matches!(file.load(), Err(RegistryError::Content { .. })));
    }
}
