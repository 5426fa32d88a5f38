//! What the JVM is started with, shown on scripts and on real ones.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use api::message::ToExecutor;
use executor::archive::{Archive, Use};
use mesos::v1::TaskState;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, geteuid},
};

use crate::{
    agent::Agent,
    executor::{Executor, contract, free_port, task},
    kafka::{Ensemble, KAFKA, TASK, broker, distribution, executor, executor_of, launched},
    wait_for,
    zookeeper::FakeZooKeeper,
};

const EXECUTOR: &str = env!("CARGO_BIN_EXE_kafka-executor");

/// A script that tells what it was given.
const TELLS: &str = "umask > umask\nulimit -n > descriptors\nulimit -Hn > descriptors-hard\nulimit -c > core\n\
                     ls /proc/$$/fd > open\nid -u > user\ntouch data/made\necho $$ > pid\nexec sleep 1000";

// Nothing but stdin, stdout and stderr, as many descriptors as allowed, no cores, files for owner and group.
#[tokio::test]
async fn the_jvm_inherits_what_it_should_and_nothing_else() {
    let zookeeper = FakeZooKeeper::start().await;
    let agent = Agent::start(task(&contract(&zookeeper.connect), 5.0)).await;
    let mut executor = Executor::with_java(TELLS);
    // An agent that leaves files open, and limits low.
    let careless = "exec 7</etc/passwd 8>left-open; ulimit -Sn 64; ulimit -Sc hard; umask 000; exec \"$0\"";
    executor.start_by(&["bash", "-c", careless, EXECUTOR], agent.address);
    executor.written("pid").await;
    // 255 is bash's own, for its script.
    assert_eq!(executor.read("open").split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "255"]);
    assert_eq!(executor.read("umask"), "0027\n");
    assert_eq!(executor.read("core"), "0\n");
    assert_eq!(executor.read("descriptors"), executor.read("descriptors-hard"), "raised to what is allowed");
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap().trim();
    const SYS_RESOURCE: u64 = 1 << 24;
    if u64::from_str_radix(capabilities, 16).unwrap() & SYS_RESOURCE != 0 {
        let most = fs::read_to_string("/proc/sys/fs/nr_open").unwrap().trim().parse().unwrap();
        let limit: u64 = executor.read("descriptors").trim().parse().unwrap();
        assert!(limit >= (1 << 20).min(most), "who may raises the hard limit too: {limit}");
    }
    let log = executor.read("stderr");
    assert!(log.contains("descriptors"), "{log}");
    let mode = |name| fs::metadata(executor.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("server.properties"), mode("logs"), mode("data/made")), (0o600, 0o750, 0o640));
    agent.kill(TASK, None);
    agent.state(TaskState::TaskKilled).await;
    executor.end_well().await;
}

// FRAMEWORK_USER: Mesos switches the executor's user; all of ours works without being root.
#[tokio::test]
async fn a_user_that_is_not_root_runs_brokers() {
    const NOBODY: u32 = 65534;
    let zookeeper = FakeZooKeeper::start().await;
    let agent = Agent::start(task(&contract(&zookeeper.connect), 5.0)).await;
    let mut executor = Executor::with_java(&format!("(setsid sleep 1001 &)\n{TELLS}"));
    // Where the build lies may be closed to others; the agent's fetcher puts programs here too.
    fs::copy(EXECUTOR, executor.path("kafka-executor")).unwrap();
    let program = executor.path("kafka-executor").to_str().unwrap().to_owned();
    let user = if geteuid().is_root() {
        // The sandbox is the user's, what is above it is root's.
        give(executor.sandbox.path(), NOBODY);
        let limits = ["prlimit", "--nofile=4096:4096", "--"];
        let switch = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        executor.start_by(&[&limits[..], &switch, &[&*program]].concat(), agent.address);
        NOBODY
    } else {
        executor.start_by(&["prlimit", "--nofile=4096:4096", "--", &program], agent.address);
        geteuid().as_raw()
    };
    executor.written("pid").await;
    assert_eq!(executor.read("user"), format!("{user}\n"));
    assert_eq!(executor.read("descriptors"), "4096\n");
    let warning = "fewer descriptors than a broker may need (100000), and this user may not raise the limit";
    assert!(executor.read("stderr").contains(warning), "{}", executor.read("stderr"));
    agent.kill(TASK, None);
    let killed = agent.state(TaskState::TaskKilled).await;
    assert_eq!(executor.processes(), [], "grandchildren are swept too: {}", killed.message());
    executor.end_well().await;
}

fn give(path: &Path, user: u32) {
    chown(path, Some(user), Some(user)).unwrap();
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give(&entry.unwrap().path(), user));
    }
}

// S-081, D18, D34, D36, D44: the other line of Kafka that is supported, on the same Java.
#[tokio::test]
async fn kafka_2_8_serves_and_stops_gently() {
    let ensemble = Ensemble::start().await;
    let volume = tempfile::tempdir().unwrap();
    let contract = broker(&ensemble, &[]);
    let mut executor = executor_of("2.8.2", volume.path());
    let agent = launched(&mut executor, &contract).await;
    let running = agent.state(TaskState::TaskRunning).await;
    assert_eq!(running.message(), "broker 1 is registered and answers");
    assert!(executor.read("stdout").contains("Kafka version: 2.8.2"), "its own word");
    assert!(!executor.read("logs/controller.log").is_empty());
    assert!(!executor.read("stdout").contains("(kafka.controller."), "side logs do not go to stdout too");
    stops_gently(&mut executor, &agent).await;
}

async fn stops_gently(executor: &mut Executor, agent: &Agent) {
    agent.kill(TASK, None);
    let killed = agent.state(TaskState::TaskKilled).await;
    let gently = "killed as asked; the JVM exited with code 143 ";
    assert!(killed.message().starts_with(gently), "{}", killed.message());
    assert!(executor.read("stdout").contains("shut down completed (kafka.server.KafkaServer)"));
    executor.end_well().await;
}

// S-066, D39: it exits, so that it is noticed, and its heap is left behind for whoever looks for the reason.
#[tokio::test]
async fn a_jvm_out_of_memory_exits_and_leaves_its_heap_where_there_is_room() {
    let ensemble = Ensemble::start().await;
    let volume = tempfile::tempdir().unwrap();
    let mut contract = broker(&ensemble, &[]);
    contract.heap_mb = 16;
    let mut executor = executor(volume.path());
    let agent = launched(&mut executor, &contract).await;
    let failed = agent.state(TaskState::TaskFailed).await;
    assert!(failed.message().contains("its heap of 16 MiB is full"), "{}", failed.message());
    executor.end_well().await;
    let dumped = fs::metadata(executor.path("heap.hprof")).expect("this disk has room for 16 MiB").len();
    assert!(dumped > 1 << 20, "{dumped} bytes are no heap");
}

// D32, D39: made once, off the broker's path; mapped from another sandbox on the same volume; dropped when it is no
// good. And what listens: the broker's port alone, and JMX's when asked.
#[tokio::test]
async fn the_second_start_maps_the_classes_of_the_first() {
    let ensemble = Ensemble::start().await;
    let volume = tempfile::tempdir().unwrap();
    let mut contract = broker(&ensemble, &[]);
    contract.jvm_archive = true;

    let mut first = executor(volume.path());
    let agent = launched(&mut first, &contract).await;
    agent.state(TaskState::TaskRunning).await;
    let [jvm] = first.processes()[..] else { panic!("one JVM") };
    assert_eq!(listening(jvm), [contract.port].into(), "nothing but the broker listens");
    assert!(first.read("jvm-archive.classes").contains("kafka/server/KafkaServer"));
    let archive = made(&first, volume.path()).await;
    assert!(first.read("stderr").contains("the class-data archive is made"), "and it is said");
    stops_gently(&mut first, &agent).await;

    contract.jmx_port = Some(free_port());
    let mut second = executor(volume.path());
    let agent = launched(&mut second, &contract).await;
    agent.state(TaskState::TaskRunning).await;
    let [jvm] = second.processes()[..] else { panic!("one JVM") };
    let maps = fs::read_to_string(format!("/proc/{jvm}/maps")).unwrap();
    assert!(maps.contains(&archive), "{archive} is not mapped");
    let ports = listening(jvm);
    assert!(ports.is_superset(&[contract.port, contract.jmx_port.unwrap()].into()), "{ports:?}");
    assert!(ports.len() <= 3, "the JVM's own for tools on this machine, and no other: {ports:?}");
    assert!(!second.path("jvm-archive.classes").exists(), "nothing is noted any more");
    stops_gently(&mut second, &agent).await;

    // What the disk did to it the JVM sees, is silent, and serves; it is gone then, for a new one to be made.
    let mut bytes = fs::read(volume.path().join(&archive)).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle..middle + 4096].fill(0x5a);
    fs::remove_file(volume.path().join(&archive)).unwrap();
    fs::write(volume.path().join(&archive), bytes).unwrap();
    let mut third = executor(volume.path());
    let agent = launched(&mut third, &contract).await;
    agent.state(TaskState::TaskRunning).await;
    wait_for("end of the bad archive", || (!volume.path().join(&archive).exists()).then_some(())).await;
    let said = third.read("stdout");
    assert!(!said.contains("[cds") && !said.contains("[warning]"), "{said}");
    stops_gently(&mut third, &agent).await;
}

// A broker that ends takes the maker with it, and that is no failure: the next JVM of this executor has another try.
#[tokio::test]
async fn a_maker_is_swept_with_its_broker_and_made_to_work_again() {
    let ensemble = Ensemble::start().await;
    let volume = tempfile::tempdir().unwrap();
    let mut contract = broker(&ensemble, &[]);
    contract.jvm_archive = true;
    let mut executor = executor(volume.path());
    let agent = launched(&mut executor, &contract).await;
    agent.state(TaskState::TaskRunning).await;
    making(&executor, 1).await;
    // It must not be done before.
    kill(maker(&executor), Signal::SIGSTOP).unwrap();
    contract.generation += 1;
    agent.say(&ToExecutor::Restart { task: TASK.parse().unwrap(), contract: Box::new(contract) });
    making(&executor, 2).await;
    assert!(!executor.read("stderr").contains("no class-data archive"), "it did not fail");
    stops_gently(&mut executor, &agent).await;
    let left: Vec<_> = fs::read_dir(volume.path().join(".jvm-archive")).unwrap().collect();
    assert!(left.len() <= 1, "what an earlier one left unfinished is gone: {left:?}");
}

/// The process that makes the archive.
fn maker(executor: &Executor) -> Pid {
    let maker = executor.processes().into_iter().find(|pid| {
        let arguments = fs::read_to_string(format!("/proc/{pid}/cmdline"));
        arguments.is_ok_and(|arguments| arguments.contains("-Xshare:dump"))
    });
    maker.expect("it takes seconds")
}

/// Waits until the maker was started so often.
async fn making(executor: &Executor, times: usize) {
    let made = || executor.read("stderr").matches("making the class-data archive").count();
    let deadline = Instant::now() + Duration::from_secs(90);
    while made() < times {
        assert!(Instant::now() < deadline, "no maker was started, {times} expected");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits for the archive; its path below the volume.
pub(crate) async fn made(executor: &Executor, volume: &Path) -> String {
    let find = || {
        let names = fs::read_dir(volume.join(".jvm-archive")).ok()?.flatten().map(|entry| entry.file_name());
        let [name] = &names.map(|name| name.into_string().unwrap()).collect::<Vec<_>>()[..] else {
            return None;
        };
        name.ends_with(".jsa").then(|| format!(".jvm-archive/{name}"))
    };
    making(executor, 1).await;
    let maker = maker(executor);
    let says = |file: &str| fs::read_to_string(format!("/proc/{maker}/{file}")).unwrap_or_default();
    assert_eq!(says("oom_score_adj").trim(), "1000", "whoever needs memory gets it");
    let stat = says("stat");
    assert_eq!(stat.rsplit_once(") ").unwrap().1.split(' ').nth(16), Some("19"), "nice: {stat}");
    let group = says("autogroup");
    assert!(group.is_empty() || group.ends_with(" nice 19\n"), "{group}");
    // A busy machine leaves it nearly nothing, and this test has no time. It may not be our business, without root.
    let _one_more_try = fs::write(format!("/proc/{maker}/autogroup"), "0");
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(Instant::now() < deadline, "no archive; its log:\n{}", executor.read("jvm-archive.log"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The TCP ports that a process listens on.
fn listening(pid: Pid) -> BTreeSet<u16> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let links = files.filter_map(|file| fs::read_link(file.path()).ok()?.into_os_string().into_string().ok());
    let sockets: BTreeSet<String> =
        links.filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())).collect();
    let mut ports = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        for line in fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap().lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            let (address, state, inode) = (fields[1], fields[3], fields[9]);
            if state == "0A" && sockets.contains(inode) {
                ports.insert(u16::from_str_radix(address.rsplit_once(':').unwrap().1, 16).unwrap());
            }
        }
    }
    ports
}

// D39: an archive of other jars, other options or another kind is dropped in silence.
#[tokio::test]
async fn an_archive_that_does_not_fit_is_dropped_in_silence() {
    let place = tempfile::tempdir().unwrap();
    let jars = ["jopt-simple-5.0.4.jar", "argparse4j-0.7.0.jar"];
    for jar in jars {
        fs::copy(distribution(KAFKA).join("libs").join(jar), place.path().join(jar)).unwrap();
    }
    let run = |options: &[&str]| {
        let mut java = Command::new("java");
        java.current_dir(&place).args(options).arg("-cp").arg(jars.join(":"));
        let output = java.arg("joptsimple.internal.Strings").output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let archive = |file: &str| Archive { file: file.to_owned(), used: Use::Map }.options();
    let plain = run(&[]);
    assert!(
        plain.starts_with("Error: Main method not found in class joptsimple.internal.Strings"),
        "{plain}"
    );
    run(&["-XX:DumpLoadedClassList=list"]);
    let dumped = run(&["-Xshare:dump", "-XX:SharedClassListFile=list", "-XX:SharedArchiveFile=good.jsa"]);
    assert!(place.path().join("good.jsa").is_file(), "{dumped}");
    let good = fs::read(place.path().join("good.jsa")).unwrap();
    fs::write(place.path().join("cut.jsa"), &good[..good.len() / 2]).unwrap();
    fs::write(place.path().join("text.jsa"), "no archive").unwrap();
    fs::write(place.path().join("empty.jsa"), "").unwrap();

    let with = |file: &str, more: &[&str]| {
        let options = archive(file);
        run(&options.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>())
    };
    // It is mapped, which only a JVM that must map it can show.
    assert_eq!(with("good.jsa", &["-Xshare:on"]), plain);
    for (file, more) in [
        ("good.jsa", &["-XX:-UseCompressedOops"][..]),
        ("good.jsa", &["-XX:ObjectAlignmentInBytes=16"]),
        ("good.jsa", &["-XX:+UseSerialGC"]),
        ("cut.jsa", &[]),
        ("text.jsa", &[]),
        ("empty.jsa", &[]),
        ("absent.jsa", &[]),
    ] {
        assert_eq!(with(file, more), plain, "{file} {more:?}");
    }
    let touched = fs::File::options().append(true).open(place.path().join(jars[0])).unwrap();
    touched.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert!(with("good.jsa", &["-Xshare:on"]) != plain, "it does not fit any more");
    assert_eq!(with("good.jsa", &[]), plain, "another time on a jar");
}
