//! The whole embedded Mesos in this process: a master half and an agent half, each on its own port, each to be killed
//! and started again alone.
#![expect(clippy::disallowed_methods, reason = "it seeds the chance of both halves")]

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use mesos::resource::Resources;

use crate::{
    agent, master,
    shell::{self, Executors, door::DoorKeeper},
};

/// How to start an embedded Mesos.
#[derive(Clone, Debug)]
pub struct Options {
    /// The master; port 0 takes a free one, which it keeps when it is started again.
    pub master: master::Options,
    /// The agent, likewise.
    pub agent: agent::Options,
    /// Where both keep what they must not forget: `master/` and, for the agent, its own `work_dir`.
    pub work_dir: PathBuf,
}

impl Options {
    /// Mesos's defaults on two free loopback ports, everything under `work_dir` (absolute).
    pub fn new(work_dir: PathBuf, resources: Resources) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            master: master::Options::new(any),
            agent: agent::Options::new(any, work_dir.join("agent"), resources),
            work_dir,
        }
    }
}

/// Why a half does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The master half.
    #[error("the master does not start")]
    Master(#[from] shell::master::StartError),
    /// The agent half.
    #[error("the agent does not start")]
    Agent(#[from] shell::agent::StartError),
}

/// A running embedded Mesos. Dropping it ends its tasks only with the runtime they run on: call [`Mesos::stop`].
#[derive(Debug)]
pub struct Mesos {
    options: Options,
    door: DoorKeeper,
    master: Option<shell::master::Running>,
    agent: Option<shell::agent::Running>,
}

impl Mesos {
    /// Starts both halves; both answer HTTP when this returns. The agent registers in the background.
    ///
    /// # Errors
    /// See [`StartError`]; a half that had started is ended again.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let mut it = Self { options, door: DoorKeeper::new(), master: None, agent: None };
        it.start_master().await?;
        if let Err(error) = it.start_agent().await {
            it.kill_master().await;
            return Err(error);
        }
        Ok(it)
    }

    /// Where the master listens, or listened last.
    pub fn master_address(&self) -> SocketAddr {
        self.options.master.address
    }

    /// Where the agent listens, or listened last.
    pub fn agent_address(&self) -> SocketAddr {
        self.options.agent.address
    }

    /// `http://<address of the master>`.
    pub fn master_url(&self) -> String {
        format!("http://{}", self.master_address())
    }

    /// `http://<address of the agent>`.
    pub fn agent_url(&self) -> String {
        format!("http://{}", self.agent_address())
    }

    /// Whether the master half runs.
    pub fn has_master(&self) -> bool {
        self.master.as_ref().is_some_and(shell::master::Running::is_alive)
    }

    /// Whether the agent half runs.
    pub fn has_agent(&self) -> bool {
        self.agent.as_ref().is_some_and(shell::agent::Running::is_alive)
    }

    /// Ends the master half as SIGKILL would: sockets and memory are gone, its registry stays. Nothing if it is down.
    pub async fn kill_master(&mut self) {
        self.door.close();
        if let Some(running) = self.master.take() {
            running.kill().await;
        }
    }

    /// Starts the master half on its registry, on its old port; it answers HTTP when this returns. Nothing if it runs.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start_master(&mut self) -> Result<(), StartError> {
        if self.has_master() {
            return Ok(());
        }
        self.kill_master().await;
        let options = shell::master::Options {
            master: self.options.master.clone(),
            work_dir: self.options.work_dir.join("master"),
            seed: rand::random(),
        };
        let running = shell::master::start(options, &self.door).await?;
        self.options.master.address = running.address();
        self.master = Some(running);
        Ok(())
    }

    /// Ends the agent half as SIGKILL would: its executors live on. Nothing if it is down.
    pub async fn kill_agent(&mut self) {
        if let Some(running) = self.agent.take() {
            running.kill().await;
        }
    }

    /// Starts the agent half on its work directory, on its old port; it answers HTTP when this returns. Nothing if it
    /// runs.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start_agent(&mut self) -> Result<(), StartError> {
        if self.has_agent() {
            return Ok(());
        }
        self.kill_agent().await;
        let running = shell::agent::start(self.options.agent.clone(), self.door.door()).await?;
        self.options.agent.address = running.address();
        self.agent = Some(running);
        Ok(())
    }

    /// The agent leaves in an orderly way and ends its executors. Nothing if it is down.
    pub async fn unregister_agent(&mut self) {
        if let Some(running) = self.agent.take() {
            running.unregister().await;
        }
    }

    /// Ends both halves, the agent first; [`Executors`] says what becomes of the executors. Afterwards nothing runs, and
    /// a start on the same work directory finds everything again.
    pub async fn stop(&mut self, executors: Executors) {
        if let Some(running) = self.agent.take() {
            running.stop(executors).await;
        }
        self.kill_master().await;
    }

    /// As [`Mesos::stop`], ending executors; once `hurry` is over they are ended at once.
    pub async fn stop_hurried(&mut self, within: Duration, hurry: impl Future<Output = ()>) {
        if let Some(running) = self.agent.take() {
            running.stop_hurried(within, hurry).await;
        }
        self.kill_master().await;
    }
}
