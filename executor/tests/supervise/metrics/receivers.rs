//! Real statsd servers: Etsy's, and collectd with its plugin; and a plain socket between them and the executor.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{TcpStream as Socket, UdpSocket as Udp},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::{TcpListener, UdpSocket},
    task::JoinHandle,
};

use crate::{executor::free_port, wait_for};

/// A program, gone with its value, and with the test's thread.
struct Program(Child);

impl Program {
    fn start(what: &str, program: &Path, arguments: &[&str], log: &Path) -> Self {
        let log = fs::File::create(log).unwrap();
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        Self(child.unwrap_or_else(|error| panic!("{what} takes setpriv (util-linux): {error}")))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _may_have_ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// What a script of scripts/ prints, as the path it is.
pub(crate) fn fetched(script: &str) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts").join(script);
    let output = Command::new(&script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{} must succeed", script.display());
    String::from_utf8(output.stdout).unwrap().trim().into()
}

/// What came to Graphite: each name's last value, or for counters their sum.
pub(super) type Graphite = Arc<Mutex<BTreeMap<String, f64>>>;

/// Etsy's statsd, with a Graphite behind it that is ours.
pub(super) struct Etsy {
    _program: Program,
    pub(super) port: u16,
    pub(super) graphite: Graphite,
    sink: JoinHandle<()>,
    _home: tempfile::TempDir,
}

impl Etsy {
    pub(super) async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (port, management) = (free_port(), free_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = format!(
            "{{port: {port}, address: '127.0.0.1', mgmt_port: {management}, mgmt_address: '127.0.0.1', flushInterval: 250,\n\
             graphiteHost: '127.0.0.1', graphitePort: {}, backends: ['./backends/graphite'], automaticConfigReload: false}}\n",
            listener.local_addr().unwrap().port()
        );
        let path = home.path().join("config.js");
        fs::write(&path, config).unwrap();
        let program = fetched("fetch-statsd.sh");
        let arguments = [program.to_str().unwrap(), path.to_str().unwrap()];
        let program =
            Program::start("Etsy's statsd", Path::new("node"), &arguments, &home.path().join("log"));
        let graphite = Graphite::default();
        let sink = tokio::spawn(collect(listener, Arc::clone(&graphite)));
        wait_for("statsd (node must be installed)", || Socket::connect(("127.0.0.1", management)).ok()).await;
        Self { _program: program, port, graphite, sink, _home: home }
    }

    /// The last value, or for a counter the sum, of what Graphite has under this name.
    pub(super) fn value(&self, name: &str) -> Option<f64> {
        self.graphite.lock().unwrap().get(name).copied()
    }

    /// All names below `prefix`, by where Etsy's statsd files them.
    pub(super) fn names(&self) -> BTreeSet<String> {
        self.graphite.lock().unwrap().keys().cloned().collect()
    }
}

impl Drop for Etsy {
    fn drop(&mut self) {
        self.sink.abort();
    }
}

/// Graphite's side of the plain protocol: `name value time` per line.
async fn collect(listener: TcpListener, graphite: Graphite) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let mut lines = BufReader::new(socket).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut words = line.split(' ');
            let (name, value) = (words.next().unwrap(), words.next().unwrap().parse::<f64>().unwrap());
            let mut graphite = graphite.lock().unwrap();
            let known = graphite.entry(name.to_owned()).or_default();
            *known = if name.starts_with("stats_counts.") { *known + value } else { value };
        }
    }
}

/// collectd with the plugins statsd and csv.
pub(super) struct Collectd {
    _program: Program,
    pub(super) port: u16,
    home: tempfile::TempDir,
}

impl Collectd {
    pub(super) async fn start() -> Self {
        // It makes nothing below a directory that begins with a dot.
        let home = tempfile::Builder::new().prefix("collectd-").tempdir().unwrap();
        let port = free_port();
        let directory = home.path().display();
        let config = format!(
            "Hostname \"here\"\nFQDNLookup false\nBaseDir \"{directory}\"\nPIDFile \"{directory}/pid\"\n\
             TypesDB \"/usr/share/collectd/types.db\"\nInterval 1\nReadThreads 1\nWriteThreads 1\n\
             LoadPlugin statsd\nLoadPlugin csv\n\
             <Plugin statsd>\n  Host \"127.0.0.1\"\n  Port \"{port}\"\n</Plugin>\n\
             <Plugin csv>\n  DataDir \"{directory}/csv\"\n  StoreRates false\n</Plugin>\n"
        );
        let path = home.path().join("collectd.conf");
        fs::write(&path, config).unwrap();
        let program = ["/usr/sbin/collectd", "/usr/local/sbin/collectd"].iter().map(Path::new);
        let program = program.into_iter().find(|program| program.exists());
        let program = program.expect("collectd must be installed: scripts/install.sh --tests");
        let arguments = ["-f", "-C", path.to_str().unwrap()];
        let program = Program::start("collectd", program, &arguments, &home.path().join("log"));
        wait_for("collectd", || Udp::bind(("127.0.0.1", port)).is_err().then_some(())).await;
        Self { _program: program, port, home }
    }

    /// Its files' names without their date, `<type>-<name>`, and the last value in each.
    pub(super) fn values(&self) -> BTreeMap<String, f64> {
        let Ok(files) = fs::read_dir(self.home.path().join("csv/here/statsd")) else {
            return BTreeMap::new();
        };
        let value = |path: &Path| -> Option<f64> {
            let text = fs::read_to_string(path).ok()?;
            text.lines().last()?.split(',').nth(1)?.parse().ok()
        };
        let named = files.flatten().filter_map(|file| {
            let name = file.file_name().into_string().ok()?;
            let (name, _date) = name.split_at_checked(name.len().checked_sub("-2026-01-01".len())?)?;
            Some((name.to_owned(), value(&file.path())?))
        });
        named.collect()
    }
}

/// A socket that keeps what it gets, and may pass it on as it is.
pub(super) struct Tee {
    pub(super) port: u16,
    datagrams: Arc<Mutex<Vec<Vec<u8>>>>,
    on: Vec<u16>,
    task: Option<JoinHandle<()>>,
}

impl Tee {
    pub(super) async fn start(on: &[u16]) -> Self {
        let mut tee = Self { port: free_port(), datagrams: Arc::default(), on: on.to_vec(), task: None };
        tee.open().await;
        tee
    }

    /// Listens, again.
    pub(super) async fn open(&mut self) {
        let socket = UdpSocket::bind(("127.0.0.1", self.port)).await.unwrap();
        let (datagrams, on) = (Arc::clone(&self.datagrams), self.on.clone());
        self.task = Some(tokio::spawn(async move {
            let mut bytes = vec![0; 65_536];
            loop {
                let length = socket.recv(&mut bytes).await.unwrap();
                for port in &on {
                    socket.send_to(&bytes[..length], ("127.0.0.1", *port)).await.unwrap();
                }
                datagrams.lock().unwrap().push(bytes[..length].to_vec());
            }
        }));
    }

    /// Its port is closed.
    pub(super) async fn close(&mut self) {
        let task = self.task.take().unwrap();
        task.abort();
        let _cancelled = task.await;
    }

    /// All lines so far; each datagram was fit to be sent.
    pub(super) fn lines(&self) -> Vec<String> {
        let datagrams = self.datagrams.lock().unwrap();
        let text = |bytes: &Vec<u8>| {
            assert!(bytes.len() <= executor::metrics::statsd::DATAGRAM, "{} bytes", bytes.len());
            String::from_utf8(bytes.clone()).unwrap()
        };
        datagrams
            .iter()
            .map(text)
            .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}
