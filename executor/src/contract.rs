//! Bytes of `TaskInfo.data` → a launch contract that can be carried out, or everything that is wrong with it.

use std::{fmt, time::Duration};

use api::{
    ids::TaskId,
    launch::{LaunchContract, Metadata, VERSION, reserved},
};
use kafka::zookeeper::ZooKeeper;

/// Everything wrong with a contract, for the task's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the launch contract cannot be carried out: {}", self.0.join("; "))
    }
}

/// Reads and checks the contract of task `task_id`.
///
/// # Errors
/// All problems at once; a contract that is no JSON of ours, or newer than [`VERSION`], is the only one then.
pub fn read(task_id: &str, data: &[u8]) -> Result<LaunchContract, Problems> {
    let one = |problem: String| Problems(vec![problem]);
    // Looked at first: a newer contract may well not parse, and then its version is the thing to say.
    #[derive(serde::Deserialize)]
    struct Version {
        version: u32,
    }
    if let Ok(Version { version }) = serde_json::from_slice(data)
        && version > VERSION
    {
        return Err(one(format!("it is of version {version}, this executor reads up to {VERSION}")));
    }
    let contract: LaunchContract =
        serde_json::from_slice(data).map_err(|error| one(format!("TaskInfo.data is not one: {error}")))?;
    let problems = problems(task_id, &contract);
    if problems.is_empty() { Ok(contract) } else { Err(Problems(problems)) }
}

/// All that stands in the way of a restart of task `task_id` in place, from `running` to `next` (D31): what is wrong with
/// `next` itself, and what only a new task can change, since it is reserved, bound or fetched for the old one.
pub fn restart(task_id: &str, running: Option<&LaunchContract>, next: &LaunchContract) -> Vec<String> {
    if next.version > VERSION {
        return vec![format!("it is of version {}, this executor reads up to {VERSION}", next.version)];
    }
    let mut problems = problems(task_id, next);
    let Some(running) = running else { return problems };
    let fixed = |contract: &LaunchContract| {
        let Metadata::ZooKeeper { connect } = &contract.metadata;
        [
            ("service", contract.service.clone()),
            ("broker", contract.broker.to_string()),
            ("volume", contract.volume.clone()),
            ("metadata", connect.clone()),
            ("listen_address", contract.listen_address.clone()),
            ("port", contract.port.to_string()),
            ("protocol", contract.protocol.as_str().to_owned()),
            ("api_port", contract.api_port.to_string()),
        ]
    };
    for ((name, from), (_, to)) in fixed(running).into_iter().zip(fixed(next)) {
        if from != to {
            problems.push(format!("{name} cannot change in place, from {from:?} to {to:?}"));
        }
    }
    match &next.metrics_agent {
        Some(jar) if running.metrics_agent.as_ref() != Some(jar) => {
            problems.push(format!("metrics_agent {jar:?} was not fetched for this task"));
        }
        _ => {}
    }
    problems
}

fn problems(task_id: &str, contract: &LaunchContract) -> Vec<String> {
    let mut problems = Vec::new();
    let mut require = |holds: bool, problem: String| {
        if !holds {
            problems.push(problem);
        }
    };
    if let Ok(id) = task_id.parse::<TaskId>() {
        let broker = contract.broker;
        require(id.broker == broker, format!("broker is {broker}, but the task is {task_id}"));
    }
    require(contract.heap_mb > 0, "heap_mb is 0".to_owned());
    require(contract.port > 0, "port is 0".to_owned());
    require(contract.api_port > 0, "api_port is 0".to_owned());
    require(contract.port != contract.api_port, format!("port and api_port are both {}", contract.port));
    let plain = !matches!(&*contract.volume, "" | "." | "..") && !contract.volume.contains('/');
    require(plain, format!("volume {:?} is not a plain name", contract.volume));
    let addresses =
        [("listen_address", &contract.listen_address), ("advertised_host", &contract.advertised_host)];
    for (name, address) in addresses {
        let plain = !address.is_empty()
            && !address.contains(|char: char| char.is_whitespace() || ",/".contains(char));
        require(plain, format!("{name} {address:?} is not a host"));
    }
    let Metadata::ZooKeeper { connect } = &contract.metadata;
    if let Err(error) = ZooKeeper::new(connect, Duration::ZERO) {
        require(false, format!("metadata.connect {error}"));
    }
    for layer in &contract.layers {
        for key in layer.properties.keys() {
            if let Some(instead) = reserved(key) {
                require(false, format!("{key} (layer {}) is reserved: {instead}", layer.name));
            }
        }
    }
    problems
}

/// Entry point for a fuzzer: whatever the bytes, reading ends, and what reads can be carried out.
///
/// # Panics
/// When that does not hold.
pub fn fuzz(bytes: &[u8]) {
    const TASK: &str = "broker-1__00000000-0000-0000-0000-000000000009";
    if let Ok(contract) = read(TASK, bytes) {
        assert_eq!(contract.broker.0, 1);
        assert!(contract.port > 0 && contract.api_port > 0 && contract.heap_mb > 0);
    }
}

#[cfg(test)]
#[path = "contract/tests.rs"]
pub(crate) mod tests;
