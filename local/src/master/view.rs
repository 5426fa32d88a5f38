//! What an operator sees (mesos-v1-http §9): pure functions of a [`Master`], as v1 messages here, as the older JSON
//! documents in [`document`].

pub mod document;

use mesos::{
    resource::{Resources, format},
    v1::{
        self, FrameworkInfo,
        agent_info::{Capability, capability::Type as AgentCapability},
        master::{
            Response,
            response::{
                self, GetAgents, GetExecutors, GetFrameworks, GetHealth, GetMaster, GetOperations, GetRoles,
                GetState, GetTasks, GetVersion, Type, get_agents, get_executors, get_frameworks,
            },
        },
    },
};

use super::{Master, VERSION, agents::Agent, framework::Framework, seconds, time_info};

/// What every agent of ours can do.
const AGENT_CAPABILITIES: [AgentCapability; 8] = [
    AgentCapability::MultiRole,
    AgentCapability::HierarchicalRole,
    AgentCapability::ReservationRefinement,
    AgentCapability::ResourceProvider,
    AgentCapability::ResizeVolume,
    AgentCapability::AgentOperationFeedback,
    AgentCapability::AgentDraining,
    AgentCapability::TaskResourceLimits,
];

/// Resources as views show them: in both formats, so that old and new tools can read them.
fn both(resources: &Resources) -> Vec<v1::Resource> {
    let mut resources = resources.to_vec();
    resources.iter_mut().for_each(format::both);
    resources
}

fn respond(kind: Type) -> Response {
    Response { r#type: Some(kind.into()), ..Default::default() }
}

/// The version, for masters and agents alike.
pub fn version() -> v1::VersionInfo {
    v1::VersionInfo {
        version: VERSION.to_owned(),
        build_date: Some("1970-01-01 00:00:00".to_owned()),
        build_time: Some(0.0),
        build_user: Some("local".to_owned()),
        ..Default::default()
    }
}

impl Master {
    /// GET_HEALTH.
    pub fn get_health(&self) -> Response {
        Response { get_health: Some(GetHealth { healthy: true }), ..respond(Type::GetHealth) }
    }

    /// GET_VERSION.
    pub fn get_version(&self) -> Response {
        Response { get_version: Some(GetVersion { version_info: version() }), ..respond(Type::GetVersion) }
    }

    /// GET_FLAGS: those that make a difference.
    pub fn get_flags(&self) -> Response {
        let flags = self
            .flags()
            .into_iter()
            .map(|(name, value)| v1::Flag { name: name.to_owned(), value: Some(value) });
        Response { get_flags: Some(response::GetFlags { flags: flags.collect() }), ..respond(Type::GetFlags) }
    }

    /// GET_METRICS: the few a client may look for.
    pub fn get_metrics(&self) -> Response {
        let metrics = self
            .metrics()
            .into_iter()
            .map(|(name, value)| v1::Metric { name: name.to_owned(), value: Some(value) });
        Response {
            get_metrics: Some(response::GetMetrics { metrics: metrics.collect() }),
            ..respond(Type::GetMetrics)
        }
    }

    /// GET_MASTER.
    pub fn get_master(&self) -> Response {
        let started = Some(seconds(self.started));
        let get_master = Some(GetMaster {
            master_info: Some(self.info.clone()),
            start_time: started,
            elected_time: started,
        });
        Response { get_master, ..respond(Type::GetMaster) }
    }

    /// GET_STATE: tasks, executors, frameworks and agents of one moment.
    pub fn get_state(&self) -> Response {
        let get_state = Some(GetState {
            get_tasks: self.get_tasks().get_tasks,
            get_executors: self.get_executors().get_executors,
            get_frameworks: self.get_frameworks().get_frameworks,
            get_agents: self.get_agents().get_agents,
        });
        Response { get_state, ..respond(Type::GetState) }
    }

    /// GET_AGENTS.
    pub fn get_agents(&self) -> Response {
        let get_agents = Some(GetAgents {
            agents: self.agents.iter().map(|(id, agent)| self.agent_view(id, agent)).collect(),
            recovered_agents: self.recovered.values().cloned().collect(),
        });
        Response { get_agents, ..respond(Type::GetAgents) }
    }

    fn agent_view(&self, id: &str, agent: &Agent) -> get_agents::Agent {
        get_agents::Agent {
            agent_info: agent.info.clone(),
            active: agent.link.is_some(),
            version: VERSION.to_owned(),
            pid: Some(agent.pid()),
            registered_time: Some(time_info(agent.registered)),
            reregistered_time: agent.reregistered.map(time_info),
            total_resources: both(&agent.total),
            allocated_resources: both(&self.used_allocated(id)),
            offered_resources: both(&self.offered(|offer| offer.agent == id)),
            capabilities: AGENT_CAPABILITIES.map(|kind| Capability { r#type: Some(kind.into()) }).to_vec(),
            deactivated: Some(false),
            ..Default::default()
        }
    }

    /// Resources of an agent's tasks and executors, with their roles.
    fn used_allocated(&self, agent: &str) -> Resources {
        let tasks = self.frameworks.values().flat_map(|framework| framework.tasks.values());
        let live =
            tasks.filter(|task| task.agent_id.value == agent && !super::task::is_terminal(task.state()));
        let executors = self.agents.get(agent).into_iter().flat_map(|agent| agent.executors.values());
        live.flat_map(|task| &task.resources).chain(executors.flat_map(|it| &it.resources)).cloned().collect()
    }

    fn offered(&self, which: impl Fn(&super::Offer) -> bool) -> Resources {
        let mut all = Resources::new();
        for offer in self.offers.values().filter(|offer| which(offer)) {
            all.add_all(&offer.resources.allocated_to(&offer.role));
        }
        all
    }

    /// GET_FRAMEWORKS.
    pub fn get_frameworks(&self) -> Response {
        let get_frameworks = Some(GetFrameworks {
            frameworks: self.frameworks.values().map(|it| self.framework_view(it)).collect(),
            completed_frameworks: self.completed.iter().map(|it| self.framework_view(it)).collect(),
            ..Default::default()
        });
        Response { get_frameworks, ..respond(Type::GetFrameworks) }
    }

    fn framework_view(&self, it: &Framework) -> get_frameworks::Framework {
        let id = it.id().value;
        let offers = self.offers.iter().filter(|(_, offer)| offer.framework == id);
        get_frameworks::Framework {
            framework_info: it.info.clone(),
            active: it.stream.is_some(),
            connected: it.stream.is_some(),
            recovered: it.recovered,
            registered_time: it.registered.map(time_info),
            reregistered_time: it.reregistered.map(time_info),
            unregistered_time: it.unregistered.map(time_info),
            offers: offers.filter_map(|(id, _)| self.offer_message(id)).collect(),
            allocated_resources: both(&self.allocated(&id, None)),
            offered_resources: both(&self.offered(|offer| offer.framework == id)),
            offer_constraints: Some(it.constraints.clone().unwrap_or_default()),
            ..Default::default()
        }
    }

    /// GET_TASKS.
    pub fn get_tasks(&self) -> Response {
        let all = || self.frameworks.values().chain(&self.completed);
        let get_tasks = Some(GetTasks {
            tasks: all().flat_map(|it| it.tasks.values()).cloned().collect(),
            completed_tasks: all().flat_map(|it| &it.completed).cloned().collect(),
            unreachable_tasks: all().flat_map(|it| it.unreachable.values()).cloned().collect(),
            ..Default::default()
        });
        Response { get_tasks, ..respond(Type::GetTasks) }
    }

    /// GET_EXECUTORS.
    pub fn get_executors(&self) -> Response {
        let executors = self.agents.iter().flat_map(|(id, agent)| {
            let agent_id = v1::AgentId { value: id.clone() };
            agent.executors.values().map(move |it| get_executors::Executor {
                executor_info: it.clone(),
                agent_id: agent_id.clone(),
            })
        });
        let get_executors = Some(GetExecutors { executors: executors.collect(), ..Default::default() });
        Response { get_executors, ..respond(Type::GetExecutors) }
    }

    /// GET_OPERATIONS: those with feedback that are not acknowledged yet.
    pub fn get_operations(&self) -> Response {
        let operations = self.agents.values().flat_map(|agent| agent.operations.values()).cloned().collect();
        Response { get_operations: Some(GetOperations { operations }), ..respond(Type::GetOperations) }
    }

    /// GET_ROLES: those a framework is subscribed to or something is reserved for.
    pub fn get_roles(&self) -> Response {
        let roles = self.roles_in_use().into_iter().map(|name| v1::Role {
            frameworks: self
                .frameworks
                .values()
                .filter(|it| it.roles().contains(&name))
                .map(Framework::id)
                .collect(),
            resources: both(&self.role_resources(&name)),
            weight: 1.0,
            name,
        });
        Response { get_roles: Some(GetRoles { roles: roles.collect() }), ..respond(Type::GetRoles) }
    }

    fn roles_in_use(&self) -> Vec<String> {
        let mut names: Vec<String> = self.frameworks.values().flat_map(Framework::roles).collect();
        names.extend(self.agents.values().flat_map(|agent| agent.total.reservations().into_keys()));
        names.sort();
        names.dedup();
        names
    }

    fn role_resources(&self, role: &str) -> Resources {
        let mut held = self.offered(|offer| offer.role == role);
        for framework in self.frameworks.keys() {
            held.add_all(&self.allocated(framework, Some(role)));
        }
        held
    }

    fn flags(&self) -> Vec<(&'static str, String)> {
        let seconds = |it: std::time::Duration| format!("{}secs", it.as_secs_f64());
        vec![
            ("agent_ping_timeout", seconds(self.options.agent_ping_timeout)),
            ("max_agent_ping_timeouts", self.options.max_agent_ping_timeouts.to_string()),
            ("agent_reregister_timeout", seconds(self.options.agent_reregister_timeout)),
            ("allocation_interval", seconds(self.options.allocation_interval)),
            ("hostname", self.options.hostname.clone()),
            ("ip", self.options.address.ip().to_string()),
            ("port", self.options.address.port().to_string()),
        ]
    }

    fn metrics(&self) -> Vec<(&'static str, f64)> {
        use v1::TaskState;
        let tasks = |state: TaskState| {
            self.frameworks
                .values()
                .flat_map(|it| it.tasks.values())
                .filter(|task| task.state() == state)
                .count() as f64
        };
        let connected = self.frameworks.values().filter(|it| it.stream.is_some()).count();
        let active = self.agents.values().filter(|agent| agent.link.is_some()).count();
        vec![
            ("master/elected", 1.0),
            ("master/uptime_secs", (self.now - self.started).as_secs_f64()),
            ("master/frameworks_active", connected as f64),
            ("master/frameworks_disconnected", (self.frameworks.len() - connected) as f64),
            ("master/slaves_active", active as f64),
            ("master/slaves_disconnected", (self.agents.len() - active) as f64),
            ("master/outstanding_offers", self.offers.len() as f64),
            ("master/tasks_staging", tasks(TaskState::TaskStaging)),
            ("master/tasks_starting", tasks(TaskState::TaskStarting)),
            ("master/tasks_running", tasks(TaskState::TaskRunning)),
        ]
    }
}

impl Agent {
    /// What libprocess calls an agent: the first of its process.
    fn pid(&self) -> String {
        format!("slave(1)@{}", self.address)
    }
}

/// The roles a framework shows: with MULTI_ROLE a list.
fn role_entry(info: &FrameworkInfo) -> (&'static str, serde_json::Value) {
    use v1::framework_info::capability::Type as FrameworkCapability;
    if super::validate::capable(info, FrameworkCapability::MultiRole) {
        ("roles", info.roles.clone().into())
    } else {
        ("role", info.role().into())
    }
}
