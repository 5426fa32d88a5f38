//! The running cluster, from the first start to the last stop: one loop over signals, notices and progress.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::{
    check,
    child::Spec,
    distribution,
    environment::{self, Configured, Environment},
    home::{Home, Part},
    identity::Identity,
    java, mesos,
    picture::{Line, Step},
    progress::{self, News, Progress},
    screen::{Screen, eprint},
    settings::Settings,
    signals::{Signals, Wish},
    stop,
    supervisor::{Notice, Supervisor, What},
    zookeeper,
};

/// A part that ends this often before the cluster was ever up will not come up.
const PATIENCE: u32 = 5;

/// Everything a start is made of, checked by preflight.
#[derive(Debug)]
pub struct Cluster {
    /// Where it lives.
    pub home: Home,
    /// How it is started.
    pub settings: Settings,
    /// The environment of this process.
    pub environment: Environment,
    /// Where our programs are.
    pub programs: PathBuf,
}

/// Whether a start came to its end.
enum Started {
    Yes,
    /// Somebody wants the cluster stopped.
    No,
}

impl Cluster {
    /// Starts everything, keeps it running until a signal says otherwise, and stops it in order. Exit code 0 if it was
    /// a signal that ended it, 1 if the cluster did not come up.
    ///
    /// # Errors
    /// If something cannot even be started; what was started then is stopped again.
    pub async fn run(&self) -> anyhow::Result<ExitCode> {
        let mut signals = Signals::new()?;
        let own =
            i32::try_from(std::process::id()).ok().and_then(Identity::of).context("/proc is not readable")?;
        own.save(&self.home.pid(Part::Supervisor))?;
        let (mut supervisor, mut notices) = Supervisor::new();
        let mut screen = Screen::new();
        let result = match self.start_or_stop(&mut signals, &mut supervisor, &mut screen).await {
            Ok(Started::No) => Ok(ExitCode::SUCCESS),
            Ok(Started::Yes) => self.watch(&mut signals, &supervisor, &mut notices, screen).await,
            Err(error) => Err(error),
        };
        supervisor.release();
        let force = CancellationToken::new();
        let stopping = stop::parts(&self.home, &force, |line| eprint(&line));
        tokio::pin!(stopping);
        loop {
            tokio::select! {
                () = &mut stopping => break,
                // A second Ctrl-C.
                Wish::Stop = signals.next() => {
                    if !force.is_cancelled() {
                        eprint("stopping at once");
                        force.cancel();
                    }
                }
                else => {}
            }
        }
        supervisor.join().await;
        // The next start overwrites what cannot be removed.
        let _ = std::fs::remove_file(self.home.pid(Part::Supervisor));
        eprint(&format!("stopped; the data stays in {}", self.home.root().display()));
        result
    }

    /// Starts all parts, unless a signal says otherwise meanwhile: a download may take long.
    async fn start_or_stop(
        &self,
        signals: &mut Signals,
        supervisor: &mut Supervisor,
        screen: &mut Screen,
    ) -> anyhow::Result<Started> {
        let mut reload = false;
        {
            let starting = self.start(supervisor, screen);
            tokio::pin!(starting);
            loop {
                tokio::select! {
                    started = &mut starting => break started?,
                    wish = signals.next() => match wish {
                        Wish::Stop => return Ok(Started::No),
                        // The scheduler may have been started already, with the settings of before.
                        Wish::Reload => reload = true,
                    },
                }
            }
        }
        if reload {
            supervisor.reload();
        }
        Ok(Started::Yes)
    }

    async fn start(&self, supervisor: &mut Supervisor, screen: &mut Screen) -> anyhow::Result<()> {
        let Self { home, settings, environment, programs } = self;
        let java = java::ask(environment).await?;
        let source = distribution::source(environment)?;
        let mut note =
            |name: &str, step, detail: String| screen.show(Line { name: name.to_owned(), step, detail });
        note("java", Step::Found, format!("{} at {}", java.version, java.program.display()));
        // Mesos and the scheduler need nothing from the distribution, so they come up while it is unpacked.
        let mesos = mesos::spec(settings, home, programs, &java, environment);
        supervisor.keep(home, move || Ok(mesos.clone())).context("cannot start mesos-local")?;
        let artifacts = check::artifacts(Some(&source), programs);
        let (home_, settings_, environment_) = (home.clone(), settings.clone(), environment.clone());
        let program = programs.join(check::SCHEDULER);
        let scheduler = move || {
            let configured = Configured::load(&home_.configured())?;
            let environment =
                environment::of_scheduler(&environment_, &configured, &settings_, &artifacts, &home_);
            let program = program.clone();
            Ok(Spec { part: Part::Scheduler, program, arguments: Vec::new(), environment })
        };
        supervisor.keep(home, scheduler).context("cannot start kafka-scheduler")?;
        note("kafka", Step::Starting, format!("unpacking {}", source.uri()));
        let libs = distribution::unpack(&source, &home.kafka()).await?;
        note("kafka", Step::Found, source.uri());
        let zookeeper = zookeeper::prepare(settings, home, &java.program, &libs, environment)?;
        supervisor.keep(home, move || Ok(zookeeper.clone())).context("cannot start ZooKeeper")?;
        Ok(())
    }

    async fn watch(
        &self,
        signals: &mut Signals,
        supervisor: &Supervisor,
        notices: &mut tokio::sync::mpsc::Receiver<Notice>,
        mut screen: Screen,
    ) -> anyhow::Result<ExitCode> {
        let client = progress::client(self.settings.api_port)?;
        let mut progress = Some(Progress::watch(client, &self.settings));
        let mut failures: BTreeMap<Part, u32> = BTreeMap::new();
        loop {
            tokio::select! {
                wish = signals.next() => match wish {
                    Wish::Reload => supervisor.reload(),
                    Wish::Stop => {
                        screen.finish();
                        return Ok(ExitCode::SUCCESS);
                    }
                },
                Some(notice) = notices.recv() => {
                    screen.say(&self.describe(&notice));
                    let count = failures.entry(notice.part).or_default();
                    *count += 1;
                    if progress.is_some() && *count >= PATIENCE {
                        screen.finish();
                        let name = notice.part.name();
                        let tail = progress::tail(&self.home.log(notice.part));
                        eprint(&format!("{name} ended {count} times before the cluster was up; its last words:\n{tail}"));
                        return Ok(ExitCode::FAILURE);
                    }
                }
                news = progress::next(&mut progress) => match news {
                    News::Line(line) => screen.show(line),
                    News::Up { errors, connection } => {
                        progress = None;
                        std::mem::take(&mut screen).finish();
                        progress::farewell(self, &connection, &errors);
                        eprint("\nCtrl-C stops the cluster; the data stays.");
                    }
                },
            }
        }
    }

    /// What a person reads about an end nobody asked for.
    fn describe(&self, notice: &Notice) -> String {
        let name = notice.part.name();
        let what = match &notice.what {
            What::Ended(status) => format!("ended ({status})"),
            What::NotStarted(error) => format!("could not be started ({error})"),
        };
        let again = match notice.again {
            Duration::ZERO => "starting it again".to_owned(),
            wait => format!("starting it again in {:.1} s", wait.as_secs_f32()),
        };
        format!("{name} {what}; {again}; its log is {}", self.home.log(notice.part).display())
    }
}
