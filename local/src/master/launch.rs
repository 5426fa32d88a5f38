//! LAUNCH: each task judged alone, started if it is fine (mesos-v1-http §4.5).

use mesos::{
    resource::{Resources, validate as resource},
    v1::{self, TaskState, executor_info::Type as ExecutorType, offer::Operation, task_status::Reason},
};

use super::{
    Master,
    accept::Pool,
    operation::chain,
    task::Made,
    validate::{self, Refusal, refuse},
};
use crate::link::ToAgent;

impl Master {
    pub(super) fn launch(&mut self, pool: &mut Pool, operation: Operation) {
        if operation.id.is_some() {
            let why = "LAUNCH operations must not have an id: their tasks' updates are the feedback";
            return self.refuse_launch(&pool.framework, operation, Reason::TaskInvalid, why);
        }
        let mut tasks = operation.launch.clone().unwrap_or_default().task_infos;
        // One resource Mesos cannot read spoils all tasks of the operation.
        for task in &mut tasks {
            if let Err(why) = normalize(task, &pool.role, &pool.framework) {
                return self.refuse_launch(&pool.framework, operation, Reason::TaskInvalid, &why.0);
            }
        }
        for task in tasks {
            match self.check_task(pool, &task) {
                Ok(needed) => self.start(pool, task, &needed),
                Err(why) => {
                    let made = Made {
                        state: TaskState::TaskError,
                        reason: Reason::TaskInvalid,
                        message: &why.0,
                        unreachable: None,
                    };
                    let status = made.status(self.now, task.task_id, Some(task.agent_id), None);
                    self.send_status(&pool.framework, status);
                }
            }
        }
    }

    /// What the task takes from the pool, its new executor included.
    fn check_task(&self, pool: &Pool, task: &v1::TaskInfo) -> Result<Resources, Refusal> {
        let framework =
            self.frameworks.get(&pool.framework).ok_or_else(|| Refusal("no such framework".to_owned()))?;
        let agent = self.agents.get(&pool.agent).ok_or_else(|| Refusal("no such agent".to_owned()))?;
        let id = &task.task_id.value;
        validate::id(id)?;
        if framework.tasks.contains_key(id) || framework.unreachable.contains_key(id) {
            return refuse(format!("Task has duplicate ID: {id}"));
        }
        if task.agent_id.value != pool.agent {
            let (given, expected) = (&task.agent_id.value, &pool.agent);
            return refuse(format!("Task uses invalid agent {given} while agent {expected} is expected"));
        }
        let executor = match (&task.executor, &task.command) {
            (Some(executor), None) => executor,
            (None, Some(_)) => {
                return refuse(
                    "Command tasks are not supported by this embedded master; give the task an executor",
                );
            }
            _ => {
                return refuse(
                    "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present",
                );
            }
        };
        if task.resources.is_empty() {
            return refuse("Task uses no resources");
        }
        check_times(task)?;
        check_health(task)?;
        check_executor(executor, &pool.framework)?;
        check_limits(task)?;

        let key = (pool.framework.clone(), executor.executor_id.value.clone());
        let running = agent.executors.get(&key);
        if let Some(running) = running
            && !compatible(running, executor)
        {
            return refuse(format!(
                "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID '{}': it must not change \
                 while the executor runs",
                key.1
            ));
        }
        let mut needed: Resources = task.resources.iter().cloned().collect();
        if running.is_none() {
            let of_executor: Resources = executor.resources.iter().cloned().collect();
            if needed.ports().overlaps(&of_executor.ports()) {
                return refuse("Task and its executor use the same ports");
            }
            needed.add_all(&of_executor);
        }
        let needed = needed.unallocated();
        if !pool.left.contains(&needed) {
            let left = &pool.left;
            return refuse(format!(
                "Total resources {needed} required by task and its executor is more than available {left}"
            ));
        }
        Ok(needed)
    }

    fn start(&mut self, pool: &mut Pool, task: v1::TaskInfo, needed: &Resources) {
        pool.left.subtract_available(needed);
        let Some(executor) = task.executor.clone() else { return };
        let Some(framework) = self.frameworks.get_mut(&pool.framework) else { return };
        framework.tasks.insert(task.task_id.value.clone(), staged(&task, &executor, framework.id()));
        let info = framework.info.clone();
        if let Some(agent) = self.agents.get_mut(&pool.agent) {
            let key = (pool.framework.clone(), executor.executor_id.value.clone());
            agent.executors.entry(key).or_insert_with(|| executor.clone());
        }
        let run = ToAgent::RunTask {
            framework: Box::new(info),
            executor: Box::new(executor),
            task: Box::new(task),
        };
        self.tell(&pool.agent, run);
    }
}

/// Resources to post-format and allocated to the offer's role, the executor's owner and a health check's type filled in.
fn normalize(task: &mut v1::TaskInfo, role: &str, framework: &str) -> Result<(), Refusal> {
    let fix = |resources: &mut Vec<v1::Resource>| {
        for it in resources {
            match &it.allocation_info {
                Some(given) if given.role() != role => {
                    let given = given.role();
                    return refuse(format!(
                        "A resource is allocated to role '{given}', but the offer is to '{role}'"
                    ));
                }
                _ => it.allocation_info = Some(v1::resource::AllocationInfo { role: Some(role.to_owned()) }),
            }
            *it = resource::one(it.clone())
                .map_err(|why| Refusal(format!("Task uses invalid resources: {}", chain(&why))))?;
        }
        Ok(())
    };
    fix(&mut task.resources)?;
    if let Some(executor) = &mut task.executor {
        fix(&mut executor.resources)?;
        executor.framework_id.get_or_insert_with(|| v1::FrameworkId { value: framework.to_owned() });
    }
    if let Some(check) = task.health_check.as_mut().filter(|check| check.r#type.is_none()) {
        use v1::health_check::Type;
        check.r#type = match (&check.command, &check.http) {
            (Some(_), None) => Some(Type::Command.into()),
            (None, Some(_)) => Some(Type::Http.into()),
            _ => None,
        };
    }
    Ok(())
}

fn check_times(task: &v1::TaskInfo) -> Result<(), Refusal> {
    let negative = |it: Option<&v1::DurationInfo>| it.is_some_and(|it| it.nanoseconds < 0);
    if negative(task.kill_policy.as_ref().and_then(|policy| policy.grace_period.as_ref())) {
        return refuse("Task's 'kill_policy.grace_period' must be non-negative");
    }
    if negative(task.max_completion_time.as_ref()) {
        return refuse("Task's 'max_completion_time' must be non-negative");
    }
    Ok(())
}

fn check_health(task: &v1::TaskInfo) -> Result<(), Refusal> {
    use v1::health_check::Type;
    let Some(check) = &task.health_check else { return Ok(()) };
    let body = match check.r#type.map(|_| check.r#type()) {
        Some(Type::Command) => check.command.is_some(),
        Some(Type::Http) => check.http.is_some(),
        Some(Type::Tcp) => check.tcp.is_some(),
        Some(Type::Unknown) | None => {
            return refuse("Task uses invalid health check: HealthCheck must specify 'type'");
        }
    };
    if !body {
        return refuse("Task uses invalid health check: the body for its type is missing");
    }
    let times = [
        check.delay_seconds(),
        check.interval_seconds(),
        check.timeout_seconds(),
        check.grace_period_seconds(),
    ];
    if times.iter().any(|seconds| seconds.is_nan() || *seconds < 0.0) {
        return refuse(
            "Task uses invalid health check: delay, interval, timeout and grace period must be non-negative",
        );
    }
    match &check.http {
        Some(http) if http.path.as_ref().is_some_and(|path| !path.starts_with('/')) => {
            refuse("Task uses invalid health check: the path of an HTTP health check must start with '/'")
        }
        Some(http) if http.scheme.as_ref().is_some_and(|scheme| scheme != "http" && scheme != "https") => {
            refuse("Task uses invalid health check: the scheme of an HTTP health check must be http or https")
        }
        _ => Ok(()),
    }
}

fn check_executor(executor: &v1::ExecutorInfo, framework: &str) -> Result<(), Refusal> {
    validate::id(&executor.executor_id.value)?;
    if executor.framework_id.as_ref().is_some_and(|owner| owner.value != framework) {
        return refuse("ExecutorInfo has an invalid FrameworkID: it is not the framework's own");
    }
    if executor.r#type.is_some() && executor.r#type() != ExecutorType::Custom {
        return refuse("'ExecutorInfo.type' must be 'CUSTOM' in a LAUNCH");
    }
    let Some(command) = &executor.command else {
        return refuse("'ExecutorInfo.command' must be set for 'CUSTOM' executor");
    };
    if executor.shutdown_grace_period.as_ref().is_some_and(|grace| grace.nanoseconds < 0) {
        return refuse("ExecutorInfo's 'shutdown_grace_period' must be non-negative");
    }
    if executor.container.is_some() {
        return refuse(
            "Containers are not supported by this embedded master: leave 'ExecutorInfo.container' unset",
        );
    }
    for variable in command.environment.iter().flat_map(|environment| &environment.variables) {
        use v1::environment::variable::Type;
        if variable.name.is_empty() {
            return refuse("Environment variable must have a name");
        }
        match variable.r#type() {
            Type::Value if variable.value.is_none() => {
                return refuse(format!(
                    "Environment variable '{}' of type 'VALUE' must have a value set",
                    variable.name
                ));
            }
            Type::Secret => return refuse("Secrets are not supported by this embedded master"),
            _ => {}
        }
    }
    Ok(())
}

fn check_limits(task: &v1::TaskInfo) -> Result<(), Refusal> {
    let quantities = task.resources.iter().cloned().collect::<Resources>().quantities();
    for (name, limit) in &task.limits {
        if name != "cpus" && name != "mem" {
            return refuse(format!("Task has a limit for '{name}'; only cpus and mem can be limited"));
        }
        if quantities.get(name).is_some_and(|asked| limit.value < asked.to_f64()) {
            return refuse(format!("Task's limit for '{name}' is below what it asks for"));
        }
    }
    Ok(())
}

/// Whether two ExecutorInfos of one id are the same where they must be. Labels and the grace period may differ; URIs
/// count as a set, without `cache`; environment variables and resources in any order.
fn compatible(a: &v1::ExecutorInfo, b: &v1::ExecutorInfo) -> bool {
    let resources = |it: &v1::ExecutorInfo| it.resources.iter().cloned().collect::<Resources>().unallocated();
    comparable(a) == comparable(b) && resources(a) == resources(b)
}

/// An ExecutorInfo without what may differ, and without its resources.
fn comparable(executor: &v1::ExecutorInfo) -> v1::ExecutorInfo {
    let mut it = executor.clone();
    (it.labels, it.shutdown_grace_period) = (None, None);
    it.r#type = Some(ExecutorType::Custom.into());
    it.resources.clear();
    if let Some(command) = &mut it.command {
        for uri in &mut command.uris {
            uri.cache = None;
        }
        command.uris.sort_by(|a, b| (&a.value, &a.output_file).cmp(&(&b.value, &b.output_file)));
        if let Some(environment) = &mut command.environment {
            environment.variables.sort_by(|a, b| a.name.cmp(&b.name));
        }
        command.shell = Some(command.shell());
    }
    it
}

/// The master's record of a task just started.
fn staged(task: &v1::TaskInfo, executor: &v1::ExecutorInfo, framework_id: v1::FrameworkId) -> v1::Task {
    v1::Task {
        name: task.name.clone(),
        task_id: task.task_id.clone(),
        framework_id,
        executor_id: Some(executor.executor_id.clone()),
        agent_id: task.agent_id.clone(),
        state: TaskState::TaskStaging.into(),
        resources: task.resources.clone(),
        limits: task.limits.clone(),
        labels: task.labels.clone(),
        discovery: task.discovery.clone(),
        container: task.container.clone(),
        health_check: task.health_check.clone(),
        kill_policy: task.kill_policy,
        user: executor.command.as_ref().and_then(|command| command.user.clone()),
        ..Default::default()
    }
}
