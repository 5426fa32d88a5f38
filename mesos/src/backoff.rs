//! How long to wait before the next try.

use std::time::Duration;

/// A bound that doubles with each failure up to a limit; the wait is a random part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Bound of the first wait.
    pub first: Duration,
    /// Bound that is never exceeded.
    pub limit: Duration,
}

impl Backoff {
    /// The wait after `failures` failures in a row, where `chance` lies in `0.0..1.0`.
    pub fn delay(&self, failures: u32, chance: f64) -> Duration {
        let doubled = 2_u32.checked_pow(failures).and_then(|factor| self.first.checked_mul(factor));
        doubled.unwrap_or(self.limit).min(self.limit).mul_f64(chance.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_limit() {
        let backoff = Backoff { first: Duration::from_millis(500), limit: Duration::from_secs(15) };
        let bounds: Vec<u128> = [0, 1, 2, 3, 4, 5, 31, 32, u32::MAX]
            .map(|failures| backoff.delay(failures, 1.0).as_millis())
            .to_vec();
        assert_eq!(bounds, [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000, 15_000]);
        assert_eq!(backoff.delay(0, 0.5).as_millis(), 250);
        assert_eq!(backoff.delay(9, 0.0).as_millis(), 0);
    }
}
