//! ACCEPT: offers are pooled, operations applied strictly in order, the rest is given back (mesos-v1-http §3.5).

use std::collections::BTreeSet;

use mesos::{
    resource::{Resources, operation::apply},
    v1::{
        self, OperationState, TaskState,
        offer::{Operation, operation::Type},
        scheduler::call,
        task_status::Reason,
    },
};

use super::{
    Master,
    operation::{self, Caller},
    task::{Made, or_lost},
    validate::{Refusal, refuse},
};
use crate::link::ToAgent;

/// What is left of the accepted offers.
pub(super) struct Pool {
    pub(super) framework: String,
    pub(super) agent: String,
    pub(super) role: String,
    /// Not allocated, post-format.
    pub(super) left: Resources,
}

impl Master {
    pub(super) fn accept(&mut self, framework: &str, accept: call::Accept) {
        let mut pool = match self.take_offers(framework, &accept.offer_ids) {
            Ok(pool) => pool,
            Err(why) => return self.refuse_operations(framework, accept.operations, &why),
        };
        let offered = pool.left.clone();
        for operation in accept.operations {
            match operation.r#type() {
                Type::Launch => self.launch(&mut pool, operation),
                Type::LaunchGroup => {
                    let why = "LAUNCH_GROUP is not supported by this embedded master; use LAUNCH";
                    self.refuse_launch(&pool.framework, operation, Reason::TaskGroupInvalid, why);
                }
                Type::Unknown | Type::CreateDisk | Type::DestroyDisk => {
                    let why = format!(
                        "{} is not supported by this embedded master",
                        operation.r#type().as_str_name()
                    );
                    self.operation_error(framework, &operation, &why);
                }
                _ => {
                    if let Err(why) = self.apply_to_pool(&mut pool, &operation) {
                        self.operation_error(framework, &operation, &why.0);
                    }
                }
            }
        }
        // What an operation changed comes back without a filter, so that it is offered again promptly.
        let declined = pool.left.filter(|resource| offered.contains_one(resource));
        let seconds = accept.filters.as_ref().map(v1::Filters::refuse_seconds);
        self.refuse(framework, &pool.role, &pool.agent, declined, seconds);
    }

    /// Takes the offers out; when they do not fit together, those that were valid are free again, unfiltered.
    fn take_offers(&mut self, framework: &str, ids: &[v1::OfferId]) -> Result<Pool, Refusal> {
        let checked = self.check_offers(framework, ids);
        let mut left = Resources::new();
        for id in ids {
            if self.offers.get(&id.value).is_some_and(|offer| offer.framework == framework)
                && let Some(offer) = self.offers.remove(&id.value)
            {
                left.add_all(&offer.resources);
            }
        }
        let (agent, role) = checked?;
        Ok(Pool { framework: framework.to_owned(), agent, role, left })
    }

    fn check_offers(&self, framework: &str, ids: &[v1::OfferId]) -> Result<(String, String), Refusal> {
        let mut seen = BTreeSet::new();
        let mut first: Option<(String, String)> = None;
        for id in ids.iter().map(|id| &id.value) {
            if !seen.insert(id) {
                return refuse(format!("Duplicate offer {id} in offer list"));
            }
            // An offer on an agent that went away was taken back then, so agents need no test of their own.
            let Some(offer) = self.offers.get(id) else {
                return refuse(format!("Offer {id} is no longer valid"));
            };
            if offer.framework != framework {
                return refuse(format!("Offer {id} belongs to another framework"));
            }
            match &first {
                None => first = Some((offer.agent.clone(), offer.role.clone())),
                Some((agent, _)) if *agent != offer.agent => {
                    return refuse(format!(
                        "Aggregated offers must belong to one single agent. Offer {id} does not"
                    ));
                }
                Some((_, role)) if *role != offer.role => {
                    return refuse(format!(
                        "Aggregated offers must be allocated to the same role. Offer {id} uses role '{}' but another is \
                         using role '{role}'",
                        offer.role
                    ));
                }
                Some(_) => {}
            }
        }
        first.ok_or_else(|| Refusal("No offers specified".to_owned()))
    }

    fn refuse_operations(&mut self, framework: &str, operations: Vec<Operation>, why: &Refusal) {
        for operation in operations {
            match operation.r#type() {
                Type::Launch | Type::LaunchGroup => {
                    let why = format!("Task launched with invalid offers: {why}");
                    self.refuse_launch(framework, operation, Reason::InvalidOffers, &why);
                }
                _ => self.operation_error(framework, &operation, &why.0),
            }
        }
    }

    /// An update for each task of a launch that is refused as a whole.
    pub(super) fn refuse_launch(&mut self, framework: &str, operation: Operation, reason: Reason, why: &str) {
        let aware = self.frameworks.get(framework).is_some_and(|it| it.partition_aware());
        let state = match reason {
            Reason::InvalidOffers => or_lost(aware, TaskState::TaskDropped),
            _ => TaskState::TaskError,
        };
        let tasks = operation.launch.into_iter().flat_map(|launch| launch.task_infos);
        let group = operation.launch_group.into_iter().flat_map(|group| group.task_group.tasks);
        for task in tasks.chain(group).collect::<Vec<_>>() {
            let made = Made { state, reason, message: why, unreachable: None };
            let status = made.status(self.now, task.task_id, Some(task.agent_id), None);
            self.send_status(framework, status);
        }
    }

    /// A refused operation is told only to those who gave it an id (§4.4).
    fn operation_error(&mut self, framework: &str, operation: &Operation, why: &str) {
        if operation.id.is_none() {
            let kind = operation.r#type().as_str_name();
            self.log(format!(
                "{kind} of framework {framework} refused, it is not told for want of an id: {why}"
            ));
            return;
        }
        let status = v1::OperationStatus {
            operation_id: operation.id.clone(),
            state: OperationState::OperationError.into(),
            message: Some(why.to_owned()),
            ..Default::default()
        };
        self.send_operation(framework, status);
    }

    fn apply_to_pool(&mut self, pool: &mut Pool, operation: &Operation) -> Result<(), Refusal> {
        let framework =
            self.frameworks.get(&pool.framework).ok_or_else(|| Refusal("no such framework".to_owned()))?;
        let caller = Caller { principal: framework.info.principal.as_deref(), role: Some(&pool.role) };
        let id = operation.id.clone();
        let operation = operation::plain(operation, Some(&pool.role))?;
        let used = self.used(&pool.agent);
        let agent = self.agents.get(&pool.agent).ok_or_else(|| Refusal("no such agent".to_owned()))?;
        operation::check(&operation, &caller, &agent.total, &used)?;
        let refused = |why: mesos::resource::operation::Unsound| Refusal(why.to_string());
        let mut left = pool.left.clone();
        let made = apply(&mut left, &operation).map_err(refused)?;
        if matches!(operation.r#type(), Type::GrowVolume | Type::ShrinkVolume) {
            // Mesos waits for the agent with these: what they make cannot be used in the same ACCEPT.
            left.subtract_available(&made);
        }
        self.apply_to_agent(&pool.agent, Some(&pool.framework), id, operation).map_err(refused)?;
        pool.left = left;
        Ok(())
    }

    /// Changes the agent's resources and has the agent make it durable. Speculative: the agent confirms later.
    pub(super) fn apply_to_agent(
        &mut self,
        agent: &str,
        framework: Option<&str>,
        id: Option<v1::OperationId>,
        operation: Operation,
    ) -> Result<(), mesos::resource::operation::Unsound> {
        let uuid = self.ids.uuid();
        let framework_id = framework.map(|value| v1::FrameworkId { value: value.to_owned() });
        let Some(state) = self.agents.get_mut(agent) else { return Ok(()) };
        apply(&mut state.total, &operation)?;
        if id.is_some() {
            let agent_id = v1::AgentId { value: agent.to_owned() };
            let record =
                operation::pending(&uuid, framework_id.clone(), agent_id, id.clone(), operation.clone());
            state.operations.insert(uuid.clone(), record);
        }
        self.tell(
            agent,
            ToAgent::ApplyOperation { operation: uuid, id, framework_id, info: Box::new(operation) },
        );
        Ok(())
    }
}
