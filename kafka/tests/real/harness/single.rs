//! One ZooKeeper and single brokers, where a test puts its world together by hand.

use std::fs;

use super::{free_port, jvm::Jvm};

const VERSION: &str = "3.9.2";

/// A ZooKeeper of one server.
#[derive(Debug)]
pub(crate) struct ZooKeeperServer {
    version: &'static str,
    jvm: Jvm,
    dir: tempfile::TempDir,
    port: u16,
}

impl ZooKeeperServer {
    /// Starts one; it may take a moment to serve.
    pub(crate) fn start() -> Self {
        Self::of(VERSION)
    }

    /// Starts the one that Kafka `version` ships.
    pub(crate) fn of(version: &'static str) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        // ZooKeeper can't say which free port it took, so one is found for it. Short ticks allow short sessions.
        let port = free_port();
        let config = format!(
            "dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\ntickTime=500\n",
            dir.path().join("data").display()
        );
        fs::write(dir.path().join("zoo.cfg"), config).unwrap();
        Self { version, jvm: Self::launch(version, &dir), dir, port }
    }

    fn launch(version: &str, dir: &tempfile::TempDir) -> Jvm {
        let main = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
        Jvm::start(version, dir.path(), main, &dir.path().join("zoo.cfg"))
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
        self.jvm = Self::launch(self.version, &self.dir);
    }

    /// SIGSTOP: connections stand, nobody answers.
    pub(crate) fn pause(&self) {
        self.jvm.pause();
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) {
        self.jvm.resume();
    }
}

/// One broker.
#[derive(Debug)]
pub(crate) struct Broker {
    jvm: Jvm,
    _dir: tempfile::TempDir,
}

impl Broker {
    /// Starts broker `id` on a free port (it registers the one it took), with `zookeeper` as its `zookeeper.connect`
    /// and `extra` lines for `server.properties`; it may take a moment to serve.
    pub(crate) fn start(id: u32, zookeeper: &str, extra: &str) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let logs = dir.path().join("data");
        let config = format!(
            "broker.id={id}\nlog.dirs={}\nzookeeper.connect={zookeeper}\nlisteners=PLAINTEXT://127.0.0.1:0\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:0\nlog.cleaner.dedupe.buffer.size=2097152\n{extra}\n",
            logs.display()
        );
        let path = dir.path().join("server.properties");
        fs::write(&path, config).unwrap();
        Self { jvm: Jvm::start(VERSION, dir.path(), "kafka.Kafka", &path), _dir: dir }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.jvm.kill();
    }

    /// Makes it hang.
    pub(crate) fn pause(&self) {
        self.jvm.pause();
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.jvm.resume();
    }

    /// Fails the test if the JVM has ended.
    pub(crate) fn assert_alive(&mut self) {
        self.jvm.assert_alive();
    }
}
