//! The agent half with real processes that misbehave, and a master played by the test.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use mesos::resource::parse;
use mesos::v1;
use mesos::v1::TaskState;
use mesos::v1::task_status::Reason;
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::process::Identity;
use super::{Options, Running, start};
use crate::link::{ToAgent, ToMaster};
use crate::shell::Executors;
use crate::shell::door::{DoorKeeper, MasterEnd};

const DEADLINE: Duration = Duration::from_secs(30);

/// A directory, a door, and the master's end of the link through it.
struct Bench {
    directory: TempDir,
    door: DoorKeeper,
    links: mpsc::Receiver<MasterEnd>,
    link: Option<MasterEnd>,
    running: Option<Running>,
}

impl Bench {
    async fn new() -> Self {
        let door = DoorKeeper::new();
        let links = door.open();
        let mut bench =
            Self { directory: tempfile::tempdir().unwrap(), door, links, link: None, running: None };
        bench.start().await;
        let ToMaster::Register { .. } = bench.heard().await else { panic!() };
        bench.say(ToAgent::Registered { agent_id: id() });
        bench
    }

    async fn start(&mut self) {
        let address = ([127, 0, 0, 1], 0).into();
        let resources = parse::resources("cpus:4;mem:1024").unwrap();
        let options = Options {
            executor_reregistration_timeout: Duration::from_millis(300),
            ..Options::new(address, self.directory.path().join("agent"), resources)
        };
        self.running = Some(start(options, self.door.door()).await.unwrap());
        self.link = self.links.recv().await;
    }

    async fn kill(&mut self) {
        self.running.take().unwrap().kill().await;
        self.link = None;
    }

    fn say(&self, message: ToAgent) {
        self.link.as_ref().unwrap().to_agent.try_send(message).unwrap();
    }

    async fn heard(&mut self) -> ToMaster {
        let heard = self.link.as_mut().unwrap().from_agent.recv();
        tokio::time::timeout(DEADLINE, heard).await.expect("the agent says something in time").unwrap()
    }

    fn run(&self, checkpoint: bool, script: &str) {
        let path = std::env::var("PATH").unwrap();
        let path = v1::environment::Variable { name: "PATH".into(), value: Some(path), ..Default::default() };
        let command = v1::CommandInfo {
            value: Some(script.into()),
            environment: Some(v1::Environment { variables: vec![path] }),
            ..Default::default()
        };
        let framework_id = Some(v1::FrameworkId { value: "F".into() });
        self.say(ToAgent::RunTask {
            framework: Box::new(v1::FrameworkInfo {
                user: nix::unistd::User::from_uid(nix::unistd::Uid::effective()).unwrap().unwrap().name,
                id: framework_id.clone(),
                checkpoint: Some(checkpoint),
                ..Default::default()
            }),
            executor: Box::new(v1::ExecutorInfo {
                executor_id: v1::ExecutorId { value: "E".into() },
                framework_id,
                command: Some(command),
                shutdown_grace_period: Some(v1::DurationInfo { nanoseconds: 0 }),
                ..Default::default()
            }),
            task: Box::new(v1::TaskInfo {
                task_id: v1::TaskId { value: "T".into() },
                agent_id: id(),
                ..Default::default()
            }),
        });
    }

    fn sandbox(&self) -> PathBuf {
        self.directory.path().join("agent/slaves/A/frameworks/F/executors/E/runs/latest")
    }

    /// The processes that noted themselves in the sandbox's file `pids`, once there are as many.
    async fn processes(&self, count: usize) -> Vec<Identity> {
        let path = self.sandbox().join("pids");
        until(|| lines(&path).len() == count).await;
        lines(&path).iter().map(|pid| Identity::of(pid.parse().unwrap()).unwrap()).collect()
    }
}

fn id() -> v1::AgentId {
    v1::AgentId { value: "A".into() }
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(str::to_owned).collect()
}

async fn until(mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("in time");
}

/// Alive, and no zombie that only waits for its parent.
fn runs(process: &Identity) -> bool {
    process.exists() && super::process::Stat::read(process.pid).is_ok_and(|stat| !stat.zombie)
}

/// Children in the same session, in one of their own, and daemons whose parent has gone: all deaf to SIGTERM.
const FAMILY: &str = r#"
trap '' TERM HUP INT
sh -c 'trap "" TERM HUP; echo $$ >> pids; while :; do sleep 1; done' &
setsid sh -c 'trap "" TERM HUP; echo $$ >> pids; while :; do sleep 1; done' &
(setsid sh -c 'trap "" TERM HUP; echo $$ >> pids; while :; do sleep 1; done' &)
setsid env -i "PATH=$PATH" sh -c 'trap "" TERM HUP; echo $$ >> pids; while :; do sleep 1; done' &
echo $$ >> pids
while :; do sleep 1; done
"#;

#[tokio::test]
async fn destroying_ends_the_whole_family() {
    let mut bench = Bench::new().await;
    bench.run(true, FAMILY);
    let family = bench.processes(5).await;
    bench.say(ToAgent::ShutdownExecutor {
        framework_id: v1::FrameworkId { value: "F".into() },
        executor_id: v1::ExecutorId { value: "E".into() },
    });
    let ToMaster::Update { status, .. } = bench.heard().await else { panic!() };
    assert_eq!((status.state(), status.reason()), (TaskState::TaskFailed, Reason::ExecutorTerminated));
    let ToMaster::ExecutorExited { status: 9, .. } = bench.heard().await else { panic!() };
    // Told only once nobody is left.
    assert_eq!(family.iter().filter(|process| runs(process)).count(), 0);
    bench.kill().await;
}

#[tokio::test]
async fn stragglers_end_with_the_executor() {
    let mut bench = Bench::new().await;
    bench.run(true, "(setsid sh -c 'echo $$ >> pids; while :; do sleep 1; done' &); while [ ! -s pids ]; do sleep 0.01; done; exit 3");
    let ToMaster::Update { .. } = bench.heard().await else { panic!() };
    let ToMaster::ExecutorExited { status, .. } = bench.heard().await else { panic!() };
    assert_eq!(status, 3 << 8);
    let pid: u32 = lines(&bench.sandbox().join("pids"))[0].parse().unwrap();
    assert!(super::process::Stat::read(pid).is_ok_and(|stat| stat.zombie) || Identity::of(pid).is_err());
    bench.kill().await;
}

#[tokio::test]
async fn an_end_while_the_agent_was_down_is_noticed_with_its_status() {
    let mut bench = Bench::new().await;
    bench.run(true, "echo $$ >> pids; while [ ! -e go ]; do sleep 0.01; done; exit 3");
    let process = bench.processes(1).await.remove(0);
    bench.kill().await;
    assert!(runs(&process), "a killed agent leaves its executors alone");
    std::fs::write(bench.sandbox().join("go"), "").unwrap();
    until(|| !runs(&process)).await;
    bench.start().await;
    let ToMaster::Reregister { info, tasks, executors, .. } = bench.heard().await else { panic!() };
    assert_eq!((info.id, executors.len()), (Some(id()), 0));
    // It never subscribed, so its task was never handed over: the master learns that from the list alone.
    assert!(tasks.is_empty());
    bench.kill().await;
}

#[tokio::test]
async fn processes_of_nobody_are_ended_at_the_next_start() {
    let mut bench = Bench::new().await;
    bench.run(false, FAMILY);
    let family = bench.processes(5).await;
    bench.kill().await;
    bench.start().await;
    until(|| !family.iter().any(runs)).await;
    bench.kill().await;
}

#[tokio::test]
async fn a_process_environment_and_place_are_as_told() {
    let mut bench = Bench::new().await;
    bench.run(true, "env > environment; pwd -P > place; ps -o pid=,sid= -p $$ > session; echo $$ >> pids; exec sleep 1000");
    bench.processes(1).await;
    let sandbox = bench.sandbox().canonicalize().unwrap();
    let environment = lines(&sandbox.join("environment"));
    let names: Vec<&str> = environment.iter().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    let foreign = |name: &&&str| {
        !name.starts_with("MESOS_")
            && !name.starts_with("LIBPROCESS_")
            && !["PATH", "PWD", "_", "SHLVL"].contains(name)
    };
    assert_eq!(names.iter().find(foreign), None, "nothing of the agent's own environment");
    assert!(environment.contains(&format!("MESOS_DIRECTORY={}", sandbox.display())));
    assert_eq!(lines(&sandbox.join("place")), [sandbox.display().to_string()]);
    let session = lines(&sandbox.join("session")).join(" ");
    let ids: Vec<&str> = session.split_whitespace().collect();
    assert!(ids.len() == 2 && ids[0] == ids[1], "it leads a session of its own: {session}");
    bench.running.take().unwrap().stop(Executors::End { within: Duration::ZERO }).await;
}
