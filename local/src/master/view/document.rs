//! The JSON documents of the GET endpoints (mesos-v1-http §9.1). They say "slave" where the v1 API says agent.

use std::collections::BTreeMap;

use mesos::{
    json,
    resource::{Resources, Value as Amount},
    v1::{self, TaskState},
};
use serde_json::{Map, Value, json};

use super::{super::VERSION, both, role_entry};
use crate::master::{Master, agents::Agent, framework::Framework, seconds, task::is_terminal};

/// Which tasks `/tasks` lists.
#[derive(Clone, Debug)]
pub struct TaskQuery {
    /// Only those of this framework.
    pub framework: Option<String>,
    /// Only the one of this id.
    pub task: Option<String>,
    /// At most so many (100).
    pub limit: usize,
    /// Without the first so many.
    pub offset: usize,
    /// Oldest first instead of newest first.
    pub ascending: bool,
}

/// Sums by name: scalars as numbers, ranges as text. cpus, gpus, mem and disk are always there.
fn summary<'a>(resources: impl IntoIterator<Item = &'a v1::Resource>) -> Value {
    let all: Resources = resources.into_iter().cloned().collect::<Resources>().flattened();
    let mut out = Map::new();
    for name in ["cpus", "gpus", "mem", "disk"] {
        out.insert(name.to_owned(), all.scalar(name).to_f64().into());
    }
    for (name, scalar) in all.quantities() {
        out.insert(name, scalar.to_f64().into());
    }
    for resource in all.iter().filter(|resource| resource.scalar.is_none()) {
        if let Some(amount @ (Amount::Ranges(_) | Amount::Set(_))) = Amount::of(resource) {
            out.insert(resource.name.clone(), amount.to_string().into());
        }
    }
    out.into()
}

fn summary_of(resources: &Resources) -> Value {
    summary(resources.iter())
}

/// Resources as objects, in both formats.
fn full(resources: &Resources) -> Value {
    both(resources).iter().map(json::to_value).collect()
}

fn labels(labels: Option<&v1::Labels>) -> Option<Value> {
    labels.map(|labels| labels.labels.iter().map(json::to_value).collect())
}

fn put(out: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        out.insert(key.to_owned(), value);
    }
}

fn task(it: &v1::Task) -> Value {
    let role = it
        .resources
        .iter()
        .find_map(|resource| resource.allocation_info.as_ref())
        .map(|info| info.role().to_owned());
    let statuses: Vec<Value> = it
        .statuses
        .iter()
        .map(|status| {
            let mut out = Map::new();
            put(&mut out, "state", Some(status.state().as_str_name().into()));
            put(&mut out, "timestamp", status.timestamp.map(Into::into));
            put(&mut out, "labels", labels(status.labels.as_ref()));
            put(&mut out, "container_status", status.container_status.as_ref().map(json::to_value));
            put(&mut out, "healthy", status.healthy.map(Into::into));
            out.into()
        })
        .collect();
    let mut out = Map::new();
    put(&mut out, "id", Some(it.task_id.value.clone().into()));
    put(&mut out, "name", Some(it.name.clone().into()));
    put(&mut out, "framework_id", Some(it.framework_id.value.clone().into()));
    put(&mut out, "executor_id", Some(it.executor_id.as_ref().map_or("", |id| &id.value).into()));
    put(&mut out, "slave_id", Some(it.agent_id.value.clone().into()));
    put(&mut out, "state", Some(it.state().as_str_name().into()));
    put(&mut out, "resources", Some(summary(&it.resources)));
    put(&mut out, "role", role.map(Into::into));
    put(&mut out, "user", it.user.clone().map(Into::into));
    put(&mut out, "statuses", Some(statuses.into()));
    put(&mut out, "labels", labels(it.labels.as_ref()));
    put(&mut out, "discovery", it.discovery.as_ref().map(json::to_value));
    put(&mut out, "container", it.container.as_ref().map(json::to_value));
    put(&mut out, "health_check", it.health_check.as_ref().map(json::to_value));
    out.into()
}

impl Master {
    /// `/version`.
    pub fn version_document(&self) -> Value {
        json::to_value(&super::version())
    }

    /// `/flags`.
    pub fn flags_document(&self) -> Value {
        json!({ "flags": self.flags_map() })
    }

    fn flags_map(&self) -> Value {
        self.flags()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect::<Map<_, _>>()
            .into()
    }

    /// `/metrics/snapshot`.
    pub fn metrics_document(&self) -> Value {
        self.metrics()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect::<Map<_, _>>()
            .into()
    }

    /// `/slaves`, of one agent or all.
    pub fn slaves_document(&self, only: Option<&str>) -> Value {
        let slaves: Vec<Value> = self
            .agents
            .iter()
            .filter(|(id, _)| only.is_none_or(|only| only == *id))
            .map(|(id, agent)| self.slave(id, agent, true))
            .collect();
        let recovered: Vec<Value> = self.recovered.values().map(json::to_value).collect();
        json!({ "slaves": slaves, "recovered_slaves": recovered })
    }

    fn slave(&self, id: &str, agent: &Agent, details: bool) -> Value {
        let (used, offered) = (self.used_allocated(id), self.offered(|offer| offer.agent == id));
        let reserved: BTreeMap<String, Resources> = agent.total.reservations();
        let by_role = |show: &dyn Fn(&Resources) -> Value| -> Value {
            reserved.iter().map(|(role, held)| (role.clone(), show(held))).collect::<Map<_, _>>().into()
        };
        let unreserved = agent.total.unreserved();
        let attributes: Map<String, Value> = agent.info.attributes.iter().map(attribute).collect();
        let mut out = json!({
            "id": id,
            "hostname": agent.info.hostname,
            "port": agent.info.port(),
            "attributes": attributes,
            "pid": agent.pid(),
            "registered_time": seconds(agent.registered),
            "resources": summary_of(&agent.total),
            "used_resources": summary_of(&used),
            "offered_resources": summary_of(&offered),
            "reserved_resources": by_role(&summary_of),
            "unreserved_resources": summary_of(&unreserved),
            "active": agent.link.is_some(),
            "deactivated": false,
            "version": VERSION,
            "capabilities": super::AGENT_CAPABILITIES.map(|it| it.as_str_name()),
        });
        if let Some(out) = out.as_object_mut() {
            put(out, "reregistered_time", agent.reregistered.map(|time| seconds(time).into()));
            put(out, "domain", agent.info.domain.as_ref().map(json::to_value));
            if details {
                put(out, "reserved_resources_full", Some(by_role(&full)));
                put(out, "unreserved_resources_full", Some(full(&unreserved)));
                put(out, "used_resources_full", Some(full(&used)));
                put(out, "offered_resources_full", Some(full(&offered)));
            }
        }
        out
    }

    /// `/frameworks`, of one framework or all.
    pub fn frameworks_document(&self, only: Option<&str>) -> Value {
        let list = |all: &mut dyn Iterator<Item = &Framework>| -> Vec<Value> {
            all.filter(|it| only.is_none_or(|only| only == it.id().value))
                .map(|it| self.framework(it))
                .collect()
        };
        json!({
            "frameworks": list(&mut self.frameworks.values()),
            "completed_frameworks": list(&mut self.completed.iter()),
            "unregistered_frameworks": [],
        })
    }

    fn framework(&self, it: &Framework) -> Value {
        let (info, id) = (&it.info, it.id().value);
        let (used, offered) = (self.allocated(&id, None), self.offered(|offer| offer.framework == id));
        let mut held = used.clone();
        held.add_all(&offered);
        let offers: Vec<Value> = self
            .offers
            .iter()
            .filter(|(_, offer)| offer.framework == id)
            .map(|(offer_id, offer)| {
                json!({
                    "id": offer_id, "framework_id": id, "slave_id": offer.agent,
                    "allocation_info": { "role": offer.role }, "resources": summary_of(&offer.resources),
                })
            })
            .collect();
        let executors: Vec<Value> = self
            .agents
            .iter()
            .flat_map(|(agent, state)| state.executors.iter().map(move |(key, executor)| (agent, key, executor)))
            .filter(|(_, (owner, _), _)| *owner == id)
            .map(|(agent, (_, executor_id), executor)| {
                json!({
                    "executor_id": executor_id, "name": executor.name(), "framework_id": id, "slave_id": agent,
                    "resources": summary(&executor.resources), "type": "CUSTOM",
                })
            })
            .collect();
        let mut out = json!({
            "id": id,
            "name": info.name,
            "user": info.user,
            "checkpoint": info.checkpoint(),
            "failover_timeout": info.failover_timeout(),
            "hostname": info.hostname(),
            "webui_url": info.webui_url(),
            "capabilities": info.capabilities.iter().map(|it| it.r#type().as_str_name()).collect::<Vec<_>>(),
            "active": it.stream.is_some(),
            "connected": it.stream.is_some(),
            "recovered": it.recovered,
            "registered_time": it.registered.map_or(0.0, seconds),
            "unregistered_time": it.unregistered.map_or(0.0, seconds),
            "resources": summary_of(&held),
            "used_resources": summary_of(&used),
            "offered_resources": summary_of(&offered),
            "offers": offers,
            "tasks": it.tasks.values().map(task).collect::<Vec<_>>(),
            "unreachable_tasks": it.unreachable.values().map(task).collect::<Vec<_>>(),
            "completed_tasks": it.completed.iter().map(task).collect::<Vec<_>>(),
            "executors": executors,
        });
        if let Some(out) = out.as_object_mut() {
            let (key, roles) = role_entry(info);
            out.insert(key.to_owned(), roles);
            put(out, "principal", info.principal.clone().map(Into::into));
            put(out, "reregistered_time", it.reregistered.map(|time| seconds(time).into()));
            put(out, "labels", labels(info.labels.as_ref()));
            put(out, "offer_constraints", it.constraints.as_ref().map(json::to_value));
        }
        out
    }

    /// `/tasks`.
    pub fn tasks_document(&self, query: &TaskQuery) -> Value {
        let mut tasks: Vec<&v1::Task> = self
            .frameworks
            .values()
            .chain(&self.completed)
            .flat_map(|it| it.tasks.values().chain(it.unreachable.values()).chain(&it.completed))
            .filter(|task| query.framework.as_ref().is_none_or(|id| *id == task.framework_id.value))
            .filter(|task| query.task.as_ref().is_none_or(|id| *id == task.task_id.value))
            .collect();
        let start =
            |task: &v1::Task| task.statuses.first().and_then(|status| status.timestamp).unwrap_or(f64::MAX);
        tasks.sort_by(|a, b| start(a).total_cmp(&start(b)));
        if !query.ascending {
            tasks.reverse();
        }
        let page: Vec<Value> = tasks.into_iter().skip(query.offset).take(query.limit).map(task).collect();
        json!({ "tasks": page })
    }

    /// `/state`.
    pub fn state_document(&self) -> Value {
        let started = seconds(self.started);
        let pid = self.info.pid();
        let frameworks = self.frameworks_document(None);
        let active = self.agents.values().filter(|agent| agent.link.is_some()).count();
        let slaves: Vec<Value> = self.agents.iter().map(|(id, agent)| self.slave(id, agent, true)).collect();
        json!({
            "version": VERSION,
            "id": self.info.id,
            "pid": pid,
            "hostname": self.info.hostname(),
            "start_time": started,
            "elected_time": started,
            "leader": pid,
            "leader_info": json::to_value(&self.info),
            "activated_slaves": active,
            "deactivated_slaves": self.agents.len() - active,
            "unreachable_slaves": self.registry.unreachable.len(),
            "flags": self.flags_map(),
            "capabilities": self.info.capabilities.iter().map(|it| it.r#type().as_str_name()).collect::<Vec<_>>(),
            "domain": self.info.domain.as_ref().map(json::to_value),
            "slaves": slaves,
            "recovered_slaves": self.recovered.values().map(json::to_value).collect::<Vec<_>>(),
            "frameworks": frameworks["frameworks"],
            "completed_frameworks": frameworks["completed_frameworks"],
            "orphan_tasks": [],
            "unregistered_frameworks": [],
        })
    }

    /// `/state-summary`: how many tasks of which state.
    pub fn summary_document(&self) -> Value {
        let count = |which: &dyn Fn(&v1::Task) -> bool| -> Map<String, Value> {
            let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
            for task in self.frameworks.values().flat_map(|it| it.tasks.values().chain(&it.completed)) {
                if which(task) {
                    *counts.entry(task.state().as_str_name()).or_default() += 1;
                }
            }
            counts.into_iter().map(|(state, count)| (state.to_owned(), count.into())).collect()
        };
        let merge = |mut entry: Value, counts: Map<String, Value>| {
            if let Some(entry) = entry.as_object_mut() {
                entry.extend(counts);
            }
            entry
        };
        let slaves: Vec<Value> = self
            .agents
            .iter()
            .map(|(id, agent)| merge(self.slave(id, agent, false), count(&|task| task.agent_id.value == *id)))
            .collect();
        let frameworks: Vec<Value> = self
            .frameworks
            .iter()
            .map(|(id, it)| {
                let entry = json!({
                    "id": id, "name": it.info.name, "active": it.stream.is_some(), "connected": it.stream.is_some(),
                    "hostname": it.info.hostname(), "webui_url": it.info.webui_url(),
                    "used_resources": summary_of(&self.allocated(id, None)),
                });
                merge(entry, count(&|task| task.framework_id.value == *id))
            })
            .collect();
        json!({ "hostname": self.info.hostname(), "slaves": slaves, "frameworks": frameworks })
    }

    /// `/roles`.
    pub fn roles_document(&self) -> Value {
        let roles: Vec<Value> = self
            .roles_in_use()
            .into_iter()
            .map(|name| {
                let ids: Vec<String> = self
                    .frameworks
                    .iter()
                    .filter(|(_, it)| it.roles().contains(&name))
                    .map(|(id, _)| id.clone())
                    .collect();
                json!({
                    "name": name, "weight": 1.0, "frameworks": ids,
                    "resources": summary_of(&self.role_resources(&name)),
                    "offered": summary_of(&self.offered(|offer| offer.role == name)),
                })
            })
            .collect();
        json!({ "roles": roles })
    }

    /// Live tasks, for a word on shutdown.
    pub fn live_tasks(&self) -> usize {
        let is_live =
            |task: &&v1::Task| !is_terminal(task.state()) && task.state() != TaskState::TaskUnreachable;
        self.frameworks.values().flat_map(|it| it.tasks.values()).filter(is_live).count()
    }
}

fn attribute(it: &v1::Attribute) -> (String, Value) {
    let value = if let Some(scalar) = &it.scalar {
        scalar.value.into()
    } else if let Some(text) = &it.text {
        text.value.clone().into()
    } else if let Some(ranges) = &it.ranges {
        Amount::Ranges(ranges.into()).to_string().into()
    } else {
        Value::Null
    };
    (it.name.clone(), value)
}
