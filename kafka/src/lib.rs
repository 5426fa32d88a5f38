//! Kafka from outside: the few things this service asks a cluster, and what it concludes.
//!
//! Pure:
//! - [`frame`]: bytes of a connection ⇄ whole messages (sans-IO);
//! - [`decode`]: an answer's bytes → its message, with no more memory than they can fill;
//! - [`topic`]: which names Kafka takes, and what a new topic needs;
//! - [`registration`], [`partition`]: what brokers and controller write into ZooKeeper;
//! - [`report`]: partitions as Kafka's own tool prints them;
//! - [`reassign`]: which brokers are to hold which replicas;
//! - [`throttle`]: how fast replicas are copied, and which limits are ours;
//! - [`snapshot`]: the cluster at one moment;
//! - [`availability`]: may a broker be stopped without taking a partition below `min.insync.replicas` (D26).
//!
//! With effects:
//! - [`client`]: one connection to one broker; versions are negotiated (D27), every request has a deadline;
//! - [`cluster`]: several brokers: who is the controller, what a request is retried on; connections wait in a [`pool`];
//! - [`producer`]: a test of how fast a topic takes records;
//! - [`keeper`]: who keeps the metadata, decided by whoever launches the brokers;
//! - [`zookeeper`]: what is registered there, and removing a dead JVM's registration (D38).
//!
//! Message codecs come from the crate `kafka-protocol`, ZooKeeper's protocol from `zookeeper-client`. Nothing in here
//! knows Mesos, and nothing decides more than [`availability`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test ends at the first surprise"))]

pub mod availability;
pub mod client;
pub mod cluster;
pub mod decode;
pub mod error;
pub mod frame;
pub mod keeper;
pub mod partition;
pub mod pool;
pub mod producer;
pub mod reassign;
pub mod registration;
pub mod report;
mod retry;
pub mod snapshot;
#[cfg(test)]
mod standin;
pub mod throttle;
pub mod topic;
pub mod zookeeper;
