//! The wire of our own: what our processes say to each other and to operators.
//!
//! - [`ids`]: identifiers printed and parsed by more than one process;
//! - [`launch`]: scheduler → executor, in `TaskInfo.data`;
//! - [`rest`]: bodies and errors of the REST API, scheduler → CLI;
//! - [`client`]: the REST API from the other side.
//!
//! Nothing in here thinks. Every shape is golden-tested.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on should stop"))]

pub mod client;
pub mod ids;
pub mod launch;
pub mod rest;
