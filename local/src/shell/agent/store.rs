//! The agent's memory on disk (§7.1): written as the pure agent says, read back at the next start.
//!
//! Files are written beside, synced and renamed; the steps of a task's updates are appended, one line of JSON each, and
//! a torn last line, which nobody was told of yet, is cut off.
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mesos::json;
use mesos::v1;
use prost_reflect::ReflectMessage;
use serde_json::{Value, json};

use super::record::Records;
use crate::agent::layout;
use crate::agent::{
    Checkpoint, Container, Recovered, RecoveredExecutor, RecoveredFramework, RecoveredTask, Run,
    StoredOperation, UpdateRecord,
};

/// The checkpoints under a work directory.
#[derive(Debug)]
pub(super) struct Store {
    work_dir: PathBuf,
    records: Records,
}

impl Store {
    pub(super) fn open(work_dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(layout::meta_agents(work_dir))?;
        fs::create_dir_all(work_dir.join("meta/resources"))?;
        Ok(Self { work_dir: work_dir.to_owned(), records: Records::new(work_dir) })
    }

    /// Makes one checkpoint durable.
    pub(super) fn write(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        let work_dir = &self.work_dir;
        match checkpoint {
            Checkpoint::Agent(info) => {
                let id = info.id.clone().unwrap_or_default().value;
                let directory = layout::meta_agents(work_dir).join(&id);
                write_message(&directory.join("slave.info"), &**info)?;
                point(&layout::meta_agents(work_dir).join("latest"), &id)
            }
            Checkpoint::ForgetAgent => remove_file(&layout::meta_agents(work_dir).join("latest")),
            Checkpoint::Framework { agent_id, info } => {
                let id = info.id.clone().unwrap_or_default().value;
                write_message(
                    &layout::meta_framework(work_dir, agent_id, &id).join("framework.info"),
                    &**info,
                )
            }
            Checkpoint::ForgetFramework { agent_id, framework_id } => {
                remove_tree(&layout::meta_framework(work_dir, agent_id, framework_id))
            }
            Checkpoint::Executor { run, info } => {
                let directory = layout::meta_executor(work_dir, run);
                write_message(&directory.join("executor.info"), &**info)?;
                fs::create_dir_all(layout::meta_run(work_dir, run))?;
                point(&directory.join("runs/latest"), &run.container.0)
            }
            Checkpoint::RunEnded(run) => {
                write_atomically(&layout::meta_run(work_dir, run).join("executor.sentinel"), b"")
            }
            Checkpoint::ForgetRun(run) => remove_tree(&layout::meta_executor(work_dir, run)),
            Checkpoint::Task { run, info } => {
                write_message(&task(work_dir, run, &info.task_id.value).join("task.info"), &**info)
            }
            Checkpoint::Update { run, task_id, record } => {
                let directory = task(work_dir, run, task_id);
                fs::create_dir_all(&directory)?;
                let mut line = record_to_json(record).to_string().into_bytes();
                line.push(b'\n');
                let mut file =
                    OpenOptions::new().create(true).append(true).open(directory.join("task.updates"))?;
                file.write_all(&line)?;
                file.sync_data()
            }
            Checkpoint::Resources { resources, operations } => {
                let all = json!({
                    "resources": resources.iter().map(json::to_value).collect::<Vec<_>>(),
                    "operations": operations.iter().map(|o| json::to_value(&o.operation)).collect::<Vec<_>>(),
                });
                write_atomically(&resources_file(work_dir), all.to_string().as_bytes())
            }
        }
    }

    /// Everything a former life left.
    pub(super) fn load(&self) -> io::Result<Recovered> {
        let mut recovered = Recovered { resources: kept_resources(&self.work_dir)?, ..Recovered::default() };
        if let Some(text) = read(&resources_file(&self.work_dir))? {
            let all: Value = serde_json::from_slice(&text)?;
            for operation in all["operations"].as_array().cloned().unwrap_or_default() {
                let operation = json::from_value(&operation).map_err(io::Error::other)?;
                recovered.operations.push(StoredOperation { operation });
            }
        }
        let latest = layout::meta_agents(&self.work_dir).join("latest");
        let Some(info) = read_message::<v1::AgentInfo>(&latest.join("slave.info"))? else {
            return Ok(recovered);
        };
        recovered.agent_id = info.id.clone();
        let agent_id = info.id.unwrap_or_default().value;
        for framework in directories(&latest.join("frameworks"))? {
            // A directory without its file is what a crash between the two leaves: nothing in it was ever promised.
            let Some(info) = read_message::<v1::FrameworkInfo>(&framework.join("framework.info"))? else {
                continue;
            };
            let framework_id = info.id.clone().unwrap_or_default().value;
            let mut executors = Vec::new();
            for executor in directories(&framework.join("executors"))? {
                executors.extend(self.load_executor(&agent_id, &framework_id, &executor)?);
            }
            recovered.frameworks.push(RecoveredFramework { info, executors });
        }
        Ok(recovered)
    }

    fn load_executor(
        &self,
        agent_id: &str,
        framework_id: &str,
        directory: &Path,
    ) -> io::Result<Option<RecoveredExecutor>> {
        let Some(info) = read_message::<v1::ExecutorInfo>(&directory.join("executor.info"))? else {
            return Ok(None);
        };
        let Ok(container) = fs::read_link(directory.join("runs/latest")) else { return Ok(None) };
        let container = container.to_string_lossy().into_owned();
        let run = Run {
            agent_id: agent_id.to_owned(),
            framework_id: framework_id.to_owned(),
            executor_id: info.executor_id.value.clone(),
            container: Container(container.clone()),
        };
        let meta = layout::meta_run(&self.work_dir, &run);
        let mut tasks = Vec::new();
        for task in directories(&meta.join("tasks"))? {
            tasks.push(RecoveredTask {
                task_id: task.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                info: read_message(&task.join("task.info"))?,
                updates: read_updates(&task.join("task.updates"))?,
            });
        }
        Ok(Some(RecoveredExecutor {
            info,
            pid: self.records.process(&container).map(|process| process.pid),
            ended: meta.join("executor.sentinel").exists(),
            container: run.container,
            tasks,
        }))
    }
}

fn task(work_dir: &Path, run: &Run, task_id: &str) -> PathBuf {
    layout::meta_run(work_dir, run).join("tasks").join(task_id)
}

fn record_to_json(record: &UpdateRecord) -> Value {
    match record {
        UpdateRecord::Update(status) => json!({ "update": json::to_value(&**status) }),
        UpdateRecord::Acknowledged(uuid) => json!({ "acknowledged": BASE64_STANDARD.encode(uuid) }),
    }
}

fn record_from_json(line: &[u8]) -> Option<UpdateRecord> {
    let value: Value = serde_json::from_slice(line).ok()?;
    if let Some(status) = value.get("update") {
        return Some(UpdateRecord::Update(Box::new(json::from_value(status).ok()?)));
    }
    Some(UpdateRecord::Acknowledged(BASE64_STANDARD.decode(value.get("acknowledged")?.as_str()?).ok()?))
}

/// The steps in a file; a torn last one is cut off, so that the next is not appended to it.
fn read_updates(path: &Path) -> io::Result<Vec<UpdateRecord>> {
    let Some(bytes) = read(path)? else { return Ok(Vec::new()) };
    let mut records = Vec::new();
    let mut good = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let whole = line.strip_suffix(b"\n").and_then(record_from_json);
        let Some(record) = whole else { break };
        records.push(record);
        good += line.len();
    }
    if good < bytes.len() {
        tracing::warn!(path = %path.display(), "a torn end of the updates is cut off");
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(good as u64)?;
        file.sync_all()?;
    }
    Ok(records)
}

fn write_message(path: &Path, message: &impl ReflectMessage) -> io::Result<()> {
    write_atomically(path, json::to_string(message).as_bytes())
}

fn read_message<T: ReflectMessage + Default>(path: &Path) -> io::Result<Option<T>> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
}

/// The file's content; `None` if there is no such file.
fn resources_file(work_dir: &Path) -> PathBuf {
    work_dir.join("meta/resources/resources_and_operations.state")
}

/// What is reserved by operation or persistent on the agent of this work directory; nothing if there was none yet.
///
/// # Errors
/// If its file cannot be read.
pub fn kept_resources(work_dir: &Path) -> io::Result<Vec<v1::Resource>> {
    let Some(text) = read(&resources_file(work_dir))? else { return Ok(Vec::new()) };
    let all: Value = serde_json::from_slice(&text)?;
    let resources = all["resources"].as_array().cloned().unwrap_or_default();
    resources.iter().map(|resource| json::from_value(resource).map_err(io::Error::other)).collect()
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The directories in `path`, sorted; links are none.
fn directories(path: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut all = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            all.push(entry.path());
        }
    }
    all.sort();
    Ok(all)
}

/// Writes a whole file or nothing, durably; makes its directories.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory =
        path.parent().ok_or_else(|| io::Error::other(format!("{} is no file", path.display())))?;
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_directory(directory)
}

/// Lets the symlink `link` point to `target`.
pub(super) fn point(link: &Path, target: &str) -> io::Result<()> {
    let directory =
        link.parent().ok_or_else(|| io::Error::other(format!("{} is no link", link.display())))?;
    fs::create_dir_all(directory)?;
    let beside = directory.join(format!(".{target}.latest"));
    remove_file(&beside)?;
    symlink(target, &beside)?;
    fs::rename(&beside, link)?;
    sync_directory(directory)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
    use super::*;

    #[test]
    fn a_torn_last_step_is_cut_off_and_the_next_one_whole() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let run = Run {
            agent_id: "A".into(),
            framework_id: "F".into(),
            executor_id: "E".into(),
            container: Container("C".into()),
        };
        let step = |n: u8| UpdateRecord::Acknowledged(vec![n; 16]);
        let write = |record| {
            store.write(&Checkpoint::Update { run: run.clone(), task_id: "t".into(), record }).unwrap()
        };
        write(step(1));
        let path = task(directory.path(), &run, "t").join("task.updates");
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"update\":{\"task").unwrap();
        assert_eq!(read_updates(&path).unwrap(), [step(1)]);
        write(step(2));
        assert_eq!(read_updates(&path).unwrap(), [step(1), step(2)]);
    }
}
