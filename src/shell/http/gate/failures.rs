//! How many wrong tokens came from where. Each address may send [`BURST`] at once and one more every [`REFILL`].
//!
//! The table holds [`PLACES`] addresses. When it is full of addresses that are still being watched, all others share
//! one allowance, so that nobody gets a fresh one by coming from everywhere.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use tokio::time::Instant;

/// Wrong tokens that one address may send at once. A monitor with an old token asks less often than it is forgiven.
pub(in super::super) const BURST: u32 = 20;
/// How long it takes to be forgiven one.
pub(in super::super) const REFILL: Duration = Duration::from_secs(3);
/// Addresses watched at once; a hundred kilobytes.
const PLACES: usize = 4096;

/// Who is watched: one IPv4 address, or an IPv6 network of 64 bits, which is what one customer is given.
type Place = IpAddr;

/// Wrong tokens by address.
#[derive(Default)]
pub(super) struct Failures {
    /// When all is forgiven (a leaky bucket, kept as the time at which it is empty).
    places: HashMap<Place, Instant>,
    /// The same for all who have no place.
    others: Option<Instant>,
    counted: u64,
    /// Those counted on `others`.
    crowded: u64,
}

impl Failures {
    /// Whether nothing more is taken from there for now. Who has no address (no socket) is not known apart from others.
    pub(super) fn is_blocked(&self, client: Option<IpAddr>, now: Instant) -> bool {
        let own = client.and_then(|client| self.places.get(&place(client)).copied());
        let until = match own {
            Some(until) => Some(until),
            None if client.is_none() || self.places.len() >= PLACES => self.others,
            None => None,
        };
        until.is_some_and(|until| until.saturating_duration_since(now) > REFILL * (BURST - 1))
    }

    /// Notes a wrong token.
    pub(super) fn count(&mut self, client: Option<IpAddr>, now: Instant) {
        self.counted += 1;
        let place = client.map(place);
        if self.places.len() >= PLACES && place.is_some_and(|place| !self.places.contains_key(&place)) {
            self.places.retain(|_, until| *until > now);
        }
        let full = self.places.len() >= PLACES;
        let until = match place {
            Some(place) if !full || self.places.contains_key(&place) => {
                self.places.entry(place).or_insert(now)
            }
            _ => {
                self.crowded += 1;
                self.others.get_or_insert(now)
            }
        };
        *until = (*until).max(now) + REFILL;
    }

    /// All, and those of addresses without a place.
    pub(super) fn counted(&self) -> (u64, u64) {
        (self.counted, self.crowded)
    }
}

/// Where a client is, as far as clients are told apart.
pub(in super::super) fn place(client: IpAddr) -> Place {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "time here is only a number to begin with")]
    use super::*;

    fn address(number: u32) -> Option<IpAddr> {
        Some(IpAddr::V4((0x0a00_0000 + number).into()))
    }

    #[test]
    fn an_address_has_a_burst_and_is_forgiven_bit_by_bit() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for _ in 0..BURST {
            assert!(!failures.is_blocked(address(1), now));
            failures.count(address(1), now);
        }
        assert!(failures.is_blocked(address(1), now) && !failures.is_blocked(address(2), now));
        let later = now + REFILL;
        assert!(!failures.is_blocked(address(1), later), "one more");
        failures.count(address(1), later);
        assert!(failures.is_blocked(address(1), later), "and only one");
        assert!(!failures.is_blocked(address(1), later + REFILL * BURST));
    }

    // An IPv6 customer has 2^64 addresses; an IPv4 client of a dual-stack socket is the same as on the other.
    #[test]
    fn a_network_is_one_place() {
        let text = |text: &str| Some(text.parse().unwrap_or(IpAddr::V4(0.into())));
        let (mut failures, now) = (Failures::default(), Instant::now());
        for number in 0..BURST {
            failures.count(text(&format!("2001:db8::{number:x}")), now);
            failures.count(text("::ffff:10.0.0.1"), now);
        }
        assert!(
            failures.is_blocked(text("2001:db8::ffff"), now)
                && !failures.is_blocked(text("2001:db8:0:1::"), now)
        );
        assert!(failures.is_blocked(address(1), now));
    }

    #[test]
    fn a_full_table_forgets_nobody_who_is_watched() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for _ in 0..BURST {
            failures.count(address(0), now);
        }
        for number in 1..u32::try_from(2 * PLACES).unwrap_or(0) {
            failures.count(address(number), now);
        }
        assert_eq!(failures.places.len(), PLACES);
        assert!(failures.is_blocked(address(0), now), "its place is kept");
        assert!(failures.is_blocked(address(u32::MAX / 2), now), "the others share one allowance");
        assert_eq!(failures.counted().1, PLACES as u64);
        // Once they are forgiven there is room again.
        let later = now + REFILL * (BURST + 1);
        failures.count(address(u32::MAX / 2), later);
        assert_eq!(failures.places.len(), 1);
    }
}
