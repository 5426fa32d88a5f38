//! What is left of one offer while needs are met out of it.
//!
//! Pieces are cut from the very resources offered, so that whatever else they carry (provider, disk source, older
//! reservations) is handed back to Mesos unchanged (mesos-v1-http 4.1).

use mesos::{
    resource::{Ranges, Scalar, Value, identity},
    v1,
};

use crate::broker::HomeId;

/// Label of a reservation naming the service.
pub const LABEL_SERVICE: &str = "service";
/// Label of a reservation naming the broker.
pub const LABEL_BROKER: &str = "broker";
/// Label of a reservation naming the home it belongs to.
pub const LABEL_HOME: &str = "home";

/// Whose resources to take from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody's.
    Unreserved,
    /// Reserved by us for this home.
    Home(HomeId),
}

/// An offer's resources, shrinking.
#[derive(Clone, Debug)]
pub struct Pool {
    resources: Vec<v1::Resource>,
}

/// The home named by the labels of a resource's last reservation, if it is one of ours.
pub fn home_of(resource: &v1::Resource) -> Option<HomeId> {
    let labels = &resource.reservations.last()?.labels.as_ref()?.labels;
    let home = labels.iter().find(|label| label.key == LABEL_HOME)?;
    home.value.as_ref()?.parse().ok().map(HomeId)
}

impl Pool {
    /// All that the offer holds.
    pub fn new(offer: &v1::Offer) -> Self {
        Self { resources: offer.resources.clone() }
    }

    /// Resources of one owner, plain ones only: what may vanish (revocable) or is shared is of no use to a broker.
    fn of(&self, owner: Owner) -> impl Iterator<Item = &v1::Resource> {
        self.resources.iter().filter(move |resource| belongs(resource, owner))
    }

    /// Everything labelled with any home of ours, whole.
    pub fn homes(&self) -> Vec<HomeId> {
        let mut homes: Vec<_> = self.resources.iter().filter_map(home_of).collect();
        homes.sort_unstable();
        homes.dedup();
        homes
    }

    /// Takes all that is labelled with this home.
    pub fn take_home(&mut self, home: HomeId) -> Vec<v1::Resource> {
        self.resources.extract_if(.., |resource| home_of(resource) == Some(home)).collect()
    }

    /// How much of a scalar there is in the largest single piece.
    pub fn scalar(&self, owner: Owner, name: &str) -> Scalar {
        self.of(owner).filter(|r| r.name == name && r.disk.is_none()).map(amount).max().unwrap_or_default()
    }

    /// Cuts off some of a scalar.
    pub fn take_scalar(&mut self, owner: Owner, name: &str, wanted: Scalar) -> Option<v1::Resource> {
        let fits =
            |r: &v1::Resource| belongs(r, owner) && r.name == name && r.disk.is_none() && amount(r) >= wanted;
        let index = self.resources.iter().position(fits)?;
        Some(self.cut(index, &Value::Scalar(wanted)))
    }

    /// The ports there are.
    pub fn ports(&self, owner: Owner) -> Ranges {
        self.of(owner).filter_map(port_ranges).fold(Ranges::default(), |all, some| all.union(&some))
    }

    /// Takes these ports, if they are all in one piece.
    pub fn take_ports(&mut self, owner: Owner, wanted: &Ranges) -> Option<v1::Resource> {
        let fits = |r: &v1::Resource| belongs(r, owner) && port_ranges(r).is_some_and(|p| p.contains(wanted));
        let index = self.resources.iter().position(fits)?;
        Some(self.cut(index, &Value::Ranges(wanted.clone())))
    }

    /// The largest unreserved MOUNT disk.
    pub fn largest_mount(&self) -> Scalar {
        self.of(Owner::Unreserved).filter(|r| is_free_mount(r)).map(amount).max().unwrap_or_default()
    }

    /// Takes the smallest unreserved MOUNT disk that is at least this large, whole: it cannot be divided (S-068).
    pub fn take_mount(&mut self, wanted: Scalar) -> Option<v1::Resource> {
        let fits =
            |r: &v1::Resource| belongs(r, Owner::Unreserved) && is_free_mount(r) && amount(r) >= wanted;
        let candidates = self.resources.iter().enumerate().filter(|(_, r)| fits(r));
        let (index, _) = candidates.min_by_key(|(_, resource)| amount(resource))?;
        Some(self.resources.swap_remove(index))
    }

    /// Takes a persistent volume of a home.
    pub fn take_volume(&mut self, home: HomeId, persistence_id: &str) -> Option<v1::Resource> {
        let index = self.resources.iter().position(|resource| {
            belongs(resource, Owner::Home(home)) && identity::persistence_id(resource) == Some(persistence_id)
        })?;
        Some(self.resources.swap_remove(index))
    }

    fn cut(&mut self, index: usize, piece: &Value) -> v1::Resource {
        let resource = &mut self.resources[index];
        let mut taken = resource.clone();
        piece.put(&mut taken);
        if let Some(mut rest) = Value::of(resource) {
            rest.subtract(piece);
            if rest.is_empty() {
                self.resources.swap_remove(index);
            } else {
                rest.put(resource);
            }
        }
        taken
    }
}

fn belongs(resource: &v1::Resource, owner: Owner) -> bool {
    if resource.revocable.is_some() || resource.shared.is_some() {
        return false;
    }
    match owner {
        Owner::Unreserved => resource.reservations.is_empty(),
        Owner::Home(home) => home_of(resource) == Some(home),
    }
}

fn is_free_mount(resource: &v1::Resource) -> bool {
    identity::is_mount(resource) && !identity::is_volume(resource)
}

/// The amount of a scalar; nothing of anything else.
pub fn amount(resource: &v1::Resource) -> Scalar {
    match Value::of(resource) {
        Some(Value::Scalar(amount)) => amount,
        _ => Scalar::ZERO,
    }
}

fn port_ranges(resource: &v1::Resource) -> Option<Ranges> {
    match (resource.name.as_str(), Value::of(resource)?) {
        ("ports", Value::Ranges(ranges)) => Some(ranges),
        _ => None,
    }
}
