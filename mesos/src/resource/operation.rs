//! What an operation takes and what it makes of it: the arithmetic the master, the agents and the scheduler share.
//!
//! Only the arithmetic: whether the caller *may* is the master's to say.
use super::{Invalid, Missing, Resources, Scalar, identity, reservation, validate};
use crate::v1;
use crate::v1::offer::Operation;
use crate::v1::offer::operation::Type;

/// One step of an operation: `consumed` becomes `converted`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversion {
    /// What must be there.
    pub consumed: Resources,
    /// What is there instead.
    pub converted: Resources,
}

/// Why an operation cannot be worked out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Unsound {
    /// A type that changes no resources (LAUNCH), or that we do not know.
    #[error("an operation of this type changes no resources")]
    Type,
    /// The body for the type is missing.
    #[error("the body for the operation's type is missing")]
    Body,
    /// The list of resources or volumes is empty.
    #[error("the operation has no resources")]
    Empty,
    /// A resource in it is invalid.
    #[error("invalid resource in the operation")]
    Resource(#[from] Invalid),
    /// RESERVE or UNRESERVE of something whose innermost reservation is not dynamic.
    #[error("{0} has no dynamic reservation")]
    NotDynamic(Resources),
    /// CREATE or DESTROY of something that is no persistent volume.
    #[error("{0} is no persistent volume")]
    NotVolume(Resources),
    /// UNRESERVE of a persistent volume.
    #[error("{0} is a persistent volume: destroy it first")]
    Volume(Resources),
    /// GROW_VOLUME or SHRINK_VOLUME of something that cannot be resized, or by an unfit amount.
    #[error("{0} cannot be resized like that")]
    Resize(Resources),
    /// What it consumes is not there.
    #[error(transparent)]
    Missing(#[from] Missing),
}

/// What `operation` consumes and makes, in order. Its resources may be in either format; the results are in
/// post-format.
///
/// # Errors
/// When the operation makes no sense whatever is there.
pub fn conversions(operation: &Operation) -> Result<Vec<Conversion>, Unsound> {
    match operation.r#type() {
        Type::Reserve => each(&operation.reserve.as_ref().ok_or(Unsound::Body)?.resources, |resource| {
            dynamic(&resource)?;
            Ok((reservation::pop(resource.clone()), resource))
        }),
        Type::Unreserve => each(&operation.unreserve.as_ref().ok_or(Unsound::Body)?.resources, |resource| {
            dynamic(&resource)?;
            if identity::is_volume(&resource) {
                return Err(Unsound::Volume([resource].into_iter().collect()));
            }
            Ok((resource.clone(), reservation::pop(resource)))
        }),
        Type::Create => each(&operation.create.as_ref().ok_or(Unsound::Body)?.volumes, |volume| {
            is_volume(&volume)?;
            Ok((bare(volume.clone()), volume))
        }),
        Type::Destroy => each(&operation.destroy.as_ref().ok_or(Unsound::Body)?.volumes, |volume| {
            is_volume(&volume)?;
            Ok((volume.clone(), bare(volume)))
        }),
        Type::GrowVolume => {
            let body = operation.grow_volume.as_ref().ok_or(Unsound::Body)?;
            let (volume, addition) =
                (validate::one(body.volume.clone())?, validate::one(body.addition.clone())?);
            let unfit = || Unsound::Resize([volume.clone(), addition.clone()].into_iter().collect());
            is_volume(&volume)?;
            if volume.shared.is_some()
                || identity::is_mount(&volume)
                || !identity::same(&bare(volume.clone()), &addition)
            {
                return Err(unfit());
            }
            let grown = resized(&volume, size(&volume) + size(&addition));
            Ok(vec![Conversion {
                consumed: [volume, addition].into_iter().collect(),
                converted: [grown].into_iter().collect(),
            }])
        }
        Type::ShrinkVolume => {
            let body = operation.shrink_volume.as_ref().ok_or(Unsound::Body)?;
            let volume = validate::one(body.volume.clone())?;
            let less = Scalar::from_f64(body.subtract.value);
            is_volume(&volume)?;
            if volume.shared.is_some()
                || identity::is_mount(&volume)
                || less <= Scalar::ZERO
                || less >= size(&volume)
            {
                return Err(Unsound::Resize([volume].into_iter().collect()));
            }
            let (kept, freed) =
                (resized(&volume, size(&volume) - less), resized(&bare(volume.clone()), less));
            Ok(vec![Conversion {
                consumed: [volume].into_iter().collect(),
                converted: [kept, freed].into_iter().collect(),
            }])
        }
        _ => Err(Unsound::Type),
    }
}

/// Applies `operation` to `pool`: all of it or, on error, nothing. Gives what it made, for `converted_resources`.
///
/// # Errors
/// When the operation is unsound or `pool` does not contain what it consumes.
pub fn apply(pool: &mut Resources, operation: &Operation) -> Result<Resources, Unsound> {
    let (mut left, mut made) = (pool.clone(), Resources::new());
    for Conversion { consumed, converted } in conversions(operation)? {
        left.subtract(&consumed)?;
        left.add_all(&converted);
        made.add_all(&converted);
    }
    *pool = left;
    Ok(made)
}

fn each(
    resources: &[v1::Resource],
    convert: impl Fn(v1::Resource) -> Result<(v1::Resource, v1::Resource), Unsound>,
) -> Result<Vec<Conversion>, Unsound> {
    if resources.is_empty() {
        return Err(Unsound::Empty);
    }
    resources
        .iter()
        .map(|resource| {
            let (consumed, converted) = convert(validate::one(resource.clone())?)?;
            Ok(Conversion {
                consumed: [consumed].into_iter().collect(),
                converted: [converted].into_iter().collect(),
            })
        })
        .collect()
}

/// The disk a volume is made of: without persistence and volume, no longer shared.
fn bare(volume: v1::Resource) -> v1::Resource {
    reservation::without_volume(v1::Resource { shared: None, ..volume })
}

fn dynamic(resource: &v1::Resource) -> Result<(), Unsound> {
    if identity::is_dynamically_reserved(resource) {
        Ok(())
    } else {
        Err(Unsound::NotDynamic([resource.clone()].into_iter().collect()))
    }
}

fn is_volume(resource: &v1::Resource) -> Result<(), Unsound> {
    if identity::is_volume(resource) {
        Ok(())
    } else {
        Err(Unsound::NotVolume([resource.clone()].into_iter().collect()))
    }
}

fn size(resource: &v1::Resource) -> Scalar {
    resource.scalar.as_ref().map_or(Scalar::ZERO, |scalar| scalar.value.into())
}

fn resized(resource: &v1::Resource, size: Scalar) -> v1::Resource {
    v1::Resource { scalar: Some(v1::value::Scalar { value: size.to_f64() }), ..resource.clone() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
    use super::*;
    use crate::resource::reservation::{dynamic, push};
    use crate::v1::offer::operation;

    fn disk(value: f64) -> v1::Resource {
        v1::Resource { name: "disk".into(), scalar: Some(v1::value::Scalar { value }), ..Default::default() }
    }

    fn reserved(value: f64) -> v1::Resource {
        push(disk(value), dynamic("a", Some("p"), None))
    }

    fn volume(value: f64) -> v1::Resource {
        use crate::v1::resource::{DiskInfo, disk_info::Persistence};
        v1::Resource {
            disk: Some(DiskInfo {
                persistence: Some(Persistence { id: "v".into(), principal: None }),
                volume: Some(v1::Volume {
                    container_path: "d".into(),
                    mode: v1::volume::Mode::Rw.into(),
                    ..Default::default()
                }),
                source: None,
            }),
            ..reserved(value)
        }
    }

    fn of(kind: Type) -> Operation {
        Operation { r#type: Some(kind.into()), ..Default::default() }
    }

    #[test]
    fn each_operation_and_its_opposite_restore_the_pool() {
        let mut pool: Resources = [disk(100.0)].into_iter().collect();
        let mut check = |operation: Operation, expect: &[v1::Resource]| {
            apply(&mut pool, &operation).unwrap();
            assert_eq!(pool, expect.iter().cloned().collect(), "{operation:?}");
        };
        let reserve = operation::Reserve { resources: vec![reserved(40.0)], source: vec![] };
        check(Operation { reserve: Some(reserve), ..of(Type::Reserve) }, &[disk(60.0), reserved(40.0)]);
        let create = operation::Create { volumes: vec![volume(30.0)] };
        check(
            Operation { create: Some(create), ..of(Type::Create) },
            &[disk(60.0), reserved(10.0), volume(30.0)],
        );
        let grow_volume = operation::GrowVolume { volume: volume(30.0), addition: reserved(5.0) };
        check(
            Operation { grow_volume: Some(grow_volume), ..of(Type::GrowVolume) },
            &[disk(60.0), reserved(5.0), volume(35.0)],
        );
        let shrink_volume =
            operation::ShrinkVolume { volume: volume(35.0), subtract: v1::value::Scalar { value: 15.0 } };
        check(
            Operation { shrink_volume: Some(shrink_volume), ..of(Type::ShrinkVolume) },
            &[disk(60.0), reserved(20.0), volume(20.0)],
        );
        let destroy = operation::Destroy { volumes: vec![volume(20.0)] };
        check(Operation { destroy: Some(destroy), ..of(Type::Destroy) }, &[disk(60.0), reserved(40.0)]);
        let unreserve = operation::Unreserve { resources: vec![reserved(40.0)] };
        check(Operation { unreserve: Some(unreserve), ..of(Type::Unreserve) }, &[disk(100.0)]);
    }

    #[test]
    fn an_operation_that_cannot_be_changes_nothing() {
        let before: Resources = [disk(10.0), reserved(5.0), volume(5.0)].into_iter().collect();
        let check = |operation: Operation, expect: fn(&Unsound) -> bool| {
            let mut pool = before.clone();
            let error = apply(&mut pool, &operation).unwrap_err();
            assert!(expect(&error), "{error}");
            assert_eq!(pool, before);
        };
        let reserve = |resources| Operation {
            reserve: Some(operation::Reserve { resources, source: vec![] }),
            ..of(Type::Reserve)
        };
        check(reserve(vec![]), |e| *e == Unsound::Empty);
        check(reserve(vec![disk(1.0)]), |e| matches!(e, Unsound::NotDynamic(_)));
        check(reserve(vec![reserved(4.0), reserved(7.0)]), |e| matches!(e, Unsound::Missing(_)));
        check(reserve(vec![reserved(0.0)]), |e| matches!(e, Unsound::Resource(_)));
        check(of(Type::Reserve), |e| *e == Unsound::Body);
        check(of(Type::Launch), |e| *e == Unsound::Type);
        let unreserve = Some(operation::Unreserve { resources: vec![volume(5.0)] });
        check(Operation { unreserve, ..of(Type::Unreserve) }, |e| matches!(e, Unsound::Volume(_)));
        let create = Some(operation::Create { volumes: vec![reserved(5.0)] });
        check(Operation { create, ..of(Type::Create) }, |e| matches!(e, Unsound::NotVolume(_)));
    }
}
