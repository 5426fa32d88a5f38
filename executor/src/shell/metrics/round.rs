//! One round: every source is read, and what is new goes out.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::Arc,
    time::Duration,
};

use kafka::client::{Connection, Options, Topics};
use nix::sys::statvfs::statvfs;
use tokio::time::Instant;

use super::{
    super::{admin::View, broker::chain},
    Facts, Settings, agent,
    files::Buffer,
    jvm::Jvm,
    receiver::{Receiver, Resolve},
};
use crate::metrics::{
    Gauges, Picture, Timed,
    catalog::{Metric, Source},
    delta::Counters,
    kafka::Partitions,
    process::{self, Growth},
    statsd::Datagrams,
};

/// Shown in the broker's own logs.
const CLIENT_ID: &str = "kafka-executor-metrics";
/// Between two looks at all partitions: a large cluster has many. Sooner while the JVM is young and gets more and more.
const PARTITIONS_EVERY: Duration = Duration::from_secs(60);
/// Longest such a look takes.
const PARTITIONS_LIMIT: Duration = Duration::from_secs(2);
/// Check times that wait for a server that is away; the oldest go first.
const TIMES: usize = 32;

/// What is kept from one round to the next.
pub(super) struct Round {
    settings: Arc<Settings>,
    resolve: Resolve,
    logs: Arc<syslog::Counters>,
    began: Instant,
    rounds: u64,
    /// JVMs seen.
    starts: u64,
    /// With when it was first seen.
    jvm: Option<(Instant, Jvm)>,
    counters: Counters,
    growth: Growth,
    checks: Timed,
    /// Checks seen, and how long the latest took.
    seen: (u64, u64),
    times: VecDeque<f64>,
    /// As last found, and when they are to be looked at again.
    partitions: Option<(Instant, Result<Partitions, String>)>,
    receiver: Option<Receiver>,
    buffer: Buffer,
    datagrams: Datagrams,
}

impl Round {
    pub(super) fn new(settings: Arc<Settings>, resolve: Resolve, logs: Arc<syslog::Counters>) -> Self {
        let receiver = settings.statsd.clone().map(|name| Receiver::new(name, Arc::clone(&resolve)));
        Self {
            settings,
            resolve,
            logs,
            began: Instant::now(),
            rounds: 0,
            starts: 0,
            jvm: None,
            counters: Counters::default(),
            growth: Growth::default(),
            checks: Timed::default(),
            seen: (0, 0),
            times: VecDeque::new(),
            partitions: None,
            receiver,
            buffer: Buffer::default(),
            datagrams: Datagrams::default(),
        }
    }

    pub(super) fn interval(&self) -> Duration {
        self.settings.interval
    }

    /// A health check may have ended.
    pub(super) fn checked(&mut self, view: &View) {
        let (passed, failed) = (view.checks.passed, view.checks.failed);
        if passed > self.seen.0
            && let Some(took) = view.checks.took
        {
            let millis = took.as_secs_f64() * 1000.0;
            self.checks.count += 1;
            self.checks.sum_ms += millis;
            if self.receiver.is_some() {
                self.times.truncate(TIMES - 1);
                self.times.push_front(millis);
            }
        }
        self.seen = (passed, failed);
        self.counters.read(Metric::HealthChecks, passed + failed);
        self.counters.read(Metric::HealthFailed, failed);
    }

    /// Reads everything, tells the statsd server, and gives the picture.
    pub(super) async fn go(&mut self, facts: Facts, view: View) -> Picture {
        self.rounds += 1;
        self.follow(&facts);
        self.checked(&view);
        let (mut gauges, mut notes) = (Gauges::default(), BTreeMap::new());
        self.machine(&mut gauges);
        self.counters.read(Metric::LogShipped, self.logs.shipped());
        self.counters.read(Metric::LogDropped, self.logs.dropped());
        gauges.set(Metric::HealthHealthy, f64::from(u8::from(view.is_healthy())));
        gauges.set(Metric::HealthFailures, f64::from(view.failures()));
        let running = facts.running.is_some();
        gauges.set(Metric::JvmUp, f64::from(u8::from(running)));
        if let Some((_, jvm)) = &mut self.jvm {
            let (buffer, counters) = (&mut self.buffer, &mut self.counters);
            if jvm.process(buffer, &mut gauges, counters).is_some()
                && let Err(why) = jvm.perfdata(buffer, &mut gauges, counters)
            {
                notes.insert(Source::Perfdata.name(), why);
            }
        }
        if self.settings.agent.is_none() {
            notes.insert(Source::Agent.name(), "BROKER_METRICS_AGENT_URI is not set".to_owned());
        } else if let Some(running) = facts.running {
            let answer = match &running.access {
                Some(access) => agent::ask(access).await,
                None => Err("the JVM was started without it: see the executor's log".to_owned()),
            };
            gauges.set(Metric::AgentUp, f64::from(u8::from(answer.is_ok())));
            match answer {
                Ok(answer) => answer.store(&mut gauges, &mut self.counters),
                Err(why) => drop(notes.insert(Source::Agent.name(), why)),
            }
        }
        match self.partitions(running && view.state == "running").await {
            Some(Ok(partitions)) => partitions.store(&mut gauges),
            Some(Err(why)) => drop(notes.insert(Source::Protocol.name(), why)),
            None => {}
        }
        self.tell(&gauges, &mut notes).await;
        Picture {
            identity: self.settings.identity.clone(),
            rounds: self.rounds,
            gauges,
            counters: self.counters.clone(),
            checks: self.checks,
            notes,
        }
    }

    /// Settings and JVM may be others than in the last round.
    fn follow(&mut self, facts: &Facts) {
        if let Some(settings) =
            facts.settings.as_ref().filter(|settings| !Arc::ptr_eq(settings, &self.settings))
        {
            if settings.statsd != self.settings.statsd {
                let new = |name: String| Receiver::new(name, Arc::clone(&self.resolve));
                self.receiver = settings.statsd.clone().map(new);
                self.counters.settle(true);
            }
            self.settings = Arc::clone(settings);
        }
        self.counters.read(Metric::JvmStarts, facts.starts);
        if std::mem::replace(&mut self.starts, facts.starts) != facts.starts {
            self.counters.jvm_started();
            self.jvm = None;
        }
        match &facts.running {
            Some(running) if self.jvm.is_none() => {
                let jvm = Jvm::new(running.pid, running.forked, &running.options);
                self.jvm = Some((Instant::now(), jvm));
            }
            Some(_) => {}
            None => {
                self.jvm = None;
                self.partitions = None;
            }
        }
    }

    /// Ourselves, the machine, and the volume.
    fn machine(&mut self, gauges: &mut Gauges) {
        gauges.set(Metric::ExecutorUptime, self.began.elapsed().as_secs_f64());
        let own = Path::new("/proc/self");
        if let Some(stat) = self.buffer.read(&own.join("stat")).and_then(process::stat) {
            self.counters.read(Metric::ExecutorCpu, stat.cpu_ms());
        }
        if let Some(rss) = self.buffer.read(&own.join("status")).and_then(process::rss) {
            gauges.set(Metric::ExecutorRss, rss as f64);
        }
        if let Some(load) = self.buffer.read(Path::new("/proc/loadavg")).and_then(process::load) {
            gauges.set(Metric::HostLoad, load);
        }
        if let Some(free) = self.buffer.read(Path::new("/proc/meminfo")).and_then(process::memory_available) {
            gauges.set(Metric::HostMemory, free as f64);
        }
        // The kernel has these numbers in memory: no disk is waited for.
        if let Ok(found) = statvfs(&self.settings.volume) {
            let bytes = |blocks: u64| blocks.saturating_mul(found.fragment_size());
            let used = bytes(found.blocks().saturating_sub(found.blocks_free()));
            gauges.set(Metric::VolumeSize, bytes(found.blocks()) as f64);
            gauges.set(Metric::VolumeUsed, used as f64);
            gauges.set(Metric::VolumeFree, bytes(found.blocks_available()) as f64);
            if let Some(rate) = self.growth.sample(self.began.elapsed().as_secs_f64(), used) {
                gauges.set(Metric::VolumeGrowth, rate);
            }
        }
    }

    /// Of a broker that `serves`; as they were a minute ago at most.
    async fn partitions(&mut self, serves: bool) -> Option<Result<Partitions, String>> {
        let now = Instant::now();
        let fresh = self.partitions.as_ref().is_some_and(|(due, _)| now < *due);
        if serves && !fresh {
            let ask = async {
                let mut connection =
                    Connection::connect(&self.settings.broker, &Options::new(CLIENT_ID, PARTITIONS_LIMIT))
                        .await?;
                connection.metadata(Topics::All).await
            };
            let found = ask.await.map(|metadata| Partitions::of(self.settings.identity.broker, &metadata));
            let age = self.jvm.as_ref().map_or(PARTITIONS_EVERY, |(since, _)| now - *since);
            let due = now + PARTITIONS_EVERY.min(age / 2);
            self.partitions = Some((due, found.map_err(|error| chain(&error))));
        }
        self.partitions.as_ref().map(|(_, found)| found.clone())
    }

    /// Sends what is new; what does not get there waits in the counters.
    async fn tell(&mut self, gauges: &Gauges, notes: &mut BTreeMap<&'static str, String>) {
        let Some(receiver) = &mut self.receiver else {
            notes.insert("statsd", "no server is set".to_owned());
            // Nobody is to be told later what happened before there was a server.
            self.counters.send().for_each(drop);
            return;
        };
        let now = Instant::now();
        if receiver.was_refused(now) {
            self.counters.settle(false);
        }
        let whose = &self.settings.identity;
        self.datagrams.clear();
        for (metric, growth) in self.counters.send() {
            self.datagrams.counter(whose, metric, growth);
        }
        for millis in &self.times {
            self.datagrams.timer(whose, Metric::HealthTook, *millis);
        }
        self.datagrams.gauges(whose, gauges);
        let sent = receiver.send(now, &self.datagrams).await;
        if sent {
            self.times.clear();
        } else {
            self.counters.settle(false);
        }
        let state = match receiver.trouble() {
            Some(trouble) => format!("{} is not reached: {trouble}", receiver.name()),
            None => format!("sent to {}", receiver.name()),
        };
        notes.insert("statsd", state);
    }
}
