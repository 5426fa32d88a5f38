//! Whom the kernel's count of processes killed for want of memory speaks of.
//!
//! It counts in a whole cgroup, where other children of ours run too, and perhaps strangers. So not all it counted since
//! the JVM's start is held against a JVM that ended by SIGKILL, but what is new in its last seconds, less those of our
//! other children who ended in the same way meanwhile.

use std::time::Duration;

/// Between two looks: a kill is held against the JVM for one to two of these.
pub const EVERY: Duration = Duration::from_secs(5);

/// One look at who was killed so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// By the kernel for want of memory, in the cgroup.
    pub counted: u64,
    /// Children of ours beside the JVM, by a SIGKILL that was not ours.
    pub others: u64,
}

/// The last two looks.
#[derive(Clone, Copy, Debug)]
pub struct Victims {
    before_last: Look,
    last: Look,
}

impl Victims {
    /// As it is when the JVM starts.
    pub fn new(look: Look) -> Self {
        Self { before_last: look, last: look }
    }

    /// As it is [`EVERY`] later.
    pub fn look(&mut self, look: Look) {
        self.before_last = std::mem::replace(&mut self.last, look);
    }

    /// How many of those counted by the time of `end` may be the JVM.
    pub fn new_by(&self, end: Look) -> u64 {
        let counted = end.counted.saturating_sub(self.before_last.counted);
        counted.saturating_sub(end.others.saturating_sub(self.before_last.others))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(counted: u64, others: u64) -> Look {
        Look { counted, others }
    }

    // D45
    #[test]
    fn only_the_last_seconds_count() {
        let mut victims = Victims::new(look(7, 0));
        assert_eq!(victims.new_by(look(7, 0)), 0);
        assert_eq!(victims.new_by(look(8, 0)), 1);
        // Somebody went, and one look later that is still new: it may have been us, just now.
        victims.look(look(8, 0));
        assert_eq!(victims.new_by(look(8, 0)), 1);
        victims.look(look(8, 0));
        assert_eq!(victims.new_by(look(8, 0)), 0, "an old story");
        assert_eq!(victims.new_by(look(9, 0)), 1);
    }

    // D45
    #[test]
    fn our_other_children_are_not_the_jvm() {
        let mut victims = Victims::new(look(0, 3));
        assert_eq!(victims.new_by(look(1, 4)), 0, "the maker of its archive, say");
        assert_eq!(victims.new_by(look(2, 4)), 1, "both");
        assert_eq!(victims.new_by(look(0, 4)), 0, "by somebody's hand");
        victims.look(look(1, 4));
        victims.look(look(1, 4));
        assert_eq!(victims.new_by(look(2, 4)), 1);
        // A count that begins anew is no evidence.
        assert_eq!(victims.new_by(look(0, 4)), 0);
    }
}
