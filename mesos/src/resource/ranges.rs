//! [`Ranges`]: sets of numbers such as ports, kept as inclusive intervals.
use std::fmt;

use crate::v1::value;

/// A set of numbers as sorted, disjoint, non-adjacent inclusive intervals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// The empty set.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// From intervals in any order; overlaps and neighbours are joined, intervals that end before they begin left out.
    pub fn from_intervals(intervals: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut sorted: Vec<_> = intervals.into_iter().filter(|(begin, end)| begin <= end).collect();
        sorted.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::with_capacity(sorted.len());
        for (begin, end) in sorted {
            match joined.last_mut() {
                Some(last) if begin <= last.1.saturating_add(1) => last.1 = last.1.max(end),
                _ => joined.push((begin, end)),
            }
        }
        Self(joined)
    }

    /// The intervals, ascending.
    pub fn intervals(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// Every number, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().flat_map(|&(begin, end)| begin..=end)
    }

    /// Whether there is no number in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers are in it.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(begin, end)| (end - begin).saturating_add(1)).fold(0, u64::saturating_add)
    }

    /// Whether `number` is in it.
    pub fn has(&self, number: u64) -> bool {
        self.0.iter().any(|&(begin, end)| (begin..=end).contains(&number))
    }

    /// Whether all of `other` is in it.
    pub fn contains(&self, other: &Self) -> bool {
        other.0.iter().all(|&(begin, end)| self.0.iter().any(|&(b, e)| b <= begin && end <= e))
    }

    /// Whether some number is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().any(|&(begin, end)| other.0.iter().any(|&(b, e)| begin <= e && b <= end))
    }

    /// All numbers of either.
    pub fn union(&self, other: &Self) -> Self {
        Self::from_intervals(self.0.iter().chain(&other.0).copied())
    }

    /// The numbers of `self` that `other` has not.
    pub fn difference(&self, other: &Self) -> Self {
        let mut left = self.0.clone();
        for &(begin, end) in &other.0 {
            left = left
                .into_iter()
                .flat_map(|(b, e)| {
                    if end < b || e < begin {
                        return [Some((b, e)), None];
                    }
                    // Neither `begin - 1` nor `end + 1` leaves the number range: there is a smaller or larger one.
                    [(b < begin).then(|| (b, begin - 1)), (end < e).then(|| (end + 1, e))]
                })
                .flatten()
                .collect();
        }
        Self(left)
    }
}

impl From<&value::Ranges> for Ranges {
    fn from(ranges: &value::Ranges) -> Self {
        Self::from_intervals(ranges.range.iter().map(|range| (range.begin, range.end)))
    }
}

impl From<&Ranges> for value::Ranges {
    fn from(ranges: &Ranges) -> Self {
        Self { range: ranges.0.iter().map(|&(begin, end)| value::Range { begin, end }).collect() }
    }
}

/// As Mesos writes them: `[31000-31009, 32000-32000]`.
impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[")?;
        for (i, (begin, end)) in self.0.iter().enumerate() {
            write!(f, "{}{begin}-{end}", if i == 0 { "" } else { ", " })?;
        }
        write!(f, "]")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn set(ranges: &Ranges) -> BTreeSet<u64> {
        ranges.iter().collect()
    }

    fn some() -> impl Strategy<Value = Ranges> {
        prop::collection::vec((0u64..40, 0u64..6), 0..6).prop_map(|list| {
            Ranges::from_intervals(list.into_iter().map(|(begin, length)| (begin, begin + length)))
        })
    }

    proptest! {
        #[test]
        fn ranges_behave_as_the_sets_they_stand_for(a in some(), b in some()) {
            let (sa, sb) = (set(&a), set(&b));
            prop_assert_eq!(set(&a.union(&b)), sa.union(&sb).copied().collect::<BTreeSet<_>>());
            prop_assert_eq!(set(&a.difference(&b)), sa.difference(&sb).copied().collect::<BTreeSet<_>>());
            prop_assert_eq!(a.contains(&b), sb.is_subset(&sa));
            prop_assert_eq!(a.overlaps(&b), !sa.is_disjoint(&sb));
            prop_assert_eq!(a.count(), sa.len() as u64);
            prop_assert_eq!(a.union(&b).difference(&b).union(&b), a.union(&b));
        }
    }

    #[test]
    fn the_ends_of_the_number_range_do_not_overflow() {
        let all = Ranges::from_intervals([(0, u64::MAX)]);
        assert_eq!(
            all.difference(&Ranges::from_intervals([(0, 0), (u64::MAX, u64::MAX)])).intervals(),
            [(1, u64::MAX - 1)]
        );
        assert!(all.difference(&all).is_empty());
        assert_eq!(all.count(), u64::MAX);
        assert_eq!(Ranges::from_intervals([(3, 4), (1, 2), (7, 7)]).to_string(), "[1-4, 7-7]");
    }
}
