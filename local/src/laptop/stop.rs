//! Stops a cluster in order: scheduler, brokers through Mesos' agent, Mesos, ZooKeeper (D47).
//!
//! It goes by pid files alone, so it works the same when `kafka-local` was killed. The scheduler goes first: otherwise it
//! would see its brokers end and start them again. ZooKeeper goes last: brokers need it to leave in an orderly way.

use std::{fs, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    child::{self, End},
    home::{Home, Part},
    identity::Identity,
    sweep,
};

/// Time for the scheduler to finish what it does.
const SCHEDULER: Duration = Duration::from_secs(20);
/// Time for all brokers to stop: each flushes its logs and, while it can, hands over what it leads.
const BROKERS: Duration = Duration::from_secs(120);
/// Time for brokers that the agent left behind.
const SWEEP: Duration = Duration::from_secs(60);
/// Time for ZooKeeper.
const ZOOKEEPER: Duration = Duration::from_secs(20);
/// Time for a supervisor to do all of the above.
const SUPERVISOR: Duration = Duration::from_secs(240);

/// Ends every part but the supervisor. `say` hears what happens; `force` makes it happen at once.
pub async fn parts(home: &Home, force: &CancellationToken, say: impl Fn(String)) {
    for (part, grace) in [(Part::Scheduler, SCHEDULER), (Part::Mesos, BROKERS), (Part::ZooKeeper, ZOOKEEPER)]
    {
        if let Some(identity) = Identity::running(&home.pid(part)) {
            let with = if part == Part::Mesos { "brokers and mesos-local" } else { part.name() };
            say(format!("stopping {with}"));
            if child::end(&identity, grace, force).await == End::Killed {
                say(format!("{} (pid {}) had to be killed", part.name(), identity.pid));
            }
        }
        // A file that cannot be removed names a process that has ended: harmless.
        let _ = fs::remove_file(home.pid(part));
        if part == Part::Mesos {
            let left = sweep::clear(&home.mesos(), SWEEP, force).await;
            if left > 0 {
                say(format!("ended {left} processes that a killed mesos-local had left behind"));
            }
        }
    }
}

/// Ends a whole cluster, its supervisor included. Returns whether anything ran.
pub async fn cluster(home: &Home, say: impl Fn(String)) -> bool {
    let force = CancellationToken::new();
    let mut any = !super::facts::running(home).is_empty() || !sweep::inside(&home.mesos()).is_empty();
    if let Some(supervisor) = Identity::running(&home.pid(Part::Supervisor)) {
        any = true;
        say(format!("stopping kafka-local (pid {}) and all it started", supervisor.pid));
        if child::end(&supervisor, SUPERVISOR, &force).await == End::Killed {
            say(format!("kafka-local (pid {}) had to be killed", supervisor.pid));
        }
    }
    parts(home, &force, say).await;
    let _ = fs::remove_file(home.pid(Part::Supervisor));
    any
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::cell::RefCell;

    use super::*;

    fn start(home: &Home, part: Part, script: &str) -> tokio::process::Child {
        let spec = child::Spec {
            part,
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            environment: Default::default(),
        };
        spec.start(home).unwrap().0
    }

    // D47: `stop` also works when kafka-local itself was killed; the order is kept.
    #[tokio::test]
    async fn a_cluster_without_its_supervisor_is_stopped_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(&dir.path().join("d")).unwrap();
        let parts = [Part::ZooKeeper, Part::Mesos, Part::Scheduler];
        let mut children: Vec<_> = parts.map(|part| start(&home, part, "exec /bin/sleep 60")).into();
        // A broker whose agent is not able to end it.
        let sandbox = home.mesos().join("sandbox");
        fs::create_dir_all(&sandbox).unwrap();
        let mut broker = std::process::Command::new("/bin/sleep");
        let mut broker = broker.arg("60").env("MESOS_DIRECTORY", &sandbox).spawn().unwrap();

        let said = RefCell::new(Vec::new());
        assert!(cluster(&home, |line| said.borrow_mut().push(line)).await);
        let said = said.into_inner();
        let expected = [
            "stopping kafka-scheduler",
            "stopping brokers and mesos-local",
            "ended 1 processes that a killed mesos-local had left behind",
            "stopping zookeeper",
        ];
        assert_eq!(said, expected);
        for child in &mut children {
            child.wait().await.unwrap();
        }
        broker.wait().unwrap();
        assert!(super::super::facts::running(&home).is_empty());
        assert!(!cluster(&home, |_| {}).await);
    }
}
