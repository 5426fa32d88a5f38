//! A whole cluster of real brokers, up within seconds.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use kafka::{
    keeper::Keeper,
    zookeeper::{CONTROLLER, ZooKeeper, registration_path},
};
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    harness::{Jvm, PATIENCE, Printed, Tool, ZooKeeperServer, free_port, until},
    wire,
};

/// What a cluster is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Kafka 3.9.2 with ZooKeeper.
    ZooKeeper,
    /// Kafka 2.8.2 with ZooKeeper.
    Old,
    /// Kafka 4.1.2, each node broker and controller.
    KRaft,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::ZooKeeper, Self::Old, Self::KRaft];

    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::ZooKeeper => "3.9.2",
            Self::Old => "2.8.2",
            Self::KRaft => "4.1.2",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if *self == Self::KRaft { "KRaft" } else { "ZooKeeper" };
        write!(f, "Kafka {} with {mode}", self.version())
    }
}

/// What to start.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) kind: Kind,
    /// Their ids are 0, 1, …
    pub(crate) brokers: u32,
    /// Last lines of each `server.properties`; what stands here wins.
    pub(crate) extra: String,
    /// Where each broker says that clients find it, instead of where it listens: a proxy's ports.
    pub(crate) advertised: Option<Vec<u16>>,
}

impl Setup {
    /// Three brokers.
    pub(crate) fn of(kind: Kind) -> Self {
        Self { kind, brokers: 3, extra: String::new(), advertised: None }
    }
}

/// A running cluster. Dropped, it is gone; its JVMs also end with the thread that started it. A test binary runs one
/// at a time, so tests that run beside each other wait here.
pub(crate) struct RealCluster {
    pub(crate) kind: Kind,
    pub(crate) nodes: Vec<Node>,
    /// `None` with KRaft.
    pub(crate) zookeeper: Option<ZooKeeperServer>,
    dir: Option<tempfile::TempDir>,
    _only_one: MutexGuard<'static, ()>,
}

/// One broker of a cluster.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: u32,
    /// Where clients reach it, `host:port`; behind a proxy this is still the broker itself.
    pub(crate) address: String,
    /// Where other brokers, and a test's own questions, reach it.
    pub(crate) internal: String,
    /// Where the other controllers reach its own, with KRaft.
    controller: Option<String>,
    version: &'static str,
    dir: PathBuf,
    /// `None` while it is down.
    jvm: Option<Jvm>,
}

/// So small that three brokers and their topics are up in seconds.
const SMALL: &str = "\
offsets.topic.num.partitions=3
transaction.state.log.num.partitions=3
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
auto.leader.rebalance.enable=false
num.network.threads=1
num.io.threads=2
background.threads=1
log.cleaner.dedupe.buffer.size=2097152
log.index.size.max.bytes=65536
controlled.shutdown.enable=false
log.retention.ms=-1
";

impl Node {
    fn prepare(setup: &Setup, id: u32, dir: &Path, connect: &str, controllers: &[u16]) -> Self {
        let dir = dir.join(format!("broker-{id}"));
        fs::create_dir(&dir).unwrap();
        let index = usize::try_from(id).unwrap();
        let (client, internal) = (free_port(), free_port());
        let advertised = setup.advertised.as_ref().map_or(client, |ports| ports[index]);
        let mut listeners = format!("CLIENT://127.0.0.1:{client},INTERNAL://127.0.0.1:{internal}");
        let advertised = format!("CLIENT://127.0.0.1:{advertised},INTERNAL://127.0.0.1:{internal}");
        let mode = if setup.kind == Kind::KRaft {
            listeners += &format!(",CONTROLLER://127.0.0.1:{}", controllers[index]);
            let voters: Vec<_> =
                (0..).zip(controllers).map(|(id, port)| format!("{id}@127.0.0.1:{port}")).collect();
            format!(
                "node.id={id}\nprocess.roles=broker,controller\ncontroller.quorum.voters={}\n\
                 controller.listener.names=CONTROLLER\nbroker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=500\n",
                voters.join(",")
            )
        } else {
            format!("broker.id={id}\nzookeeper.connect={connect}\nzookeeper.session.timeout.ms=4000\n")
        };
        let config = format!(
            "log.dirs={}\nlisteners={listeners}\nadvertised.listeners={advertised}\n\
             inter.broker.listener.name=INTERNAL\n\
             listener.security.protocol.map=CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT\n{mode}{SMALL}{}\n",
            dir.join("data").display(),
            setup.extra
        );
        fs::write(dir.join("server.properties"), config).unwrap();
        let at = |port| format!("127.0.0.1:{port}");
        Self {
            id,
            address: at(client),
            internal: at(internal),
            controller: controllers.get(index).filter(|_| setup.kind == Kind::KRaft).map(|port| at(*port)),
            version: setup.kind.version(),
            dir,
            jvm: None,
        }
    }

    /// Starts it, for the first time or again: same ports, same data.
    fn launch(&mut self) {
        let config = self.dir.join("server.properties");
        self.jvm = Some(Jvm::start(self.version, &self.dir, "kafka.Kafka", &config));
    }

    pub(crate) fn is_running(&self) -> bool {
        self.jvm.is_some()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.jvm.take().expect("it runs").kill();
    }

    /// SIGSTOP: connections stand, nobody answers.
    pub(crate) fn pause(&self) {
        self.jvm.as_ref().expect("it runs").pause();
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) {
        self.jvm.as_ref().expect("it runs").resume();
    }
}

impl RealCluster {
    /// Starts all brokers at once and waits until each knows all others and a controller.
    pub(crate) async fn start(setup: &Setup) -> Self {
        static ONLY_ONE: Mutex<()> = Mutex::const_new(());
        let only_one = ONLY_ONE.lock().await;
        let kind = setup.kind;
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let zookeeper = (kind != Kind::KRaft).then(|| ZooKeeperServer::of(kind.version()));
        let connect = zookeeper.as_ref().map(connect_string).unwrap_or_default();
        let controllers: Vec<u16> = (0..setup.brokers).map(|_| free_port()).collect();
        let mut nodes: Vec<Node> = (0..setup.brokers)
            .map(|id| Node::prepare(setup, id, dir.path(), &connect, &controllers))
            .collect();
        if kind == Kind::KRaft {
            format_storage(&nodes);
        }
        nodes.iter_mut().for_each(Node::launch);
        let mut cluster = Self { kind, nodes, zookeeper, dir: Some(dir), _only_one: only_one };
        cluster.settled().await;
        cluster
    }

    /// Waits until each running broker knows exactly the running ones and a controller among them.
    pub(crate) async fn settled(&mut self) {
        let running: Vec<i32> =
            self.nodes.iter().filter(|node| node.is_running()).map(|node| node.id.cast_signed()).collect();
        for index in 0..self.nodes.len() {
            until("each broker to know the others", async || {
                self.nodes.iter_mut().filter_map(|node| node.jvm.as_mut()).for_each(Jvm::assert_alive);
                if !self.nodes[index].is_running() {
                    return Some(());
                }
                let known = wire::metadata(&self.nodes[index].internal).ok()?;
                let mut ids: Vec<i32> = known.brokers.iter().map(|broker| broker.node_id.0).collect();
                ids.sort_unstable();
                (ids == running && running.contains(&known.controller_id.0)).then_some(())
            })
            .await;
        }
    }

    /// Where clients begin: all brokers, `host:port`, behind any proxy.
    pub(crate) fn bootstrap(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.internal.clone()).collect()
    }

    /// What `zookeeper.connect` says; empty with KRaft.
    pub(crate) fn connect(&self) -> String {
        self.zookeeper.as_ref().map(connect_string).unwrap_or_default()
    }

    /// Our view of the ZooKeeper; there must be one.
    pub(crate) fn in_zookeeper(&self) -> ZooKeeper {
        ZooKeeper::new(&self.connect(), PATIENCE).unwrap().limit(PATIENCE)
    }

    /// Who keeps its metadata.
    pub(crate) fn keeper(&self) -> Keeper {
        match self.kind {
            Kind::ZooKeeper | Kind::Old => Keeper::ZooKeeper(Arc::new(self.in_zookeeper())),
            Kind::KRaft => Keeper::KRaft,
        }
    }

    /// Whether there is a node at `path` of its ZooKeeper, which must be one; by nothing of ours.
    pub(crate) async fn has_node(&self, path: &str) -> bool {
        let connect = self.connect();
        until("ZooKeeper to say", async || {
            let client = zookeeper_client::Client::connect(&connect).await.ok()?;
            Some(client.check_stat(path).await.ok()?.is_some())
        })
        .await
    }

    /// Kills a broker and waits until all others know. ZooKeeper is told at once; KRaft's controller waits out the
    /// broker's session.
    pub(crate) async fn kill(&mut self, id: u32) {
        self.nodes[usize::try_from(id).unwrap()].kill();
        self.buried(id).await;
    }

    /// Waits until all others know that a broker was killed.
    pub(crate) async fn buried(&mut self, id: u32) {
        self.bury(id).await;
        self.settled().await;
    }

    /// The node whose controller is the active one with KRaft, `but` not this one, as itself says.
    pub(crate) fn active_controller(&self, but: Option<usize>) -> Option<usize> {
        let others = self.nodes.iter().enumerate().filter(|(at, node)| Some(*at) != but && node.is_running());
        let epochs = others.filter_map(|(at, node)| Some((wire::leads(node.controller.as_ref()?)?, at)));
        epochs.max().map(|(_, at)| at)
    }

    /// Starts a killed broker again and waits until all others know.
    pub(crate) async fn restart(&mut self, id: u32) {
        self.bury(id).await; // a broker does not start beside its old registration
        self.nodes[usize::try_from(id).unwrap()].launch();
        self.settled().await;
    }

    /// Removes what a killed broker left in ZooKeeper, as the end of its session would.
    async fn bury(&self, id: u32) {
        if self.zookeeper.is_none() {
            return;
        }
        let zookeeper = self.in_zookeeper();
        if let Some(registration) = zookeeper.registration(id).await.unwrap() {
            for path in [registration_path(id), CONTROLLER.to_owned()] {
                zookeeper.delete_if_owner(&path, registration.owner).await.unwrap();
            }
        }
    }

    /// Starts a tool of this cluster's own version.
    pub(crate) fn tool(&self, main: &str, args: &[&str]) -> Tool {
        Tool::start(self.kind.version(), main, args)
    }

    /// Starts what `kafka-topics.sh` starts.
    pub(crate) fn topic_command(&self, args: &[&str]) -> Tool {
        let old = self.kind == Kind::Old;
        let main = if old { "kafka.admin.TopicCommand" } else { "org.apache.kafka.tools.TopicCommand" };
        self.tool(main, &[&["--bootstrap-server", &self.running()], args].concat())
    }

    /// Starts what `kafka-get-offsets.sh` starts.
    pub(crate) fn offset_shell(&self, args: &[&str]) -> Tool {
        let old = self.kind == Kind::Old;
        let main = if old { "kafka.tools.GetOffsetShell" } else { "org.apache.kafka.tools.GetOffsetShell" };
        let option = if old { "--broker-list" } else { "--bootstrap-server" };
        self.tool(main, &[&[option, &self.running()], args].concat())
    }

    /// Starts what `kafka-metadata-quorum.sh describe --status` starts.
    pub(crate) fn quorum_status(&self) -> Tool {
        let main = "org.apache.kafka.tools.MetadataQuorumCommand";
        self.tool(main, &["--bootstrap-server", &self.running(), "describe", "--status"])
    }

    /// Brokers for a tool to begin with.
    fn running(&self) -> String {
        let running = self.nodes.iter().filter(|node| node.is_running());
        running.map(|node| node.internal.as_str()).collect::<Vec<_>>().join(",")
    }
}

impl Drop for RealCluster {
    fn drop(&mut self) {
        self.nodes.clear();
        if std::thread::panicking() {
            let dir = self.dir.take().map(tempfile::TempDir::keep);
            eprintln!("what the brokers wrote is kept in {}", dir.unwrap_or_default().display());
        }
    }
}

fn connect_string(server: &ZooKeeperServer) -> String {
    format!("{}/dcos-service-kafka", server.address())
}

/// Every node at once.
fn format_storage(nodes: &[Node]) {
    let tools: Vec<Tool> = nodes
        .iter()
        .map(|node| {
            let config = node.dir.join("server.properties");
            let args = ["format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", config.to_str().unwrap()];
            Tool::start(node.version, "kafka.tools.StorageTool", &args)
        })
        .collect();
    for tool in tools {
        let Printed { success, command, stdout, stderr } = tool.end();
        assert!(success, "{command} failed:\n{stdout}{stderr}");
    }
}
