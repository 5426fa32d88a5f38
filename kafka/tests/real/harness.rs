//! Real ZooKeeper and real Kafka for a test: from `scripts/fetch-kafka.sh`, on loopback, on free ports, in a temporary
//! directory, each JVM in a process group of its own that is gone when its value is dropped. `setpriv` also ends them
//! when the test process itself is killed.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

/// Longest anything is waited for. Two seconds are usual; a loaded machine may need many more.
const PATIENCE: Duration = Duration::from_secs(60);
const JVM: [&str; 4] = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"];
const LOG: &str = "\
log4j.rootLogger=INFO, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n
";

/// The distribution's `libs`, unpacked once per archive and target directory.
fn libs() -> &'static Path {
    static LIBS: OnceLock<PathBuf> = OnceLock::new();
    LIBS.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/fetch-kafka.sh");
        let fetched = Command::new(&script).stderr(Stdio::inherit()).output().unwrap();
        assert!(fetched.status.success(), "{} must give the Kafka distribution", script.display());
        let tgz = PathBuf::from(String::from_utf8(fetched.stdout).unwrap().trim());
        let sum = fs::read_to_string(tgz.with_extension("tgz.sha256")).unwrap();
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kafka-{}", &sum[..12]));
        if !home.exists() {
            // Unpacked beside and renamed, so that another test binary never sees half of it.
            let beside = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            let tar = ["-xzf", tgz.to_str().unwrap(), "--strip-components=1", "-C"];
            assert!(Command::new("tar").args(tar).arg(beside.path()).status().unwrap().success());
            let beside = beside.keep();
            if fs::rename(&beside, &home).is_err() {
                fs::remove_dir_all(&beside).unwrap(); // another was first
            }
        }
        home.join("libs")
    })
}

/// A running JVM.
#[derive(Debug)]
pub(crate) struct Jvm {
    child: Child,
    log: PathBuf,
}

impl Jvm {
    fn start(dir: &Path, main: &str, config: &Path) -> Self {
        fs::write(dir.join("log4j.properties"), LOG).unwrap();
        let log = dir.join("log");
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "java"]).args(JVM);
        command.arg(format!("-Dlog4j.configuration=file:{}/log4j.properties", dir.display()));
        command.arg("-cp").arg(libs().join("*")).arg(main).arg(config);
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().expect("setpriv (util-linux) and java must be installed");
        Self { child, log }
    }

    /// SIGKILL, as a crash or the kernel would.
    pub(crate) fn kill(&mut self) {
        let group = Pid::from_raw(self.child.id().cast_signed());
        let _ = killpg(group, Signal::SIGKILL); // it may be gone already
        let _ = self.child.wait();
    }

    fn signal(&self, signal: Signal) {
        killpg(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    fn assert_alive(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("a JVM ended early ({status}):\n{}", fs::read_to_string(&self.log).unwrap());
        }
    }
}

impl Drop for Jvm {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(15).collect();
            eprintln!("the end of {}:", self.log.display());
            tail.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
    }
}

/// A ZooKeeper of one server.
pub(crate) struct ZooKeeperServer {
    jvm: Jvm,
    dir: tempfile::TempDir,
    port: u16,
}

impl ZooKeeperServer {
    /// Starts one; it may take a moment to serve.
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // ZooKeeper can't say which free port it took, so one is found for it.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = dir.path().join("data");
        let config = format!(
            "dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\ntickTime=500\n",
            data.display()
        );
        fs::write(dir.path().join("zoo.cfg"), config).unwrap();
        Self { jvm: Self::launch(dir.path()), dir, port }
    }

    fn launch(dir: &Path) -> Jvm {
        Jvm::start(dir, "org.apache.zookeeper.server.quorum.QuorumPeerMain", &dir.join("zoo.cfg"))
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.jvm.kill();
    }

    /// Starts it again, same port, same data.
    pub(crate) fn restart(&mut self) {
        self.jvm = Self::launch(self.dir.path());
    }
}

/// One broker.
pub(crate) struct Broker {
    jvm: Jvm,
    _dir: tempfile::TempDir,
}

impl Broker {
    /// Starts broker `id` on a free port (it registers the one it took), with `zookeeper` as its `zookeeper.connect`
    /// and `extra` lines for `server.properties`; it may take a moment to serve.
    pub(crate) fn start(id: u32, zookeeper: &str, extra: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let logs = dir.path().join("data");
        let config = format!(
            "broker.id={id}\nlog.dirs={}\nzookeeper.connect={zookeeper}\nlisteners=PLAINTEXT://127.0.0.1:0\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:0\n{extra}\n",
            logs.display()
        );
        let path = dir.path().join("server.properties");
        fs::write(&path, config).unwrap();
        Self { jvm: Jvm::start(dir.path(), "kafka.Kafka", &path), _dir: dir }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.jvm.kill();
    }

    /// Makes it hang.
    pub(crate) fn pause(&self) {
        self.jvm.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.jvm.signal(Signal::SIGCONT);
    }

    /// Fails the test if the JVM has ended.
    pub(crate) fn assert_alive(&mut self) {
        self.jvm.assert_alive();
    }
}

/// Asks until there is an answer; fails the test when there is none in time.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
