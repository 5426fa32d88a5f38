//! `/v1/topics/{name}/config`: what a topic is set to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `GET /v1/topics/{name}/config`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TopicConfig {
    /// Every setting by its name, Kafka's defaults included.
    pub config: BTreeMap<String, Setting>,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Setting {
    /// Whether it can't be changed while brokers run.
    pub read_only: bool,
    /// Whether it is a secret.
    pub sensitive: bool,
    /// Where the value comes from.
    pub source: Source,
    /// `null` where Kafka gives none, and always for a secret.
    pub value: Option<String>,
}

/// Where a value comes from, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Set for this topic.
    Topic,
    /// Set for a broker while it ran.
    DynamicBroker,
    /// Set for all brokers while they ran.
    DynamicDefaultBroker,
    /// The brokers' `server.properties`.
    StaticBroker,
    /// Kafka's own.
    Default,
    /// One that this version does not know.
    Other,
}

impl Source {
    /// As it is on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::DynamicBroker => "dynamic_broker",
            Self::DynamicDefaultBroker => "dynamic_default_broker",
            Self::StaticBroker => "static_broker",
            Self::Default => "default",
            Self::Other => "other",
        }
    }
}

/// The body of `PATCH /v1/topics/{name}/config`. Settings that it does not name stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfigChange {
    /// These get a value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// These lose theirs, so that the brokers' holds again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unset: Vec<String>,
}

#[cfg(test)]
mod tests;
