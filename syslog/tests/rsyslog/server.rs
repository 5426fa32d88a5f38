//! A private rsyslogd: its own configuration, files and ports, in the foreground, gone with its value.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use syslog::Target;

use crate::wait_for;

/// How it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Udp,
    Tcp,
    Tls,
    Unix,
}

pub(crate) struct Rsyslogd {
    directory: tempfile::TempDir,
    way: Way,
    port: u16,
    child: Option<Child>,
}

/// What it writes for each message: all that it understood of it.
const FIELDS: &str = r#"template(name="json" type="list" option.jsonf="on") {
  property(outname="pri" name="pri" format="jsonf")
  property(outname="time" name="timereported" dateformat="rfc3339" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="process" name="procid" format="jsonf")
  property(outname="id" name="msgid" format="jsonf")
  property(outname="data" name="structured-data" format="jsonf")
  property(outname="tag" name="syslogtag" format="jsonf")
  property(outname="text" name="msg" format="jsonf")
}"#;

impl Rsyslogd {
    /// Makes its configuration and, for TLS, an authority and a certificate for `localhost`; starts nothing.
    pub(crate) fn new(way: Way) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Free now; whoever takes it before we do fails this test.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let server = Self { directory, way, port, child: None };
        let at = |name: &str| server.path(name).display().to_string();
        let (tls, input) = match way {
            Way::Udp => (
                String::new(),
                format!(
                    "module(load=\"imudp\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\" ruleset=\"out\")"
                ),
            ),
            Way::Tcp => (
                String::new(),
                format!(
                    "module(load=\"imtcp\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\" ruleset=\"out\")"
                ),
            ),
            Way::Tls => {
                server.certificates();
                (
                    format!(
                        "defaultNetstreamDriver=\"gtls\" defaultNetstreamDriverCAFile=\"{}\" \
                         defaultNetstreamDriverCertFile=\"{}\" defaultNetstreamDriverKeyFile=\"{}\"",
                        at("ca.pem"),
                        at("server.pem"),
                        at("server.key")
                    ),
                    format!(
                        "module(load=\"imtcp\" streamDriver.name=\"gtls\" streamDriver.mode=\"1\" streamDriver.authMode=\"anon\")\n\
                         input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\" ruleset=\"out\")"
                    ),
                )
            }
            // It goes by its own clock unless told to read the message's time.
            Way::Unix => (
                String::new(),
                format!(
                    "module(load=\"imuxsock\" sysSock.use=\"off\")\n\
                     input(type=\"imuxsock\" socket=\"{}\" ignoreTimestamp=\"off\" useSysTimeStamp=\"off\" ruleset=\"out\")",
                    at("socket")
                ),
            ),
        };
        // No queue: killed, it has nothing that it has read and not written.
        let text = format!(
            "global(workDirectory=\"{}\" {tls})\n{input}\n{FIELDS}\n\
             ruleset(name=\"out\" queue.type=\"Direct\") {{ action(type=\"omfile\" file=\"{}\" template=\"json\") }}\n",
            server.directory.path().display(),
            at("out")
        );
        fs::write(server.path("rsyslog.conf"), text).unwrap();
        fs::write(server.path("out"), "").unwrap();
        server
    }

    /// One that runs.
    pub(crate) fn started(way: Way) -> Self {
        let mut server = Self::new(way);
        server.start();
        server
    }

    fn certificates(&self) {
        let write = |name: &str, text: String| fs::write(self.path(name), text).unwrap();
        let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        write("ca.pem", authority.self_signed(&key).unwrap().pem());
        let issuer = rcgen::Issuer::new(authority, key);
        let key = rcgen::KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned()];
        let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        write("server.pem", certificate.pem());
        write("server.key", key.serialize_pem());
    }

    /// Starts it, and waits until it listens.
    pub(crate) fn start(&mut self) {
        // Not in everybody's PATH.
        let program = ["/usr/sbin/rsyslogd", "/usr/local/sbin/rsyslogd"].map(Path::new);
        let program = program.into_iter().find(|path| path.exists());
        let program = program.expect("rsyslogd must be installed (scripts/install.sh --tests)");
        let child = Command::new(program)
            .arg("-n")
            .arg("-f")
            .arg(self.path("rsyslog.conf"))
            .arg("-i")
            .arg(self.path("pid"))
            .stdin(Stdio::null())
            .stdout(Stdio::inherit())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let port = self.port;
        wait_for("rsyslogd", || match self.way {
            Way::Tcp | Way::Tls => TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok().map(drop),
            Way::Unix => self.path("socket").exists().then_some(()),
            // Bound: nobody else can.
            Way::Udp => std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_err().then_some(()),
        });
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _may_have_ended = child.kill();
            let _reaped = child.wait();
        }
        let _none_with_other_ways = fs::remove_file(self.path("socket"));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn target(&self) -> Target {
        let text = match self.way {
            Way::Udp => format!("udp://127.0.0.1:{}", self.port),
            Way::Tcp => format!("tcp://127.0.0.1:{}", self.port),
            Way::Tls => format!("tls://localhost:{}", self.port),
            Way::Unix => format!("unix://{}", self.path("socket").display()),
        };
        text.parse().unwrap()
    }

    pub(crate) fn authorities(&self) -> Option<PathBuf> {
        (self.way == Way::Tls).then(|| self.path("ca.pem"))
    }

    /// All messages it has written so far.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("out")).unwrap();
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }

    /// Them, once there are `count`.
    pub(crate) fn when(&self, count: usize) -> Vec<Value> {
        wait_for(&format!("{count} messages over {:?}", self.way), || {
            Some(self.messages()).filter(|messages| messages.len() >= count)
        })
    }
}

impl Drop for Rsyslogd {
    fn drop(&mut self) {
        self.kill();
    }
}
