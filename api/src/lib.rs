//! The wire of our own: what our processes say to each other and to operators.
//!
//! - [`ids`]: identifiers printed and parsed by more than one process;
//! - [`launch`]: scheduler → executor, in `TaskInfo.data`;
//! - [`message`]: between both while a task runs, in MESSAGE;
//! - [`incident`]: what an executor tells of a JVM's end;
//! - [`rest`]: bodies and errors of the REST API, scheduler → CLI;
//! - [`client`]: the REST API from the other side.
//!
//! Nothing in here thinks. Every shape is golden-tested.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on should stop"))]

pub mod client;
pub mod ids;
pub mod incident;
pub mod launch;
pub mod message;
pub mod rest;
