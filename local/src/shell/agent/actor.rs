//! The task that owns the pure agent: takes in what happens, carries out what it wants, in order.
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use mesos::v1;
use mesos::v1::executor;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Reply;
use super::container::Containers;
use super::store::Store;
use crate::agent::{Agent, Answer, Container, ContainerEvent, Ended, Input, Output, Recovered, Ticket};
use crate::link::ToAgent;
use crate::shell::clock::Clock;
use crate::shell::door::{AgentEnd, MasterDoor};
use crate::shell::http::RecordSender;

/// Pause before the agent tries the door again that was shut in its face.
const RECONNECT: Duration = Duration::from_millis(200);

/// What reaches the actor.
#[derive(Debug)]
pub(super) enum Request {
    /// An executor's call.
    Call {
        call: Box<executor::Call>,
        /// For a SUBSCRIBE: where its events go.
        stream: Option<RecordSender>,
        reply: Reply<(Ticket, Answer)>,
    },
    /// An executor's stream is over.
    StreamClosed(Ticket),
    Container {
        container: Container,
        event: ContainerEvent,
    },
    /// An operator's v1 call; `None` back for one this agent does not serve.
    Respond {
        kind: v1::agent::call::Type,
        reply: Reply<Option<v1::agent::Response>>,
    },
    State(Reply<serde_json::Value>),
    /// Virtual and real paths of the sandboxes.
    Sandboxes(Reply<Vec<(String, std::path::PathBuf)>>),
    Id(Reply<Option<v1::AgentId>>),
    Unregister,
    Stop {
        within: Duration,
    },
}

/// Everything the actor needs.
pub(super) struct Actor {
    pub(super) agent: Agent,
    pub(super) clock: Clock,
    pub(super) store: Store,
    pub(super) containers: Containers,
    pub(super) door: MasterDoor,
    pub(super) address: SocketAddr,
    pub(super) cut: CancellationToken,
    pub(super) receiver: mpsc::Receiver<Request>,
}

/// What only lives while the actor runs.
#[derive(Default)]
struct Session {
    link: Option<AgentEnd>,
    next_ticket: u64,
    calls: BTreeMap<Ticket, Call>,
    streams: BTreeMap<Ticket, RecordSender>,
    /// What outputs led to; taken in before anything new.
    pending: VecDeque<Input>,
}

struct Call {
    stream: Option<RecordSender>,
    reply: Reply<(Ticket, Answer)>,
}

enum Woken {
    Cut,
    Request(Option<Request>),
    Master(Option<ToAgent>),
    Linked(Option<AgentEnd>),
    Deadline,
}

impl Actor {
    /// Runs until the agent exits (its reason), its half is cut, or the disk fails (`None`).
    pub(super) async fn run(mut self, recovered: Recovered) -> Option<Ended> {
        let mut session = Session::default();
        self.containers.recover(&recovered);
        loop {
            while let Some(input) = session.pending.pop_front() {
                let outputs = self.agent.handle(self.clock.now(), input);
                for output in outputs {
                    match self.carry_out(&mut session, output) {
                        Ok(None) => {}
                        Ok(Some(ended)) => {
                            tracing::info!(?ended, "the agent ends");
                            self.cut.cancel();
                            return Some(ended);
                        }
                        Err(error) => {
                            // Crash-only: an agent that cannot keep its promises on disk makes none.
                            tracing::error!(%error, "the agent cannot write its work directory and ends; executors live on");
                            self.cut.cancel();
                            return None;
                        }
                    }
                }
            }
            match self.wait(&mut session).await {
                Woken::Cut | Woken::Request(None) => return None,
                Woken::Request(Some(request)) => self.take(&mut session, request),
                Woken::Master(Some(message)) => session.pending.push_back(Input::Master(message)),
                Woken::Master(None) => {
                    session.link = None;
                    session.pending.push_back(Input::Unlinked);
                }
                Woken::Linked(Some(link)) => {
                    session.link = Some(link);
                    session.pending.push_back(Input::Linked);
                }
                Woken::Linked(None) => {}
                Woken::Deadline => session.pending.push_back(Input::Tick),
            }
        }
    }

    async fn wait(&mut self, session: &mut Session) -> Woken {
        let deadline = self.agent.next_deadline().map(|at| self.clock.instant(at));
        let timer = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let (door, address) = (&self.door, self.address);
        let master = async {
            match &mut session.link {
                Some(link) => Woken::Master(link.from_master.recv().await),
                None => {
                    door.opened().await;
                    let link = door.connect(address).await;
                    if link.is_none() {
                        tokio::time::sleep(RECONNECT).await;
                    }
                    Woken::Linked(link)
                }
            }
        };
        tokio::select! {
            biased;
            () = self.cut.cancelled() => Woken::Cut,
            request = self.receiver.recv() => Woken::Request(request),
            woken = master => woken,
            () = timer => Woken::Deadline,
        }
    }

    fn take(&mut self, session: &mut Session, request: Request) {
        // A reply whose receiver is gone belongs to a client that hung up: nobody is owed it.
        match request {
            Request::Call { call, stream, reply } => {
                session.next_ticket += 1;
                let ticket = Ticket(session.next_ticket);
                session.calls.insert(ticket, Call { stream, reply });
                session.pending.push_back(Input::Call { ticket, call });
            }
            Request::StreamClosed(ticket) => {
                if session.streams.remove(&ticket).is_some() {
                    session.pending.push_back(Input::StreamClosed(ticket));
                }
            }
            Request::Container { container, event } => {
                tracing::info!(container = %container.0, ?event, "container");
                if let ContainerEvent::Failed(_) | ContainerEvent::Exited { .. } = event {
                    self.containers.forget(&container);
                }
                session.pending.push_back(Input::Container { container, event });
            }
            Request::Respond { kind, reply } => drop(reply.send(self.agent.respond(kind))),
            Request::State(reply) => drop(reply.send(self.agent.state())),
            Request::Sandboxes(reply) => drop(reply.send(self.agent.sandboxes())),
            Request::Id(reply) => drop(reply.send(self.agent.id().cloned())),
            Request::Unregister => session.pending.push_back(Input::Unregister),
            Request::Stop { within } => session.pending.push_back(Input::Stop { within }),
        }
    }

    fn carry_out(&mut self, session: &mut Session, output: Output) -> std::io::Result<Option<Ended>> {
        match output {
            Output::Checkpoint(checkpoint) => self.store.write(&checkpoint)?,
            Output::Send(message) => {
                tracing::debug!(?message, "to the master");
                if let Some(link) = &session.link
                    && link.to_master.try_send(message).is_err()
                {
                    session.link = None;
                    session.pending.push_back(Input::Unlinked);
                }
            }
            Output::Answer { ticket, answer } => {
                if let Some(call) = session.calls.remove(&ticket) {
                    if let (Answer::Stream, Some(stream)) = (&answer, call.stream) {
                        session.streams.insert(ticket, stream);
                    }
                    let _ = call.reply.send((ticket, answer));
                }
            }
            Output::Event { stream, event } => {
                tracing::debug!(stream = stream.0, event = event.r#type().as_str_name(), "to an executor");
                if session.streams.get(&stream).is_some_and(|sender| sender.send(&*event).is_err()) {
                    session.streams.remove(&stream);
                    session.pending.push_back(Input::StreamClosed(stream));
                }
            }
            Output::EndStream(stream) => drop(session.streams.remove(&stream)),
            Output::Prepare { run, user, uris, mounts } => self.containers.prepare(run, user, uris, mounts),
            Output::Launch { run, user, command, environment } => {
                if let Some(pid) = self.containers.launch(&run, &user, &command, environment) {
                    let (container, event) = (run.container, ContainerEvent::Launched { pid });
                    tracing::info!(container = %container.0, pid, "executor launched");
                    session.pending.push_back(Input::Container { container, event });
                }
            }
            Output::Mount { run, mounts } => self.containers.mount(&run, &mounts),
            Output::Unmount { run, mounts } => self.containers.unmount(&run, &mounts),
            Output::Destroy(container) => self.containers.destroy(&container),
            Output::CreateVolume(path) => std::fs::create_dir_all(path)?,
            Output::DestroyVolume { path, keep_root } => super::sandbox::empty_volume(&path, keep_root)?,
            Output::Exit(ended) => return Ok(Some(ended)),
            Output::Log(line) => tracing::info!("{line}"),
        }
        Ok(None)
    }
}
