//! One round: every source is read, and what is new goes out.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::Arc,
    time::Duration,
};

use kafka::client::{Connection, Error, Options, Topics};
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
/// Most that such a look may bring, in bytes: some 5 000 partitions. Where there are more it is tried now and then only,
/// and nothing of the answer is kept: how many there are must not decide on our memory.
const PARTITIONS_BYTES: usize = 512 * 1024;
const TOO_MANY_EVERY: Duration = Duration::from_secs(60 * 60);
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
        // Newer, and known however many there are.
        for (told, metric) in [
            (Metric::ReplicasHosted, Metric::PartitionsHosted),
            (Metric::ReplicasLed, Metric::PartitionsLed),
            (Metric::ReplicasUnder, Metric::PartitionsUnder),
        ] {
            if let Some(value) = gauges.get(told) {
                gauges.set(metric, value);
            }
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
        if let Some(protocol) = self.settings.secured {
            return serves.then(|| Err(healthcheck::check::unasked(protocol)));
        }
        let now = Instant::now();
        let fresh = self.partitions.as_ref().is_some_and(|(due, _)| now < *due);
        if serves && !fresh {
            let options = Options::new(CLIENT_ID, PARTITIONS_LIMIT).at_most(PARTITIONS_BYTES);
            let ask = async {
                let mut connection = Connection::connect(&self.settings.broker, &options).await?;
                connection.metadata(Topics::All).await
            };
            let found = ask.await.map(|metadata| Partitions::of(self.settings.identity.broker, &metadata));
            let age = self.jvm.as_ref().map_or(PARTITIONS_EVERY, |(since, _)| now - *since);
            let (every, found) = match found {
                Err(error @ Error::TooLong { .. }) => (TOO_MANY_EVERY, Err(too_many(&error))),
                found => (PARTITIONS_EVERY.min(age / 2), found.map_err(|error| chain(&error))),
            };
            self.partitions = Some((now + every, found));
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

/// What is said, and logged once an hour, where the cluster has more partitions than are looked at.
fn too_many(error: &Error) -> String {
    let why = format!(
        "{}: the cluster has more partitions than are counted from outside. They are looked at again in an hour; the agent of \
         BROKER_METRICS_AGENT_URI tells all but partitions.offline in any case",
        chain(error)
    );
    tracing::info!("{why}");
    why
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        task::JoinSet,
    };

    use super::*;
    use crate::contract::tests::good;

    /// ApiVersions, version 3: no error, Metadata 0 to 12 and ApiVersions 0 to 3, no throttling.
    const VERSIONS: [u8; 22] = [0, 0, 3, 0, 3, 0, 0, 0, 12, 0, 0, 18, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0];

    /// How often it was asked for all topics, of which it has too many.
    async fn broker(listener: TcpListener, asked: Arc<std::sync::atomic::AtomicU32>) {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut length = [0; 4];
            while socket.read_exact(&mut length).await.is_ok() {
                let mut request = vec![0; u32::from_be_bytes(length) as usize];
                socket.read_exact(&mut request).await.unwrap();
                let correlation = &request[4..8];
                let answer = match request[1] {
                    18 => [&26_u32.to_be_bytes(), correlation, &VERSIONS].concat(),
                    _ => {
                        asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        [&(10_u32 << 20).to_be_bytes(), correlation].concat()
                    }
                };
                let _gone_is_fine = socket.write_all(&answer).await;
            }
        }
    }

    // Issue 4: a hundred thousand partitions cost no memory, and no minute's work.
    #[tokio::test]
    async fn more_partitions_than_fit_are_asked_for_once_an_hour() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::default();
        let _broker = JoinSet::from_iter([broker(listener, Arc::clone(&asked))]);
        let contract = api::launch::LaunchContract { listen_address: "127.0.0.1".to_owned(), port, ..good() };
        let settings = Settings::new(&contract, Path::new("/sandbox"), &BTreeMap::new());
        let resolve: Resolve = Arc::new(|_| Ok(Vec::new()));
        let mut round = Round::new(Arc::new(settings), resolve, Arc::default());
        for _ in 0..3 {
            let why = round.partitions(true).await.unwrap().unwrap_err();
            assert!(why.contains(" answers Metadata with 10485760 bytes, where 524288 are taken: "), "{why}");
        }
        assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 1);
        let (due, _) = round.partitions.unwrap();
        assert!(due > Instant::now() + TOO_MANY_EVERY / 2);
    }
}
