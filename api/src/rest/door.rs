//! `GET /v1/debug/api`: how the REST API itself fares, since the scheduler's start.

use serde::{Deserialize, Serialize};

/// `GET /v1/debug/api`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Door {
    /// Changed files that are not used; what was read before still holds. Empty when all is well.
    pub not_taken_over: Vec<NotTakenOver>,
    /// What was turned away.
    pub refused: Refused,
}

/// A changed file that is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NotTakenOver {
    /// Which file, and why not.
    pub message: String,
    /// The setting that names it.
    #[cfg_attr(feature = "schema", schema(example = "API_TOKENS_FILE"))]
    pub setting: String,
}

/// How often something was turned away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Refused {
    /// Connections, since their address had as many as one may have.
    pub connections_of_one_address: u64,
    /// Requests whose body was too long.
    pub large_bodies: u64,
    /// Requests whose body took too long to arrive, or to find room.
    pub slow_bodies: u64,
    /// Requests answered `Overloaded`: as many as may be were waiting for an answer, asked Kafka, or ran as jobs.
    pub overloaded: u64,
    /// Answers that their client did not take.
    pub slow_readers: u64,
    /// Tokens that were not known.
    pub wrong_tokens: u64,
    /// Those of them that came from more addresses than are told apart, and were counted together.
    pub wrong_tokens_crowded: u64,
}

#[cfg(test)]
mod tests;
