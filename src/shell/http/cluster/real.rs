//! A real cluster. Beside this file, one for each trait that it answers.

use std::{sync::Arc, time::Duration};

use kafka::{
    client::{Options, security::Security},
    cluster::Cluster,
    keeper::Keeper,
};
use tokio::sync::{Mutex, Notify, watch};

use crate::{shell::throttle::Care, view::View};

/// Limit of each request to a broker. With an unreachable one tried first, two fit into a request's deadline.
const TIMEOUT: Duration = Duration::from_secs(8);

/// Asks the ensemble and the brokers themselves.
#[derive(Debug)]
pub struct Real {
    pub(super) keeper: Keeper,
    cluster: Cluster,
    /// Says where the brokers are.
    view: watch::Receiver<Arc<View>>,
    /// Held while a reassignment is begun or its limits are looked after, so that none is taken for over before it began.
    pub(super) reassigning: Mutex<()>,
    /// A reassignment was begun or stopped.
    pub(in crate::shell) begun: Notify,
    /// Whether limits of copying are looked after.
    pub(in crate::shell) care: Care,
}

impl Real {
    /// Kafka whose metadata `keeper` keeps, its brokers where the last view has them, spoken to as `security` says; their
    /// logs show `client_id`.
    pub fn new(
        keeper: Keeper,
        client_id: impl Into<String>,
        security: Security,
        view: watch::Receiver<Arc<View>>,
    ) -> Self {
        let cluster = Cluster::new([], Options::new(client_id, TIMEOUT).secured(security));
        let (reassigning, begun, care) = (Mutex::default(), Notify::default(), Care::default());
        Self { keeper, cluster, view, reassigning, begun, care }
    }

    /// The brokers, where they are now; all share their connections.
    pub(super) fn cluster(&self) -> Cluster {
        self.cluster.at(self.view.borrow().connection.address.as_slice())
    }
}
