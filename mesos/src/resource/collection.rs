//! [`Resources`]: a bag of resources that adds, subtracts and compares as Mesos does.
use std::fmt;

use super::{Invalid, Value, format, identity, validate};
use crate::v1;

/// Resources in post-format, one entry for each identity, and one for each unit (volume, MOUNT disk).
#[derive(Clone, Debug, Default)]
pub struct Resources(Vec<Entry>);

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    resource: v1::Resource,
    /// The amount in `resource`, which is kept in step.
    value: Value,
    /// How often a shared volume is in the bag; 1 for anything else.
    copies: u32,
}

impl Entry {
    fn new(resource: v1::Resource) -> Option<Self> {
        let value = Value::of(&resource).filter(|value| !value.is_empty())?;
        Some(Self { resource, value, copies: 1 })
    }

    fn is_shared(&self) -> bool {
        self.resource.shared.is_some()
    }

    /// Whether `other`'s amount may be added to this one.
    fn takes(&self, other: &Self) -> bool {
        identity::same(&self.resource, &other.resource)
            && if self.is_shared() { self.value == other.value } else { !identity::is_unit(&self.resource) }
    }

    fn contains(&self, other: &Self) -> bool {
        identity::same(&self.resource, &other.resource)
            && if self.is_shared() {
                self.value == other.value && self.copies >= other.copies
            } else if identity::is_unit(&self.resource) {
                self.value == other.value
            } else {
                self.value.contains(&other.value)
            }
    }
}

/// What was to be taken away and is not there.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{wanted} is not contained in {available}")]
pub struct Missing {
    /// The resource, as it was asked for.
    pub wanted: Box<Resources>,
    /// All there was.
    pub available: Box<Resources>,
}

impl Resources {
    /// Nothing.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Checks each resource (either format) and puts them all together.
    ///
    /// # Errors
    /// The first invalid resource.
    pub fn parse(resources: impl IntoIterator<Item = v1::Resource>) -> Result<Self, Invalid> {
        Ok(validate::all(resources)?.into_iter().collect())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries, in post-format. A shared volume comes once, however often it is in the bag.
    pub fn iter(&self) -> impl Iterator<Item = &v1::Resource> {
        self.0.iter().map(|entry| &entry.resource)
    }

    /// As messages, in post-format; a shared volume as often as it is in the bag.
    pub fn to_vec(&self) -> Vec<v1::Resource> {
        self.0
            .iter()
            .flat_map(|entry| std::iter::repeat_n(entry.resource.clone(), entry.copies as usize))
            .collect()
    }

    /// As messages in pre-format, for frameworks without RESERVATION_REFINEMENT: refined reservations are left out, as
    /// Mesos leaves them out of such a framework's offers.
    pub fn to_pre_format(&self) -> Vec<v1::Resource> {
        self.to_vec()
            .into_iter()
            .filter_map(|mut resource| format::downgrade(&mut resource).ok().map(|()| resource))
            .collect()
    }

    /// Adds one resource in post-format. Empty ones, and ones without an amount of their type, add nothing.
    pub fn add(&mut self, resource: v1::Resource) {
        if let Some(entry) = Entry::new(resource) {
            self.add_entry(entry);
        }
    }

    /// Adds everything in `other`.
    pub fn add_all(&mut self, other: &Self) {
        for entry in &other.0 {
            self.add_entry(entry.clone());
        }
    }

    fn add_entry(&mut self, entry: Entry) {
        match self.0.iter_mut().find(|mine| mine.takes(&entry)) {
            Some(mine) if mine.is_shared() => mine.copies += entry.copies,
            Some(mine) => {
                mine.value.add(&entry.value);
                mine.value.put(&mut mine.resource);
            }
            None => {
                let mut entry = entry;
                // Rounds the scalar, sorts and joins the ranges.
                entry.value.put(&mut entry.resource);
                self.0.push(entry);
            }
        }
    }

    /// Takes `other` away.
    ///
    /// # Errors
    /// When not all of it is there. Nothing is changed then.
    pub fn subtract(&mut self, other: &Self) -> Result<(), Missing> {
        let mut left = self.clone();
        for entry in &other.0 {
            if !left.take(entry) {
                return Err(Missing {
                    wanted: Box::new(Self(vec![entry.clone()])),
                    available: Box::new(self.clone()),
                });
            }
        }
        *self = left;
        Ok(())
    }

    /// Takes away as much of `other` as is there. Meant for estimates; accounting uses [`subtract`](Self::subtract).
    pub fn subtract_available(&mut self, other: &Self) {
        for entry in &other.0 {
            if !self.take(entry)
                && !identity::is_unit(&entry.resource)
                && let Some(i) =
                    self.0.iter().position(|mine| identity::same(&mine.resource, &entry.resource))
            {
                self.0[i].value.subtract(&entry.value);
                self.settle(i);
            }
        }
    }

    fn take(&mut self, entry: &Entry) -> bool {
        let Some(i) = self.0.iter().position(|mine| mine.contains(entry)) else { return false };
        let mine = &mut self.0[i];
        if mine.is_shared() {
            mine.copies -= entry.copies;
            if mine.copies == 0 {
                self.0.remove(i);
            }
        } else {
            mine.value.subtract(&entry.value);
            self.settle(i);
        }
        true
    }

    /// Writes entry `i`'s amount into its message, or drops it if nothing is left.
    fn settle(&mut self, i: usize) {
        if self.0[i].value.is_empty() {
            self.0.remove(i);
        } else {
            let Entry { resource, value, .. } = &mut self.0[i];
            value.put(resource);
        }
    }

    /// Whether all of `other` is in it.
    pub fn contains(&self, other: &Self) -> bool {
        self.clone().subtract(other).is_ok()
    }

    /// Whether `resource` (post-format) is in it.
    pub fn contains_one(&self, resource: &v1::Resource) -> bool {
        Entry::new(resource.clone()).is_none_or(|entry| self.0.iter().any(|mine| mine.contains(&entry)))
    }
}

/// From resources in post-format.
impl FromIterator<v1::Resource> for Resources {
    fn from_iter<I: IntoIterator<Item = v1::Resource>>(resources: I) -> Self {
        let mut all = Self::new();
        for resource in resources {
            all.add(resource);
        }
        all
    }
}

/// Equal as bags: the order of entries does not count.
impl PartialEq for Resources {
    fn eq(&self, other: &Self) -> bool {
        self.contains(other) && other.contains(self)
    }
}

/// As Mesos writes them in its logs: `cpus(role, principal):1; mem:32; disk(role)[id:path]:64`.
impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        for (i, Entry { resource, value, copies }) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            f.write_str(&resource.name)?;
            for reservation in &resource.reservations {
                write!(f, "({}", reservation.role())?;
                if let Some(principal) = &reservation.principal {
                    write!(f, ", {principal}")?;
                }
                f.write_str(")")?;
            }
            if let Some(id) = identity::persistence_id(resource) {
                write!(f, "[{id}]")?;
            } else if identity::is_mount(resource) {
                f.write_str("[MOUNT]")?;
            }
            write!(f, ":{value}")?;
            if *copies > 1 {
                write!(f, " ×{copies}")?;
            }
        }
        Ok(())
    }
}

mod select;
#[cfg(test)]
mod tests;
