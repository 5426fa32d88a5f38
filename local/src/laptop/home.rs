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
    #[error(
        "{} is not empty and no data directory of kafka-local (it has no file {MARK}); give another one with --data",
        path.display()
    )]
    Foreign {
        /// Which.
        path: PathBuf,
    },
}

/// The file that marks a directory as ours: written when the directory is made or found empty, and never removed.
const MARK: &str = "kafka-local.mark";
const MARKED: &str = "This directory belongs to kafka-local: `up --fresh` deletes the data in it.\n";
/// What `--fresh` forgets. The unpacked distribution stays: it holds no data. So do the settings, which the next start
/// writes anew.
const FORGOTTEN: [&str; 5] = ["scheduler", "mesos", "zookeeper", "configured.json", "log"];

impl Home {
    /// Opens a data directory for a start, making and marking it if it is not there or empty.
    ///
    /// # Errors
    /// If it cannot be used, or holds something else; nothing is changed in it then.
    pub fn open(path: &Path) -> Result<Self, HomeError> {
        let unusable = |source| HomeError::Unusable { path: path.to_owned(), source };
        if !path.exists() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        }
        let home = Self { root: path.canonicalize().map_err(unusable)? };
        if !home.is_marked() {
            if fs::read_dir(&home.root).map_err(unusable)?.next().is_some() {
                return Err(HomeError::Foreign { path: path.to_owned() });
            }
            fs::write(home.root.join(MARK), MARKED).map_err(unusable)?;
        }
        fs::set_permissions(&home.root, fs::Permissions::from_mode(0o700)).map_err(unusable)?;
        home.make_dirs().map_err(unusable)?;
        Ok(home)
    }

    /// Opens a data directory that must be there, for every command but `up`; changes nothing.
    ///
    /// # Errors
    /// If there is none, or it is not ours.
    pub fn existing(path: &Path) -> Result<Self, HomeError> {
        let unusable = |source| HomeError::Unusable { path: path.to_owned(), source };
        if !path.exists() {
            return Err(HomeError::Never { path: path.to_owned() });
        }
        let home = Self { root: path.canonicalize().map_err(unusable)? };
        if home.is_marked() {
            return Ok(home);
        }
        let empty = fs::read_dir(&home.root).map_err(unusable)?.next().is_none();
        let path = path.to_owned();
        Err(if empty { HomeError::Never { path } } else { HomeError::Foreign { path } })
    }

    fn is_marked(&self) -> bool {
        self.root.join(MARK).is_file()
    }

    fn make_dirs(&self) -> io::Result<()> {
        for dir in ["log", "run", "zookeeper", "mesos", "scheduler"] {
            fs::create_dir_all(self.root.join(dir))?;
        }
        Ok(())
    }

    /// Forgets the data of the last run, and what was configured.
    ///
    /// # Errors
    /// If something cannot be removed, or the directory is no longer marked as ours.
    pub fn forget(&self) -> Result<(), HomeError> {
        let unusable = |source| HomeError::Unusable { path: self.root.clone(), source };
        if !self.is_marked() {
            return Err(HomeError::Foreign { path: self.root.clone() });
        }
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
        self.root.join("kafka-local.json")
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
        // Like /var: names of ours are no mark.
        for name in ["log", "mesos", "run"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(Home::open(dir.path()), Err(HomeError::Foreign { .. })));
        assert!(matches!(Home::existing(dir.path()), Err(HomeError::Foreign { .. })));
        assert!(matches!(Home::existing(&dir.path().join("x")), Err(HomeError::Never { .. })));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
        assert_eq!(dir.path().metadata().unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn only_up_makes_and_changes_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Home::existing(dir.path()), Err(HomeError::Never { .. })));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        // Found empty, it becomes ours.
        let home = Home::open(dir.path()).unwrap();
        fs::remove_dir(home.root().join("log")).unwrap();
        fs::set_permissions(home.root(), fs::Permissions::from_mode(0o750)).unwrap();
        assert_eq!(Home::existing(dir.path()).unwrap(), home);
        assert!(!home.root().join("log").exists());
        assert_eq!(home.root().metadata().unwrap().permissions().mode() & 0o777, 0o750);
        // A directory half forgotten is still ours; one that lost its mark is not.
        home.forget().unwrap();
        assert_eq!(Home::open(dir.path()).unwrap(), home);
        fs::remove_file(home.root().join(MARK)).unwrap();
        fs::write(home.scheduler().join("state"), "x").unwrap();
        assert!(matches!(home.forget(), Err(HomeError::Foreign { .. })));
        assert!(home.scheduler().join("state").exists());
    }
}
