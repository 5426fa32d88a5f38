//! Keeps the parts of a cluster running, as an init system keeps ZooKeeper and Mesos and as Marathon keeps the
//! scheduler: what ends is started again, at once the first time and then with growing waits.

use std::{io, process::ExitStatus, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    backoff::Backoff,
    child::{self, Spec},
    home::{Home, Part},
};

/// Something happened to a part that its supervisor was not told to do.
#[derive(Debug)]
pub struct Notice {
    /// Which part.
    pub part: Part,
    /// What happened.
    pub what: What,
    /// How long until it is started again.
    pub again: Duration,
}

/// What happened to a part.
#[derive(Debug)]
pub enum What {
    /// It ended by itself, or somebody killed it.
    Ended(ExitStatus),
    /// It could not be started.
    NotStarted(io::Error),
}

/// Notices that wait for a reader; further ones are dropped, since each part's log tells the same.
const NOTICES: usize = 64;
/// Time for a scheduler to end when its settings change.
const GRACE: Duration = Duration::from_secs(20);

/// The running parts.
#[derive(Debug)]
pub struct Supervisor {
    tasks: JoinSet<()>,
    stopping: CancellationToken,
    reload: watch::Sender<u64>,
    sender: mpsc::Sender<Notice>,
}

impl Supervisor {
    /// Nothing runs yet; notices come out of the receiver.
    pub fn new() -> (Self, mpsc::Receiver<Notice>) {
        let (sender, notices) = mpsc::channel(NOTICES);
        let (tasks, stopping, reload) = (JoinSet::new(), CancellationToken::new(), watch::Sender::new(0));
        (Self { tasks, stopping, reload, sender }, notices)
    }

    /// Starts a part and keeps it running. `spec` is asked before each start, so that changed settings take effect.
    ///
    /// # Errors
    /// If even the first start fails.
    pub fn keep(
        &mut self,
        home: &Home,
        spec: impl Fn() -> io::Result<Spec> + Send + Sync + 'static,
    ) -> io::Result<()> {
        let first = spec()?;
        let (child, identity) = first.start(home)?;
        let mut keeper = Keeper {
            part: first.part,
            home: home.clone(),
            stopping: self.stopping.clone(),
            reload: self.reload.subscribe(),
            notices: self.sender.clone(),
            backoff: Backoff::default(),
        };
        self.tasks.spawn(async move {
            let mut running = Some((child, identity));
            while let Some((mut child, identity)) = running.take() {
                let since = Instant::now();
                let wait = tokio::select! {
                    status = child.wait() => match status {
                        _ if keeper.stopping.is_cancelled() => return,
                        Ok(status) => keeper.ended(What::Ended(status), since.elapsed()),
                        Err(error) => keeper.ended(What::NotStarted(error), since.elapsed()),
                    },
                    () = keeper.reloaded() => {
                        tokio::join!(child::end(&identity, GRACE, &keeper.stopping), child.wait()).0;
                        Duration::ZERO
                    }
                };
                running = keeper.start_again(wait, &spec).await;
            }
        });
        Ok(())
    }

    /// Restarts the scheduler alone.
    pub fn reload(&self) {
        self.reload.send_modify(|count| *count += 1);
    }

    /// From now on what ends stays ended.
    pub fn release(&self) {
        self.stopping.cancel();
    }

    /// Waits until every part has ended and was reaped.
    pub async fn join(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// What looks after one part.
struct Keeper {
    part: Part,
    home: Home,
    stopping: CancellationToken,
    reload: watch::Receiver<u64>,
    notices: mpsc::Sender<Notice>,
    backoff: Backoff,
}

impl Keeper {
    /// Resolves when this part is to be restarted with changed settings: only ever the scheduler.
    async fn reloaded(&mut self) {
        if self.part != Part::Scheduler || self.reload.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn ended(&mut self, what: What, ran: Duration) -> Duration {
        let again = self.backoff.ended(ran);
        // A full queue has no reader: the part's own log tells the same.
        let _ = self.notices.try_send(Notice { part: self.part, what, again });
        again
    }

    /// Waits and starts; `None` once the cluster stops.
    async fn start_again(
        &mut self,
        mut wait: Duration,
        spec: &impl Fn() -> io::Result<Spec>,
    ) -> Option<(tokio::process::Child, super::identity::Identity)> {
        loop {
            let stopping = self.stopping.clone();
            tokio::select! {
                biased;
                () = stopping.cancelled() => return None,
                () = tokio::time::sleep(wait) => {}
                // New settings are tried at once.
                () = self.reloaded() => {}
            }
            // From here to the pid file nothing awaits: on one thread no stop can fall in between and miss the process.
            match spec().and_then(|spec| spec.start(&self.home)) {
                Ok(started) => return Some(started),
                Err(error) => wait = self.ended(What::NotStarted(error), Duration::ZERO),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::fs;

    use nix::sys::signal::Signal;

    use super::*;
    use crate::laptop::identity::Identity;

    fn sleeper(part: Part) -> Spec {
        Spec {
            part,
            program: "/bin/sleep".into(),
            arguments: vec!["60".to_owned()],
            environment: Default::default(),
        }
    }

    async fn another(home: &Home, part: Part, than: Option<&Identity>) -> Identity {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match Identity::running(&home.pid(part)) {
                Some(identity) if Some(&identity) != than => return identity,
                _ => assert!(Instant::now() < deadline, "{part:?} is not started again"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    // D47: supervises what it starts, and starts a killed scheduler again.
    #[tokio::test]
    async fn what_is_killed_is_started_again_until_released() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(&dir.path().join("d")).unwrap();
        let (mut supervisor, mut notices) = Supervisor::new();
        supervisor.keep(&home, || Ok(sleeper(Part::Scheduler))).unwrap();
        supervisor.keep(&home, || Ok(sleeper(Part::Mesos))).unwrap();
        let first = another(&home, Part::Scheduler, None).await;
        let mesos = another(&home, Part::Mesos, None).await;
        assert!(first.signal(Signal::SIGKILL));
        let notice = notices.recv().await.unwrap();
        assert_eq!((notice.part, notice.again), (Part::Scheduler, Duration::ZERO));
        assert!(matches!(notice.what, What::Ended(status) if !status.success()));
        let second = another(&home, Part::Scheduler, Some(&first)).await;

        // `configure` restarts the scheduler alone, and that is no notice.
        supervisor.reload();
        let third = another(&home, Part::Scheduler, Some(&second)).await;
        assert!(!second.alive() && mesos.alive());
        assert!(notices.try_recv().is_err());

        supervisor.release();
        child::end(&third, Duration::from_secs(20), &CancellationToken::new()).await;
        child::end(&mesos, Duration::from_secs(20), &CancellationToken::new()).await;
        supervisor.join().await;
        assert_eq!(Identity::running(&home.pid(Part::Scheduler)), None);
    }

    #[tokio::test]
    async fn a_start_that_fails_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(&dir.path().join("d")).unwrap();
        let (mut supervisor, mut notices) = Supervisor::new();
        let gone = dir.path().join("gone");
        let program = gone.clone();
        let spec = move || {
            let program = if program.exists() { "/nowhere".into() } else { "/bin/sleep".into() };
            Ok(Spec { program, ..sleeper(Part::ZooKeeper) })
        };
        supervisor.keep(&home, spec).unwrap();
        let first = another(&home, Part::ZooKeeper, None).await;
        fs::write(&gone, "").unwrap();
        first.signal(Signal::SIGKILL);
        assert!(matches!(notices.recv().await.unwrap().what, What::Ended(_)));
        assert!(matches!(notices.recv().await.unwrap().what, What::NotStarted(_)));
        fs::remove_file(&gone).unwrap();
        let second = another(&home, Part::ZooKeeper, Some(&first)).await;
        supervisor.release();
        second.signal(Signal::SIGKILL);
        supervisor.join().await;
    }
}
