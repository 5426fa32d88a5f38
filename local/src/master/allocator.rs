//! Who is offered what: cycles, filters, suppression, and how offers end (mesos-v1-http §3.3, §3.4).

use std::{collections::BTreeMap, time::Duration};

use mesos::{
    resource::Resources,
    v1::{
        self,
        framework_info::capability::Type as Capability,
        scheduler::{self, call, event::Type as EventType},
    },
};

use super::{
    Master, Offer, constraint, event,
    framework::{Filter, Framework},
};

/// Refusal without a word about its length.
const DEFAULT_REFUSAL: f64 = 5.0;
/// The longest refusal.
const MAX_REFUSAL: f64 = 365.0 * 24.0 * 3600.0;

impl Master {
    /// What is neither used nor offered on an agent.
    pub(super) fn free(&self, agent: &str) -> Resources {
        let Some(it) = self.agents.get(agent) else { return Resources::new() };
        let mut free = it.total.clone();
        // `available`, because an agent that came back with less than it had may be overcommitted for a while.
        free.subtract_available(&self.used(agent));
        for offer in self.offers.values().filter(|offer| offer.agent == agent) {
            free.subtract_available(&offer.resources);
        }
        free
    }

    /// Offers what is free, to one framework or all, on one agent or all.
    pub(super) fn allocate(&mut self, only_framework: Option<&str>, only_agent: Option<&str>) {
        let agents: Vec<String> = self
            .agents
            .iter()
            .filter(|(id, agent)| agent.link.is_some() && only_agent.is_none_or(|only| only == *id))
            .map(|(id, _)| id.clone())
            .collect();
        let mut made: BTreeMap<String, Vec<v1::Offer>> = BTreeMap::new();
        for agent in agents {
            let mut free = self.free(&agent);
            for (framework, role) in self.order(only_framework) {
                let offered = self.wanted(&framework, &role, &agent, &free);
                if offered.is_empty() {
                    continue;
                }
                free.subtract_available(&offered);
                if let Some(offer) = self.offer(&framework, &role, &agent, offered) {
                    made.entry(framework).or_default().push(offer);
                }
            }
        }
        for (framework, offers) in made {
            let offers = Some(scheduler::event::Offers { offers });
            self.send(&framework, scheduler::Event { offers, ..event(EventType::Offers) });
        }
    }

    /// Frameworks and roles in the order they are served: smallest share of cpus and memory first, then who was
    /// offered less often, then by name.
    fn order(&self, only: Option<&str>) -> Vec<(String, String)> {
        let mut order: Vec<_> = self
            .frameworks
            .iter()
            .filter(|(id, framework)| framework.stream.is_some() && only.is_none_or(|only| only == *id))
            .flat_map(|(id, framework)| framework.roles().into_iter().map(move |role| (id, framework, role)))
            .filter(|(_, framework, role)| !framework.suppressed.contains(role))
            .collect();
        // What each holds takes long to add up, and one alone comes first anyway.
        if order.len() > 1 {
            let mut total = Resources::new();
            for agent in self.agents.values() {
                total.add_all(&agent.total.flattened());
            }
            let share = |held: &Resources| {
                let part = |held: i64, of: i64| if of == 0 { 0 } else { held.saturating_mul(1_000_000) / of };
                part(held.cpus().thousandths(), total.cpus().thousandths())
                    .max(part(held.mem().thousandths(), total.mem().thousandths()))
            };
            order.sort_by_cached_key(|(id, framework, role)| {
                let times = framework.offered.get(role).copied().unwrap_or(0);
                (share(&self.held(id, role)), times, (*id).clone(), role.clone())
            });
        }
        order.into_iter().map(|(id, _, role)| (id.clone(), role)).collect()
    }

    /// What a framework has in a role: running or offered.
    fn held(&self, framework: &str, role: &str) -> Resources {
        let mut held = self.allocated(framework, Some(role));
        for offer in self.offers.values().filter(|offer| offer.framework == framework && offer.role == role) {
            held.add_all(&offer.resources);
        }
        held
    }

    /// The part of an agent's free resources that may be offered now; empty for none.
    fn wanted(&self, framework: &str, role: &str, agent: &str, free: &Resources) -> Resources {
        let none = Resources::new();
        let (Some(framework), Some(agent_state)) = (self.frameworks.get(framework), self.agents.get(agent))
        else {
            return none;
        };
        let info = &agent_state.info;
        if !framework.capable(Capability::RegionAware) && region(info.domain.as_ref()) != self.region_of(info)
        {
            return none;
        }
        let constraints = framework.constraints.as_ref().and_then(|all| all.role_constraints.get(role));
        if !constraint::admits(constraints, info) {
            return none;
        }
        let mut offered = free.available_to(role);
        if !framework.capable(Capability::ReservationRefinement) {
            offered = offered.filter(|resource| resource.reservations.len() <= 1);
        }
        if offered.is_empty() || !self.is_allocatable(framework, role, &offered) {
            return none;
        }
        let now = self.now;
        let filtered = framework.filters.iter().any(|it| {
            it.until > now && it.agent == agent && it.role == role && it.resources.contains(&offered)
        });
        if filtered { none } else { offered }
    }

    /// The region an agent must have to be offered to frameworks that know of no regions: the master's, if the agent
    /// names one at all.
    fn region_of<'a>(&'a self, info: &'a v1::AgentInfo) -> Option<&'a str> {
        region(info.domain.as_ref()).and_then(|_| region(self.options.domain.as_ref()))
    }

    fn is_allocatable(&self, framework: &Framework, role: &str, offered: &Resources) -> bool {
        let quantities = offered.quantities();
        let holds = |name: &str, least: f64| quantities.get(name).is_some_and(|have| have.to_f64() >= least);
        let own = framework.info.offer_filters.get(role).and_then(|it| it.min_allocatable_resources.as_ref());
        match own {
            Some(own) => {
                own.quantities.is_empty()
                    || own
                        .quantities
                        .iter()
                        .any(|all| all.quantities.iter().all(|(name, least)| holds(name, least.value)))
            }
            None => self
                .options
                .min_allocatable
                .iter()
                .any(|all| all.iter().all(|(name, least)| holds(name, *least))),
        }
    }

    fn offer(&mut self, framework: &str, role: &str, agent: &str, resources: Resources) -> Option<v1::Offer> {
        let id = self.ids.offer();
        let offer = Offer {
            framework: framework.to_owned(),
            agent: agent.to_owned(),
            role: role.to_owned(),
            resources,
        };
        self.offers.insert(id.clone(), offer);
        let owner = self.frameworks.get_mut(framework)?;
        *owner.offered.entry(role.to_owned()).or_default() += 1;
        self.offer_message(&id)
    }

    /// An offer as its framework sees it.
    pub(super) fn offer_message(&self, id: &str) -> Option<v1::Offer> {
        let offer = self.offers.get(id)?;
        let framework = self.frameworks.get(&offer.framework)?;
        let agent = self.agents.get(&offer.agent)?;
        let role = v1::resource::AllocationInfo { role: Some(offer.role.clone()) };
        Some(v1::Offer {
            id: v1::OfferId { value: id.to_owned() },
            framework_id: framework.id(),
            agent_id: v1::AgentId { value: offer.agent.clone() },
            hostname: agent.info.hostname.clone(),
            url: Some(v1::Url {
                scheme: "http".to_owned(),
                address: v1::Address {
                    hostname: Some(agent.info.hostname.clone()),
                    ip: Some(agent.address.ip().to_string()),
                    port: agent.address.port().into(),
                },
                path: Some("/slave(1)".to_owned()),
                ..Default::default()
            }),
            domain: agent.info.domain.clone(),
            resources: framework.format(&offer.resources.allocated_to(&offer.role)),
            attributes: agent.info.attributes.clone(),
            executor_ids: agent
                .executors
                .keys()
                .filter(|(owner, _)| *owner == offer.framework)
                .map(|(_, executor)| v1::ExecutorId { value: executor.clone() })
                .collect(),
            unavailability: None,
            allocation_info: framework.capable(Capability::MultiRole).then_some(role),
        })
    }

    /// Takes an offer back and tells its framework; `refusal` also withholds it for a while.
    pub(super) fn rescind(&mut self, id: &str, refusal: Option<f64>) {
        let Some(offer) = self.offers.remove(id) else { return };
        let rescind = Some(scheduler::event::Rescind { offer_id: v1::OfferId { value: id.to_owned() } });
        self.send(&offer.framework, scheduler::Event { rescind, ..event(EventType::Rescind) });
        if let Some(seconds) = refusal {
            self.refuse(&offer.framework, &offer.role, &offer.agent, offer.resources, Some(seconds));
        }
    }

    /// Takes back all offers on an agent.
    pub(super) fn rescind_agent(&mut self, agent: &str) {
        for id in self.offers_on(agent) {
            self.rescind(&id, None);
        }
    }

    /// The offers out on an agent.
    pub(super) fn offers_on(&self, agent: &str) -> Vec<String> {
        self.offers.iter().filter(|(_, offer)| offer.agent == agent).map(|(id, _)| id.clone()).collect()
    }

    /// Takes a framework's offers back in silence: it has lost or replaced the stream that held them.
    pub(super) fn discard_offers(&mut self, framework: &str) {
        self.offers.retain(|_, offer| offer.framework != framework);
    }

    pub(super) fn decline(&mut self, framework: &str, decline: call::Decline) {
        let seconds = decline.filters.as_ref().map(v1::Filters::refuse_seconds);
        for id in decline.offer_ids {
            if self.offers.get(&id.value).is_none_or(|offer| offer.framework != framework) {
                continue;
            }
            if let Some(offer) = self.offers.remove(&id.value) {
                self.refuse(framework, &offer.role, &offer.agent, offer.resources, seconds);
            }
        }
    }

    /// Sets a filter. `seconds`: none means 5; negative and not-a-number mean 5; 0 sets none; a year at most; at least
    /// one allocation cycle.
    pub(super) fn refuse(
        &mut self,
        framework: &str,
        role: &str,
        agent: &str,
        refused: Resources,
        seconds: Option<f64>,
    ) {
        let seconds = seconds.unwrap_or(DEFAULT_REFUSAL);
        let seconds = if seconds >= 0.0 { seconds.min(MAX_REFUSAL) } else { DEFAULT_REFUSAL };
        if seconds == 0.0 || refused.is_empty() {
            return;
        }
        let length = Duration::from_secs_f64(seconds).max(self.options.allocation_interval);
        let (now, until) = (self.now, self.now + length);
        let Some(framework) = self.frameworks.get_mut(framework) else { return };
        framework.filters.retain(|filter| filter.until > now);
        framework.filters.push(Filter {
            agent: agent.to_owned(),
            role: role.to_owned(),
            resources: refused,
            until,
        });
    }

    /// REVIVE: wants offers again, filters forgotten, at once. A role it is not subscribed to voids the whole call.
    pub(super) fn revive(&mut self, id: &str, roles: &[String]) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let own = framework.roles();
        if roles.iter().any(|role| !own.contains(role)) {
            return;
        }
        let concerned = |role: &String| roles.is_empty() || roles.contains(role);
        framework.suppressed.retain(|role| !concerned(role));
        framework.filters.retain(|filter| !concerned(&filter.role));
        self.allocate(Some(id), None);
    }

    /// SUPPRESS: wants no more offers; those that are out stay valid.
    pub(super) fn suppress(&mut self, id: &str, roles: &[String]) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let own = framework.roles();
        if roles.iter().any(|role| !own.contains(role)) {
            return;
        }
        let concerned = if roles.is_empty() { own } else { roles.to_vec() };
        framework.suppressed.extend(concerned);
    }
}

/// The region of a fault domain.
fn region(domain: Option<&v1::DomainInfo>) -> Option<&str> {
    Some(&domain?.fault_domain.as_ref()?.region.name)
}
