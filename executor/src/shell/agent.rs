//! The Mesos agent: its messages become events, updates become statuses.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use api::{
    incident::{Incident, file_name},
    message::{ToExecutor, ToScheduler},
};
use mesos::{
    executor::{Client, Handle, Message, Options, OptionsError, Refused, Shutdown},
    v1::TaskInfo,
};
use tokio::sync::mpsc;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::{keeper::Keeper, wire};
use crate::{
    health::Check,
    supervisor::{Event, ExitCode, Refusal, Update},
};

/// Messages waiting for the loop; the client holds the stream back when it is full.
const QUEUE: usize = 16;
/// What of the agent's shutdown grace is kept for SIGKILL, the sweep, the terminal update and its acknowledgement. Where
/// that leaves the JVM less than three quarters (an agent's own default is 5 s in all), a quarter.
const RESERVE: Duration = Duration::from_secs(10);

/// As a grace: the task's own, which is shorter.
const TASKS_OWN: Duration = Duration::from_secs(24 * 3600);

/// Our side of the executor client.
pub(super) struct Agent {
    handle: Handle,
    messages: mpsc::Receiver<Message>,
    client: tokio::task::JoinHandle<()>,
    grace: Duration,
    health: Option<Check>,
    /// The first that was launched.
    task: Option<String>,
    /// Terminal updates that wait for their acknowledgement.
    terminal: BTreeMap<Uuid, String>,
    refused: bool,
}

impl Agent {
    /// Reads the agent's environment and begins to subscribe; also gives the sandbox.
    ///
    /// # Errors
    /// All that is missing or wrong in the environment.
    pub(super) fn start(environment: &BTreeMap<String, String>) -> Result<(Self, PathBuf), OptionsError> {
        let options = Options::from_lookup(|name| environment.get(name).cloned())?;
        // The agent starts us there.
        let sandbox = options.sandbox.clone().unwrap_or_else(|| PathBuf::from("."));
        let grace = jvm_grace(options.shutdown_grace);
        info!(
            executor = options.executor_id.value,
            framework = options.framework_id.value,
            sandbox = %sandbox.display(),
            "kafka-executor {}",
            env!("CARGO_PKG_VERSION")
        );
        let (client, handle) = Client::new(options);
        let (sender, messages) = mpsc::channel(QUEUE);
        let client = tokio::spawn(client.run(sender));
        let agent = Self {
            handle,
            messages,
            client,
            grace,
            health: None,
            task: None,
            terminal: BTreeMap::new(),
            refused: false,
        };
        Ok((agent, sandbox))
    }

    /// The next message; `None` once, when the client has ended, then nothing ever.
    pub(super) async fn next(&mut self) -> Option<Message> {
        if self.messages.is_closed() && self.messages.is_empty() && self.client.is_finished() {
            return std::future::pending().await;
        }
        let message = self.messages.recv().await;
        if message.is_none() {
            // Nothing more comes: `next` must not spin.
            self.messages.close();
            let _panic_is_in_the_log = (&mut self.client).await;
        }
        message
    }

    /// What a message means to the supervisor.
    pub(super) fn events(&mut self, message: Option<Message>) -> Vec<Event> {
        match message {
            None => vec![self.shutdown("the client of the agent has ended".to_owned())],
            Some(Message::Subscribed(subscribed)) => {
                info!(agent = subscribed.agent_info.hostname, "subscribed");
                vec![Event::Subscribed { killing: wire::knows_killing(&subscribed.framework_info) }]
            }
            Some(Message::Launch(task)) => vec![self.launch(&task)],
            Some(Message::LaunchGroup(tasks)) => tasks.iter().map(|task| self.launch(task)).collect(),
            Some(Message::Kill { task_id, kill_policy }) => {
                info!(task = task_id.value, "KILL");
                vec![Event::Kill { task: task_id.value, grace: kill_policy.as_ref().and_then(wire::grace) }]
            }
            Some(Message::Acknowledged { uuid, .. }) => self.settled(uuid),
            Some(Message::Message(bytes)) => said(&bytes).into_iter().collect(),
            Some(Message::Shutdown(reason)) => {
                if reason == Shutdown::Asked {
                    info!("SHUTDOWN");
                } else {
                    warn!("{reason}");
                }
                vec![self.shutdown(reason.to_string())]
            }
            Some(Message::Disconnected { reason }) => {
                warn!(reason, "the agent is away; the broker goes on");
                vec![]
            }
            Some(Message::Refused(Refused::Update { task_id, uuid, status, text })) => {
                error!(task = task_id.value, status, text, "the agent refuses an update: it is lost");
                self.settled(uuid)
            }
            Some(Message::Refused(refused @ Refused::Subscribe { .. })) => {
                error!("{refused}");
                self.refused = true;
                vec![Event::Shutdown { reason: refused.to_string(), grace: refusal_grace(&refused) }]
            }
        }
    }

    fn launch(&mut self, task: &TaskInfo) -> Event {
        let launched = wire::launch(task);
        info!(task = launched.launch.task, "LAUNCH");
        for warning in launched.warnings {
            warn!(task = launched.launch.task, "{warning}");
        }
        // The first launch counts; the supervisor refuses every other one.
        self.health = self.health.take().or(launched.health);
        self.task.get_or_insert_with(|| launched.launch.task.clone());
        Event::Launch(Box::new(launched.launch))
    }

    fn shutdown(&self, reason: String) -> Event {
        Event::Shutdown { reason, grace: self.grace }
    }

    fn settled(&mut self, uuid: Uuid) -> Vec<Event> {
        self.terminal.remove(&uuid).map(|task| Event::Acknowledged { task }).into_iter().collect()
    }

    /// Tells the agent; the client keeps and repeats the update until it is acknowledged.
    pub(super) async fn update(&mut self, update: Update) {
        let (task, terminal) = (update.task.clone(), update.state.is_terminal());
        info!(task, state = ?update.state, healthy = update.healthy, "{}", update.message);
        match self.handle.update(wire::status(update)).await {
            Ok(uuid) if terminal => {
                self.terminal.insert(uuid, task);
            }
            Ok(_) => {}
            Err(error) => warn!(task, %error, "nobody hears this update"),
        }
    }

    /// Tells the scheduler that a restart is not made. It asks again while it wants one, so a lost word does no harm.
    pub(super) async fn refuse(&self, refusal: Refusal) {
        let Refusal { task, config_id, generation, reason } = refusal;
        warn!(%task, generation, reason, "a restart in place is refused");
        self.tell(&ToScheduler::RestartRefused { task, config_id, generation, reason }).await;
    }

    /// Has an incident kept in the sandbox, and tells the scheduler.
    pub(super) async fn incident(&self, incident: Incident, sandbox: &Path, keeper: &mut Keeper) {
        let (id, cause) = (incident.id, incident.cause);
        let path = sandbox.join(file_name(id));
        if !path.exists() {
            info!(%id, %cause, "the JVM's end is an incident");
            match serde_json::to_vec(&incident) {
                Ok(bytes) => keeper.keep(path, bytes),
                Err(error) => warn!(%id, %error, "the incident cannot be kept in the sandbox"),
            }
        }
        self.tell(&ToScheduler::Incident(Box::new(incident))).await;
    }

    async fn tell(&self, said: &ToScheduler) {
        let told = match serde_json::to_vec(said) {
            Ok(bytes) => self.handle.message(bytes).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = told {
            warn!(error, "nobody hears this message");
        }
    }

    /// The task's id; empty before its LAUNCH.
    pub(super) fn task(&self) -> &str {
        self.task.as_deref().unwrap_or_default()
    }

    /// How the TaskInfo wants the broker's health checked; `None`: not at all.
    pub(super) fn health(&self) -> Option<&Check> {
        self.health.as_ref()
    }

    /// What `code` is for whoever reads exit codes, given what the agent said.
    pub(super) fn exit_code(&self, code: ExitCode) -> ExitCode {
        if self.refused { ExitCode::Refused } else { code }
    }
}

/// What the scheduler says to us, if this version knows it.
fn said(bytes: &[u8]) -> Option<Event> {
    match serde_json::from_slice(bytes) {
        Ok(ToExecutor::Restart { task, contract }) => {
            info!(%task, generation = contract.generation, "MESSAGE: restart in place");
            Some(Event::Restart { task, contract })
        }
        Ok(ToExecutor::IncidentStored { id }) => Some(Event::IncidentStored { id }),
        Err(error) => {
            warn!(length = bytes.len(), %error, "a MESSAGE that this version does not know: ignored");
            None
        }
    }
}

/// What the JVM may take of the agent's shutdown grace; its task's own grace may be shorter.
fn jvm_grace(shutdown: Duration) -> Duration {
    shutdown - RESERVE.min(shutdown / 4)
}

/// What the JVM has left after a refused subscription.
fn refusal_grace(refused: &Refused) -> Duration {
    // Where nobody knows of us any more another may run in our place: at once, not gently. Any other refusal says
    // nothing against the broker.
    if refused.is_unknown() { Duration::ZERO } else { TASKS_OWN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_executor_nobody_knows_ends_at_once() {
        for (status, text, grace) in [
            (400, "Executor cannot be found", Duration::ZERO),
            (400, "Framework cannot be found", Duration::ZERO),
            (400, "Failed to validate Executor::Call", TASKS_OWN),
            (403, "Forbidden", TASKS_OWN),
            (406, "Not acceptable", TASKS_OWN),
        ] {
            let refused = Refused::Subscribe { status, text: text.to_owned() };
            assert_eq!(refusal_grace(&refused), grace, "{refused}");
        }
    }

    #[test]
    fn of_the_agent_s_grace_enough_is_kept_to_tidy_up() {
        for (shutdown, jvm) in [(330_000, 320_000), (40_000, 30_000), (5_000, 3_750), (0, 0)] {
            assert_eq!(
                jvm_grace(Duration::from_millis(shutdown)),
                Duration::from_millis(jvm),
                "{shutdown} ms"
            );
        }
    }
}
