//! [`Value`]: how much of a resource.
use std::collections::BTreeSet;
use std::fmt;

use super::{Ranges, Scalar};
use crate::v1;
use crate::v1::value::Type;

/// The amount in a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// An amount, such as cpus or MB.
    Scalar(Scalar),
    /// Numbers, such as ports.
    Ranges(Ranges),
    /// Names.
    Set(BTreeSet<String>),
}

impl Value {
    /// The amount in `resource`; nothing of the resource's type if the field of that type is missing. `None` for a type
    /// that is none of a resource's.
    pub fn of(resource: &v1::Resource) -> Option<Self> {
        match Type::try_from(resource.r#type).ok()? {
            Type::Scalar => {
                Some(Self::Scalar(resource.scalar.as_ref().map_or(Scalar::ZERO, |s| s.value.into())))
            }
            Type::Ranges => {
                Some(Self::Ranges(resource.ranges.as_ref().map_or_else(Ranges::new, Ranges::from)))
            }
            Type::Set => Some(Self::Set(resource.set.iter().flat_map(|s| s.item.iter().cloned()).collect())),
            Type::Text => None,
        }
    }

    /// Writes the amount, and its type, into `resource`.
    pub fn put(&self, resource: &mut v1::Resource) {
        (resource.scalar, resource.ranges, resource.set) = (None, None, None);
        match self {
            Self::Scalar(value) => {
                resource.r#type = Type::Scalar.into();
                resource.scalar = Some(v1::value::Scalar { value: value.to_f64() });
            }
            Self::Ranges(value) => {
                resource.r#type = Type::Ranges.into();
                resource.ranges = Some(value.into());
            }
            Self::Set(value) => {
                resource.r#type = Type::Set.into();
                resource.set = Some(v1::value::Set { item: value.iter().cloned().collect() });
            }
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Scalar(value) => *value <= Scalar::ZERO,
            Self::Ranges(value) => value.is_empty(),
            Self::Set(value) => value.is_empty(),
        }
    }

    /// Whether all of `other` is in it; never for another type.
    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => a >= b,
            (Self::Ranges(a), Self::Ranges(b)) => a.contains(b),
            (Self::Set(a), Self::Set(b)) => b.is_subset(a),
            _ => false,
        }
    }

    /// Adds `other`; another type changes nothing.
    pub fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => *a += *b,
            (Self::Ranges(a), Self::Ranges(b)) => *a = a.union(b),
            (Self::Set(a), Self::Set(b)) => a.extend(b.iter().cloned()),
            _ => {}
        }
    }

    /// Takes `other` away; another type changes nothing.
    pub fn subtract(&mut self, other: &Self) {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => *a -= *b,
            (Self::Ranges(a), Self::Ranges(b)) => *a = a.difference(b),
            (Self::Set(a), Self::Set(b)) => a.retain(|item| !b.contains(item)),
            _ => {}
        }
    }
}

/// As Mesos writes them: `4`, `[31000-31009]`, `{a, b}`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(value) => value.fmt(f),
            Self::Ranges(value) => value.fmt(f),
            Self::Set(value) => {
                write!(f, "{{{}}}", value.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
            }
        }
    }
}
