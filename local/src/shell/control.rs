//! The control socket of `mesos-local`: one verb a connection, one answer, for tests that kill and start its halves.

use std::{
    io,
    path::{Path, PathBuf},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};

use crate::embedded::Mesos;

/// What can be asked of a running `mesos-local`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Verb {
    /// End the master half at once, as SIGKILL would.
    MasterKill,
    /// Start the master half again; returns when it answers HTTP.
    MasterStart,
    /// End the agent half at once; executors live on.
    AgentKill,
    /// Start the agent half again; returns when it answers HTTP.
    AgentStart,
    /// The agent leaves in an orderly way.
    AgentUnregister,
    /// Which halves run, and where.
    Status,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::MasterKill => "master-kill",
            Self::MasterStart => "master-start",
            Self::AgentKill => "agent-kill",
            Self::AgentStart => "agent-start",
            Self::AgentUnregister => "agent-unregister",
            Self::Status => "status",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        <Self as clap::ValueEnum>::value_variants().iter().copied().find(|verb| verb.name() == name)
    }
}

/// Why there is no control socket, or no answer from one.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It cannot be made.
    #[error(
        "cannot listen on {path}; a socket's path may have 107 bytes at most, give a shorter one with --socket"
    )]
    Listen {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nobody listens.
    #[error("cannot reach mesos-local at {path}: does it run on this work directory?")]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It hung up before it answered.
    #[error("mesos-local hung up before it answered")]
    HungUp(#[source] io::Error),
    /// It says no.
    #[error("{0}")]
    Refused(String),
}

/// The listening end. Its file is removed when it is dropped.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Listens at `path`; what a killed predecessor left there is replaced. The caller holds the work directory's lock.
    ///
    /// # Errors
    /// [`ControlError::Listen`].
    pub fn listen(path: PathBuf) -> Result<Self, ControlError> {
        let failed = |source| ControlError::Listen { path: path.clone(), source };
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(failed)?;
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self { listener, path })
    }

    /// Serves one connection after the other, for ever.
    pub async fn serve(&self, mesos: &mut Mesos) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    if let Err(error) = serve_one(stream, mesos).await {
                        tracing::debug!(error = %error, "a control client hung up");
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %error, "cannot accept a control connection");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // A file left behind does no harm: the next start replaces it.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn serve_one(stream: UnixStream, mesos: &mut Mesos) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    BufReader::new(reader.take(64)).read_line(&mut line).await?;
    let answer = match Verb::parse(line.trim()) {
        Some(verb) => carry_out(verb, mesos).await,
        None => Err(format!("unknown verb {:?}", line.trim())),
    };
    let text = match answer {
        Ok(text) => format!("ok\n{text}"),
        Err(text) => format!("error\n{text}"),
    };
    writer.write_all(text.as_bytes()).await?;
    writer.shutdown().await
}

async fn carry_out(verb: Verb, mesos: &mut Mesos) -> Result<String, String> {
    tracing::info!(verb = verb.name(), "control");
    let started = |result: Result<(), crate::embedded::StartError>| {
        result.map(|()| String::new()).map_err(|error| format!("{:#}", anyhow::Error::from(error)))
    };
    match verb {
        Verb::MasterKill => mesos.kill_master().await,
        Verb::AgentKill => mesos.kill_agent().await,
        Verb::AgentUnregister => mesos.unregister_agent().await,
        Verb::MasterStart => return started(mesos.start_master().await),
        Verb::AgentStart => return started(mesos.start_agent().await),
        Verb::Status => {
            let word = |runs: bool| if runs { "up" } else { "down" };
            return Ok(format!(
                "master {} {}\nagent {} {}\n",
                word(mesos.has_master()),
                mesos.master_url(),
                word(mesos.has_agent()),
                mesos.agent_url()
            ));
        }
    }
    Ok(String::new())
}

/// Asks a running `mesos-local`; returns when it has done it.
///
/// # Errors
/// See [`ControlError`].
pub async fn ask(path: &Path, verb: Verb) -> Result<String, ControlError> {
    let mut stream = UnixStream::connect(path)
        .await
        .map_err(|source| ControlError::Connect { path: path.to_owned(), source })?;
    stream.write_all(format!("{}\n", verb.name()).as_bytes()).await.map_err(ControlError::HungUp)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map_err(ControlError::HungUp)?;
    match answer.split_once('\n') {
        Some(("ok", text)) => Ok(text.to_owned()),
        Some((_, text)) => Err(ControlError::Refused(text.to_owned())),
        None => Err(ControlError::HungUp(io::ErrorKind::UnexpectedEof.into())),
    }
}
