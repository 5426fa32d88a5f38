//! Where everything of one laptop cluster lies: a data directory of our own (D47), readable by its owner only.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// What a laptop cluster consists of, in the order in which it starts. Stopping goes the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// `kafka-local` itself.
    Supervisor,
    /// The JVM out of the Kafka distribution.
    ZooKeeper,
    /// `mesos-local`: master and agent.
    Mesos,
    /// `kafka-scheduler`.
    Scheduler,
}

impl Part {
    /// Its name in file names and for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Supervisor => "kafka-local",
            Self::ZooKeeper => "zookeeper",
            Self::Mesos => "mesos-local",
            Self::Scheduler => "kafka-scheduler",
        }
    }
}

/// A data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

/// Why a directory is no data directory of ours.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// It cannot be made, opened or closed to others.
    #[error("the data directory {} cannot be used", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not there.
    #[error("no cluster was ever started in {}; --data or KAFKA_LOCAL_DATA says where one is", path.display())]
    Never {
        /// Which.
        path: PathBuf,
    },
    /// It holds something else: we neither mix our files into it nor delete in it.
    #[error("{} is not empty and no data directory of kafka-local; give another one with --data", path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
    },
}

/// The file that marks a directory as ours.
const MARK: &str = "kafka-local.json";
/// What `--fresh` forgets. The unpacked distribution stays: it holds no data. So does the mark, which the next start
/// writes anew: a directory half forgotten must still be ours.
const FORGOTTEN: [&str; 5] = ["scheduler", "mesos", "zookeeper", "configured.json", "log"];

impl Home {
    /// Opens a data directory, making it if it is not there.
    pub fn open(path: &Path) -> Result<Self, HomeError> {
        let unusable = |source| HomeError::Unusable { path: path.to_owned(), source };
        if !path.exists() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        }
        let root = path.canonicalize().map_err(unusable)?;
        let home = Self { root };
        let empty = fs::read_dir(&home.root).map_err(unusable)?.next().is_none();
        if !empty && !home.root.join("log").is_dir() && !home.settings().is_file() {
            return Err(HomeError::Foreign { path: path.to_owned() });
        }
        fs::set_permissions(&home.root, fs::Permissions::from_mode(0o700)).map_err(unusable)?;
        home.make_dirs().map_err(unusable)?;
        Ok(home)
    }

    /// Opens a data directory that must be there: for every command but `up`.
    pub fn existing(path: &Path) -> Result<Self, HomeError> {
        if path.exists() { Self::open(path) } else { Err(HomeError::Never { path: path.to_owned() }) }
    }

    fn make_dirs(&self) -> io::Result<()> {
        for dir in ["log", "run", "zookeeper", "mesos", "scheduler"] {
            fs::create_dir_all(self.root.join(dir))?;
        }
        Ok(())
    }

    /// Forgets the data of the last run, and what was configured.
    pub fn forget(&self) -> Result<(), HomeError> {
        let unusable = |source| HomeError::Unusable { path: self.root.clone(), source };
        for name in FORGOTTEN {
            let path = self.root.join(name);
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
                _ => {}
            }
        }
        self.make_dirs().map_err(unusable)
    }

    /// The directory itself, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How the cluster was last started.
    pub fn settings(&self) -> PathBuf {
        self.root.join(MARK)
    }

    /// What `configure` changed.
    pub fn configured(&self) -> PathBuf {
        self.root.join("configured.json")
    }

    /// Held locked by whoever supervises the cluster.
    pub fn lock(&self) -> PathBuf {
        self.root.join("run/lock")
    }

    /// The pid file of a part.
    pub fn pid(&self, part: Part) -> PathBuf {
        self.root.join("run").join(part.name()).with_extension("pid")
    }

    /// What a part prints.
    pub fn log(&self, part: Part) -> PathBuf {
        self.root.join("log").join(part.name()).with_extension("log")
    }

    /// ZooKeeper's configuration and data.
    pub fn zookeeper(&self) -> PathBuf {
        self.root.join("zookeeper")
    }

    /// Durable state of master and agent, and the agent's sandboxes and volumes.
    pub fn mesos(&self) -> PathBuf {
        self.root.join("mesos")
    }

    /// The scheduler's file store.
    pub fn scheduler(&self) -> PathBuf {
        self.root.join("scheduler")
    }

    /// Unpacked distributions.
    pub fn kafka(&self) -> PathBuf {
        self.root.join("kafka")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    // D47: data of one user, not for others to read.
    #[test]
    fn a_data_directory_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(&dir.path().join("a/b")).unwrap();
        assert_eq!(home.root().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        // Opening it again is fine.
        assert_eq!(Home::open(home.root()).unwrap(), home);
    }

    #[test]
    fn fresh_forgets_data_and_keeps_the_distribution() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(&dir.path().join("data")).unwrap();
        for file in
            ["mesos/state", "scheduler/state", "zookeeper/state", "kafka-local.json", "configured.json"]
        {
            fs::write(home.root().join(file), "x").unwrap();
        }
        fs::create_dir_all(home.kafka().join("libs")).unwrap();
        home.forget().unwrap();
        assert!(home.kafka().join("libs").is_dir());
        assert_eq!(fs::read_dir(home.mesos()).unwrap().count(), 0);
        assert!(home.settings().exists() && !home.configured().exists());
    }

    // `--data` may be mistyped: what is not ours is neither used nor, with `--fresh`, deleted.
    #[test]
    fn a_foreign_directory_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("mesos")).unwrap();
        assert!(matches!(Home::open(dir.path()), Err(HomeError::Foreign { .. })));
        assert!(matches!(Home::existing(&dir.path().join("x")), Err(HomeError::Never { .. })));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
