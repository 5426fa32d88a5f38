//! `mesos-local` as a process: started, killed by halves and whole, stopped.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "a deadline needs a clock")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use mesos::{recordio, v1::scheduler};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mesos-local");

/// Any two ports.
const FREE: [&str; 4] = ["--master-port", "0", "--agent-port", "0"];

/// A running mesos-local; it is killed when the test ends, however it does.
struct Running {
    child: Child,
    master: String,
    agent: String,
}

impl Running {
    fn start(work_dir: &Path, ports: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .arg("--work-dir")
            .arg(work_dir)
            .args(["--resources", "cpus:4;mem:1024;disk:1024;ports:[31000-31009]"])
            .args(["--executor-shutdown-grace-period", "500ms", "--registration-backoff", "50ms"])
            .args(ports)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines: Vec<String> = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap)
            .take_while(|line| line != "ready")
            .collect();
        let url =
            |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        Self { master: url("master"), agent: url("agent"), child }
    }

    /// The ports it took, to start it again on them.
    fn ports(&self) -> [String; 4] {
        let port = |url: &str| url.rsplit(':').next().unwrap().to_owned();
        ["--master-port".to_owned(), port(&self.master), "--agent-port".to_owned(), port(&self.agent)]
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ctl(work_dir: &Path, verb: &str) -> (bool, String) {
    let output = Command::new(PROGRAM).args(["ctl", "--work-dir"]).arg(work_dir).arg(verb).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.success(), text)
}

async fn until<T>(what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(Instant::now() < end, "waited 30 s for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A client without TLS to choose a provider for.
fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

async fn agent_id(master: &str) -> Option<String> {
    let slaves: Value = client().get(format!("{master}/slaves")).send().await.ok()?.json().await.ok()?;
    let slave = &slaves["slaves"][0];
    slave["active"].as_bool()?.then(|| slave["id"].as_str().unwrap().to_owned())
}

/// Subscribes, and launches an executor that writes its pid and then does nothing, not even end; gives the pid.
async fn launch(master: &str, pid_file: &Path) -> i32 {
    let client = client();
    let info = json!({
        "user": nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name,
        "name": "t", "roles": ["r"], "checkpoint": true, "failover_timeout": 600.0,
        "capabilities": [{"type": "MULTI_ROLE"}, {"type": "RESERVATION_REFINEMENT"}, {"type": "PARTITION_AWARE"}],
    });
    let post = |body: Value| {
        client.post(format!("{master}/api/v1/scheduler")).header("Accept", "application/json").json(&body)
    };
    let subscribe = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}});
    let mut response = post(subscribe).send().await.unwrap();
    let stream = response.headers()["Mesos-Stream-Id"].clone();
    let mut decoder = recordio::Decoder::new(1 << 20);
    let mut offer = None;
    while offer.is_none() {
        decoder.push(&response.chunk().await.unwrap().unwrap());
        while let Some(record) = decoder.next_record().unwrap() {
            let event: scheduler::Event = mesos::Encoding::Json.decode(&record).unwrap();
            offer = event.offers.map(|mut offers| offers.offers.remove(0)).or(offer);
        }
    }
    let offer = offer.unwrap();
    let (framework, agent) =
        (json!({"value": offer.framework_id.value}), json!({"value": offer.agent_id.value}));
    let scalar = |name: &str, value: f64| json!({"name": name, "type": "SCALAR", "scalar": {"value": value}});
    let command = format!("echo $$ > {}; trap '' TERM; while :; do sleep 1; done", pid_file.display());
    let task = json!({
        "name": "t", "task_id": {"value": "t"}, "agent_id": agent,
        "resources": [scalar("cpus", 0.5), scalar("mem", 32.0)],
        "executor": {
            "type": "CUSTOM", "executor_id": {"value": "e"}, "command": {"value": command},
            "resources": [scalar("cpus", 0.1), scalar("mem", 32.0)],
        },
    });
    let accept = json!({
        "type": "ACCEPT", "framework_id": framework, "accept": {
            "offer_ids": [{"value": offer.id.value}],
            "operations": [{"type": "LAUNCH", "launch": {"task_infos": [task]}}],
        },
    });
    let answer = post(accept).header("Mesos-Stream-Id", stream).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    until("the executor's pid", async || std::fs::read_to_string(pid_file).ok()?.trim().parse().ok()).await
}

fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// The registry, the agent's id and a running executor survive the SIGKILL of the whole process; SIGTERM then leaves
/// no process behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_finds_everything_again_and_a_stopped_one_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let work_dir = directory.path().join("mesos");
    let running = Running::start(&work_dir, &FREE);
    let id = until("the agent", async || agent_id(&running.master).await).await;
    let pid = launch(&running.master, &directory.path().join("pid")).await;
    let ports = running.ports();
    running.signal(Signal::SIGKILL);
    drop(running);
    assert!(lives(pid), "an executor outlives its agent");

    let mut again = Running::start(&work_dir, &ports.each_ref().map(String::as_str));
    assert_eq!(until("the agent", async || agent_id(&again.master).await).await, id);
    again.signal(Signal::SIGTERM);
    assert!(again.child.wait().unwrap().success());
    assert!(!lives(pid), "its executor is gone with it");
    assert!(!work_dir.join("control.sock").exists());
}

/// What a stop has to end is an executor that ignores everything but SIGKILL.
#[tokio::test(flavor = "multi_thread")]
async fn executors_that_will_not_end_are_ended() {
    let directory = tempfile::tempdir().unwrap();
    let mut running = Running::start(&directory.path().join("mesos"), &FREE);
    until("the agent", async || agent_id(&running.master).await).await;
    let pid = launch(&running.master, &directory.path().join("pid")).await;
    running.signal(Signal::SIGINT);
    assert!(running.child.wait().unwrap().success());
    assert!(!lives(pid));
}

#[tokio::test(flavor = "multi_thread")]
async fn halves_are_killed_and_started_through_the_control_socket() {
    let directory = tempfile::tempdir().unwrap();
    let work_dir = directory.path().join("mesos");
    let running = Running::start(&work_dir, &FREE);
    let id = until("the agent", async || agent_id(&running.master).await).await;
    let halves =
        [("agent-kill", "agent-start", &running.agent), ("master-kill", "master-start", &running.master)];
    for (kill, start, url) in halves {
        let health = async || client().get(format!("{url}/health")).send().await;
        assert!(ctl(&work_dir, kill).0);
        assert!(ctl(&work_dir, kill).0, "killing what is down is fine");
        assert!(ctl(&work_dir, "status").1.contains(" down "));
        assert!(health().await.is_err(), "its port is closed");
        assert!(ctl(&work_dir, start).0);
        assert!(ctl(&work_dir, start).0, "starting what runs is fine");
        assert_eq!(health().await.unwrap().status(), 200, "it answers when start returns");
        assert_eq!(until("the agent", async || agent_id(&running.master).await).await, id);
    }
    assert!(ctl(&work_dir, "agent-unregister").0);
    assert!(ctl(&work_dir, "status").1.contains("agent down"));
}

#[test]
fn a_second_one_on_the_same_work_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let _running = Running::start(directory.path(), &FREE);
    let output = Command::new(PROGRAM).arg("--work-dir").arg(directory.path()).args(FREE).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("another mesos-local runs on"));
    let (done, text) = ctl(Path::new("/nonexistent"), "status");
    assert!(!done && text.contains("cannot reach mesos-local"), "{text}");
}
