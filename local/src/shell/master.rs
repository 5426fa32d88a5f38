//! The master half with its socket, its links and its registry file: one task owns the [`Master`] and carries out what
//! it says.

mod form;
mod operator;
mod registry;
mod routes;
mod scheduler;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    clock::Clock,
    door::{DoorKeeper, MasterEnd},
    http::RecordSender,
    listener::CutListener,
};
use crate::{
    link::{LinkId, ToAgent, ToMaster},
    master::{self, Answer, Change, Input, Master, Output, StreamId, Ticket},
};
pub use registry::RegistryError;

/// Requests that wait for the master's task. Overflow policy: the next one waits, and its client with it.
const MAILBOX: usize = 1024;

/// How long an answer may wait for the events that belong before it.
const HEARD_FIRST: Duration = Duration::from_millis(50);

/// How to start a master half.
#[derive(Clone, Debug)]
pub struct Options {
    /// How the master behaves; `address` is where it listens, port 0 for a free one.
    pub master: master::Options,
    /// Directory of its registry; made if missing.
    pub work_dir: PathBuf,
    /// Fixes the ids of this run; a new one for each start.
    pub seed: u64,
}

/// Why a master half does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The registry cannot be read.
    #[error("cannot read the master's registry")]
    Registry(#[source] RegistryError),
    /// The address cannot be bound.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A running master half. Dropping it does not stop it.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    cut: CancellationToken,
    tasks: TaskTracker,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it still runs; it ends by itself when its registry cannot be written.
    pub fn is_alive(&self) -> bool {
        !self.cut.is_cancelled()
    }

    /// Ends it at once, as SIGKILL would: sockets are dropped, nobody is told, only the registry remains. Returns when
    /// the port is free again.
    pub async fn kill(self) {
        self.cut.cancel();
        self.tasks.wait().await;
    }
}

/// Starts a master half; it answers HTTP when this returns.
///
/// # Errors
/// See [`StartError`].
pub async fn start(options: Options, door: &DoorKeeper) -> Result<Running, StartError> {
    let file = registry::File::new(&options.work_dir);
    let registry = file.load().map_err(StartError::Registry)?;
    let cut = CancellationToken::new();
    let wanted = options.master.address;
    let listen = |source| StartError::Listen { address: wanted, source };
    let listener = CutListener::bind(wanted, cut.clone()).await.map_err(listen)?;
    let address = listener.address().map_err(listen)?;
    let clock = Clock::new();
    let mut master = options.master;
    master.address = address;
    let master = Master::new(master, registry, options.seed, clock.now());
    let (sender, receiver) = mpsc::channel(MAILBOX);
    let tasks = TaskTracker::new();
    let handle = Handle { sender, tasks: tasks.clone(), cut: cut.clone() };
    let keeper = Keeper {
        master,
        clock,
        file,
        streams: BTreeMap::new(),
        replaced: None,
        links: BTreeMap::new(),
        tickets: BTreeMap::new(),
        next_ticket: 0,
        told: None,
        tasks: tasks.clone(),
    };
    let connections = door.open();
    tasks.spawn(keeper.run(receiver, cut.clone()));
    tasks.spawn(take_links(connections, handle.clone()));
    tasks.spawn(listener.serve(routes::router(handle)));
    tasks.close();
    Ok(Running { address, cut, tasks })
}

/// What reaches the master's task.
enum Request {
    Subscribe {
        stream: StreamId,
        opened: Stream,
        subscribe: Box<mesos::v1::scheduler::call::Subscribe>,
        /// Told of the stream this one replaces.
        replaced: oneshot::Sender<CancellationToken>,
    },
    StreamClosed(StreamId),
    Call {
        stream: Option<StreamId>,
        call: Box<mesos::v1::scheduler::Call>,
        answer: oneshot::Sender<Answer>,
    },
    Change {
        change: Box<Change>,
        answer: oneshot::Sender<Answer>,
    },
    Look(Box<dyn FnOnce(&Master) + Send>),
    Linked {
        link: LinkId,
        address: SocketAddr,
        to_agent: mpsc::Sender<ToAgent>,
    },
    Agent {
        link: LinkId,
        message: ToMaster,
    },
    Unlinked(LinkId),
}

/// A scheduler's stream.
#[derive(Clone)]
struct Stream {
    sender: RecordSender,
    /// Cancelled when its response is over.
    gone: CancellationToken,
}

/// How handlers reach the master's task.
#[derive(Clone)]
struct Handle {
    sender: mpsc::Sender<Request>,
    tasks: TaskTracker,
    cut: CancellationToken,
}

/// The master has just died; the socket that asked is dead too.
#[derive(Clone, Copy, Debug)]
struct Dead;

impl Handle {
    async fn send(&self, request: Request) -> Result<(), Dead> {
        self.sender.send(request).await.map_err(|_| Dead)
    }

    async fn ask(&self, request: impl FnOnce(oneshot::Sender<Answer>) -> Request) -> Result<Answer, Dead> {
        let (sender, receiver) = oneshot::channel();
        self.send(request(sender)).await?;
        receiver.await.map_err(|_| Dead)
    }

    /// Looks at the master between two of its steps.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Master) -> T + Send + 'static,
    ) -> Result<T, Dead> {
        let (sender, receiver) = oneshot::channel();
        let look = move |master: &Master| {
            // Nobody waits any more if the client has hung up.
            let _ = sender.send(look(master));
        };
        self.send(Request::Look(Box::new(look))).await?;
        receiver.await.map_err(|_| Dead)
    }

    /// Runs a task that dies with the master.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let cut = self.cut.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = cut.cancelled() => {}
                () = task => {}
            }
        });
    }
}

async fn take_links(mut connections: mpsc::Receiver<MasterEnd>, handle: Handle) {
    loop {
        let end = tokio::select! {
            () = handle.cut.cancelled() => return,
            end = connections.recv() => end,
        };
        let Some(MasterEnd { link, address, to_agent, mut from_agent }) = end else { return };
        let reader = handle.clone();
        handle.spawn(async move {
            if reader.send(Request::Linked { link, address, to_agent }).await.is_err() {
                return;
            }
            while let Some(message) = from_agent.recv().await {
                if reader.send(Request::Agent { link, message }).await.is_err() {
                    return;
                }
            }
            let _ = reader.send(Request::Unlinked(link)).await;
        });
    }
}

/// The task that owns the master.
struct Keeper {
    master: Master,
    clock: Clock,
    file: registry::File,
    streams: BTreeMap<StreamId, Stream>,
    /// Who waits to hear of the stream that the current SUBSCRIBE replaces.
    replaced: Option<oneshot::Sender<CancellationToken>>,
    links: BTreeMap<LinkId, mpsc::Sender<ToAgent>>,
    tickets: BTreeMap<Ticket, oneshot::Sender<Answer>>,
    next_ticket: u64,
    /// The last stream the current step wrote to.
    told: Option<RecordSender>,
    /// Answers that wait for their events; the master's death waits for them.
    tasks: TaskTracker,
}

impl Keeper {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>, cut: CancellationToken) {
        loop {
            let wake = self.clock.instant(self.master.wake_at());
            let input = tokio::select! {
                biased;
                () = cut.cancelled() => return,
                request = requests.recv() => match request {
                    Some(request) => self.input(request),
                    None => return,
                },
                () = tokio::time::sleep_until(wake) => Some(Input::Tick),
            };
            let Some(input) = input else { continue };
            if let Err(error) = self.step(input) {
                // Crash-only: a master that cannot remember must not promise.
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "cannot write the registry; the master ends");
                cut.cancel();
                return;
            }
        }
    }

    fn input(&mut self, request: Request) -> Option<Input> {
        Some(match request {
            Request::Subscribe { stream, opened, subscribe, replaced } => {
                self.streams.insert(stream.clone(), opened);
                self.replaced = Some(replaced);
                Input::Subscribe { stream, subscribe }
            }
            Request::StreamClosed(stream) => {
                self.streams.remove(&stream);
                Input::StreamClosed(stream)
            }
            Request::Call { stream, call, answer } => {
                Input::Call { ticket: self.ticket(answer), stream, call }
            }
            Request::Change { change, answer } => Input::Operator { ticket: self.ticket(answer), change },
            Request::Look(look) => {
                look(&self.master);
                return None;
            }
            Request::Linked { link, address, to_agent } => {
                self.links.insert(link, to_agent);
                Input::Linked { link, address }
            }
            Request::Agent { link, message } => {
                if !self.links.contains_key(&link) {
                    return None;
                }
                Input::Agent { link, message }
            }
            Request::Unlinked(link) => {
                self.links.remove(&link)?;
                Input::Unlinked(link)
            }
        })
    }

    fn ticket(&mut self, answer: oneshot::Sender<Answer>) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.tickets.insert(ticket, answer);
        ticket
    }

    /// One input, and whatever breaks while its outputs are carried out.
    fn step(&mut self, input: Input) -> Result<(), RegistryError> {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for output in self.master.handle(self.clock.now(), input) {
                inputs.extend(self.carry_out(output)?);
            }
        }
        (self.replaced, self.told) = (None, None);
        Ok(())
    }

    fn carry_out(&mut self, output: Output) -> Result<Option<Input>, RegistryError> {
        Ok(match output {
            Output::Event { stream, event } => {
                let broken = self.streams.get(&stream).is_some_and(|it| it.sender.send(&*event).is_err());
                self.told = self.streams.get(&stream).map(|it| it.sender.clone());
                if broken {
                    self.streams.remove(&stream);
                }
                broken.then_some(Input::StreamClosed(stream))
            }
            Output::End(stream) => {
                let ended = self.streams.remove(&stream);
                if let (Some(ended), Some(waiting)) = (ended, self.replaced.take()) {
                    // The new stream's handler may have died with its client.
                    let _ = waiting.send(ended.gone);
                }
                None
            }
            Output::ToAgent { link, message } => {
                let broken = self.links.get(&link).is_some_and(|sender| sender.try_send(message).is_err());
                if broken {
                    self.links.remove(&link);
                }
                broken.then_some(Input::Unlinked(link))
            }
            Output::Cut(link) => self.links.remove(&link).map(|_| Input::Unlinked(link)),
            Output::Registry(registry) => {
                self.file.store(&registry)?;
                None
            }
            Output::Log(text) => {
                tracing::info!("{text}");
                None
            }
            Output::Answer { ticket, answer } => {
                if let Some(waiting) = self.tickets.remove(&ticket) {
                    let told = self.told.clone();
                    // As from the real master, a client hears what its call caused before the answer, if it reads.
                    self.tasks.spawn(async move {
                        if let Some(told) = told {
                            let _ = tokio::time::timeout(HEARD_FIRST, told.taken()).await;
                        }
                        // Nobody waits any more if the client has hung up; the call has been made all the same.
                        let _ = waiting.send(answer);
                    });
                }
                None
            }
        })
    }
}
