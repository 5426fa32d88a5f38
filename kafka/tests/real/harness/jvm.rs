//! JVMs of Kafka's distributions: servers that go with their value, and tools that run to their end.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        signal::{Signal, killpg},
        wait::{Id, WaitPidFlag, WaitStatus, waitid},
    },
    unistd::Pid,
};

/// Small and soon up: what a test's broker needs.
const JVM: [&str; 5] =
    ["-Xmx192m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"];
/// For 2.8 and 3.9.
const LOG4J_1: &str = "\
log4j.rootLogger=LEVEL, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.target=TARGET
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=[%d] %p %m (%c)%n
";
/// For 4.1.
const LOG4J_2: &str = "\
rootLogger.level=LEVEL
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.target=TARGET
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=[%d] %p %m (%c)%n
";

/// The `libs` of Kafka `version`, unpacked once per archive and target directory.
fn libs(version: &str) -> PathBuf {
    static LIBS: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut libs = LIBS.lock().unwrap_or_else(PoisonError::into_inner);
    libs.entry(version.to_owned()).or_insert_with(|| unpack(version)).clone()
}

fn unpack(version: &str) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/fetch-kafka.sh");
    let fetched = Command::new(&script).arg(version).stderr(Stdio::inherit()).output().unwrap();
    assert!(fetched.status.success(), "{} must give Kafka {version}", script.display());
    let tgz = PathBuf::from(String::from_utf8(fetched.stdout).unwrap().trim());
    let sum = fs::read_to_string(tgz.with_extension("tgz.sha256")).unwrap();
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kafka-{}", &sum[..12]));
    if !home.exists() {
        // Unpacked beside and renamed, so that another test binary never sees half of it.
        let beside = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let tar = ["-xzf", tgz.to_str().unwrap(), "--strip-components=1", "-C"];
        assert!(Command::new("tar").args(tar).arg(beside.path()).status().unwrap().success());
        if fs::rename(beside.path(), &home).is_ok() {
            let _renamed_away = beside.keep();
        }
    }
    home.join("libs")
}

/// A command that runs `main`, in a process group of its own that `setpriv` ends with the thread that starts it.
fn java(version: &str, dir: &Path, main: &str, (level, target): (&str, &str)) -> Command {
    let (option, text, target) = if version.starts_with("4.") {
        ("log4j2.configurationFile", LOG4J_2, format!("SYSTEM_{}", target.to_uppercase()))
    } else {
        ("log4j.configuration", LOG4J_1, format!("System.{target}"))
    };
    let log = dir.join("log4j.properties");
    fs::write(&log, text.replace("LEVEL", level).replace("TARGET", &target)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "java"]);
    match std::env::var("KAFKA_BENCH_JVM") {
        Ok(options) => command.args(options.split_whitespace()),
        Err(_) => command.args(JVM),
    };
    command.arg(format!("-D{option}=file:{}", log.display()));
    command.arg("-cp").arg(libs(version).join("*")).arg(main).stdin(Stdio::null());
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

/// A running JVM.
#[derive(Debug)]
pub(crate) struct Jvm {
    child: Child,
    log: PathBuf,
}

impl Jvm {
    /// Starts `main` of Kafka `version` with a file for its only argument; it logs to `dir/log`.
    pub(crate) fn start(version: &str, dir: &Path, main: &str, config: &Path) -> Self {
        let log = dir.join("log");
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = java(version, dir, main, ("INFO", "out"));
        command.arg(config).stdout(output.try_clone().unwrap()).stderr(output);
        let child = command.spawn().expect("setpriv (util-linux) and java must be installed");
        Self { child, log }
    }

    /// SIGKILL, as a crash or the kernel would.
    pub(crate) fn kill(&mut self) {
        let group = Pid::from_raw(self.child.id().cast_signed());
        let _ = killpg(group, Signal::SIGKILL); // it may be gone already
        let _ = self.child.wait();
    }

    /// SIGSTOP: connections stand, nobody answers. Returns once that is so: on a busy machine its other threads go on
    /// until the first has taken the signal.
    pub(crate) fn pause(&self) {
        let pid = self.signal(Signal::SIGSTOP);
        let stopped = || waitid(Id::Pid(pid), WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG).unwrap();
        let began = Instant::now();
        while stopped() == WaitStatus::StillAlive {
            assert!(began.elapsed() < Duration::from_secs(30), "{pid} does not stop");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) -> Pid {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        killpg(pid, signal).unwrap();
        pid
    }

    /// Fails the test if it has ended.
    pub(crate) fn assert_alive(&mut self) {
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

/// A tool of Kafka on its way: several can run at once.
#[derive(Debug)]
pub(crate) struct Tool {
    command: String,
    child: Child,
    _dir: tempfile::TempDir,
}

/// What a tool printed.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) command: String,
    pub(crate) success: bool,
    pub(crate) stdout: String,
    /// Its log is in there too, from WARN on, as the scripts of Kafka have it.
    pub(crate) stderr: String,
}

impl Tool {
    /// Starts the class `main` of Kafka `version`.
    pub(crate) fn start(version: &str, main: &str, args: &[&str]) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut command = java(version, dir.path(), main, ("WARN", "err"));
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("setpriv (util-linux) and java must be installed");
        Self { command: format!("{main} {}", args.join(" ")), child, _dir: dir }
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Printed {
        let output = self.child.wait_with_output().unwrap();
        Printed {
            command: self.command,
            success: output.status.success(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
