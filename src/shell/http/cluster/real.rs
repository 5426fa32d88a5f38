//! A real cluster. Beside this file, one for each trait that it answers.

use std::{sync::Arc, time::Duration};

use kafka::{client::Options, cluster::Cluster, zookeeper::ZooKeeper};

/// Limit of each request to a broker. With an unreachable one tried first, two fit into a request's deadline.
const TIMEOUT: Duration = Duration::from_secs(8);

/// Asks the ensemble and the brokers themselves.
#[derive(Debug)]
pub struct Real {
    pub(super) zookeeper: Arc<ZooKeeper>,
    cluster: Cluster,
}

impl Real {
    /// Kafka at `zookeeper` (with its chroot); brokers' logs show `client_id`.
    pub fn new(zookeeper: Arc<ZooKeeper>, client_id: impl Into<String>) -> Self {
        Self { zookeeper, cluster: Cluster::new([], Options::new(client_id, TIMEOUT)) }
    }

    /// The brokers, to be reached by `bootstrap`; all share their connections.
    pub(super) fn cluster(&self, bootstrap: Vec<String>) -> Cluster {
        self.cluster.at(bootstrap)
    }
}
