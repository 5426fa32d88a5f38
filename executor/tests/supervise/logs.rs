//! Logs of a process that is no Kafka: shipped to the last line, kept small, and never in its way.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::MetadataExt as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use api::launch::{Logs, Syslog, SyslogFormat};
use mesos::v1::TaskState;
use nix::sys::signal::Signal;

use crate::{
    agent::Agent,
    executor::{Executor, contract, task},
    wait_for,
    zookeeper::FakeZooKeeper,
};

const TASK: &str = "broker-1__00000000-0000-0000-0000-000000000009";

/// Takes whatever comes over TCP, in a thread for each connection; or accepts and reads nothing.
struct Receiver {
    address: String,
    bytes: Arc<Mutex<Vec<u8>>>,
    reads: Arc<AtomicBool>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let receiver = Self { address, bytes: Arc::default(), reads: Arc::new(AtomicBool::new(true)) };
        let (bytes, reads) = (Arc::clone(&receiver.bytes), Arc::clone(&receiver.reads));
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (bytes, reads) = (Arc::clone(&bytes), Arc::clone(&reads));
                std::thread::spawn(move || read(socket, &bytes, &reads));
            }
        });
        receiver
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }
}

fn read(mut socket: TcpStream, bytes: &Mutex<Vec<u8>>, reads: &AtomicBool) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        while !reads.load(Ordering::Relaxed) {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        match socket.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(read) => bytes.lock().unwrap().write_all(&buffer[..read]).unwrap(),
        }
    }
}

/// A script as the broker, its logs going to the receiver if there is one, our own as well if `executor`.
async fn logging(
    script: &str,
    receiver: Option<&Receiver>,
    executor: bool,
    sandbox_mb: u32,
) -> (Executor, Agent, FakeZooKeeper) {
    let zookeeper = FakeZooKeeper::start().await;
    let mut contract = contract(&zookeeper.connect);
    let syslog = receiver.map(|receiver| Syslog {
        uri: receiver.address.clone(),
        facility: "daemon".to_owned(),
        format: SyslogFormat::Rfc5424,
        ca_file: None,
        spool_mb: 64,
        executor,
    });
    contract.logs = Logs { syslog, sandbox_mb };
    let agent = Agent::start(task(&contract, 10.0)).await;
    let mut executor = Executor::with_java(script);
    executor.start(agent.address);
    (executor, agent, zookeeper)
}

// D24, D44: what it wrote last goes before we do; our own lines go when asked to.
#[tokio::test]
async fn the_last_words_of_the_jvm_are_shipped() {
    let receiver = Receiver::start();
    let script = "echo '[2026-07-25 20:46:53,123] INFO first (a)'\necho side > logs/controller.log\n\
                  echo '[2026-07-25 20:46:54,000] FATAL last (b)'\necho 'Exception in thread \"main\" E' >&2\n\
                  printf '\\tat the end' >&2\nexit 7";
    let (mut executor, agent, _zookeeper) = logging(script, Some(&receiver), true, 256).await;
    agent.state(TaskState::TaskFailed).await;
    executor.end_well().await;
    let data = |stream: &str| {
        format!(
            "[kafka@32473 framework=\"kafka\" broker=\"1\" task=\"{TASK}\" \
             config=\"00000000-0000-0000-0000-000000000007\" stream=\"{stream}\"] "
        )
    };
    for (priority, stream, expect) in [
        (30, "stdout", "first (a)"),
        (26, "stdout", "last (b)"),
        (27, "stderr", "Exception in thread \"main\" E\n\tat the end"),
        (30, "controller", "side"),
    ] {
        // What was sent may come after the executor's end.
        let part = format!("{}{expect}", data(stream));
        let frame = wait_for(&part, || {
            receiver.text().split(" <").find(|frame| frame.contains(&part)).map(str::to_owned)
        })
        .await;
        assert!(frame.starts_with(&format!("{priority}>1 ")), "{frame}");
    }
    let own = format!(" kafka-executor {} stderr {}", executor.pid(), data("stderr"));
    for part in [&own, "the JVM is started"] {
        wait_for(part, || receiver.text().contains(part).then_some(())).await;
    }
}

/// Some 16 MB in lines of 209 bytes.
const FLOOD: &str = "line=$(printf 'x%.0s' {1..170})\n\
    for ((i = 100000; i < 180000; i++)); do echo \"[2026-07-25 20:46:53,123] INFO $i $line\"; done\n\
    echo > written\nexec sleep 1000";

// Issue 4: never slows or blocks the JVM.
#[tokio::test]
async fn a_flood_meets_no_obstacle() {
    let receiver = Receiver::start();
    receiver.reads.store(false, Ordering::Relaxed);
    let (mut executor, agent, _zookeeper) = logging(FLOOD, Some(&receiver), false, 256).await;
    executor.written("written").await;
    assert!(receiver.bytes.lock().unwrap().is_empty(), "it was done before anything was taken");
    receiver.reads.store(true, Ordering::Relaxed);
    let last = b"] 179999 xxx";
    let near_the_end =
        |bytes: &[u8]| bytes[bytes.len().saturating_sub(1 << 12)..].windows(12).any(|at| at == last);
    wait_for("the last line", || near_the_end(&receiver.bytes.lock().unwrap()).then_some(())).await;
    let text = receiver.text();
    let found: std::collections::BTreeSet<&str> =
        text.split("stream=\"stdout\"] ").skip(1).filter_map(|text| text.get(..6)).collect();
    assert_eq!(found.len(), 80_000);
    agent.kill(TASK, None);
    agent.state(TaskState::TaskKilled).await;
    executor.end_well().await;
}

// D39: the sandbox stays within its size, and whoever writes does not notice.
#[tokio::test]
async fn a_flood_stays_within_the_sandbox() {
    let (mut executor, agent, _zookeeper) = logging(FLOOD, None, false, 4).await;
    executor.written("written").await;
    let taken = || {
        let files = ["stdout", "stderr"].map(|name| std::fs::metadata(executor.path(name)).unwrap());
        files.iter().map(|file| file.blocks() * 512).sum::<u64>()
    };
    wait_for("a small sandbox", || (taken() <= 4 << 20).then_some(())).await;
    let text = std::fs::read(executor.path("stdout")).unwrap();
    assert_eq!(text.len(), 80_000 * 209, "offsets stay");
    assert!(text.ends_with(b"x\n") && text[text.len() - (2 << 20)..].iter().all(|byte| *byte != 0));
    agent.kill(TASK, None);
    agent.state(TaskState::TaskKilled).await;
    executor.end_well().await;
}

// A server that takes nothing, or is not there, does not keep a dead broker's executor.
#[tokio::test]
async fn a_silent_server_holds_up_no_end() {
    let receiver = Receiver::start();
    receiver.reads.store(false, Ordering::Relaxed);
    let script = "trap 'exit 143' TERM\necho $$ > pid\nwhile :; do echo some line; sleep 0.01; done";
    let (mut executor, agent, _zookeeper) = logging(script, Some(&receiver), false, 0).await;
    executor.written("pid").await;
    executor.signal(Signal::SIGTERM);
    agent.state(TaskState::TaskFailed).await;
    let began = std::time::Instant::now();
    executor.end_well().await;
    assert!(began.elapsed() < std::time::Duration::from_secs(30), "{:?}", began.elapsed());
}
