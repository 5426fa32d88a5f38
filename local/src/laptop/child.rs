//! Starts one part of the cluster as a process of its own group, and ends it again.

use std::{
    fs::{self, OpenOptions},
    io,
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use nix::sys::signal::Signal;
use tokio::{process::Command, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    environment::Environment,
    home::{Home, Part},
    identity::Identity,
};

/// How to start a part.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Which.
    pub part: Part,
    /// Program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub environment: Environment,
}

/// A log longer than this is put aside at the next start; one old log is kept.
const LOG_LIMIT: u64 = 16 * 1024 * 1024;
/// How often a process that was asked to end is looked at.
const LOOK: Duration = Duration::from_millis(20);

impl Spec {
    /// Starts the part in a process group of its own, so that a Ctrl-C in the terminal reaches `kafka-local` alone, which
    /// then stops everything in order. Its output goes to its log.
    pub fn start(&self, home: &Home) -> io::Result<(tokio::process::Child, Identity)> {
        let path = home.log(self.part);
        if path.metadata().is_ok_and(|meta| meta.len() > LOG_LIMIT) {
            fs::rename(&path, path.with_extension("log.old"))?;
        }
        let log = OpenOptions::new().create(true).append(true).open(&path)?;
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir(home.root())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let ended = || io::Error::other("it ended at once");
        let identity = pid.and_then(Identity::of).ok_or_else(ended)?;
        if let Err(error) = identity.save(&home.pid(self.part)) {
            // Without its pid file nobody would ever stop it. Its end is all that can still be asked for here.
            identity.signal_group(Signal::SIGKILL);
            let _ = child.start_kill();
            return Err(error);
        }
        Ok((child, identity))
    }
}

/// How a process ended that was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Gently,
    /// With SIGKILL to its group: it took too long, or the user wants it now.
    Killed,
}

/// Asks a process to end with SIGTERM and waits; after `grace`, or as soon as `force` is cancelled, kills its group.
pub async fn end(identity: &Identity, grace: Duration, force: &CancellationToken) -> End {
    identity.signal(Signal::SIGTERM);
    let deadline = Instant::now() + grace;
    let mut how = End::Gently;
    while identity.alive() {
        if force.is_cancelled() || Instant::now() >= deadline {
            how = End::Killed;
            identity.signal_group(Signal::SIGKILL);
            identity.signal(Signal::SIGKILL);
        }
        tokio::time::sleep(LOOK).await;
    }
    how
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn shell(home: &Home, script: &str) -> (tokio::process::Child, Identity) {
        let spec = Spec {
            part: Part::ZooKeeper,
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            environment: [("MARK".to_owned(), "here".to_owned())].into(),
        };
        spec.start(home).unwrap()
    }

    async fn logged(home: &Home, word: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !fs::read_to_string(home.log(Part::ZooKeeper)).unwrap().contains(word) {
            assert!(Instant::now() < deadline, "{word} never came");
            tokio::time::sleep(LOOK).await;
        }
    }

    #[tokio::test]
    async fn a_part_has_its_own_group_log_and_environment() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(&dir.path().join("d")).unwrap();
        let (mut child, identity) = shell(&home, "echo $MARK in $PWD; echo err >&2; exec /bin/sleep 60");
        logged(&home, "err").await;
        let log = fs::read_to_string(home.log(Part::ZooKeeper)).unwrap();
        assert!(log.contains(&format!("here in {}", home.root().display())), "{log}");
        let group = nix::unistd::getpgid(Some(nix::unistd::Pid::from_raw(identity.pid))).unwrap();
        assert_eq!(group.as_raw(), identity.pid);
        assert_eq!(Identity::running(&home.pid(Part::ZooKeeper)), Some(identity.clone()));
        assert_eq!(end(&identity, Duration::from_secs(20), &CancellationToken::new()).await, End::Gently);
        child.wait().await.unwrap();
        assert_eq!(Identity::running(&home.pid(Part::ZooKeeper)), None);
    }

    // D47: what no pid file names, `stop` would not find.
    #[tokio::test]
    async fn a_part_without_a_pid_file_does_not_live_on() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(&dir.path().join("d")).unwrap();
        fs::create_dir(home.pid(Part::ZooKeeper)).unwrap();
        let spec = Spec {
            part: Part::ZooKeeper,
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), "/bin/sleep 60 & wait".to_owned()],
            environment: [("MESOS_DIRECTORY".to_owned(), home.mesos().display().to_string())].into(),
        };
        spec.start(&home).unwrap_err();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !super::super::sweep::inside(&home.mesos()).is_empty() {
            assert!(Instant::now() < deadline, "it lives on");
            tokio::time::sleep(LOOK).await;
        }
    }

    // D47: Ctrl-C stops everything; a second one does so now.
    #[tokio::test]
    async fn a_part_that_ignores_the_request_is_killed() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(&dir.path().join("d")).unwrap();
        let deaf = "trap '' TERM; echo deaf; while :; do /bin/sleep 1; done";
        let (mut child, identity) = shell(&home, deaf);
        logged(&home, "deaf").await;
        assert_eq!(end(&identity, Duration::from_millis(100), &CancellationToken::new()).await, End::Killed);
        child.wait().await.unwrap();

        fs::remove_file(home.log(Part::ZooKeeper)).unwrap();
        let (mut child, identity) = shell(&home, deaf);
        logged(&home, "deaf").await;
        let force = CancellationToken::new();
        force.cancel();
        assert_eq!(end(&identity, Duration::from_secs(600), &force).await, End::Killed);
        child.wait().await.unwrap();
    }
}
