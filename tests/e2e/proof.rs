//! The proof of the whole: one producer runs through every death, and nothing it was promised is lost.

use std::{
    collections::BTreeMap,
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use api::{
    ids::{BrokerId, TaskId},
    incident::Cause,
    rest::{Broker, JobState, Message},
};
use local::laptop::{home::Part, identity::Identity};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    cluster::{Cluster, FREE, Jvm, UP, all_running, program, text},
    eventually::eventually,
    journal::{Journal, read_back},
};

const TOPIC: &str = "events";

// Issue 3, Proof; S-001, S-005, S-008, S-079.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost() {
    let mut cluster = Cluster::new(&[
        // The first scheduler dies between the commit of its second launch and the ACCEPT.
        ("KAFKA_SCHEDULER_CRASH_AT", "after-commit-before-calls:2"),
        ("KAFKA_OVERRIDE_MIN_INSYNC_REPLICAS", "2"),
        ("KAFKA_OVERRIDE_AUTO_CREATE_TOPICS_ENABLE", "false"),
        ("KAFKA_OVERRIDE_DELETE_TOPIC_ENABLE", "false"),
        // One that hangs is missed soon, and does not take its time to stop.
        ("KAFKA_OVERRIDE_ZOOKEEPER_SESSION_TIMEOUT_MS", "10000"),
        ("BROKER_KILL_GRACE_SEC", "10"),
        // Leaders come back when they are told to.
        ("KAFKA_OVERRIDE_AUTO_LEADER_REBALANCE_ENABLE", "false"),
    ]);
    cluster.foreground(&FREE);

    // The producer starts with the first broker, and so runs through the death in the deploy.
    let api = cluster.api().await;
    let first = eventually("a broker is up", UP, async || {
        let connection = api.connection().await.map_err(|error| error.to_string())?.body;
        connection.address.first().cloned().ok_or_else(|| "none yet".to_owned())
    })
    .await;
    let journal = Journal::start(&first, TOPIC);
    cluster.complete().await;
    let said = fs::read_to_string(cluster.foreground_log()).unwrap();
    let deaths = said.matches("kafka-scheduler ended").count();
    assert_eq!(deaths, 1, "the scheduler died mid-deploy:\n{said}");
    let jvms = cluster.jvms();
    assert_eq!(jvms.len(), 3, "{jvms:?}");
    let tasks = tasks(&running(&cluster).await);
    assert_eq!(cluster.sandboxes().len(), 3, "no broker was launched twice: {:?}", cluster.sandboxes());

    create_topic(&cluster).await;
    crate::topics::deletion_is_disabled(&cluster, TOPIC).await;
    journal.goes_on(500).await;

    scheduler_killed(&cluster).await;
    journal.goes_on(500).await;
    assert_eq!(running_tasks(&cluster).await, tasks, "task ids are the same");
    assert_eq!(cluster.jvms(), jvms, "no broker was restarted");

    let jvms = jvm_killed(&cluster, &jvms, 1).await;
    incident_is_told(&cluster, 1).await;
    journal.goes_on(500).await;
    let after = running_tasks(&cluster).await;
    assert_ne!(after[1], tasks[1]);
    assert_eq!((after[0], after[2]), (tasks[0], tasks[2]));
    let (first_tasks, tasks) = (tasks, after);

    agent_killed(&cluster).await;
    journal.goes_on(500).await;
    assert_eq!(running_tasks(&cluster).await, tasks, "task ids are the same");
    assert_eq!(cluster.jvms(), jvms, "no broker was restarted");

    let jvms = configured(&cluster, &jvms).await;
    journal.goes_on(500).await;
    assert_eq!(running_tasks(&cluster).await, tasks, "task ids are the same");

    a_sick_broker_is_found(&cluster, &jvms, 1).await;
    restarted_by_an_operator(&cluster, &jvms, 1, &tasks[1]).await;
    nobody_is_missed(&cluster).await;
    journal.goes_on(500).await;
    assert_eq!(running_tasks(&cluster).await, tasks, "task ids are the same");

    crate::administered::preferred_leaders_return(&cluster, TOPIC, 1).await;
    journal.goes_on(500).await;

    crate::guide::clients(&cluster).await;
    a_topic_is_measured(&cluster).await;
    crate::administered::administered(&cluster).await;
    journal.goes_on(500).await;

    // An ended executor's sandbox may be gone already: agents clean up sooner where the disk is full.
    let known: Vec<_> = first_tasks.iter().chain(&tasks).map(TaskId::to_string).collect();
    for sandbox in cluster.sandboxes() {
        let launched = known.iter().any(|task| sandbox.to_string_lossy().contains(task));
        assert!(launched, "only the killed broker was launched again: {}", sandbox.display());
    }

    // Every acknowledged record is there, once and in its order.
    let acknowledged = journal.finish();
    let servers = api.connection().await.unwrap().body.address.join(",");
    let read = read_back(&servers, TOPIC, 3);
    let count: usize = acknowledged.values().map(|sequences| sequences.len()).sum();
    for (key, sequences) in &acknowledged {
        let expected: Vec<u64> = sequences.iter().copied().collect();
        assert_eq!(read.get(key), Some(&expected), "key {key}");
    }
    eprintln!("{count} records acknowledged and read back");
    assert!(count > 2000);

    // D47: Ctrl-C stops everything and leaves no process behind.
    assert!(cluster.interrupt().await.success());
    assert_eq!(cluster.processes(), Vec::<String>::new());
}

async fn create_topic(cluster: &Cluster) {
    cli(cluster, &format!("topic create {TOPIC} --partitions 3 --replication 3")).await;
}

/// All three brokers, once they run.
async fn running(cluster: &Cluster) -> Vec<Broker> {
    eventually("three brokers run", Duration::from_secs(120), async || {
        let brokers = cluster.brokers(3).await;
        if all_running(&brokers) { Ok(brokers) } else { Err(brokers) }
    })
    .await
}

fn tasks(brokers: &[Broker]) -> Vec<TaskId> {
    brokers.iter().map(|broker| broker.task_id.unwrap()).collect()
}

async fn running_tasks(cluster: &Cluster) -> Vec<TaskId> {
    cluster.complete().await;
    tasks(&running(cluster).await)
}

/// What `dcos-kafka` prints.
async fn cli(cluster: &Cluster, line: &str) -> String {
    let url = cluster.api().await.url().to_string();
    let words = line.split(' ');
    let output = Command::new(program("dcos-kafka")).args(["--url", &url]).args(words).output().unwrap();
    assert!(output.status.success(), "{line}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// S-107, S-108: the guide's line, and on Ctrl-C what was sent until then; either way that many records are there.
async fn a_topic_is_measured(cluster: &Cluster) {
    cli(cluster, "topic create measured --partitions 3 --replication 3").await;
    let printed = cli(cluster, "topic producer_test measured 2000").await;
    let Message { message } = serde_json::from_str(&printed).unwrap();
    assert!(message.starts_with("2000 records sent, ") && message.ends_with(" ms 99.9th.\n"), "{message}");

    let api = cluster.api().await;
    let mut command = Command::new(program("dcos-kafka"));
    command.args(["--url", api.url().as_str(), "topic", "producer-test", "measured", "10000000"]);
    let test = command.stderr(Stdio::piped()).spawn().unwrap();
    let id = eventually("a record is sent", UP, async || {
        let jobs = api.jobs().await.map_err(|error| error.to_string())?.body.jobs;
        let sent = jobs.iter().find(|job| job.state == JobState::Running && job.sent > 0);
        sent.map(|job| job.id).ok_or_else(|| format!("{jobs:?}"))
    })
    .await;
    kill(Pid::from_raw(test.id().cast_signed()), Signal::SIGINT).unwrap();
    let output = test.wait_with_output().unwrap();
    let job = api.job(id).await.unwrap().body;
    assert_eq!(job.state, JobState::Cancelled, "{job:?}");
    let said = text(&output.stderr);
    let expected = format!("the test was cancelled; {} of 10000000 records were sent", job.sent);
    assert!(said.contains(&expected), "{said}");
    assert_eq!(output.status.code(), Some(1));
    let offsets = api.offsets("measured", None).await.unwrap().body;
    let stored = offsets.iter().map(|end| end.offset).sum::<u64>();
    // What a slow broker has not answered in time may be there or not.
    assert!((job.sent..=job.sent + job.unanswered).contains(&(stored - 2000)), "{stored} of {job:?}");
    eprintln!("measured: {message}{}", job.message);
}

/// S-007, D31: a changed configuration reaches each broker by another JVM in the same task, with nothing launched.
async fn configured(cluster: &Cluster, before: &BTreeMap<u32, Jvm>) -> BTreeMap<u32, Jvm> {
    let sandboxes = cluster.sandboxes();
    let output = cluster.run(&["configure", "KAFKA_OVERRIDE_LOG_RETENTION_HOURS=100"]);
    assert!(output.status.success());
    cluster.complete().await;
    let after = cluster.jvms();
    assert_eq!(after.len(), before.len());
    let target = running(cluster).await[0].config_id;
    for (id, jvm) in &after {
        assert_ne!(jvm.process, before[id].process, "broker {id} has another JVM");
        assert_eq!(jvm.volume, before[id].volume);
        let properties =
            fs::read_to_string(format!("/proc/{}/cwd/server.properties", jvm.process.pid)).unwrap();
        assert!(properties.contains("log.retention.hours=100"), "{properties}");
    }
    assert!(running(cluster).await.iter().all(|broker| broker.config_id == target && broker.generation == 1));
    assert!(cluster.sandboxes().iter().all(|sandbox| sandboxes.contains(sandbox)), "nothing was launched");
    after
}

/// S-120: a broker hangs, and the guide's route finds it: the report of partitions that miss a replica, then the topic.
async fn a_sick_broker_is_found(cluster: &Cluster, jvms: &BTreeMap<u32, Jvm>, id: u32) {
    assert!(jvms[&id].process.signal(Signal::SIGSTOP));
    let api = cluster.api().await;
    eventually("its partitions are reported", Duration::from_secs(60), async || {
        let report = api.under_replicated_partitions().await.map_err(|error| error.to_string())?.body.message;
        let of_topic: Vec<_> =
            report.lines().filter(|line| line.contains(&format!("Topic: {TOPIC}\t"))).collect();
        if of_topic.len() == 3 { Ok(()) } else { Err(report) }
    })
    .await;
    let described: serde_json::Value =
        serde_json::from_str(&cli(cluster, &format!("topic describe {TOPIC}")).await).unwrap();
    for (number, partition) in described["partitions"].as_array().unwrap().iter().enumerate() {
        let isr: Vec<_> =
            partition[number.to_string()]["isr"].as_array().unwrap().iter().map(|id| id.as_u64()).collect();
        let missing: Vec<_> = (0..3).filter(|id| !isr.contains(&Some(*id))).collect();
        assert_eq!(missing, [u64::from(id)], "the one that hangs: {described}");
    }
}

/// S-120: its restart has repaired it.
async fn nobody_is_missed(cluster: &Cluster) {
    let api = cluster.api().await;
    eventually("nothing is reported", Duration::from_secs(60), async || {
        let report = api.under_replicated_partitions().await.map_err(|error| error.to_string())?.body.message;
        if report.is_empty() { Ok(()) } else { Err(report) }
    })
    .await;
}

/// S-099, D15: another JVM for one broker, its task's id as the answer.
async fn restarted_by_an_operator(cluster: &Cluster, before: &BTreeMap<u32, Jvm>, id: u32, task: &TaskId) {
    let printed = cli(cluster, &format!("broker restart {id} --wait --within 120")).await;
    assert_eq!(serde_json::from_str::<Vec<String>>(&printed).unwrap(), [task.to_string()]);
    let after = cluster.jvms();
    for (other, jvm) in &after {
        assert_eq!(jvm.process == before[other].process, *other != id, "only broker {id} was restarted");
    }
    assert_eq!(running(cluster).await[id as usize].generation, 2);
}

/// SIGKILL to the scheduler in service: another takes over.
async fn scheduler_killed(cluster: &Cluster) {
    let old = cluster.part(Part::Scheduler);
    assert!(old.signal(Signal::SIGKILL));
    eventually("another scheduler runs", Duration::from_secs(60), async || {
        Identity::running(&cluster.home().pid(Part::Scheduler)).filter(|new| *new != old).ok_or("none")
    })
    .await;
    cluster.complete().await;
}

/// SIGKILL to one broker's JVM: it comes back on its volume, and nobody else is touched.
async fn jvm_killed(cluster: &Cluster, before: &BTreeMap<u32, Jvm>, id: u32) -> BTreeMap<u32, Jvm> {
    assert!(before[&id].process.signal(Signal::SIGKILL));
    let after = eventually("the broker is back", Duration::from_secs(120), async || {
        let jvms = cluster.jvms();
        let back = jvms.get(&id).is_some_and(|jvm| jvm.process != before[&id].process);
        if back && jvms.len() == before.len() { Ok(jvms) } else { Err(jvms) }
    })
    .await;
    assert_eq!(after[&id].volume, before[&id].volume, "back on the same volume");
    for other in before.keys().filter(|other| **other != id) {
        assert_eq!(after[other], before[other], "no other broker was restarted");
    }
    cluster.complete().await;
    after
}

/// The end of the killed JVM is on record, whole and by its name (D45).
async fn incident_is_told(cluster: &Cluster, id: u32) {
    let api = cluster.api().await;
    let incident = eventually("the whole incident", Duration::from_secs(30), async || {
        let answer = api.incidents(BrokerId(id)).await.map_err(|error| error.to_string())?;
        let incidents = answer.body.incidents;
        incidents.first().filter(|latest| latest.whole).cloned().ok_or_else(|| format!("{incidents:?}"))
    })
    .await;
    assert_eq!((incident.cause, incident.broker), (Cause::Killed, BrokerId(id)), "{}", incident.summary);
    assert!(incident.stdout.len() > 100, "the last lines of its log are there: {}", incident.stdout.len());
}

/// SIGKILL, as far as anybody can see, to the agent half of Mesos, and its return.
async fn agent_killed(cluster: &Cluster) {
    for verb in ["agent-kill", "agent-start"] {
        let mut command = Command::new(program("mesos-local"));
        let output = command.args(["ctl", verb, "--work-dir"]).arg(cluster.home().mesos()).output().unwrap();
        assert!(output.status.success(), "{verb}: {}{}", text(&output.stdout), text(&output.stderr));
    }
    cluster.complete().await;
}
