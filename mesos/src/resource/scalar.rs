//! [`Scalar`]: an amount with three decimals, as Mesos keeps them.
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// An amount in thousandths: 0.1 cpu is 100. Exact where a `f64` is not: 0.1 + 0.2 is 0.3.
///
/// Sums saturate at the ends of `i64`, nine quadrillion units away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scalar(i64);

impl Scalar {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From thousandths.
    pub const fn from_thousandths(thousandths: i64) -> Self {
        Self(thousandths)
    }

    /// From whole units.
    pub const fn from_units(units: i64) -> Self {
        Self(units.saturating_mul(1000))
    }

    /// Rounded to the nearest thousandth, halves away from zero. NaN counts as nothing, infinity as the largest
    /// amount.
    pub fn from_f64(value: f64) -> Self {
        // A float cast saturates, and takes NaN to zero: exactly what is promised.
        #[allow(clippy::cast_possible_truncation)]
        Self((value * 1000.0).round() as i64)
    }

    /// The amount as Mesos's wire has it.
    pub fn to_f64(self) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let thousandths = self.0 as f64;
        thousandths / 1000.0
    }

    /// In thousandths.
    pub const fn thousandths(self) -> i64 {
        self.0
    }

    /// Whether it is exactly nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl From<f64> for Scalar {
    fn from(value: f64) -> Self {
        Self::from_f64(value)
    }
}

impl Add for Scalar {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Scalar {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Scalar {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl SubAssign for Scalar {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Scalar {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

/// Without trailing zeros: `4`, `0.1`, `0.125`.
impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_decimals_are_significant() {
        let check = |value: f64, thousandths: i64| {
            assert_eq!(Scalar::from_f64(value).thousandths(), thousandths, "{value}")
        };
        check(0.1, 100);
        check(0.000_4, 0);
        check(0.000_6, 1);
        check(1.234_567, 1235);
        check(-0.5, -500);
        check(f64::NAN, 0);
        assert_eq!(Scalar::from_f64(0.1) + Scalar::from_f64(0.2), Scalar::from_f64(0.3));
        assert_eq!(Scalar::from_f64(0.125).to_string(), "0.125");
        assert_eq!(Scalar::from_units(4).to_string(), "4");
    }
}
