//! The agent's GET `/state`, in Mesos's legacy wording (§9.4), and the files its sandboxes offer.
use std::path::PathBuf;

use mesos::resource::{Resources, Value};
use mesos::v1;
use serde_json::{Map, json};

use super::book::{Executor, Framework, Stage, container_id};
use super::{Agent, layout};

impl Agent {
    /// The JSON of `/state`.
    pub fn state(&self) -> serde_json::Value {
        json!({
            "id": self.agent_id().value,
            "pid": format!("slave(1)@{}", self.options.address),
            "hostname": self.options.hostname,
            "version": crate::master::VERSION,
            "start_time": self.started.as_secs_f64(),
            "resources": summary(&self.total),
            "unreserved_resources": summary(&self.total.unreserved()),
            "reserved_resources": self.total.reservations().iter()
                .map(|(role, resources)| (role.clone(), summary(resources))).collect::<Map<_, _>>(),
            "attributes": self.options.attributes.iter().map(attribute).collect::<Map<_, _>>(),
            "flags": {},
            "frameworks": self.frameworks.values().map(|f| self.framework_state(f)).collect::<Vec<_>>(),
            "completed_frameworks":
                self.completed_frameworks.iter().map(|f| self.framework_state(f)).collect::<Vec<_>>(),
        })
    }

    fn framework_state(&self, framework: &Framework) -> serde_json::Value {
        json!({
            "id": framework.info.id.clone().unwrap_or_default().value,
            "name": framework.info.name,
            "user": framework.info.user,
            "checkpoint": framework.info.checkpoint(),
            "failover_timeout": framework.info.failover_timeout(),
            "hostname": framework.info.hostname(),
            "principal": framework.info.principal(),
            "roles": framework.info.roles,
            "executors": framework.executors.values().map(|e| self.executor_state(e)).collect::<Vec<_>>(),
            "completed_executors": framework.completed.iter().map(|e| self.executor_state(e)).collect::<Vec<_>>(),
        })
    }

    fn executor_state(&self, executor: &Executor) -> serde_json::Value {
        let of = |queued: bool| {
            let tasks = executor.tasks.iter().filter(move |task| (task.stage == Stage::Queued) == queued);
            tasks.map(|task| task_state(&task.record)).collect::<Vec<_>>()
        };
        let resources = executor.resources();
        let role =
            resources.iter().find_map(mesos::resource::identity::allocation_role).unwrap_or("*").to_owned();
        let mut state = json!({
            "id": executor.info.executor_id.value,
            "name": executor.info.name(),
            "source": executor.info.source(),
            "container": executor.run.container.0,
            "directory": layout::sandbox(&self.options.work_dir, &executor.run),
            "resources": summary(&resources),
            "role": role,
            "type": executor.info.r#type().as_str_name(),
            "tasks": of(false),
            "queued_tasks": of(true),
            "completed_tasks": executor.completed.iter().map(task_state).collect::<Vec<_>>(),
        });
        if let (Some(labels), Some(object)) = (&executor.info.labels, state.as_object_mut()) {
            object.insert("labels".to_owned(), mesos::json::to_value(labels)["labels"].clone());
        }
        state
    }

    /// The sandboxes there are: virtual path without trailing slash, and directory. Of an executor's sandboxes the
    /// newest comes under `runs/latest` as well.
    pub fn sandboxes(&self) -> Vec<(String, PathBuf)> {
        let live = self.frameworks.values().flat_map(|framework| framework.executors.values());
        let ended =
            self.completed_frameworks.iter().chain(self.frameworks.values()).flat_map(|f| f.completed.iter());
        let mut all = Vec::new();
        for executor in ended.chain(live) {
            let directory = layout::sandbox(&self.options.work_dir, &executor.run);
            let run = &executor.run;
            let runs = format!("/frameworks/{}/executors/{}/runs", run.framework_id, run.executor_id);
            all.push((format!("{runs}/{}", container_id(&run.container).value), directory.clone()));
            all.push((format!("{runs}/latest"), directory));
        }
        all
    }
}

fn task_state(task: &v1::Task) -> serde_json::Value {
    json!({
        "id": task.task_id.value,
        "name": task.name,
        "framework_id": task.framework_id.value,
        "executor_id": task.executor_id.clone().unwrap_or_default().value,
        "slave_id": task.agent_id.value,
        "state": task.state().as_str_name(),
        "resources": summary(&task.resources.iter().cloned().collect()),
        "statuses": task.statuses.iter().map(|status| json!({
            "state": status.state().as_str_name(),
            "timestamp": status.timestamp(),
        })).collect::<Vec<_>>(),
    })
}

/// `{"cpus":1.5,"gpus":0,"mem":256,"disk":0,"ports":"[31000-31001]"}`
fn summary(resources: &Resources) -> serde_json::Value {
    let mut all: Map<String, serde_json::Value> =
        ["cpus", "gpus", "mem", "disk"].into_iter().map(|name| (name.to_owned(), json!(0.0))).collect();
    for (name, amount) in resources.quantities() {
        all.insert(name, json!(amount.to_f64()));
    }
    for resource in resources.iter() {
        match Value::of(resource) {
            Some(Value::Ranges(_)) => {
                all.insert(resource.name.clone(), json!(resources.ranges(&resource.name).to_string()));
            }
            Some(value @ Value::Set(_)) => {
                all.insert(resource.name.clone(), json!(value.to_string()));
            }
            Some(Value::Scalar(_)) | None => {}
        }
    }
    all.into()
}

fn attribute(attribute: &v1::Attribute) -> (String, serde_json::Value) {
    let value = match (&attribute.scalar, &attribute.ranges, &attribute.text) {
        (Some(scalar), _, _) => json!(scalar.value),
        (_, Some(ranges), _) => json!(mesos::resource::Ranges::from(ranges).to_string()),
        (_, _, Some(text)) => json!(text.value),
        _ => serde_json::Value::Null,
    };
    (attribute.name.clone(), value)
}
