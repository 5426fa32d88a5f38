//! Each way in which a real JVM with a real Kafka ends, made to happen, and the words by which it is named (D45).
//!
//! They run as root where a disk is mounted or a memory cgroup is made, here and in CI, and fail where that cannot be done.

mod limits;

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use api::{
    incident::{Cause, End, Incident},
    launch::{LaunchContract, Metadata},
};
use kafka::{client::Options, cluster::Cluster, topic::NewTopic};
use mesos::v1::TaskState;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    agent::Agent,
    executor::{Executor, health_check, task},
    kafka::{Ensemble, KAFKA, distribution, executor_of},
    zookeeper::FakeZooKeeper,
};

const EXECUTOR: &str = env!("CARGO_BIN_EXE_kafka-executor");

/// A broker that is to fail.
struct Case {
    executor: Executor,
    contract: LaunchContract,
    /// What starts the executor.
    program: Vec<String>,
    _volume: tempfile::TempDir,
}

impl Case {
    /// A whole Kafka with an empty volume, below a chroot of its own.
    fn new(connect: &str, name: &str) -> Self {
        Self::of(KAFKA, connect, name)
    }

    fn of(version: &str, connect: &str, name: &str) -> Self {
        let volume = tempfile::tempdir().unwrap();
        let mut contract =
            crate::executor::contract(&format!("{}/{name}", connect.split('/').next().unwrap()));
        contract.jvm_options = vec!["-XX:TieredStopAtLevel=1".to_owned()];
        contract.layers.clear();
        let executor = executor_of(version, volume.path());
        Self { executor, contract, program: vec![EXECUTOR.to_owned()], _volume: volume }
    }

    fn option(mut self, option: &str) -> Self {
        self.contract.jvm_options.push(option.to_owned());
        self
    }

    fn property(mut self, key: &str, value: &str) -> Self {
        let properties = [(key.to_owned(), value.to_owned())].into();
        self.contract.layers.push(api::launch::Layer { name: "KAFKA_OVERRIDE_*".to_owned(), properties });
        self
    }

    /// The executor is started by `program`, and what it starts with it.
    fn by(mut self, program: &[&str]) -> Self {
        self.program = program.iter().map(|&word| word.to_owned()).chain([EXECUTOR.to_owned()]).collect();
        self
    }

    async fn start(&mut self) -> Agent {
        let task = task(&self.contract, 30.0);
        self.start_with(task).await
    }

    async fn start_with(&mut self, task: mesos::v1::TaskInfo) -> Agent {
        let agent = Agent::start(task).await;
        let program: Vec<_> = self.program.iter().map(String::as_str).collect();
        self.executor.start_by(&program, agent.address);
        agent
    }

    /// The JVM, as soon as it is started.
    async fn jvm(&self, agent: &Agent) -> Pid {
        let started =
            agent.update("the JVM", |update| update.message().starts_with("the JVM runs as process ")).await;
        Pid::from_raw(started.message().rsplit(' ').next().unwrap().parse().unwrap())
    }

    /// Starts, and waits until the task has failed; its message and the whole incident.
    async fn fails(mut self) -> Ended {
        let agent = self.start().await;
        self.ended(&agent).await
    }

    async fn ended(mut self, agent: &Agent) -> Ended {
        let failed = agent.state(TaskState::TaskFailed).await;
        self.executor.end_well().await;
        let short = serde_json::from_slice::<Incident>(failed.data()).ok();
        let told = agent.incidents();
        let whole = told.first().cloned();
        assert_eq!(whole.as_ref().map(|incident| incident.id), short.as_ref().map(|incident| incident.id));
        if let (Some(whole), Some(short)) = (&whole, &short) {
            assert!(whole.whole && failed.data().len() <= api::incident::SHORT_LIMIT);
            assert_eq!((&whole.summary, whole.cause), (&short.summary, short.cause));
            assert_eq!(whole.summary, failed.message());
        }
        Ended { message: failed.message().to_owned(), incident: whole, case: self }
    }
}

/// How a case ended.
struct Ended {
    message: String,
    incident: Option<Incident>,
    case: Case,
}

impl Ended {
    /// `the JVM <how> after <time> s: <words>`, and this cause.
    #[track_caller]
    fn is(&self, how: &str, cause: Cause, words: &str) -> &Self {
        let rest = self.message.strip_prefix(&format!("the JVM {how} after "));
        let said = rest.and_then(|rest| rest.split_once(" s: ")).map(|(_, said)| said);
        assert_eq!(said, Some(words), "the whole message: {}", self.message);
        assert_eq!(self.incident.as_ref().map(|incident| incident.cause), Some(cause));
        self
    }

    fn incident(&self) -> &Incident {
        self.incident.as_ref().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.case.executor.path(name)
    }
}

/// A sandbox whose Kafka is `make`'s work in `libs/`, with symbolic links to all jars but those that begin with `without`.
fn with_libs(case: &Case, without: &str, make: impl FnOnce(&Path)) {
    let kafka = case.executor.path("kafka");
    fs::remove_file(&kafka).unwrap();
    let libs = kafka.join("libs");
    fs::create_dir_all(&libs).unwrap();
    for jar in fs::read_dir(distribution(KAFKA).join("libs")).unwrap().flatten() {
        if !jar.file_name().to_str().unwrap().starts_with(without) {
            symlink(jar.path(), libs.join(jar.file_name())).unwrap();
        }
    }
    make(&libs);
}

// D45, D34
#[tokio::test]
async fn a_wrong_java() {
    let zookeeper = FakeZooKeeper::start().await;
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("bin")).unwrap();
    let java = home.path().join("bin/java");
    let real = Command::new("sh").args(["-c", "readlink -f \"$(command -v java)\""]).output().unwrap().stdout;
    fs::copy(String::from_utf8(real).unwrap().trim(), &java).unwrap();
    let case = |home: &str| Case::new(&zookeeper.connect, "x").by(&["env", &format!("JAVA_HOME={home}")]);
    let too_old = case("");
    with_libs(&too_old, "kafka_2.13", |libs| {
        let class = libs.join("kafka_2.13-3.9.2.jar/kafka/Kafka.class");
        fs::create_dir_all(class.parent().unwrap()).unwrap();
        fs::write(class, [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 99, 0, 0]).unwrap();
    });
    let (nowhere, partial, too_old) =
        tokio::join!(case("/nowhere").fails(), case(home.path().to_str().unwrap()).fails(), too_old.fails());
    assert_eq!(nowhere.message, "JAVA_HOME is \"/nowhere\", but there is no program bin/java in it");
    assert!(nowhere.incident.is_none(), "no JVM, no end of one");
    let java = java.display();
    partial.is("exited with code 127", Cause::JavaUnusable, &format!(
        "{java} is no whole Java ({java}: error while loading shared libraries: libjli.so: cannot open shared object file: No \
         such file or directory): JAVA_URI, or else the agent's JAVA_HOME or PATH, must name a whole JRE"
    ));
    assert_eq!(too_old.incident().cause, Cause::JavaTooOld);
    for part in [
        "is too old for this Kafka (",
        "(class file version 99.0)",
        "give the brokers a newer JRE by JAVA_URI",
    ] {
        assert!(too_old.message.contains(part), "{part:?} is not in {}", too_old.message);
    }
}

// D45, D34
#[tokio::test]
async fn a_kafka_that_is_not_whole() {
    let zookeeper = FakeZooKeeper::start().await;
    let case = || Case::new(&zookeeper.connect, "x");
    let (empty, partial) = (case(), case());
    with_libs(&empty, "kafka_2.13", |libs| fs::write(libs.join("kafka_2.13-3.9.2.jar"), "").unwrap());
    with_libs(&partial, "scala-library", |_| {});
    let (empty, partial) = tokio::join!(empty.fails(), partial.fails());
    empty.is("exited with code 1", Cause::MissingClass,
        "a class is missing (Error: Could not find or load main class kafka.Kafka: java.lang.ClassNotFoundException: kafka.Kafka): is KAFKA_URI the archive of a whole Kafka \
         distribution?");
    assert_eq!(partial.incident().cause, Cause::MissingClass, "{}", partial.message);
    assert!(partial.message.contains("NoClassDefFoundError: scala/"), "{}", partial.message);
}

// D45, D39
#[tokio::test]
async fn a_bad_option_and_a_bad_property() {
    let zookeeper = FakeZooKeeper::start().await;
    let case = || Case::new(&zookeeper.connect, "x");
    let (option, property, required, secret) = tokio::join!(
        case().option("-XX:+NoSuchThing").fails(),
        case().property("num.io.threads", "several").fails(),
        case().property("log.retention.hours", "0").fails(),
        case().property("ssl.key.password", "swordfish").property("ssl.client.auth", "swordfish").fails(),
    );
    option.is(
        "exited with code 1",
        Cause::BadJvmOption,
        "the JVM refuses an option (Unrecognized VM option 'NoSuchThing'): correct BROKER_JVM_OPTS",
    );
    property.is("exited with code 1", Cause::BadProperty,
        "Kafka refuses a property (Invalid value several for configuration num.io.threads: Not a number of type INT): correct \
         KAFKA_OVERRIDE_NUM_IO_THREADS");
    required.is("exited with code 1", Cause::BadProperty,
        "Kafka refuses a property (log.retention.ms must be unlimited (-1) or, greater than or equal to 1): correct the \
         KAFKA_OVERRIDE_… that sets it");
    // What is a secret by its key is one wherever it stands.
    assert!(
        secret.message.contains("Invalid value [hidden] for configuration ssl.client.auth"),
        "{}",
        secret.message
    );
    let told = serde_json::to_string(secret.incident()).unwrap();
    assert!(!told.contains("swordfish"), "{told}");
}

// D45, S-066
#[tokio::test]
async fn a_heap_larger_than_the_memory() {
    let zookeeper = FakeZooKeeper::start().await;
    let case = |heap_mb| {
        let mut case = Case::new(&zookeeper.connect, "x");
        case.contract.heap_mb = heap_mb;
        case
    };
    // Below a limit of the address space, as some agents set it; and beyond any machine's memory.
    let (limited, beyond) =
        tokio::join!(case(4096).by(&["prlimit", "--as=3000000000"]).fails(), case(9_999_999).fails());
    limited.is("exited with code 1", Cause::HeapTooLarge,
        "its heap of 4096 MiB does not fit into the memory there is (Could not reserve enough space for 4194304KB object heap): \
         lower BROKER_HEAP_MB");
    beyond.is("exited with code 1", Cause::HeapTooLarge,
        "its heap of 9999999 MiB does not fit into the memory there is (Native memory allocation (mmap) failed to map \
         10485760000000 bytes. Error detail: committing reserved memory.): lower BROKER_HEAP_MB");
    assert!(beyond.incident().crash.as_ref().unwrap().head[0].contains("insufficient memory"));
}

// D45
#[tokio::test]
async fn out_of_memory_of_each_kind() {
    let ensemble = Ensemble::start().await;
    let case = |name| Case::new(&ensemble.connect, name);
    let mut heap = case("heap");
    heap.contract.heap_mb = 16;
    let (heap, direct, metaspace) = tokio::join!(
        heap.fails(),
        // Not what -XX:+ExitOnOutOfMemoryError sees: only the log tells.
        case("direct").option("-XX:MaxDirectMemorySize=8k").fails(),
        case("metaspace").option("-XX:MaxMetaspaceSize=20m").fails(),
    );
    heap.is(
        "exited with code 3",
        Cause::HeapOutOfMemory,
        "its heap of 16 MiB is full (java.lang.OutOfMemoryError: Java heap space): raise BROKER_HEAP_MB",
    );
    assert_eq!(direct.incident().cause, Cause::DirectMemory, "{}", direct.message);
    let words = "bytes of direct buffer memory (allocated: 8192, limit: 8192)): raise -XX:MaxDirectMemorySize in BROKER_JVM_OPTS";
    assert!(direct.message.contains(words), "{}", direct.message);
    metaspace.is("exited with code 3", Cause::Metaspace,
        "there is no room for its classes (java.lang.OutOfMemoryError: Metaspace): raise -XX:MaxMetaspaceSize in \
         BROKER_JVM_OPTS, or leave it out");
}

/// A memory cgroup of its own, of whichever version this machine has.
struct Cgroup {
    directory: PathBuf,
}

impl Cgroup {
    fn limited_to(bytes: u64, name: &str) -> Self {
        let cgroup = fs::read_to_string("/proc/self/cgroup").unwrap();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let places = ::executor::diagnosis::cgroup::places(&cgroup, &mounts);
        let mut tried = Vec::new();
        for place in places {
            let directory = place.directory.join(format!("kafka-mesos-test-{}-{name}", std::process::id()));
            let file = directory.join(place.limit);
            let made = fs::create_dir(&directory).and_then(|()| fs::write(&file, bytes.to_string()));
            match made {
                Ok(()) => {
                    // No swap instead, where there is any.
                    let swap =
                        if place.limit == "memory.max" { "memory.swap.max" } else { "memory.swappiness" };
                    let _there_may_be_none = fs::write(directory.join(swap), "0");
                    return Self { directory };
                }
                Err(error) => {
                    let _half_made = fs::remove_dir(&directory);
                    tried.push(format!("{}: {error}", file.display()));
                }
            }
        }
        panic!(
            "this test makes a memory cgroup, as an agent does, and must run as root where it may: {tried:?}"
        )
    }

    /// A program that moves itself in there and goes on as its arguments.
    fn enter(&self) -> [String; 4] {
        let script = format!("echo $$ > {}/cgroup.procs; exec \"$@\"", self.directory.display());
        ["sh".to_owned(), "-c".to_owned(), script, "enter".to_owned()]
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A zombie still counts for a moment.
        let deadline = Instant::now() + Duration::from_secs(5);
        while fs::remove_dir(&self.directory).is_err() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

const SOMEBODY: &str = "somebody on the agent sent it: it was neither this executor nor the kernel's OOM killer, as the \
                        count in its memory cgroup shows";

// D45: the kernel's OOM killer and somebody's kill -9 look the same from the JVM's exit alone.
#[tokio::test]
async fn killed_by_the_kernel_and_killed_by_somebody() {
    // The JVM that somebody ends is not to end before.
    let zookeeper = FakeZooKeeper::keeping_kafka_waiting().await;
    let cgroup = Cgroup::limited_to(100 << 20, "small");
    let enter = cgroup.enter();
    let enter: Vec<_> = enter.iter().map(String::as_str).collect();
    // The heap is touched as soon as the JVM starts.
    let kernel = Case::new(&zookeeper.connect, "x").by(&enter).option("-XX:+AlwaysPreTouch").fails();
    let somebody = async {
        let mut case = Case::new(&zookeeper.connect, "x");
        let agent = case.start().await;
        kill(case.jvm(&agent).await, Signal::SIGKILL).unwrap();
        case.ended(&agent).await
    };
    let (kernel, somebody) = tokio::join!(kernel, somebody);
    kernel.is("was ended by SIGKILL", Cause::KernelOutOfMemory,
        "the kernel's OOM killer ended it, as its memory cgroup (limited to 100 MiB) counts: the JVM needs more than its heap of \
         256 MiB: lower BROKER_HEAP_MB, or give the brokers a larger BROKER_MEM");
    let memory = kernel.incident().memory.as_ref().unwrap();
    assert!(memory.oom_kills >= 1 && memory.limit == Some(100 << 20), "{memory:?}");
    somebody.is("was ended by SIGKILL", Cause::Killed, SOMEBODY);
    assert_eq!(somebody.incident().end, End::Signal(9));
}

// D45: the count is the cgroup's, not the JVM's.
#[tokio::test]
async fn killed_beside_other_victims_and_other_processes() {
    // The JVM is not to end before the check does, however long the kernel takes.
    let zookeeper = FakeZooKeeper::keeping_kafka_waiting().await;
    let (roomy, small) = (Cgroup::limited_to(500 << 20, "roomy"), Cgroup::limited_to(100 << 20, "shared"));
    let case = |cgroup: &Cgroup| {
        let enter = cgroup.enter();
        Case::new(&zookeeper.connect, "x").by(&enter.each_ref().map(String::as_str))
    };
    // A check's command takes all memory there is, and the kernel ends it; then somebody ends the JVM.
    let somebody = async {
        let mut case = case(&roomy);
        let mut task = task(&case.contract, 30.0);
        task.health_check = Some(mesos::v1::HealthCheck {
            r#type: Some(mesos::v1::health_check::Type::Command as i32),
            http: None,
            command: Some(mesos::v1::CommandInfo {
                value: Some("exec tail /dev/zero".to_owned()),
                ..Default::default()
            }),
            delay_seconds: Some(0.5),
            interval_seconds: Some(1000.0),
            timeout_seconds: Some(60.0),
            grace_period_seconds: Some(0.0),
            ..health_check(&case.contract)
        });
        let agent = case.start_with(task).await;
        let jvm = case.jvm(&agent).await;
        let ill = agent.update("the check's end", |update| update.healthy == Some(false)).await;
        assert!(ill.message().contains("/bin/sh ended with signal: 9 (SIGKILL)"), "{}", ill.message());
        kill(jvm, Signal::SIGKILL).unwrap();
        case.ended(&agent).await
    };
    let mut stranger = tokio::process::Command::new("sh");
    let enter = format!("echo $$ > {}/cgroup.procs; exec sleep 1000", small.directory.display());
    let mut stranger = stranger.args(["-c", &enter]).kill_on_drop(true).spawn().unwrap();
    let kernel = case(&small).option("-XX:+AlwaysPreTouch").fails();
    let (somebody, kernel) = tokio::join!(somebody, kernel);
    stranger.kill().await.unwrap();
    somebody.is("was ended by SIGKILL", Cause::Killed, SOMEBODY);
    kernel.is("was ended by SIGKILL", Cause::KernelOutOfMemory,
        "probably the kernel's OOM killer ended it: its memory cgroup (limited to 100 MiB), which it shares with others, counts 1 \
         in the last seconds: the JVM needs more than its heap of 256 MiB: lower BROKER_HEAP_MB, or give the brokers a larger \
         BROKER_MEM");
}

// D45
#[tokio::test]
async fn other_signals() {
    let ensemble = Ensemble::start().await;
    let signalled = async |name, signal| {
        let mut case = Case::new(&ensemble.connect, name);
        let agent = case.start().await;
        let jvm = case.jvm(&agent).await;
        // Before that its handlers may not stand yet.
        agent.state(TaskState::TaskRunning).await;
        kill(jvm, signal).unwrap();
        (case.ended(&agent).await, jvm)
    };
    let ((crash, jvm), (term, _)) =
        tokio::join!(signalled("segv", Signal::SIGSEGV), signalled("term", Signal::SIGTERM));
    assert_eq!((crash.incident().cause, crash.incident().end), (Cause::JvmCrash, End::Signal(6)));
    let file = format!("hs_err_pid{jvm}.log");
    let begin = format!("the JVM itself crashed, {file} in its sandbox says how: SIGSEGV (0xb) at pc=0x");
    assert!(crash.message.contains(&begin), "{}", crash.message);
    let kept = crash.incident().crash.as_ref().unwrap();
    assert_eq!(kept.name, file);
    assert!(kept.head.iter().any(|line| line.contains("SIGSEGV")) && crash.path(&file).exists());
    assert!(crash.incident().stdout.len() > 100, "the last lines of its log are kept");
    term.is(
        "exited with code 143",
        Cause::Signal,
        "it was asked to by SIGTERM, which somebody on the agent sent",
    );
}

// D45
#[tokio::test]
async fn a_port_in_use_and_no_zookeeper() {
    let ensemble = Ensemble::start().await;
    let mut port = Case::new(&ensemble.connect, "port");
    let mut zookeeper =
        Case::new(&ensemble.connect, "gone").property("zookeeper.connection.timeout.ms", "1500");
    let address = format!("127.0.0.1:{}", port.contract.port);
    let Metadata::ZooKeeper { connect } = zookeeper.contract.metadata.clone();
    let jmx = Case::new(&ensemble.connect, "jmx");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let jmx_port = taken.local_addr().unwrap().port();
    let jmx = jmx
        .option(&format!("-Dcom.sun.management.jmxremote.port={jmx_port}"))
        .option("-Dcom.sun.management.jmxremote.host=127.0.0.1")
        .option("-Dcom.sun.management.jmxremote.authenticate=false")
        .option("-Dcom.sun.management.jmxremote.ssl=false");
    // Free when the executor looked, taken by the time Kafka binds it.
    let port = async {
        let agent = port.start().await;
        port.jvm(&agent).await;
        let _taken = TcpListener::bind(&address).unwrap();
        port.ended(&agent).await
    };
    let (port, jmx) = tokio::join!(port, jmx.fails());
    port.is("exited with code 1", Cause::PortInUse, &format!(
        "something else listens on its port (Socket server failed to bind to {address}: Address already in use.): stop it, or \
         give the broker another port ({address} now)"
    ));
    jmx.is(
        "exited with code 1",
        Cause::PortInUse,
        &format!(
            "something else listens on its JMX port (Port already in use: {jmx_port}): stop it, or choose another BROKER_JMX_PORT"
        ),
    );

    let agent = zookeeper.start().await;
    zookeeper.jvm(&agent).await;
    drop(ensemble);
    zookeeper.ended(&agent).await.is("exited with code 1", Cause::ZooKeeper, &format!(
        "ZooKeeper at {connect} could not be reached in time (Timed out waiting for connection while in state: CONNECTING): is \
         it up, and is KAFKA_ZOOKEEPER_URI right?"
    ));
}

/// A small disk, mounted for as long as this value lives.
struct Disk(PathBuf);

impl Disk {
    fn mounted(path: PathBuf, size: &str) -> Self {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(&path)
            .status();
        assert!(
            mounted.is_ok_and(|status| status.success()),
            "this test fills a disk of its own, and must run as root where it may mount one"
        );
        Self(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

// D45
#[tokio::test]
async fn a_full_disk() {
    let ensemble = Ensemble::start().await;
    let mut case = Case::new(&ensemble.connect, "full");
    let volume = case.executor.path("data").canonicalize().unwrap();
    let disk = Disk::mounted(volume.clone(), "16m");
    let agent = case.start().await;
    agent.state(TaskState::TaskRunning).await;
    let _until_it_is_full = fs::write(volume.join("ballast"), vec![1; 20 << 20]);
    // A topic is the next thing that Kafka writes.
    let cluster = Cluster::new(
        [format!("127.0.0.1:{}", case.contract.port)],
        Options::new("test", Duration::from_secs(20)),
    );
    let _it_dies_over_it = cluster.create_topic(&NewTopic::new("orders".parse().unwrap())).await;
    let ended = case.ended(&agent).await;
    ended.is("exited with code 1", Cause::DiskFull,
        "its disk is full (No space left on device; the volume data: 0.0 of 16.0 MiB free): make room there, keep less \
         (log.retention.*), or take a larger disk");
    let data = ended.incident().disks.iter().find(|disk| disk.path == "data").unwrap();
    assert_eq!((data.free, data.total), (0, 16 << 20));
    drop(disk);
}

// D45
#[tokio::test]
async fn data_of_somebody_else() {
    let ensemble = Ensemble::start().await;
    let stamped = |case: &Case, properties: &str| {
        let log_dir = case.executor.path("data/kafka");
        fs::create_dir_all(&log_dir).unwrap();
        fs::write(log_dir.join("meta.properties"), format!("version=0\n{properties}\n")).unwrap();
        log_dir.canonicalize().unwrap()
    };
    let cluster = Case::new(&ensemble.connect, "cluster");
    let of_cluster = stamped(&cluster, "broker.id=1\ncluster.id=anotherclustersidxxxxx");
    let other = Case::new(&ensemble.connect, "other");
    stamped(&other, "broker.id=5");
    let locked = Case::new(&ensemble.connect, "locked");
    let of_locked = stamped(&locked, "broker.id=1");
    let file = fs::File::create(of_locked.join(".lock")).unwrap();
    let lock =
        nix::libc::flock { l_type: nix::libc::F_WRLCK as i16, l_whence: 0, l_start: 0, l_len: 0, l_pid: 0 };
    nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_SETLK(&lock)).unwrap();
    let old = Case::of("2.8.2", &ensemble.connect, "old");
    stamped(&old, "broker.id=5");
    let (cluster, other, locked, old) =
        tokio::join!(cluster.fails(), other.fails(), locked.fails(), old.fails());
    assert_eq!(cluster.incident().cause, Cause::OtherCluster, "{}", cluster.message);
    for part in [
        "the data on the volume data belongs to another Kafka cluster (Invalid cluster.id in: ",
        &format!("{}/meta.properties. Expected ", "data/kafka"),
        ", but read anotherclustersidxxxxx): KAFKA_ZOOKEEPER_URI must name the ZooKeeper it was written with",
    ] {
        assert!(cluster.message.contains(part), "{part:?} is not in {}", cluster.message);
    }
    assert!(of_cluster.is_dir());
    assert_eq!(other.incident().cause, Cause::OtherBroker, "{}", other.message);
    let words = "the data on the volume data belongs to another broker (Stored node id 5 doesn't match previous node id 1 in ";
    assert!(other.message.contains(words), "{}", other.message);
    // Kafka 2.8 has other words for it.
    assert_eq!(old.incident().cause, Cause::OtherBroker, "{}", old.message);
    assert!(
        old.message.contains("the data on the volume data belongs to another broker ("),
        "{}",
        old.message
    );
    assert_eq!(locked.incident().cause, Cause::DataLocked, "{}", locked.message);
    let words = "another process has the data on the volume data (Failed to acquire lock on file .lock in ";
    assert!(locked.message.contains(words), "{}", locked.message);
}
