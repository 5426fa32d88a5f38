//! What disk a broker takes: some of the root disk, or a MOUNT disk whole (S-068).

use mesos::{resource::Scalar, v1};

use super::{
    Refusal,
    pool::{Owner, Pool, amount},
};
use crate::config::{DiskType, Service};

/// Cuts the disk of a broker out of the pool, or says why there is none. A MOUNT disk costs all it has, the smallest that
/// suffices.
pub(super) fn take(pool: &mut Pool, service: &Service, refusals: &mut Vec<Refusal>) -> Option<v1::Resource> {
    let wanted = Scalar::from_units(service.brokers.disk_mb.into());
    match service.brokers.disk_type {
        DiskType::Root => {
            let offered = pool.scalar(Owner::Unreserved, "disk");
            let disk = pool.take_scalar(Owner::Unreserved, "disk", wanted);
            if disk.is_none() {
                refusals.push(Refusal::TooLittle { what: "disk", wanted, offered });
            }
            disk
        }
        DiskType::Mount => {
            let largest = pool.largest_mount();
            let disk = pool.take_mount(wanted);
            if disk.is_none() {
                refusals.push(Refusal::NoMountDisk { wanted, largest });
            }
            disk
        }
    }
}

/// Its size.
pub(super) fn megabytes(disk: &v1::Resource) -> u64 {
    u64::try_from(amount(disk).thousandths() / 1000).unwrap_or(0)
}
