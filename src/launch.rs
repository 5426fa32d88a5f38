//! A placement → RESERVE, CREATE, LAUNCH; the only maker of launch contracts.

use std::time::Duration;

use api::{
    ids::TaskId,
    launch::{self, LaunchContract, Layer},
};
use mesos::{
    resource::reservation,
    v1::{
        self,
        offer::{Operation, operation},
    },
};

use crate::{
    broker::{Home, Task},
    config::{self, Service},
    offer::{
        Placed,
        pool::{LABEL_BROKER, LABEL_HOME, LABEL_SERVICE},
    },
};

/// The volume's `container_path`: a plain name, as executors without an image need (D32, mesos-v1-http 7.2).
pub const VOLUME: &str = "data";
/// What the metrics agent's jar is called in the sandbox (D39).
pub const METRICS_AGENT: &str = "metrics-agent.jar";
/// How much longer than its broker's grace an executor may take to end (D36), in seconds.
const EXECUTOR_MARGIN_SECS: u64 = 30;
/// Names that Mesos' fetcher unpacks (mesos-v1-http 7.3).
const ARCHIVES: [&str; 7] = [".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tbz2", ".tar.xz", ".zip"];

/// The operations that launch `task` on `placed`, in their order of life, for one ACCEPT.
pub fn operations(placed: &Placed, task: &Task, service: &Service) -> Vec<Operation> {
    if !placed.fresh {
        return vec![launch_operation(task_info(
            placed,
            task,
            service,
            placed.task.clone(),
            placed.executor.clone(),
        ))];
    }
    let reserved = |resources: &[v1::Resource]| -> Vec<_> {
        resources.iter().map(|resource| reserve(resource, &placed.home, task, service)).collect()
    };
    let (task_resources, mut executor) = (reserved(&placed.task), reserved(&placed.executor));
    let reserve = task_resources.iter().chain(&executor).cloned().collect();
    let volumes = executor.pop().map(|disk| volume(disk, &placed.home, service));
    executor.extend(volumes.clone());
    vec![
        Operation {
            r#type: Some(operation::Type::Reserve.into()),
            reserve: Some(operation::Reserve { resources: reserve, ..Default::default() }),
            ..Default::default()
        },
        Operation {
            r#type: Some(operation::Type::Create.into()),
            create: Some(operation::Create { volumes: volumes.into_iter().collect() }),
            ..Default::default()
        },
        launch_operation(task_info(placed, task, service, task_resources, executor)),
    ]
}

fn launch_operation(task: v1::TaskInfo) -> Operation {
    Operation {
        r#type: Some(operation::Type::Launch.into()),
        launch: Some(operation::Launch { task_infos: vec![task] }),
        ..Default::default()
    }
}

/// The resource in its reserved form; the labels are part of its identity and say whose it is.
fn reserve(resource: &v1::Resource, home: &Home, task: &Task, service: &Service) -> v1::Resource {
    let labels = labels([
        (LABEL_SERVICE, service.framework.name.clone()),
        (LABEL_BROKER, task.id.broker.to_string()),
        (LABEL_HOME, home.id.0.to_string()),
    ]);
    let framework = &service.framework;
    reservation::push(
        resource.clone(),
        reservation::dynamic(&framework.role, Some(&framework.principal), Some(labels)),
    )
}

/// The reserved disk in its volume form.
fn volume(mut disk: v1::Resource, home: &Home, service: &Service) -> v1::Resource {
    let info = disk.disk.get_or_insert_default();
    info.persistence = Some(v1::resource::disk_info::Persistence {
        id: home.volume.persistence_id.to_string(),
        principal: Some(service.framework.principal.clone()),
    });
    info.volume = Some(v1::Volume {
        container_path: VOLUME.to_owned(),
        mode: v1::volume::Mode::Rw.into(),
        ..Default::default()
    });
    disk
}

fn task_info(
    placed: &Placed,
    task: &Task,
    service: &Service,
    task_resources: Vec<v1::Resource>,
    executor_resources: Vec<v1::Resource>,
) -> v1::TaskInfo {
    let home = &placed.home;
    v1::TaskInfo {
        name: format!("broker-{}", task.id.broker),
        task_id: v1::TaskId { value: task.id.to_string() },
        agent_id: v1::AgentId { value: home.agent_id.clone() },
        resources: task_resources,
        executor: Some(executor_info(task.id, service, executor_resources)),
        // Proof: the contract's maps have text keys and nothing in it fails to serialise.
        data: serde_json::to_vec(&contract(task, home, service)).ok(),
        health_check: service.health.enabled.then(|| health_check(home, service)),
        labels: Some(labels([
            (launch::LABEL_CONFIG, task.config.0.to_string()),
            (launch::LABEL_GENERATION, task.generation.to_string()),
        ])),
        discovery: Some(discovery(task.id, home)),
        kill_policy: Some(v1::KillPolicy { grace_period: Some(duration(service.brokers.kill_grace_secs)) }),
        ..Default::default()
    }
}

/// A new executor for each task, so that its description never has to match an earlier one's (mesos-v1-http 4.5).
fn executor_info(id: TaskId, service: &Service, resources: Vec<v1::Resource>) -> v1::ExecutorInfo {
    v1::ExecutorInfo {
        r#type: Some(v1::executor_info::Type::Custom.into()),
        executor_id: v1::ExecutorId { value: id.to_string() },
        name: Some(format!("kafka-executor of broker {}", id.broker)),
        command: Some(command(service)),
        resources,
        shutdown_grace_period: Some(duration(service.brokers.kill_grace_secs + EXECUTOR_MARGIN_SECS)),
        ..Default::default()
    }
}

/// How the executor is fetched and started (D34).
fn command(service: &Service) -> v1::CommandInfo {
    let artifacts = &service.artifacts;
    let path = artifacts.executor_uri.split(['?', '#']).next().unwrap_or_default();
    let packed = ARCHIVES.iter().any(|suffix| path.ends_with(suffix));
    let archive = |value: &String| v1::command_info::Uri {
        value: value.clone(),
        extract: Some(true),
        // Versioned by name, so an agent downloads it once, not at every start (original.md 2.5).
        cache: Some(true),
        ..Default::default()
    };
    let executor = v1::command_info::Uri {
        value: artifacts.executor_uri.clone(),
        executable: Some(!packed),
        extract: Some(packed),
        output_file: (!packed).then(|| "kafka-executor".to_owned()),
        ..Default::default()
    };
    let agent = artifacts.metrics_agent_uri.as_ref().map(|value| v1::command_info::Uri {
        extract: Some(false),
        output_file: Some(METRICS_AGENT.to_owned()),
        ..archive(value)
    });
    let uris = [executor, archive(&artifacts.kafka_uri)]
        .into_iter()
        .chain(artifacts.java_uri.as_ref().map(archive))
        .chain(agent);
    // In an archive the program may lie in a directory; a shell finds it, and makes way for it.
    let (value, shell) = match packed {
        true => ("exec \"$(find . -maxdepth 3 -name kafka-executor -type f | head -n 1)\"", true),
        false => ("./kafka-executor", false),
    };
    v1::CommandInfo {
        uris: uris.collect(),
        value: Some(value.to_owned()),
        shell: Some(shell),
        arguments: if shell { Vec::new() } else { vec![value.to_owned()] },
        ..Default::default()
    }
}

/// Everything the executor must know (see [`LaunchContract`]).
pub fn contract(task: &Task, home: &Home, service: &Service) -> LaunchContract {
    LaunchContract {
        version: launch::VERSION,
        service: service.framework.name.clone(),
        broker: task.id.broker,
        config_id: task.config.0,
        generation: task.generation,
        heap_mb: service.brokers.heap_mb,
        jvm_options: service.brokers.jvm_options.clone(),
        volume: VOLUME.to_owned(),
        metadata: service.metadata(),
        listen_address: service.brokers.listen_address.to_string(),
        advertised_host: home.advertised_host.clone(),
        port: home.port,
        protocol: service.brokers.protocol,
        api_port: home.api_port,
        layers: vec![
            Layer { name: "service default".to_owned(), properties: service.kafka_defaults() },
            Layer { name: "KAFKA_OVERRIDE".to_owned(), properties: service.kafka.overrides.clone() },
        ],
        health: Some(health(&service.health)),
        jvm_archive: service.brokers.jvm_archive,
        jmx_port: service.brokers.jmx_port,
        metrics_agent: service.artifacts.metrics_agent_uri.as_ref().map(|_| METRICS_AGENT.to_owned()),
        metrics: metrics(&service.metrics),
        logs: logs(&service.logs),
    }
}

fn health(health: &config::Health) -> launch::Health {
    launch::Health {
        enabled: health.enabled,
        delay_secs: health.delay_secs,
        interval_secs: health.interval_secs,
        timeout_secs: health.timeout_secs,
        grace_secs: health.grace_secs,
        max_failures: health.max_failures,
        topic: health.topic.clone(),
    }
}

fn metrics(metrics: &config::Metrics) -> launch::Metrics {
    let statsd = metrics.statsd_host.as_ref().map(|host| match host.contains(':') {
        true => format!("[{host}]:{}", metrics.statsd_port),
        false => format!("{host}:{}", metrics.statsd_port),
    });
    launch::Metrics { statsd, prefix: metrics.prefix.clone(), tags: metrics.tags }
}

fn logs(logs: &config::Logs) -> launch::Logs {
    let syslog = logs.syslog_uri.as_ref().map(|uri| launch::Syslog {
        uri: uri.clone(),
        facility: logs.facility.clone(),
        format: logs.format,
        ca_file: logs.ca_file.clone(),
        spool_mb: logs.spool_mb,
        executor: logs.executor,
    });
    launch::Logs { syslog, sandbox_mb: logs.sandbox_mb }
}

/// Kafka's own check, as Mesos shows it; the executor knows it as its own and answers in process (D30).
fn health_check(home: &Home, service: &Service) -> v1::HealthCheck {
    let seconds = |secs: u64| Some(Duration::from_secs(secs).as_secs_f64());
    let health = &service.health;
    v1::HealthCheck {
        r#type: Some(v1::health_check::Type::Http.into()),
        http: Some(v1::health_check::HttpCheckInfo {
            port: home.api_port.into(),
            path: Some("/admin/healthcheck".to_owned()),
            scheme: Some("http".to_owned()),
            ..Default::default()
        }),
        delay_seconds: seconds(health.delay_secs),
        interval_seconds: seconds(health.interval_secs),
        timeout_seconds: seconds(health.timeout_secs),
        consecutive_failures: Some(health.max_failures),
        // Mesos counts it from the launch, so it includes the delay (D17).
        grace_period_seconds: seconds(health.delay_secs + health.grace_secs),
        ..Default::default()
    }
}

/// What service discovery and the load balancer read (D35, S-090).
fn discovery(id: TaskId, home: &Home) -> v1::DiscoveryInfo {
    v1::DiscoveryInfo {
        visibility: v1::discovery_info::Visibility::External.into(),
        name: Some(format!("broker-{}", id.broker)),
        ports: Some(v1::Ports {
            ports: vec![v1::Port {
                number: home.port.into(),
                name: Some("broker".to_owned()),
                protocol: Some("tcp".to_owned()),
                labels: Some(labels([("VIP_0", "broker:9092".to_owned())])),
                ..Default::default()
            }],
        }),
        ..Default::default()
    }
}

fn labels<const N: usize>(pairs: [(&str, String); N]) -> v1::Labels {
    let labels = pairs.map(|(key, value)| v1::Label { key: key.to_owned(), value: Some(value) });
    v1::Labels { labels: labels.into() }
}

fn duration(secs: u64) -> v1::DurationInfo {
    v1::DurationInfo { nanoseconds: i64::try_from(u128::from(secs) * 1_000_000_000).unwrap_or(i64::MAX) }
}
