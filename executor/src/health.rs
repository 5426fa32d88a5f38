//! Which health check a task gets: ours, with the timing of its launch contract or else of its TaskInfo, or a foreign one,
//! run as it is written (D30).

use std::{collections::BTreeMap, time::Duration};

use api::launch::Health;
use healthcheck::policy::Timing;

/// The check of one task.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// Ours, answered in process.
    Own {
        /// When.
        timing: Timing,
        /// The topic a record goes to and comes back from, if any.
        topic: Option<String>,
    },
    /// Any other, with Mesos' own rules.
    Foreign {
        /// When.
        timing: Timing,
        /// What.
        what: Foreign,
    },
}

impl Check {
    /// Its kind and timing, for the admin endpoint.
    pub fn shown(&self) -> (&'static str, Timing) {
        match self {
            Self::Own { timing, .. } => ("own", *timing),
            Self::Foreign { timing, what } => match what {
                Foreign::Command { .. } => ("COMMAND", *timing),
                Foreign::Http { .. } => ("HTTP", *timing),
                Foreign::Tcp { .. } => ("TCP", *timing),
            },
        }
    }
}

/// A check as a TaskInfo may have it.
#[derive(Clone, Debug, PartialEq)]
pub enum Foreign {
    /// Exit code 0 is healthy.
    Command {
        /// The program.
        program: String,
        /// Its arguments, its own name the first of them.
        arguments: Vec<String>,
        /// What is added to the task's environment.
        environment: BTreeMap<String, String>,
    },
    /// The right status is healthy.
    Http {
        /// Whether the loopback address of IPv6 is asked.
        v6: bool,
        /// The port.
        port: u16,
        /// Beginning with a slash.
        path: String,
        /// The statuses that are right; if empty, 200 to 399.
        statuses: Vec<u32>,
    },
    /// A connection is healthy.
    Tcp {
        /// Whether the loopback address of IPv6 is asked.
        v6: bool,
        /// The port.
        port: u16,
    },
}

/// What is checked, given the TaskInfo's check and the contract's. A foreign one is run whatever the contract says, as
/// D30 has it; our own follows the contract, which each in-place restart brings anew (D31). `None`: nothing is.
pub fn choose(task: Option<&Check>, contract: Option<&Health>) -> Option<Check> {
    match (task, contract) {
        (Some(foreign @ Check::Foreign { .. }), _) => Some(foreign.clone()),
        (_, Some(health)) => {
            let timing = timing(health);
            timing.enabled.then(|| Check::Own { timing, topic: health.topic.clone() })
        }
        (own, None) => own.cloned(),
    }
}

/// S-081 to S-086.
pub fn timing(health: &Health) -> Timing {
    Timing {
        enabled: health.enabled,
        delay: Duration::from_secs(health.delay_secs),
        interval: Duration::from_secs(health.interval_secs),
        timeout: Duration::from_secs(health.timeout_secs),
        grace: Duration::from_secs(health.grace_secs),
        max_failures: health.max_failures,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health() -> Health {
        Health {
            enabled: true,
            delay_secs: 15,
            interval_secs: 10,
            timeout_secs: 20,
            grace_secs: 10,
            max_failures: 3,
            topic: None,
        }
    }

    // S-081 to S-086
    #[test]
    fn a_contract_s_defaults_are_the_guide_s() {
        assert_eq!(timing(&health()), Timing::default());
    }

    // S-081, D30, D31
    #[test]
    fn the_contract_wins_over_the_task_s_own_check_and_a_foreign_one_over_both() {
        let own =
            |max_failures| Check::Own { timing: Timing { max_failures, ..Timing::default() }, topic: None };
        let what = Foreign::Tcp { v6: false, port: 1 };
        let foreign = Check::Foreign { timing: Timing::default(), what };
        let seven = Health { max_failures: 7, ..health() };
        assert_eq!(choose(Some(&own(3)), Some(&seven)), Some(own(7)));
        assert_eq!(choose(None, Some(&seven)), Some(own(7)));
        assert_eq!(choose(Some(&own(3)), None), Some(own(3)));
        assert_eq!(choose(Some(&own(3)), Some(&Health { enabled: false, ..health() })), None);
        assert_eq!(choose(Some(&foreign), Some(&seven)), Some(foreign));
        assert_eq!(choose(None, None), None);
        let topic = Some("health".to_owned());
        let with = choose(None, Some(&Health { topic: topic.clone(), ..health() }));
        assert_eq!(with, Some(Check::Own { timing: Timing::default(), topic }));
    }
}
