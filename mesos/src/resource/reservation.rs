//! Making and taking back a reservation on a resource in post-format.
use super::identity;
use crate::v1;
use crate::v1::resource::ReservationInfo;
use crate::v1::resource::reservation_info::Type;

/// A dynamic reservation for `role`.
pub fn dynamic(role: &str, principal: Option<&str>, labels: Option<v1::Labels>) -> ReservationInfo {
    ReservationInfo {
        r#type: Some(Type::Dynamic.into()),
        role: Some(role.to_owned()),
        principal: principal.map(str::to_owned),
        labels,
    }
}

/// A static reservation for `role`, as the agent's `--resources` make it.
pub fn fixed(role: &str) -> ReservationInfo {
    ReservationInfo { r#type: Some(Type::Static.into()), role: Some(role.to_owned()), ..Default::default() }
}

/// `resource` with `reservation` on top of those it has.
pub fn push(mut resource: v1::Resource, reservation: ReservationInfo) -> v1::Resource {
    resource.reservations.push(reservation);
    resource
}

/// `resource` without its innermost reservation; unreserved ones stay as they are.
pub fn pop(mut resource: v1::Resource) -> v1::Resource {
    resource.reservations.pop();
    resource
}

/// `resource` as the agent's configuration has it: without dynamic reservations, persistence and volume.
pub fn to_configured(mut resource: v1::Resource) -> v1::Resource {
    while identity::is_dynamically_reserved(&resource) {
        resource.reservations.pop();
    }
    resource.shared = None;
    without_volume(resource)
}

/// `resource` without persistence and volume; the disk's source stays.
pub fn without_volume(mut resource: v1::Resource) -> v1::Resource {
    if let Some(disk) = &mut resource.disk {
        (disk.persistence, disk.volume) = (None, None);
        if disk.source.is_none() {
            resource.disk = None;
        }
    }
    resource
}
