//! `GET /v1/brokers/{id}/incidents` (D45).

use serde::{Deserialize, Serialize};

use crate::incident::Incident;

/// `GET /v1/brokers/{id}/incidents`: how a broker's JVMs ended, at most the last 20.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct IncidentList {
    /// The latest first.
    pub incidents: Vec<Incident>,
}
