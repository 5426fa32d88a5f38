//! `GET /v1/connection` and its parts: what a client needs to reach the brokers (S-014, S-088…S-090).

use serde::{Deserialize, Serialize};

/// How to reach the brokers of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Connection {
    /// `host:port` of every running broker, as advertised to clients (S-089).
    pub address: Vec<String>,
    /// `broker-<n>.<service>.mesos:port`, in the order of `address`.
    pub dns: Vec<String>,
    /// The virtual address over all brokers, always port 9092 (S-090).
    pub vip: String,
    /// ZooKeeper with Kafka's own chroot (S-015, D7).
    pub zookeeper: String,
}

/// `GET /v1/connection/address`: the one part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Addresses {
    /// As in [`Connection`].
    pub address: Vec<String>,
}

/// `GET /v1/connection/dns`: the other part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DnsNames {
    /// As in [`Connection`].
    pub dns: Vec<String>,
}

#[cfg(test)]
mod tests;
