//! What a master knows of one framework.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mesos::{
    resource::Resources,
    v1::{self, framework_info::capability::Type as Capability, scheduler::OfferConstraints},
};

use super::{StreamId, Time, validate};

/// Completed and unreachable tasks kept per framework (§11).
const KEPT_TASKS: usize = 1000;

/// Resources a framework does not want to hear of for a while (§3.4).
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) agent: String,
    pub(crate) role: String,
    pub(crate) resources: Resources,
    pub(crate) until: Time,
}

/// A framework: live, waited for, or completed.
#[derive(Clone, Debug)]
pub struct Framework {
    /// Its description; `id` is always set.
    pub(crate) info: v1::FrameworkInfo,
    /// Its live subscription.
    pub(crate) stream: Option<StreamId>,
    pub(crate) heartbeat_at: Time,
    /// Known only through its agents since the master's restart.
    pub(crate) recovered: bool,
    pub(crate) suppressed: BTreeSet<String>,
    pub(crate) constraints: Option<OfferConstraints>,
    pub(crate) registered: Option<Time>,
    pub(crate) reregistered: Option<Time>,
    pub(crate) unregistered: Option<Time>,
    /// When it is removed unless it subscribes again.
    pub(crate) failover_at: Option<Time>,
    pub(crate) filters: Vec<Filter>,
    /// Offers made so far, by role: among equals, who had fewer comes first.
    pub(crate) offered: BTreeMap<String, u64>,
    /// Live tasks, and ended ones whose end is not acknowledged.
    pub(crate) tasks: BTreeMap<String, v1::Task>,
    pub(crate) unreachable: BTreeMap<String, v1::Task>,
    pub(crate) completed: VecDeque<v1::Task>,
}

impl Framework {
    pub(crate) fn new(info: v1::FrameworkInfo) -> Self {
        Self {
            info,
            stream: None,
            heartbeat_at: Time::ZERO,
            recovered: false,
            suppressed: BTreeSet::new(),
            constraints: None,
            registered: None,
            reregistered: None,
            unregistered: None,
            failover_at: None,
            filters: Vec::new(),
            offered: BTreeMap::new(),
            tasks: BTreeMap::new(),
            unreachable: BTreeMap::new(),
            completed: VecDeque::new(),
        }
    }

    /// Its id.
    pub(crate) fn id(&self) -> v1::FrameworkId {
        self.info.id.clone().unwrap_or_default()
    }

    pub(crate) fn capable(&self, capability: Capability) -> bool {
        validate::capable(&self.info, capability)
    }

    pub(crate) fn partition_aware(&self) -> bool {
        self.capable(Capability::PartitionAware)
    }

    pub(crate) fn roles(&self) -> Vec<String> {
        validate::roles(&self.info)
    }

    /// Resources in the format this framework reads (§4.2), with or without allocation_info (§3.3).
    pub(crate) fn format(&self, resources: &Resources) -> Vec<v1::Resource> {
        let resources =
            if self.capable(Capability::MultiRole) { resources.clone() } else { resources.unallocated() };
        if self.capable(Capability::ReservationRefinement) {
            resources.to_vec()
        } else {
            resources.to_pre_format()
        }
    }

    /// Keeps an ended task for views.
    pub(crate) fn complete(&mut self, task: v1::Task) {
        self.completed.push_back(task);
        while self.completed.len() > KEPT_TASKS {
            self.completed.pop_front();
        }
    }

    /// Keeps a task of a lost agent until it comes back.
    pub(crate) fn lose(&mut self, task: v1::Task) {
        self.unreachable.insert(task.task_id.value.clone(), task);
        while self.unreachable.len() > KEPT_TASKS {
            self.unreachable.pop_first();
        }
    }
}
