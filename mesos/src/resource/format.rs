//! The two ways Mesos writes a reservation, and the conversions between them.
//!
//! | Meaning | Pre-format | Post-format |
//! |---|---|---|
//! | unreserved | `role` `*` or unset | `reservations` empty |
//! | static | `role` R | [STATIC R] |
//! | dynamic | `role` R, `reservation` {principal, labels} | [DYNAMIC R principal labels] |
//! | refined | not expressible | [first R, DYNAMIC R/x, …] |
//!
//! A framework with the RESERVATION_REFINEMENT capability sees post-format, any other pre-format; the master takes
//! either from anybody, even both in one resource where they agree.
use crate::v1;
use crate::v1::resource::ReservationInfo;
use crate::v1::resource::reservation_info::Type;

/// The role of what is reserved for nobody.
pub const ANY_ROLE: &str = "*";

/// Why a resource is in neither format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Pre-format `reservation` on an unreserved resource.
    #[error("`reservation` needs a role other than `*`")]
    ReservationWithoutRole,
    /// Pre-format `reservation` with a field of the post-format.
    #[error("`reservation.role` and `reservation.type` belong into `reservations` only")]
    ReservationWithPostFields,
    /// Both formats are there and say different things.
    #[error("`role` and `reservation` contradict `reservations`")]
    Contradiction,
}

/// Why a resource cannot be written in pre-format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a refined reservation ({depth} deep) cannot be written as `role` and `reservation`")]
pub struct Refined {
    /// How many reservations are stacked.
    pub depth: usize,
}

/// To post-format; a resource already in it stays as it is.
///
/// # Errors
/// When the resource is in neither format. It is then unchanged.
pub fn upgrade(resource: &mut v1::Resource) -> Result<(), Malformed> {
    let old = old_reservation(resource)?;
    let says_old =
        resource.reservation.is_some() || resource.role.as_deref().is_some_and(|role| role != ANY_ROLE);
    if resource.reservations.is_empty() {
        resource.reservations.extend(old);
    } else if says_old && (resource.reservations.len() != 1 || resource.reservations.first() != old.as_ref())
    {
        return Err(Malformed::Contradiction);
    }
    (resource.role, resource.reservation) = (None, None);
    Ok(())
}

/// What `role` and `reservation` say, as one post-format entry.
fn old_reservation(resource: &v1::Resource) -> Result<Option<ReservationInfo>, Malformed> {
    let role = resource.role.as_deref().filter(|role| *role != ANY_ROLE);
    match (role, &resource.reservation) {
        (None, None) => Ok(None),
        (None, Some(_)) if resource.reservations.is_empty() => Err(Malformed::ReservationWithoutRole),
        (None, Some(_)) => Err(Malformed::Contradiction),
        (Some(role), None) => Ok(Some(ReservationInfo {
            role: Some(role.to_owned()),
            r#type: Some(Type::Static.into()),
            ..Default::default()
        })),
        (Some(_), Some(it)) if it.role.is_some() || it.r#type.is_some() => {
            Err(Malformed::ReservationWithPostFields)
        }
        (Some(role), Some(it)) => Ok(Some(ReservationInfo {
            role: Some(role.to_owned()),
            r#type: Some(Type::Dynamic.into()),
            principal: it.principal.clone(),
            labels: it.labels.clone(),
        })),
    }
}

/// From post-format to pre-format, with `role` always written.
///
/// # Errors
/// For refined reservations, which the old format cannot say. The resource is then unchanged.
pub fn downgrade(resource: &mut v1::Resource) -> Result<(), Refined> {
    write_old(resource)?;
    resource.reservations.clear();
    Ok(())
}

/// Adds pre-format to a post-format resource, so that old and new tools can read it (Mesos's `/slaves` and `/state`).
/// A refined reservation stays post-format alone.
pub fn both(resource: &mut v1::Resource) {
    let _ = write_old(resource);
}

fn write_old(resource: &mut v1::Resource) -> Result<(), Refined> {
    (resource.role, resource.reservation) = match resource.reservations.as_slice() {
        [] => (Some(ANY_ROLE.to_owned()), None),
        [only] if only.r#type() == Type::Dynamic => (
            only.role.clone(),
            Some(ReservationInfo {
                principal: only.principal.clone(),
                labels: only.labels.clone(),
                ..Default::default()
            }),
        ),
        [only] => (only.role.clone(), None),
        more => return Err(Refined { depth: more.len() }),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
    use super::*;

    fn scalar() -> v1::Resource {
        v1::Resource {
            name: "cpus".into(),
            scalar: Some(v1::value::Scalar { value: 1.0 }),
            ..Default::default()
        }
    }

    fn reservation(kind: Option<Type>, role: Option<&str>, principal: Option<&str>) -> ReservationInfo {
        ReservationInfo {
            role: role.map(Into::into),
            r#type: kind.map(Into::into),
            principal: principal.map(Into::into),
            labels: None,
        }
    }

    #[test]
    fn each_meaning_converts_both_ways() {
        let check = |role: &str, old: Option<ReservationInfo>, new: Vec<ReservationInfo>| {
            let pre = v1::Resource { role: Some(role.into()), reservation: old, ..scalar() };
            let post = v1::Resource { reservations: new, ..scalar() };
            let mut it = pre.clone();
            upgrade(&mut it).unwrap();
            assert_eq!(it, post);
            upgrade(&mut it).unwrap();
            assert_eq!(it, post, "upgrading twice changes nothing");
            let mut two = it.clone();
            both(&mut two);
            upgrade(&mut two).unwrap();
            assert_eq!(two, post, "both formats that agree are fine");
            downgrade(&mut it).unwrap();
            assert_eq!(it, pre);
        };
        check("*", None, vec![]);
        check("a", None, vec![reservation(Some(Type::Static), Some("a"), None)]);
        check(
            "a",
            Some(reservation(None, None, Some("p"))),
            vec![reservation(Some(Type::Dynamic), Some("a"), Some("p"))],
        );
    }

    #[test]
    fn what_is_in_neither_format_is_refused_with_the_reason() {
        let check = |it: v1::Resource, expect: Malformed| {
            let mut after = it.clone();
            assert_eq!(upgrade(&mut after), Err(expect));
            assert_eq!(after, it);
        };
        let old = reservation(None, None, Some("p"));
        check(v1::Resource { reservation: Some(old.clone()), ..scalar() }, Malformed::ReservationWithoutRole);
        check(
            v1::Resource { reservation: Some(old.clone()), role: Some("*".into()), ..scalar() },
            Malformed::ReservationWithoutRole,
        );
        let post = reservation(Some(Type::Dynamic), Some("a"), Some("p"));
        check(
            v1::Resource { reservation: Some(post.clone()), role: Some("a".into()), ..scalar() },
            Malformed::ReservationWithPostFields,
        );
        check(
            v1::Resource {
                reservation: Some(old),
                role: Some("b".into()),
                reservations: vec![post],
                ..scalar()
            },
            Malformed::Contradiction,
        );
    }

    #[test]
    fn refined_reservations_have_no_old_form() {
        let mut it = v1::Resource {
            reservations: vec![
                reservation(Some(Type::Static), Some("a"), None),
                reservation(Some(Type::Dynamic), Some("a/b"), None),
            ],
            ..scalar()
        };
        let before = it.clone();
        assert_eq!(downgrade(&mut it), Err(Refined { depth: 2 }));
        both(&mut it);
        assert_eq!(it, before);
    }
}
