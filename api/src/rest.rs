//! The REST API: bodies and errors, scheduler → operators.
//!
//! Keys and their order are those of the service guide (the contract's S-040…S-050, S-088, S-098, S-102…S-104); keys
//! of our own are added only where a client of the guide ignores them (D2). Every body reads back as what it was, so
//! that the CLI and the tests use the same types; unknown keys are ignored, for a CLI older than its scheduler.
//! Keys stand in alphabetical order, as in the guide's samples.

pub mod broker;
pub mod config;
pub mod connection;
pub mod door;
pub mod election;
pub mod error;
pub mod group;
pub mod health;
pub mod incident;
pub mod job;
pub mod logdir;
pub mod offer;
pub mod plan;
pub mod reassignment;
#[cfg(feature = "schema")]
mod schema;
pub mod topic;

pub use broker::{Agent, Broker, BrokerHealth, BrokerList, TaskState};
pub use config::{ConfigChange, TopicConfig};
pub use connection::{Addresses, Connection, DnsNames};
pub use door::{Door, NotTakenOver, Refused};
pub use election::{Elected, LeaderElection};
pub use error::{ErrorBody, ErrorCode};
pub use group::{Group, GroupList};
pub use health::{Check, CheckName, Health};
pub use incident::IncidentList;
pub use job::{Job, JobKind, JobList, JobState};
pub use logdir::LogDirList;
pub use offer::{Evaluation, OfferDecision, OfferList, OfferOutcome, Refusal};
pub use plan::{ActivePhase, Block, Phase, Plan, PlanActive, Stage, Status, Wait, WaitReason};
pub use reassignment::{Cancelled, LimitsUntended, Reassignment, ReassignmentList, ReassignmentPlan};
pub use topic::{Message, Partition, PartitionOffset, PartitionState, Report, TopicDescription};

/// The golden rule: a body prints as expected, and reads back as what it was.
#[cfg(test)]
pub(crate) fn golden<T>(body: &T, expect: &expect_test::Expect)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let text = serde_json::to_string(body).unwrap();
    expect.assert_eq(&text);
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), body);
}
