//! The Mesos v1 HTTP API: messages, Mesos's own JSON, RecordIO framing, and clients for schedulers and executors.
//!
//! The messages under [`v1`] are generated from `proto/`; field numbers, labels and defaults are those of Mesos
//! 1.12. Both encodings Mesos speaks go through [`Encoding`]; a message with a missing required field is refused
//! in both, with the path of the field.

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

pub mod backoff;
pub mod duration;
mod encoding;
pub mod events;
pub mod executor;
pub mod files;
pub mod json;
pub mod protobuf;
pub mod recordio;
pub mod resource;
pub mod scheduler;

pub use encoding::{DecodeError, Encoding};

/// Descriptors of all messages, for reflection. Decoded at first use: the generated code alone does not need them.
pub static DESCRIPTORS: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let bytes: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
    #[expect(clippy::expect_used, reason = "the build script made these bytes from a checked set")]
    DescriptorPool::decode(bytes).expect("the build script writes valid descriptors")
});

/// Messages of the Mesos v1 API, as generated from `proto/`.
#[allow(
    missing_docs,
    clippy::all,
    reason = "generated code: its documentation is the comments of the .proto files, which say nothing of enum values"
)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/mesos.v1.rs"));

    /// Calls and events of the executor API.
    pub mod executor {
        include!(concat!(env!("OUT_DIR"), "/mesos.v1.executor.rs"));
    }

    /// Calls and events of the scheduler API.
    pub mod scheduler {
        include!(concat!(env!("OUT_DIR"), "/mesos.v1.scheduler.rs"));
    }

    /// Calls, answers and events of the operator API of the master.
    pub mod master {
        include!(concat!(env!("OUT_DIR"), "/mesos.v1.master.rs"));
    }

    /// Calls and answers of the operator API of an agent.
    pub mod agent {
        include!(concat!(env!("OUT_DIR"), "/mesos.v1.agent.rs"));
    }

    /// Maintenance schedules of the operator API.
    pub mod maintenance {
        include!(concat!(env!("OUT_DIR"), "/mesos.v1.maintenance.rs"));
    }

    /// Answers to inverse offers of the operator API.
    pub mod allocator {
        include!(concat!(env!("OUT_DIR"), "/mesos.v1.allocator.rs"));
    }
}
