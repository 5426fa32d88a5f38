//! `GET /v1/plan` and `GET /v1/plan/status`: what is being done to the brokers (S-031, S-040…S-050).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The status words, of plans, phases and blocks alike; there are no others (S-042, D2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Status {
    /// Done.
    Complete,
    /// Not begun.
    Pending,
    /// Under way.
    InProgress,
    /// Waits for the operator's word.
    Waiting,
    /// The wanted configuration is refused; the last valid one serves on (S-046).
    Error,
}

impl Status {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "Complete",
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Waiting => "Waiting",
            Self::Error => "Error",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A plan: ordered phases of ordered blocks (S-040).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Plan {
    /// Why the configuration in the scheduler's environment is refused, one text per mistake (S-046, S-047).
    pub errors: Vec<String>,
    /// In the order of their execution (S-038).
    pub phases: Vec<Phase>,
    /// Of the whole.
    pub status: Status,
}

impl Plan {
    /// Whether work is left that goes on without the operator. `GET /v1/plan` says 503 then (S-048), so that
    /// `curl --fail` in a loop waits for a rollout. A refused configuration (S-046) does not stop the last valid one
    /// from being rolled out, so with [`Status::Error`] the phases tell: the first one that is not complete.
    pub fn in_progress(&self) -> bool {
        let status = match self.status {
            Status::Error => {
                self.phases.iter().map(|phase| phase.status).find(|status| *status != Status::Complete)
            }
            status => Some(status),
        };
        matches!(status, Some(Status::Pending | Status::InProgress))
    }
}

/// A phase of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Phase {
    /// In the order of their execution.
    pub blocks: Vec<Block>,
    /// Stable while the configuration stays the same (D40).
    pub id: Uuid,
    /// `Reconciliation` or `Update to: <config-uuid>` (S-039).
    pub name: String,
    /// Of all its blocks.
    pub status: Status,
}

/// A block of a phase: one broker's part of the work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Block {
    /// Whether it begins only on the operator's `continue` (S-044).
    pub has_decision_point: bool,
    /// Stable while the configuration stays the same (D40).
    pub id: Uuid,
    /// `Broker-<n> is <Status>`, perhaps with detail after it (S-039, D2).
    pub message: String,
    /// `broker-<n>` or `Reconciliation` (S-039).
    pub name: String,
    /// Of this block.
    pub status: Status,
    /// What it waits for. An added key (D2), absent where nothing is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Wait>,
}

/// What a block, or a broker, waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Wait {
    /// The facts, for people: `orders/7 has ISR {0,2}, min.insync.replicas 2`.
    pub message: String,
    /// The kind, for programs.
    pub reason: WaitReason,
}

impl Wait {
    /// A wait for `reason`, explained by `message`.
    pub fn new(reason: WaitReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// The kinds of waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum WaitReason {
    /// For the subscription to the Mesos master.
    Mesos,
    /// For Mesos to say what runs; nothing is launched before.
    Reconciliation,
    /// For another block, which comes first.
    Turn,
    /// For the delay after failures to pass (S-079).
    Backoff,
    /// For an offer that fits; `GET /v1/debug/offers` shows why the latest did not.
    Offer,
    /// For the agent that holds the broker's data (S-079).
    Agent,
    /// For the broker to serve (D18).
    Start,
    /// For its partitions to be back in sync (D18).
    InSync,
    /// For its task to end.
    Stop,
    /// For the moment at which its restart hurts nobody (D26).
    Roll,
    /// A kind this build does not know.
    #[serde(other)]
    Other,
}

/// `GET /v1/plan/status`: the active part of the plan (S-049).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlanActive {
    /// The active block; absent when idle (S-050).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<Block>,
    /// Its phase; absent when idle (S-050).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<ActivePhase>,
    /// The plan; the guide's word for it here is `stage` (D3).
    pub stage: Stage,
}

/// A phase without its blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ActivePhase {
    /// How many blocks it has.
    pub block_count: usize,
    /// As in the plan.
    pub id: Uuid,
    /// As in the plan.
    pub name: String,
    /// As in the plan.
    pub status: Status,
}

/// A plan without its phases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Stage {
    /// As in the plan.
    pub errors: Vec<String>,
    /// How many phases it has.
    pub phase_count: usize,
    /// As in the plan.
    pub status: Status,
}

impl From<&Plan> for PlanActive {
    /// Active is the first phase that is not complete; in it the block under way, else the first one not complete.
    fn from(plan: &Plan) -> Self {
        let phase = plan.phases.iter().find(|phase| phase.status != Status::Complete);
        let block = phase.and_then(|phase| {
            let first = |wanted: fn(Status) -> bool| phase.blocks.iter().find(|block| wanted(block.status));
            first(|status| status == Status::InProgress)
                .or_else(|| first(|status| status != Status::Complete))
        });
        Self {
            block: block.cloned(),
            phase: phase.map(|phase| ActivePhase {
                block_count: phase.blocks.len(),
                id: phase.id,
                name: phase.name.clone(),
                status: phase.status,
            }),
            stage: Stage { errors: plan.errors.clone(), phase_count: plan.phases.len(), status: plan.status },
        }
    }
}

#[cfg(test)]
mod tests;
