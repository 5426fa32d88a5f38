//! Parts and sums of [`Resources`]: by role, by name, by what is asked for.
use std::collections::BTreeMap;

use super::super::{Ranges, Scalar, Value, identity, reservation};
use super::{Entry, Resources};
use crate::v1;

impl Resources {
    /// The part for which `keep` holds.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(&v1::Resource) -> bool) -> Self {
        Self(self.0.iter().filter(|entry| keep(&entry.resource)).cloned().collect())
    }

    /// Each resource changed by `change`, put together again.
    #[must_use]
    pub fn map(&self, change: impl FnMut(v1::Resource) -> v1::Resource) -> Self {
        self.to_vec().into_iter().map(change).collect()
    }

    /// What is reserved for nobody.
    #[must_use]
    pub fn unreserved(&self) -> Self {
        self.filter(|resource| !identity::is_reserved(resource))
    }

    /// What has any reservation.
    #[must_use]
    pub fn reserved(&self) -> Self {
        self.filter(identity::is_reserved)
    }

    /// What is reserved for exactly `role`.
    #[must_use]
    pub fn reserved_for(&self, role: &str) -> Self {
        self.filter(|resource| {
            identity::is_reserved(resource) && identity::reservation_role(resource) == role
        })
    }

    /// What has a reservation made by an operation.
    #[must_use]
    pub fn dynamically_reserved(&self) -> Self {
        self.filter(identity::is_dynamically_reserved)
    }

    /// What a framework in `role` may be offered: unreserved, or reserved for it or one of its ancestors.
    #[must_use]
    pub fn available_to(&self, role: &str) -> Self {
        self.filter(|resource| identity::is_available_to(resource, role))
    }

    /// The persistent volumes.
    #[must_use]
    pub fn volumes(&self) -> Self {
        self.filter(identity::is_volume)
    }

    /// All of it, allocated to `role`.
    #[must_use]
    pub fn allocated_to(&self, role: &str) -> Self {
        self.map(|resource| v1::Resource {
            allocation_info: Some(v1::resource::AllocationInfo { role: Some(role.to_owned()) }),
            ..resource
        })
    }

    /// All of it, allocated to nobody.
    #[must_use]
    pub fn unallocated(&self) -> Self {
        self.map(|resource| v1::Resource { allocation_info: None, ..resource })
    }

    /// All of it as if nothing were reserved, persistent or allocated: for comparing amounts. Disk sources stay.
    #[must_use]
    pub fn flattened(&self) -> Self {
        self.map(|mut resource| {
            resource.reservations.clear();
            (resource.allocation_info, resource.shared) = (None, None);
            reservation::without_volume(resource)
        })
    }

    /// Part of `self` that amounts to `wanted`, which is taken to be unreserved: out of what is reserved for `role`
    /// first, then out of the unreserved. `None` if there is not enough.
    pub fn find(&self, wanted: &Self, role: &str) -> Option<Self> {
        let mut left = self.filter(|resource| !identity::is_volume(resource));
        let mut found = Self::new();
        for entry in &wanted.0 {
            let mut open = entry.value.clone();
            for pool in [left.reserved_for(role), left.unreserved()] {
                for have in pool.0.iter().filter(|have| answers(have, entry)) {
                    let Some(part) = common(&have.value, &open, identity::is_unit(&have.resource)) else {
                        continue;
                    };
                    let mut resource = have.resource.clone();
                    part.put(&mut resource);
                    let part_of = Self(vec![Entry { resource, value: part.clone(), copies: 1 }]);
                    open.subtract(&part);
                    left.subtract(&part_of).ok()?;
                    found.add_all(&part_of);
                }
            }
            if !open.is_empty() {
                return None;
            }
        }
        Some(found)
    }

    /// The scalars of that name, all conditions together: root disk, PATH and MOUNT disks alike for `disk`.
    pub fn scalar(&self, name: &str) -> Scalar {
        self.named(name)
            .map(|value| match value {
                Value::Scalar(scalar) => *scalar,
                _ => Scalar::ZERO,
            })
            .sum()
    }

    /// The ranges of that name, all conditions together.
    pub fn ranges(&self, name: &str) -> Ranges {
        self.named(name).fold(Ranges::new(), |all, value| match value {
            Value::Ranges(ranges) => all.union(ranges),
            _ => all,
        })
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |entry| entry.resource.name == name).map(|entry| &entry.value)
    }

    /// CPUs.
    pub fn cpus(&self) -> Scalar {
        self.scalar("cpus")
    }

    /// Memory in MB (2^20 bytes).
    pub fn mem(&self) -> Scalar {
        self.scalar("mem")
    }

    /// Disk in MB (2^20 bytes), volumes and MOUNT disks included.
    pub fn disk(&self) -> Scalar {
        self.scalar("disk")
    }

    /// Ports.
    pub fn ports(&self) -> Ranges {
        self.ranges("ports")
    }

    /// The scalars by name, all conditions together.
    pub fn quantities(&self) -> BTreeMap<String, Scalar> {
        let mut sums = BTreeMap::new();
        for entry in &self.0 {
            if let Value::Scalar(scalar) = entry.value {
                *sums.entry(entry.resource.name.clone()).or_default() += scalar;
            }
        }
        sums
    }

    /// The roles that have something reserved, each with what it has.
    pub fn reservations(&self) -> BTreeMap<String, Self> {
        let mut roles: BTreeMap<String, Self> = BTreeMap::new();
        for entry in self.0.iter().filter(|entry| identity::is_reserved(&entry.resource)) {
            roles
                .entry(identity::reservation_role(&entry.resource).to_owned())
                .or_default()
                .add_entry(entry.clone());
        }
        roles
    }
}

/// Whether `have` is of the kind `want` asks for, reservation and allocation aside.
fn answers(have: &Entry, want: &Entry) -> bool {
    have.resource.name == want.resource.name
        && have.resource.r#type == want.resource.r#type
        && have.resource.revocable.is_some() == want.resource.revocable.is_some()
        && identity::disk_source(&have.resource) == identity::disk_source(&want.resource)
}

/// As much of `have` as `open` still asks for; `None` if that is nothing. A unit goes whole or not at all.
fn common(have: &Value, open: &Value, unit: bool) -> Option<Value> {
    let part = match (have, open) {
        _ if unit => return (have == open).then(|| have.clone()),
        (Value::Scalar(a), Value::Scalar(b)) => Value::Scalar(*a.min(b)),
        (Value::Ranges(a), Value::Ranges(b)) => Value::Ranges(a.difference(&a.difference(b))),
        (Value::Set(a), Value::Set(b)) => Value::Set(a.intersection(b).cloned().collect()),
        _ => return None,
    };
    (!part.is_empty()).then_some(part)
}
