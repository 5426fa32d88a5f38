//! `server.properties`: lossless parse, layered override, atomic write.
//!
//! - [`properties`]: a `.properties` file as `java.util.Properties` reads it, with every byte kept that is not changed;
//! - [`layer`]: which value of a key wins, where it came from, and what changed (old → new);
//! - [`write`](mod@write): a file that is there whole or not at all.
//!
//! Knows no Mesos and no broker: which keys are reserved is the caller's table.

pub mod layer;
pub mod properties;
pub mod write;
