//! What the scheduler shows: the bodies of every GET, made anew after each change and read by the HTTP server alone.
//!
//! A view is published whole, so that one request never sees half of a change. It holds nothing that is not shown.

use api::rest;

/// All that can be read over HTTP, as of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Why this service has not registered with Mesos yet; `None` once it has a framework id, also while it is
    /// disconnected. While set, `/v1/connection`, `/v1/brokers` and `/v1/topics` answer 503 (D16): there is nothing
    /// to tell yet. Plan, health and debug routes answer always.
    pub not_registered: Option<String>,
    /// `GET /v1/plan`.
    pub plan: rest::Plan,
    /// `GET /v1/plan/status`; `rest::PlanActive::from(&plan)`.
    pub active: rest::PlanActive,
    /// `GET /v1/brokers` and `GET /v1/brokers/{id}`: every configured broker, ids ascending (D4).
    pub brokers: Vec<rest::Broker>,
    /// `GET /v1/connection`: brokers that run. Topic routes use its `address` and `zookeeper` to reach Kafka.
    pub connection: rest::Connection,
    /// `GET /admin/healthcheck` (D19), every check always present.
    pub health: rest::Health,
    /// `GET /v1/debug/offers`: the latest, newest first.
    pub offers: Vec<rest::OfferOutcome>,
}
