#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
use proptest::prelude::*;

use super::super::Scalar;
use super::super::reservation::{self, dynamic, fixed};
use super::*;
use crate::v1::resource::DiskInfo;
use crate::v1::resource::disk_info::source::{Mount, Type as SourceType};
use crate::v1::resource::disk_info::{Persistence, Source};
use crate::v1::value::Type;

fn scalar(name: &str, value: f64) -> v1::Resource {
    v1::Resource { name: name.into(), scalar: Some(v1::value::Scalar { value }), ..Default::default() }
}

fn ports(begin: u64, end: u64) -> v1::Resource {
    v1::Resource {
        name: "ports".into(),
        r#type: Type::Ranges.into(),
        ranges: Some(v1::value::Ranges { range: vec![v1::value::Range { begin, end }] }),
        ..Default::default()
    }
}

fn reserved(resource: v1::Resource, role: &str) -> v1::Resource {
    reservation::push(resource, dynamic(role, Some("p"), None))
}

fn volume(id: &str, value: f64, path: &str) -> v1::Resource {
    v1::Resource {
        disk: Some(DiskInfo {
            persistence: Some(Persistence { id: id.into(), principal: Some("p".into()) }),
            volume: Some(v1::Volume {
                container_path: path.into(),
                mode: v1::volume::Mode::Rw.into(),
                ..Default::default()
            }),
            source: None,
        }),
        ..reserved(scalar("disk", value), "a")
    }
}

fn mount(root: &str, value: f64) -> v1::Resource {
    v1::Resource {
        disk: Some(DiskInfo {
            source: Some(Source {
                r#type: SourceType::Mount.into(),
                mount: Some(Mount { root: Some(root.into()) }),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..scalar("disk", value)
    }
}

fn bag(list: impl IntoIterator<Item = v1::Resource>) -> Resources {
    list.into_iter().collect()
}

#[test]
fn only_resources_of_one_identity_are_added() {
    let labels =
        |value: &str| v1::Labels { labels: vec![v1::Label { key: "k".into(), value: Some(value.into()) }] };
    let check = |a: v1::Resource, b: v1::Resource, entries: usize| {
        assert_eq!(bag([a.clone(), b.clone()]).iter().count(), entries, "{a:?} {b:?}");
    };
    let cpus = || scalar("cpus", 1.0);
    check(cpus(), cpus(), 1);
    check(cpus(), scalar("mem", 1.0), 2);
    check(cpus(), reserved(cpus(), "a"), 2);
    check(reserved(cpus(), "a"), reserved(cpus(), "a"), 1);
    check(reserved(cpus(), "a"), reserved(cpus(), "b"), 2);
    check(reserved(cpus(), "a"), reservation::push(cpus(), fixed("a")), 2);
    check(reserved(cpus(), "a"), reservation::push(cpus(), dynamic("a", Some("q"), None)), 2);
    check(
        reservation::push(cpus(), dynamic("a", None, Some(labels("1")))),
        reservation::push(cpus(), dynamic("a", None, Some(labels("2")))),
        2,
    );
    check(cpus(), v1::Resource { revocable: Some(v1::resource::RevocableInfo::default()), ..cpus() }, 2);
    check(
        cpus(),
        v1::Resource { provider_id: Some(v1::ResourceProviderId { value: "x".into() }), ..cpus() },
        2,
    );
    let allocated = v1::Resource {
        allocation_info: Some(v1::resource::AllocationInfo { role: Some("a".into()) }),
        ..cpus()
    };
    check(cpus(), allocated, 2);
    check(scalar("disk", 1.0), mount("/m", 1.0), 2);
    check(mount("/m", 1.0), mount("/m", 1.0), 2);
    check(volume("v", 1.0, "x"), volume("w", 1.0, "x"), 2);
}

#[test]
fn units_are_taken_whole_and_known_by_their_id() {
    let have = bag([mount("/m", 64.0), volume("v", 10.0, "data"), scalar("disk", 100.0)]);
    let check = |wanted: v1::Resource, contained: bool| {
        assert_eq!(have.contains(&bag([wanted.clone()])), contained, "{wanted:?}")
    };
    check(mount("/m", 64.0), true);
    check(mount("/m", 32.0), false);
    check(mount("/n", 64.0), false);
    check(volume("v", 10.0, "elsewhere"), true);
    check(volume("v", 5.0, "data"), false);
    check(scalar("disk", 40.0), true);
    check(scalar("disk", 100.001), false);
}

#[test]
fn what_is_not_there_is_named_and_nothing_is_taken() {
    let mut have = bag([scalar("cpus", 1.0), ports(1, 5)]);
    let before = have.clone();
    let error = have.subtract(&bag([scalar("cpus", 0.5), ports(5, 6)])).unwrap_err();
    assert_eq!(error.to_string(), "ports:[5-6] is not contained in cpus:1; ports:[1-5]");
    assert_eq!(have, before);
}

#[test]
fn shared_volumes_are_counted() {
    let shared =
        || v1::Resource { shared: Some(v1::resource::SharedInfo::default()), ..volume("v", 10.0, "d") };
    let mut have = bag([shared(), shared()]);
    assert_eq!((have.iter().count(), have.to_vec().len()), (1, 2));
    have.subtract(&bag([shared()])).unwrap();
    assert!(have.contains_one(&shared()));
    have.subtract(&bag([shared()])).unwrap();
    assert!(have.is_empty());
}

#[test]
fn roles_see_their_own_their_ancestors_and_the_unreserved() {
    let all = bag([
        scalar("cpus", 1.0),
        reserved(scalar("cpus", 2.0), "a"),
        reserved(scalar("cpus", 4.0), "a/b"),
        reserved(scalar("cpus", 8.0), "ab"),
    ]);
    let check = |role: &str, cpus: f64| assert_eq!(all.available_to(role).cpus(), cpus.into(), "{role}");
    check("a", 3.0);
    check("a/b", 7.0);
    check("ab", 9.0);
    check("x", 1.0);
    assert_eq!(
        all.reservations().into_iter().map(|(role, r)| (role, r.cpus().to_f64())).collect::<Vec<_>>(),
        [("a".to_owned(), 2.0), ("a/b".to_owned(), 4.0), ("ab".to_owned(), 8.0)]
    );
    assert_eq!(all.flattened().iter().count(), 1);
}

#[test]
fn find_prefers_what_is_reserved() {
    let all = bag([scalar("cpus", 4.0), reserved(scalar("cpus", 1.0), "a"), ports(1, 10), mount("/m", 64.0)]);
    let found = all.find(&bag([scalar("cpus", 1.5), ports(3, 4)]), "a").unwrap();
    assert_eq!(found, bag([scalar("cpus", 0.5), reserved(scalar("cpus", 1.0), "a"), ports(3, 4)]));
    assert!(all.find(&bag([scalar("cpus", 5.001)]), "a").is_none());
    assert!(all.find(&bag([mount("/m", 10.0)]), "a").is_none());
    assert!(all.find(&bag([mount("/m", 64.0)]), "a").is_some());
}

fn some_resource() -> impl Strategy<Value = v1::Resource> {
    let base = prop_oneof![
        (prop_oneof![Just("cpus"), Just("mem"), Just("disk")], 1i64..5000)
            .prop_map(|(name, n)| scalar(name, Scalar::from_thousandths(n).to_f64())),
        (1u64..30, 0u64..8).prop_map(|(begin, length)| ports(begin, begin + length)),
        (0u8..3, 1u32..4).prop_map(|(id, n)| volume(&format!("v{id}"), f64::from(n), "d")),
        (0u8..2).prop_map(|n| mount(&format!("/m{n}"), 64.0)),
    ];
    (base, prop::option::of(prop_oneof![Just("a"), Just("b")])).prop_map(|(resource, role)| match role {
        Some(role) if !identity::is_volume(&resource) => reserved(resource, role),
        _ => resource,
    })
}

fn some_bag() -> impl Strategy<Value = Resources> {
    prop::collection::vec(some_resource(), 0..8).prop_map(bag)
}

proptest! {
    /// Adding and subtracting undo each other wherever the added ports were not there before.
    #[test]
    fn adding_and_subtracting_are_inverse(a in some_bag(), b in some_bag()) {
        let b = b.filter(|r| r.name != "ports");
        let mut sum = a.clone();
        sum.add_all(&b);
        prop_assert!(sum.contains(&a) && sum.contains(&b));
        sum.subtract(&b).unwrap();
        prop_assert_eq!(sum, a);
    }

    #[test]
    fn subtracting_what_is_contained_and_adding_it_restores(a in some_bag(), b in some_bag()) {
        let mut rest = a.clone();
        if rest.subtract(&b).is_ok() {
            prop_assert!(a.contains(&b));
            rest.add_all(&b);
            prop_assert_eq!(rest, a);
        } else {
            prop_assert!(!a.contains(&b));
            prop_assert_eq!(rest, a);
        }
    }

    #[test]
    fn order_does_not_matter(list in prop::collection::vec(some_resource(), 0..8)) {
        let mut backwards = list.clone();
        backwards.reverse();
        prop_assert_eq!(bag(list), bag(backwards));
    }

    #[test]
    fn messages_hold_all_there_is(a in some_bag()) {
        prop_assert_eq!(bag(a.to_vec()), a.clone());
        prop_assert_eq!(Resources::parse(a.to_pre_format()).unwrap(), a);
    }
}
