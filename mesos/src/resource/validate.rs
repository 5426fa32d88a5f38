//! Is this a resource Mesos would take at all? The rules of one resource, apart from any offer or operation.
use std::collections::BTreeSet;

use super::format::{self, Malformed};
use super::{Ranges, Scalar, identity};
use crate::v1;
use crate::v1::resource::reservation_info::Type as Reservation;
use crate::v1::value::Type;

/// Why a resource is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("resource `{name}`: {why}")]
pub struct Invalid {
    /// The resource's name, as given.
    pub name: String,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with a resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// It has no name.
    #[error("the name is empty")]
    NoName,
    /// The type is none of SCALAR, RANGES, SET, or the amount is not of it.
    #[error("the type must be SCALAR, RANGES or SET, with just the field of that type")]
    Type,
    /// The amount is not a number above zero.
    #[error("the amount must be a number of at least 0.001, not {0}")]
    Amount(String),
    /// gpus come whole.
    #[error("gpus come whole, not as {0}")]
    Fraction(String),
    /// A range ends before it begins, or two overlap.
    #[error("ranges must not be empty, end before they begin, or overlap")]
    Ranges,
    /// A set without items, or with the same one twice.
    #[error("a set must have items, none of them twice")]
    Set,
    /// `disk` on something else.
    #[error("`disk` belongs on the resource named `disk` only")]
    DiskInfo,
    /// A disk source that does not say where it is.
    #[error("a disk source of type PATH or MOUNT needs the field of its type")]
    Source,
    /// A persistent volume without a place to appear at.
    #[error(
        "a persistent volume needs `disk.volume` with a `container_path`, and no `host_path`, `image` or `source`"
    )]
    Volume,
    /// A persistence id Mesos would not take.
    #[error("`{0}` is no valid persistence id")]
    PersistenceId(String),
    /// In neither reservation format.
    #[error(transparent)]
    Format(#[from] Malformed),
    /// An entry of `reservations` without type or role.
    #[error("every entry of `reservations` needs a type and a role")]
    Reservation,
    /// Only the outermost reservation may be STATIC.
    #[error("only the first of `reservations` may be STATIC")]
    StaticInside,
    /// A refined reservation that is not for a role below the one outside it.
    #[error("a reservation for `{inner}` cannot refine one for `{outer}`: it must be for a role below it")]
    NotBelow {
        /// Role of the refining reservation.
        inner: String,
        /// Role of the reservation outside it.
        outer: String,
    },
    /// A role Mesos would not take.
    #[error("`{0}` is no valid role")]
    Role(String),
    /// A shared resource that is no persistent volume.
    #[error("only persistent volumes can be shared")]
    Shared,
    /// Revocable and reserved or persistent.
    #[error("revocable resources cannot hold a persistent volume")]
    Revocable,
}

/// Checks one resource and brings it to post-format.
///
/// # Errors
/// The first rule it breaks.
pub fn one(mut resource: v1::Resource) -> Result<v1::Resource, Invalid> {
    let why = |why: Why| Invalid { name: resource.name.clone(), why };
    if resource.name.is_empty() {
        return Err(why(Why::NoName));
    }
    value(&resource).map_err(why)?;
    disk(&resource).map_err(why)?;
    let name = resource.name.clone();
    format::upgrade(&mut resource).map_err(|e| Invalid { name: name.clone(), why: e.into() })?;
    reservations(&resource).map_err(|why| Invalid { name, why })?;
    Ok(resource)
}

/// Checks a list and brings it to post-format.
///
/// # Errors
/// The first invalid resource.
pub fn all(resources: impl IntoIterator<Item = v1::Resource>) -> Result<Vec<v1::Resource>, Invalid> {
    resources.into_iter().map(one).collect()
}

fn value(resource: &v1::Resource) -> Result<(), Why> {
    match (Type::try_from(resource.r#type), &resource.scalar, &resource.ranges, &resource.set) {
        (Ok(Type::Scalar), Some(scalar), None, None) => {
            if !scalar.value.is_finite() || Scalar::from_f64(scalar.value) <= Scalar::ZERO {
                return Err(Why::Amount(scalar.value.to_string()));
            }
            if resource.name == "gpus" && scalar.value.fract() != 0.0 {
                return Err(Why::Fraction(scalar.value.to_string()));
            }
        }
        (Ok(Type::Ranges), None, Some(ranges), None) => {
            let count: u64 = ranges
                .range
                .iter()
                .fold(0, |n, r| n.saturating_add(r.end.wrapping_sub(r.begin).saturating_add(1)));
            if ranges.range.is_empty()
                || ranges.range.iter().any(|r| r.end < r.begin)
                || Ranges::from(ranges).count() != count
            {
                return Err(Why::Ranges);
            }
        }
        (Ok(Type::Set), None, None, Some(set)) => {
            let items: BTreeSet<_> = set.item.iter().collect();
            if items.is_empty() || items.len() != set.item.len() {
                return Err(Why::Set);
            }
        }
        _ => return Err(Why::Type),
    }
    Ok(())
}

fn disk(resource: &v1::Resource) -> Result<(), Why> {
    use crate::v1::resource::disk_info::source::Type as Source;
    if let Some(disk) = &resource.disk {
        if resource.name != "disk" {
            return Err(Why::DiskInfo);
        }
        if let Some(source) = &disk.source {
            match source.r#type() {
                Source::Path if source.path.is_none() => return Err(Why::Source),
                Source::Mount if source.mount.is_none() => return Err(Why::Source),
                Source::Unknown => return Err(Why::Source),
                _ => {}
            }
        }
        if let Some(persistence) = &disk.persistence {
            if !is_id(&persistence.id) {
                return Err(Why::PersistenceId(persistence.id.clone()));
            }
            if !disk.volume.as_ref().is_some_and(|v| {
                !v.container_path.is_empty()
                    && v.host_path.is_none()
                    && v.image.is_none()
                    && v.source.is_none()
            }) {
                return Err(Why::Volume);
            }
        }
    }
    if resource.shared.is_some() && !identity::is_volume(resource) {
        return Err(Why::Shared);
    }
    if resource.revocable.is_some() && identity::is_volume(resource) {
        return Err(Why::Revocable);
    }
    Ok(())
}

fn reservations(resource: &v1::Resource) -> Result<(), Why> {
    let mut outer: Option<&str> = None;
    for reservation in &resource.reservations {
        let (Some(role), Reservation::Static | Reservation::Dynamic) =
            (reservation.role.as_deref(), reservation.r#type())
        else {
            return Err(Why::Reservation);
        };
        if role == format::ANY_ROLE || !is_role(role) {
            return Err(Why::Role(role.to_owned()));
        }
        if let Some(outer) = outer {
            if reservation.r#type() == Reservation::Static {
                return Err(Why::StaticInside);
            }
            if !identity::is_descendant(role, outer) {
                return Err(Why::NotBelow { inner: role.to_owned(), outer: outer.to_owned() });
            }
        }
        outer = Some(role);
    }
    Ok(())
}

/// Whether `text` may be a framework, task, executor, agent or persistence id: not empty, at most 255 bytes, not `.` or
/// `..`, no control characters, no slash either way.
pub fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text != "."
        && text != ".."
        && !text.contains(|c: char| c.is_control() || c == '/' || c == '\\')
}

/// Whether `text` is a role: `*`, or parts parted by single slashes, none of them `.`, `..` or `*` or starting with `-`,
/// without white space and DEL.
pub fn is_role(text: &str) -> bool {
    text == format::ANY_ROLE
        || (!text
            .contains(|c: char| c.is_ascii_whitespace() || c == '\u{0b}' || c == '\u{08}' || c == '\u{7f}')
            && text.split('/').all(|part| !matches!(part, "" | "." | ".." | "*") && !part.starts_with('-')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::reservation::{dynamic, fixed};

    fn cpus(value: f64) -> v1::Resource {
        v1::Resource { name: "cpus".into(), scalar: Some(v1::value::Scalar { value }), ..Default::default() }
    }

    #[test]
    fn each_rule_is_told_apart() {
        let check = |resource: v1::Resource, expect: Option<Why>| {
            assert_eq!(one(resource.clone()).err().map(|e| e.why), expect, "{resource:?}");
        };
        check(cpus(0.001), None);
        check(cpus(0.0004), Some(Why::Amount("0.0004".into())));
        check(cpus(-1.0), Some(Why::Amount("-1".into())));
        check(cpus(f64::INFINITY), Some(Why::Amount("inf".into())));
        check(v1::Resource { name: "gpus".into(), ..cpus(1.5) }, Some(Why::Fraction("1.5".into())));
        check(v1::Resource { name: String::new(), ..cpus(1.0) }, Some(Why::NoName));
        check(v1::Resource { scalar: None, ..cpus(1.0) }, Some(Why::Type));
        check(
            v1::Resource { disk: Some(v1::resource::DiskInfo::default()), ..cpus(1.0) },
            Some(Why::DiskInfo),
        );
        check(
            v1::Resource { shared: Some(v1::resource::SharedInfo::default()), ..cpus(1.0) },
            Some(Why::Shared),
        );
        let ports = |list: &[(u64, u64)]| v1::Resource {
            name: "ports".into(),
            r#type: Type::Ranges.into(),
            ranges: Some(v1::value::Ranges {
                range: list.iter().map(|&(begin, end)| v1::value::Range { begin, end }).collect(),
            }),
            ..Default::default()
        };
        check(ports(&[(1, 2), (3, 4)]), None);
        check(ports(&[(1, 3), (3, 4)]), Some(Why::Ranges));
        check(ports(&[(2, 1)]), Some(Why::Ranges));
        check(ports(&[]), Some(Why::Ranges));
        let stack = |reservations| v1::Resource { reservations, ..cpus(1.0) };
        check(stack(vec![fixed("a"), dynamic("a/b", None, None)]), None);
        check(stack(vec![fixed("a"), fixed("a/b")]), Some(Why::StaticInside));
        check(
            stack(vec![fixed("a"), dynamic("ab", None, None)]),
            Some(Why::NotBelow { inner: "ab".into(), outer: "a".into() }),
        );
        check(stack(vec![dynamic("*", None, None)]), Some(Why::Role("*".into())));
        check(stack(vec![v1::resource::ReservationInfo::default()]), Some(Why::Reservation));
    }

    #[test]
    fn ids_and_roles() {
        for good in ["a", "a.b", "broker-0__x"] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a\\b", "a\n"] {
            assert!(!is_id(bad), "{bad:?}");
        }
        assert!(!is_id(&"x".repeat(256)));
        for good in ["*", "a", "a/b-c", "a/.b"] {
            assert!(is_role(good), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "-a", "a/*", "a/..", "a b", "a/-b"] {
            assert!(!is_role(bad), "{bad:?}");
        }
    }
}
