//! Containers: each prepared, launched, watched and ended by a task of its own, which tells the actor.
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mesos::v1;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::actor::Request;
use super::fetcher::Fetcher;
use super::process::{Handle, Identity};
use super::record::{Record, Records};
use super::sandbox::{self, Owner};
use super::tree::{self, Marks};
use crate::agent::layout;
use crate::agent::{Container, ContainerEvent, Mount, Recovered, Run};

/// Status of a process that ended by SIGKILL.
const KILLED: i32 = 9;

/// Gives a process a session of its own without a line of unsafe code. Part of util-linux, so of every distribution.
const SETSID: &str = "/usr/bin/setsid";

/// All containers of an agent half.
#[derive(Debug)]
pub(super) struct Containers {
    work_dir: PathBuf,
    records: Records,
    fetcher: Fetcher,
    events: mpsc::Sender<Request>,
    /// The end of this agent half: tasks stop, processes live on.
    cut: CancellationToken,
    /// Cancelling one destroys the container.
    live: BTreeMap<Container, CancellationToken>,
}

impl Containers {
    pub(super) fn new(
        work_dir: &Path,
        events: mpsc::Sender<Request>,
        cut: CancellationToken,
    ) -> reqwest::Result<Self> {
        Ok(Self {
            work_dir: work_dir.to_owned(),
            records: Records::new(work_dir),
            fetcher: Fetcher::new(work_dir)?,
            events,
            cut,
            live: BTreeMap::new(),
        })
    }

    /// Takes over the containers of a former life: those the agent knows are watched, all others ended.
    pub(super) fn recover(&mut self, recovered: &Recovered) {
        let mut records: BTreeMap<String, Record> =
            self.records.all().into_iter().map(|record| (record.container.clone(), record)).collect();
        for run in recovered.running() {
            let process = records.remove(&run.container.0).and_then(|record| record.process);
            let marks = Marks::new(process, &layout::sandbox(&self.work_dir, &run));
            let destroy = self.token(&run.container);
            self.spawn(run.container, |watch| async move { watch.to_the_end(marks, destroy).await });
        }
        for record in records.into_values() {
            tracing::info!(container = %record.container, "container of nobody: its processes are ended");
            let records = self.records.clone();
            let marks = Marks::new(record.process.clone(), &record.sandbox);
            let cut = self.cut.clone();
            tokio::spawn(cut.run_until_cancelled_owned(async move {
                tree::end(&marks).await;
                // Ours if only the agent half was restarted: no zombie stays.
                if let Some(process) = &marks.leader
                    && let Ok(Some(handle)) = Handle::open(process)
                {
                    handle.reap();
                }
                records.remove(&record.container);
            }));
        }
    }

    pub(super) fn prepare(
        &mut self,
        run: Run,
        user: String,
        uris: Vec<v1::command_info::Uri>,
        mounts: Vec<Mount>,
    ) {
        let destroy = self.token(&run.container);
        let (work_dir, fetcher) = (self.work_dir.clone(), self.fetcher.clone());
        let sandbox = layout::sandbox(&self.work_dir, &run);
        let recorded =
            self.records.write(&Record { container: run.container.0.clone(), sandbox, process: None });
        self.spawn(run.container.clone(), |watch| async move {
            let prepared = async {
                recorded.map_err(|error| chain(&error))?;
                let owner = Owner::find(&user).map_err(|error| chain(&error))?;
                let sandbox =
                    sandbox::make(&work_dir, &run, owner, &mounts).map_err(|error| chain(&error))?;
                fetcher.fetch_all(&uris, &sandbox, owner, &user).await.map_err(|error| chain(&error))
            };
            let event = match destroy.run_until_cancelled(prepared).await {
                Some(Ok(())) => ContainerEvent::Prepared,
                Some(Err(why)) => ContainerEvent::Failed(why),
                None => ContainerEvent::Exited { status: KILLED },
            };
            if event != ContainerEvent::Prepared {
                watch.records.remove(&watch.container.0);
            }
            watch.tell(event).await;
        });
    }

    /// Starts the executor's process. Its container has been on record since before it was prepared, so that no life of
    /// the agent forgets it. Gives its pid at once: the executor's first call must not overtake that news.
    pub(super) fn launch(
        &mut self,
        run: &Run,
        user: &str,
        command: &v1::CommandInfo,
        environment: Vec<(String, String)>,
    ) -> Option<u32> {
        let destroy = self.token(&run.container);
        let sandbox = layout::sandbox(&self.work_dir, run);
        let mut record =
            Record { container: run.container.0.clone(), sandbox: sandbox.clone(), process: None };
        let started = || -> io::Result<Identity> {
            let owner = Owner::find(user).map_err(io::Error::other)?;
            let process = spawn(&sandbox, owner, command, environment)?;
            record.process = Some(process.clone());
            self.records.write(&record)?;
            Ok(process)
        }();
        let pid = started.as_ref().ok().map(|process| process.pid);
        self.spawn(run.container.clone(), |watch| async move {
            match started {
                Ok(process) => {
                    watch.to_the_end(Marks::new(Some(process), &sandbox), destroy).await;
                }
                Err(error) => {
                    tree::end(&Marks::new(None, &sandbox)).await;
                    watch.records.remove(&watch.container.0);
                    watch
                        .tell(ContainerEvent::Failed(format!("cannot start the executor: {}", chain(&error))))
                        .await;
                }
            }
        });
        pid
    }

    pub(super) fn mount(&self, run: &Run, mounts: &[Mount]) {
        let sandbox = layout::sandbox(&self.work_dir, run);
        // Whoever launched the executor was found then, and owns its sandbox now.
        let owner = owner_of(&sandbox);
        for mount in mounts {
            if let Err(error) = sandbox::show(&sandbox, owner, mount) {
                tracing::warn!(error = %chain(&error), "a volume cannot be shown in its sandbox");
            }
        }
    }

    pub(super) fn unmount(&self, run: &Run, mounts: &[Mount]) {
        let sandbox = layout::sandbox(&self.work_dir, run);
        for mount in mounts {
            if let Err(error) = sandbox::hide(&sandbox, mount) {
                tracing::warn!(%error, volume = mount.name, "a volume cannot be taken out of its sandbox");
            }
        }
    }

    /// Ends every process of the container; while it is being prepared, the preparation.
    pub(super) fn destroy(&mut self, container: &Container) {
        self.token(container).cancel();
    }

    /// The container's token.
    fn token(&mut self, container: &Container) -> CancellationToken {
        self.live.entry(container.clone()).or_default().clone()
    }

    fn spawn<F: Future<Output = ()> + Send + 'static>(
        &self,
        container: Container,
        task: impl FnOnce(Watch) -> F,
    ) {
        let watch = Watch { container, events: self.events.clone(), records: self.records.clone() };
        tokio::spawn(self.cut.clone().run_until_cancelled_owned(task(watch)));
    }

    /// The container is over: nothing about it is kept.
    pub(super) fn forget(&mut self, container: &Container) {
        self.live.remove(container);
    }
}

/// What a container's task has to tell with.
struct Watch {
    container: Container,
    events: mpsc::Sender<Request>,
    records: Records,
}

impl Watch {
    async fn tell(&self, event: ContainerEvent) {
        // No actor, nobody to tell: the agent half has ended.
        let _ = self.events.send(Request::Container { container: self.container.clone(), event }).await;
    }

    /// Waits for the executor's process, or for `destroy`; ends all that is left, and tells.
    async fn to_the_end(&self, marks: Marks, destroy: CancellationToken) {
        let handle = marks.leader.as_ref().and_then(|process| Handle::open(process).ok().flatten());
        let mut destroyed = false;
        if let Some(handle) = &handle {
            tokio::select! {
                _ = handle.exited() => {}
                () = destroy.cancelled() => destroyed = true,
            }
        }
        tree::end(&marks).await;
        let status = handle.as_ref().and_then(Handle::reap);
        let status = status.unwrap_or(if destroyed { KILLED } else { -1 });
        self.records.remove(&self.container.0);
        self.tell(ContainerEvent::Exited { status }).await;
    }
}

/// Starts `command` in `sandbox` with just `environment`, in a session of its own, writing to the sandbox's `stdout`
/// and `stderr`.
fn spawn(
    sandbox: &Path,
    owner: Owner,
    command: &v1::CommandInfo,
    environment: Vec<(String, String)>,
) -> io::Result<Identity> {
    let argv = argv(command)?;
    let mut words: Vec<OsString> = argv.iter().map(OsString::from).collect();
    let own_session = Path::new(SETSID).exists();
    if own_session {
        words.insert(0, SETSID.into());
    }
    let (program, arguments) = words.split_first().ok_or_else(|| io::Error::other("the command is empty"))?;
    let mut process = Command::new(program);
    process.args(arguments).env_clear().envs(environment).current_dir(sandbox).stdin(Stdio::null());
    process.stdout(sandbox::log(&sandbox.join("stdout"))?).stderr(sandbox::log(&sandbox.join("stderr"))?);
    if let Some((user, group)) = owner.ids() {
        process.uid(user).gid(group);
    }
    if !own_session {
        process.process_group(0);
    }
    let child = process.spawn()?;
    // Dropping the handle leaves the process alone; its zombie is reaped through a pidfd.
    Identity::of(child.id())
}

/// The words of a command: a shell line, or a program with its own argv.
fn argv(command: &v1::CommandInfo) -> io::Result<Vec<String>> {
    let value = command.value.clone().filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| io::Error::other("the executor's command has no value"))?;
    if command.shell() {
        return Ok(vec!["/bin/sh".to_owned(), "-c".to_owned(), value]);
    }
    // argv[0] is the program's own business and can differ from its path; few programs look at it, and std's way to
    // set it does not go through setsid.
    Ok(std::iter::once(value).chain(command.arguments.iter().skip(1).cloned()).collect())
}

fn owner_of(sandbox: &Path) -> Owner {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(sandbox).map_or(Owner::NOBODY, |there| Owner::by_ids(there.uid(), there.gid()))
}

/// An error with its sources, on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}
