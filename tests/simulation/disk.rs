//! An agent's disk: its checkpoints, as the agent would find them after a restart.

use std::collections::BTreeMap;

use local::agent::{
    Checkpoint, Recovered, RecoveredExecutor, RecoveredFramework, RecoveredTask, Run, StoredOperation,
    UpdateRecord,
};
use mesos::v1;

/// All that an agent made durable.
#[derive(Debug, Default)]
pub struct Disk {
    agent: Option<v1::AgentInfo>,
    resources: Vec<v1::Resource>,
    operations: Vec<StoredOperation>,
    frameworks: BTreeMap<String, v1::FrameworkInfo>,
    runs: BTreeMap<String, StoredRun>,
}

#[derive(Debug)]
struct StoredRun {
    run: Run,
    info: v1::ExecutorInfo,
    ended: bool,
    tasks: BTreeMap<String, (Option<v1::TaskInfo>, Vec<UpdateRecord>)>,
}

impl Disk {
    /// Writes a checkpoint.
    pub fn write(&mut self, checkpoint: Checkpoint) {
        match checkpoint {
            Checkpoint::Agent(info) => self.agent = Some(*info),
            Checkpoint::ForgetAgent => self.agent = None,
            Checkpoint::Framework { info, .. } => {
                let id = info.id.clone().unwrap_or_default().value;
                self.frameworks.insert(id, *info);
            }
            Checkpoint::ForgetFramework { framework_id, .. } => {
                self.frameworks.remove(&framework_id);
            }
            Checkpoint::Executor { run, info } => {
                let key = run.container.0.clone();
                self.runs.insert(key, StoredRun { run, info: *info, ended: false, tasks: BTreeMap::new() });
            }
            Checkpoint::RunEnded(run) => {
                if let Some(stored) = self.runs.get_mut(&run.container.0) {
                    stored.ended = true;
                }
            }
            Checkpoint::ForgetRun(run) => {
                self.runs.remove(&run.container.0);
            }
            Checkpoint::Task { run, info } => {
                if let Some(stored) = self.runs.get_mut(&run.container.0) {
                    let id = info.task_id.value.clone();
                    stored.tasks.entry(id).or_default().0 = Some(*info);
                }
            }
            Checkpoint::Update { run, task_id, record } => {
                if let Some(stored) = self.runs.get_mut(&run.container.0) {
                    stored.tasks.entry(task_id).or_default().1.push(record);
                }
            }
            Checkpoint::Resources { resources, operations } => {
                self.resources = resources;
                self.operations = operations;
            }
        }
    }

    /// What a restarted agent finds.
    pub fn read(&self) -> Recovered {
        let executors_of = |framework: &str| -> Vec<RecoveredExecutor> {
            let runs = self.runs.values().filter(|stored| stored.run.framework_id == framework);
            runs.map(|stored| RecoveredExecutor {
                info: stored.info.clone(),
                container: stored.run.container.clone(),
                pid: Some(1),
                ended: stored.ended,
                tasks: stored
                    .tasks
                    .iter()
                    .map(|(id, (info, updates))| RecoveredTask {
                        task_id: id.clone(),
                        info: info.clone(),
                        updates: updates.clone(),
                    })
                    .collect(),
            })
            .collect()
        };
        Recovered {
            agent_id: self.agent.as_ref().and_then(|info| info.id.clone()),
            resources: self.resources.clone(),
            operations: self.operations.clone(),
            frameworks: self
                .frameworks
                .iter()
                .map(|(id, info)| RecoveredFramework { info: info.clone(), executors: executors_of(id) })
                .collect(),
        }
    }

    /// The containers of all runs on disk.
    pub fn containers(&self) -> Vec<String> {
        self.runs.keys().cloned().collect()
    }

    /// Whether a run is on disk and has not ended there: its process is to be looked for after a restart.
    pub fn is_running(&self, container: &str) -> bool {
        self.runs.get(container).is_some_and(|stored| !stored.ended)
    }

    /// What is reserved or persistent.
    pub fn reserved(&self) -> &[v1::Resource] {
        &self.resources
    }
}
