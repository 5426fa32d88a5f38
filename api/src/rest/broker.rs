//! `GET /v1/brokers` and `GET /v1/brokers/{id}` (S-098, D4).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::plan::Wait;
use crate::ids::{BrokerId, TaskId};

/// `GET /v1/brokers`: the configured brokers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BrokerList {
    /// Ascending, as texts (S-098).
    #[serde(with = "texts")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>, example = json!(["0", "1", "2"])))]
    pub brokers: Vec<BrokerId>,
}

/// `GET /v1/brokers/{id}`: one broker. What it does not have is `null`, so that its shape never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Broker {
    /// The agent that holds its data, once there is one.
    pub agent: Option<Agent>,
    /// The configuration that its task runs, by its executor's last word.
    pub config_id: Option<Uuid>,
    /// The generation that is to run: each restart in place has the next one (D31).
    pub generation: u64,
    /// The last verdict of its health check (S-081).
    pub health: BrokerHealth,
    /// Host that clients are told (D33).
    pub host: Option<String>,
    /// Kafka's `broker.id`, a text as in the list.
    #[serde(with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "0"))]
    pub id: BrokerId,
    /// The last words about its task, from its executor or from Mesos; empty when there are none.
    pub message: String,
    /// Port that clients are told.
    pub port: Option<u16>,
    /// Its newest task (S-101).
    pub task_id: Option<TaskId>,
    /// What is known of that task.
    pub task_state: Option<TaskState>,
    /// What it waits for, if anything.
    pub waiting: Option<Wait>,
}

/// The agent a broker lives on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Agent {
    /// As the agent names itself.
    pub hostname: String,
    /// Mesos' id of it.
    pub id: String,
}

/// What a broker's health check last said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum BrokerHealth {
    /// The last check passed.
    Healthy,
    /// Checks fail.
    Unhealthy,
    /// No verdict, or no task.
    Unknown,
}

impl BrokerHealth {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }
}

/// What is known of a broker's task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// Stored, perhaps sent; nothing heard.
    Launching,
    /// The executor is bringing the broker up.
    Starting,
    /// The broker serves.
    Running,
    /// A gentle stop is under way.
    Stopping,
    /// Its agent is out of sight.
    Unreachable,
    /// It runs no more.
    Ended,
}

impl TaskState {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Launching => "launching",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Unreachable => "unreachable",
            Self::Ended => "ended",
        }
    }
}

/// A broker id as a JSON text.
pub(crate) mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::ids::BrokerId;

    pub(crate) fn serialize<S: Serializer>(id: &BrokerId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BrokerId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Broker ids as JSON texts.
mod texts {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::ids::BrokerId;

    pub(super) fn serialize<S: Serializer>(ids: &[BrokerId], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(ids.iter().map(ToString::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<BrokerId>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
    }
}

#[cfg(test)]
mod tests;
