//! Who keeps a cluster's metadata (D27).

use std::sync::Arc;

use crate::zookeeper::ZooKeeper;

/// Where the topics of a cluster are kept. This is never found out by looking: whoever launches the brokers has decided it
/// by what they are launched with, and hands it in. A cluster that is being started, or all of whose brokers are down, has
/// one all the same.
#[derive(Clone, Debug)]
pub enum Keeper {
    /// ZooKeeper, which tells topics while no broker answers too.
    ZooKeeper(Arc<ZooKeeper>),
    /// A quorum of controllers (KRaft), which only brokers can be asked about (D43).
    KRaft,
}
