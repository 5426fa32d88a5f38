//! The arithmetic of Mesos resources: what may be added to what, what contains what, what a reservation changes.
//!
//! A [`v1::Resource`](crate::v1::Resource) says *what* (name and type), *how much* (a [`Value`]) and *under which
//! conditions* (reservations, allocation, disk, and so on: its identity, see [`identity`]). Amounts are only ever added,
//! subtracted or compared between resources of one identity. [`Resources`] is the collection that does it.
//!
//! Everything in here works in post-format (`reservations`); [`mod@format`] converts from and to the older `role` +
//! `reservation` at the border. The rules are those of Apache Mesos 1.11, found by its behaviour:
//!
//! - scalars are fixed-point with three decimals ([`Scalar`]);
//! - persistent volumes and MOUNT disks are units: never merged, never split, matched only with their exact amount;
//! - equal shared volumes are counted, not added;
//! - the container path and mode of a volume, and who created it, are no part of its identity.
//!
//! What it does not do: decide who may have what. That is the master's allocator, and the scheduler's offer pool.
pub mod attribute;
pub mod collection;
pub mod format;
pub mod identity;
pub mod operation;
pub mod parse;
pub mod ranges;
pub mod reservation;
pub mod scalar;
pub mod validate;
pub mod value;

pub use collection::{Missing, Resources};
pub use ranges::Ranges;
pub use scalar::Scalar;
pub use validate::Invalid;
pub use value::Value;
