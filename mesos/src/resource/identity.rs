//! Which resources are of one kind, so that their amounts may be added, subtracted and compared.
//!
//! Equal must be: name, type, reservation stack (type, role, principal and labels of each), allocation, disk source and
//! persistence id, revocable, shared, provider. `disk.volume` and `persistence.principal` do not count: a task may mount
//! a volume elsewhere than its creator did.
use super::format;
use crate::v1;
use crate::v1::resource::disk_info::source::Type as Source;

/// Whether the two are of one kind. Both in post-format.
pub fn same(a: &v1::Resource, b: &v1::Resource) -> bool {
    a.name == b.name
        && a.r#type == b.r#type
        && a.allocation_info == b.allocation_info
        && a.provider_id == b.provider_id
        && a.revocable.is_some() == b.revocable.is_some()
        && a.shared.is_some() == b.shared.is_some()
        && a.reservations == b.reservations
        && disk_source(a) == disk_source(b)
        && persistence_id(a) == persistence_id(b)
}

/// The disk a resource lives on; `None` for the agent's root disk.
pub fn disk_source(resource: &v1::Resource) -> Option<&v1::resource::disk_info::Source> {
    resource.disk.as_ref()?.source.as_ref()
}

/// The id of a persistent volume; `None` for anything else.
pub fn persistence_id(resource: &v1::Resource) -> Option<&str> {
    Some(&resource.disk.as_ref()?.persistence.as_ref()?.id)
}

/// Whether it is a persistent volume.
pub fn is_volume(resource: &v1::Resource) -> bool {
    persistence_id(resource).is_some()
}

/// Whether it is (on) a MOUNT disk.
pub fn is_mount(resource: &v1::Resource) -> bool {
    disk_source(resource).is_some_and(|source| source.r#type() == Source::Mount)
}

/// Whether it is a unit: never merged with another, never split (persistent volumes, MOUNT and BLOCK disks).
pub fn is_unit(resource: &v1::Resource) -> bool {
    is_volume(resource)
        || disk_source(resource).is_some_and(|source| match source.r#type() {
            Source::Mount | Source::Block => true,
            Source::Raw => source.id.is_some(),
            Source::Path | Source::Unknown => false,
        })
}

/// Whether it has any reservation.
pub fn is_reserved(resource: &v1::Resource) -> bool {
    !resource.reservations.is_empty()
}

/// Whether its innermost reservation was made by an operation, and so may be taken back by one.
pub fn is_dynamically_reserved(resource: &v1::Resource) -> bool {
    resource
        .reservations
        .last()
        .is_some_and(|last| last.r#type() == v1::resource::reservation_info::Type::Dynamic)
}

/// The role it is reserved for: that of its innermost reservation, `*` without one.
pub fn reservation_role(resource: &v1::Resource) -> &str {
    resource.reservations.last().map_or(format::ANY_ROLE, |last| last.role())
}

/// The role it is offered or allocated to.
pub fn allocation_role(resource: &v1::Resource) -> Option<&str> {
    resource.allocation_info.as_ref()?.role.as_deref()
}

/// Whether a framework in `role` may be offered it: unreserved, or reserved for `role` or one of its ancestors.
pub fn is_available_to(resource: &v1::Resource, role: &str) -> bool {
    let reserved = reservation_role(resource);
    !is_reserved(resource) || reserved == role || is_descendant(role, reserved)
}

/// Whether `role` lies strictly below `ancestor` in the hierarchy: `a/b` below `a`.
pub fn is_descendant(role: &str, ancestor: &str) -> bool {
    role.strip_prefix(ancestor).is_some_and(|rest| rest.starts_with('/'))
}
