//! Ends that others bring about: no more threads, no more memory outside the heap, a disk that goes, another broker of the
//! same id.

use std::{os::unix::process::CommandExt as _, process::Stdio};

use kafka::client::Options;

use super::*;
use crate::{executor::free_port, wait_for};

/// A cgroup with so many processes and threads, of whichever version this machine has.
struct Pids(PathBuf);

impl Pids {
    fn limited_to(count: u32) -> Self {
        let cgroup = fs::read_to_string("/proc/self/cgroup").unwrap();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mut tried = Vec::new();
        for line in mounts.lines() {
            let (before, after) = line.split_once(" - ").unwrap();
            let (version_1, version_2) = (after.ends_with(",pids"), after.starts_with("cgroup2 "));
            if !version_1 && !version_2 {
                continue;
            }
            let point = PathBuf::from(before.split(' ').nth(4).unwrap());
            let own = cgroup.lines().find_map(|line| match version_1 {
                true => line.split_once(":pids:").map(|(_, path)| path),
                false => line.strip_prefix("0::"),
            });
            for parent in [point.join(own.unwrap_or("/").trim_start_matches('/')), point] {
                let directory = parent.join(format!("kafka-mesos-test-{}-pids", std::process::id()));
                let file = directory.join("pids.max");
                match fs::create_dir(&directory).and_then(|()| fs::write(&file, count.to_string())) {
                    Ok(()) => return Self(directory),
                    Err(error) => {
                        let _half_made = fs::remove_dir(&directory);
                        tried.push(format!("{}: {error}", file.display()));
                    }
                }
            }
        }
        panic!(
            "this test makes a pids cgroup, as an agent does, and must run as root where it may: {tried:?}"
        )
    }
}

impl Drop for Pids {
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while fs::remove_dir(&self.0).is_err() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

// D45
#[tokio::test]
async fn no_more_threads_and_no_more_memory_outside_the_heap() {
    let ensemble = Ensemble::start().await;
    let pids = Pids::limited_to(48);
    let enter = format!("echo $$ > {}/cgroup.procs; exec \"$@\"", pids.0.display());
    let threads = Case::new(&ensemble.connect, "threads").by(&["sh", "-c", &enter, "enter"]);
    // Room for the heap and little else; and too little room for addresses.
    let memory = Case::new(&ensemble.connect, "memory").by(&["prlimit", "--data=300000000"]);
    let addresses = Case::new(&ensemble.connect, "addresses").by(&["prlimit", "--as=2000000000"]);
    let (threads, memory, addresses) = tokio::join!(threads.fails(), memory.fails(), addresses.fails());
    // By itself or, where the watch of its log is faster, by ours.
    assert_eq!(threads.incident().cause, Cause::Threads, "{}", threads.message);
    let words = ": no new thread could be had (java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory \
                 or process/resource limits reached): raise the agent's limits on processes, or give the brokers a larger BROKER_MEM";
    assert!(threads.message.ends_with(words), "{}", threads.message);
    assert_eq!(memory.incident().cause, Cause::NativeMemory, "{}", memory.message);
    assert!(
        memory.message.contains("the system has no memory for the JVM (Native memory allocation ("),
        "{}",
        memory.message
    );
    addresses.is("exited with code 1", Cause::NativeMemory,
        "the system has no memory for the JVM (Could not allocate compressed class space: 1073741824 bytes): lower BROKER_HEAP_MB \
         (now 256), or give the brokers a larger BROKER_MEM");
}

/// A Kafka that nobody of ours started, in a process group of its own.
struct Stranger(std::process::Child);

impl Stranger {
    fn start(place: &Path, connect: &str, port: u16) -> Self {
        let properties = format!(
            "broker.id=1\nlog.dirs=data\nzookeeper.connect={connect}\nlisteners=PLAINTEXT://127.0.0.1:{port}\n"
        );
        fs::write(place.join("server.properties"), properties).unwrap();
        let mut java = Command::new("setpriv");
        fs::write(place.join("log4j.properties"), HANG.split("log4j.logger").next().unwrap()).unwrap();
        java.args(["--pdeathsig", "KILL", "java", "-Xmx256m", "-XX:TieredStopAtLevel=1"]);
        java.args(["-Dlog4j.configuration=file:log4j.properties", "-cp"]);
        java.arg(distribution(KAFKA).join("libs/*")).args(["kafka.Kafka", "server.properties"]);
        let log = fs::File::create(place.join("log")).unwrap();
        java.current_dir(place).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Self(java.process_group(0).spawn().unwrap())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _may_have_ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

// D38, D45: the id was free when the executor looked; before its JVM gets there, another Kafka has it.
#[tokio::test]
async fn another_broker_with_the_same_id() {
    let ensemble = Ensemble::start().await;
    let mut case = Case::new(&ensemble.connect, "twin");
    let Metadata::ZooKeeper { connect } = case.contract.metadata.clone();
    let agent = case.start().await;
    let jvm = case.jvm(&agent).await;
    kill(jvm, Signal::SIGSTOP).unwrap();
    let place = tempfile::tempdir().unwrap();
    let port = free_port();
    let _stranger = Stranger::start(place.path(), &connect, port);
    let zookeeper = kafka::zookeeper::ZooKeeper::new(&connect, Duration::from_secs(10)).unwrap();
    let zookeeper = zookeeper.limit(crate::PATIENCE);
    let deadline = Instant::now() + crate::PATIENCE;
    while zookeeper.registration(1).await.ok().flatten().is_none() {
        let log = || fs::read_to_string(place.path().join("log")).unwrap();
        assert!(Instant::now() < deadline, "the other one does not serve: {}", log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    kill(jvm, Signal::SIGCONT).unwrap();
    let ended = case.ended(&agent).await;
    assert_eq!(ended.incident().cause, Cause::IdTaken, "{}", ended.message);
    let words = format!("another broker is registered in ZooKeeper at {connect} under its id (");
    assert!(ended.message.contains(&words), "{}", ended.message);
    let theirs = zookeeper.registration(1).await.unwrap().unwrap();
    assert!(theirs.serves(&format!("127.0.0.1:{port}")), "and stays registered: {theirs:?}");
}

// D45: another disk, that nobody may write to, is where the volume was.
#[tokio::test]
async fn a_disk_that_goes() {
    let ensemble = Ensemble::start().await;
    let mut case = Case::new(&ensemble.connect, "gone");
    let volume = case.executor.path("data").canonicalize().unwrap();
    let agent = case.start().await;
    agent.state(TaskState::TaskRunning).await;
    let disk = Disk::mounted(volume, "1m,ro");
    // Kafka writes checkpoints every five seconds.
    let ended = case.ended(&agent).await;
    drop(disk);
    assert_eq!(ended.incident().cause, Cause::DiskFailed, "{}", ended.message);
    let words = "have failed (kafka.log.LogManager)): look at the disk of the volume data";
    assert!(ended.message.contains(words), "{}", ended.message);
}

/// The messages of whoever makes partitions go to a log of their own.
const HANG: &str = "\
log4j.rootLogger=INFO, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n
log4j.logger.kafka.log.LogManager=INFO, hang
log4j.additivity.kafka.log.LogManager=false
log4j.appender.hang=org.apache.log4j.FileAppender
log4j.appender.hang.File=hang.log
log4j.appender.hang.layout=org.apache.log4j.PatternLayout
log4j.appender.hang.layout.ConversionPattern=%m%n
";

// D29, S-086: alive, its port open, and none of its threads answers: the only one that might hangs in a write to a log that
// takes nothing.
#[tokio::test]
async fn a_broker_whose_threads_hang_is_given_up() {
    let ensemble = Ensemble::start().await;
    let mut case = Case::new(&ensemble.connect, "hang").property("num.io.threads", "1");
    // A slow start is not given up before it serves: it writes a line between four checks.
    case.contract.health = Some(api::launch::Health {
        enabled: true,
        delay_secs: 5,
        interval_secs: 2,
        timeout_secs: 1,
        grace_secs: 0,
        max_failures: 4,
        topic: None,
    });
    let log = case.executor.path("hang.log");
    nix::unistd::mkfifo(&log, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // Without a writer an open for reading alone would wait. It takes a page, and nobody reads.
    let pipe = fs::File::options().read(true).write(true).open(&log).unwrap();
    nix::fcntl::fcntl(&pipe, nix::fcntl::FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    fs::write(case.executor.path("hang.properties"), HANG).unwrap();
    let mut case = case.option("-Dlog4j.configuration=file:hang.properties");
    let agent = case.start().await;
    agent.state(TaskState::TaskRunning).await;
    let jvm = case.executor.processes();
    let address = format!("127.0.0.1:{}", case.contract.port);
    let cluster = Cluster::new([address.clone()], Options::new("test", Duration::from_secs(20)));
    // Each partition is a line of that log, by the request handler.
    let many = NewTopic { partitions: Some(500), ..NewTopic::new("orders".parse().unwrap()) };
    let created = cluster.create_topic(&many).await;
    let failed = agent.state(TaskState::TaskFailed).await;
    assert!(created.is_err(), "{created:?}");
    assert_eq!(jvm.len(), 1);
    assert!(failed.message().contains("unhealthy after 4 failures in a row: "), "{}", failed.message());
    assert!(failed.message().contains(" did not answer within 1000 ms"), "{}", failed.message());
    assert!(failed.message().contains("was ended by SIGKILL after the grace"), "{}", failed.message());
    case.executor.end_well().await;
    let cause = agent.incidents().first().map(|incident| incident.cause);
    assert_eq!(cause, Some(Cause::HealthCheck));
    wait_for("nobody on its port", || std::net::TcpStream::connect(&address).err()).await;
}
