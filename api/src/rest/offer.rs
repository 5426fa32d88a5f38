//! `GET /v1/debug/offers`: how the latest offers fared, and why those declined did not fit.

use serde::{Deserialize, Serialize};

use super::broker::text;
use crate::ids::BrokerId;

/// `GET /v1/debug/offers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OfferList {
    /// The latest, newest first; a fixed number is kept.
    pub offers: Vec<OfferOutcome>,
}

/// What became of one offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OfferOutcome {
    /// Whose resources it offers.
    pub agent_id: String,
    /// When, in milliseconds since the Unix epoch.
    pub at: u64,
    /// What was done with it.
    pub decision: OfferDecision,
    /// Whom it was tried for, in that order. Empty when no broker needed one.
    pub evaluations: Vec<Evaluation>,
    /// The agent's hostname.
    pub hostname: String,
    /// Mesos' id of it.
    pub offer_id: String,
    /// What it offers, for people: `cpus:2; mem:2048; disk:10000; ports:[9092-10092]`.
    pub resources: String,
}

/// What was done with an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum OfferDecision {
    /// Taken for at least one broker.
    Accepted,
    /// Given back whole.
    Declined,
}

/// An offer tried for one broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Evaluation {
    /// For whom.
    #[serde(with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "0"))]
    pub broker: BrokerId,
    /// Why it does not fit, all reasons at once; absent when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

/// A reason, and what it rests on: a tree whose leaves are facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Refusal {
    /// What makes it so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schema(no_recursion))]
    pub causes: Vec<Refusal>,
    /// `mem: 2080 wanted, 512 offered`.
    pub reason: String,
}

impl Refusal {
    /// A fact.
    pub fn leaf(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), causes: Vec::new() }
    }

    /// What follows from `causes`.
    pub fn because(reason: impl Into<String>, causes: Vec<Refusal>) -> Self {
        Self { reason: reason.into(), causes }
    }
}

#[cfg(test)]
mod tests;
