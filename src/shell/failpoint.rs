//! For tests only: die between commit and calls, the moment that hurts most.

use mesos::v1::{offer::operation::Type, scheduler::Call};

use crate::config::CrashAt;

/// Armed by `KAFKA_SCHEDULER_CRASH_AT`, and only where nothing was stored yet: the scheduler that starts after the crash
/// must go on, whoever started it with whatever environment.
#[derive(Debug)]
pub(crate) struct Failpoint {
    left: Option<u32>,
}

impl Failpoint {
    pub(crate) fn new(crash_at: Option<CrashAt>, first_start: bool) -> Failpoint {
        let left = crash_at.filter(|_| first_start).map(|CrashAt(n)| n);
        if let Some(n) = left {
            tracing::error!(
                n,
                "KAFKA_SCHEDULER_CRASH_AT is set: this scheduler kills itself at a launch; for tests only"
            );
        }
        Failpoint { left }
    }

    /// Called between a commit and its calls. Does not return when it is time.
    pub(crate) fn after_commit(&mut self, calls: &[Call]) {
        if self.is_due(calls) {
            tracing::error!("dying between commit and calls, as KAFKA_SCHEDULER_CRASH_AT says");
            // SIGKILL and not an exit: nothing may be flushed, closed or said good-bye to.
            let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
            std::process::abort();
        }
    }

    fn is_due(&mut self, calls: &[Call]) -> bool {
        let Some(left) = &mut self.left else { return false };
        *left -= u32::from(calls.iter().any(launches));
        *left == 0
    }
}

fn launches(call: &Call) -> bool {
    let operations = call.accept.iter().flat_map(|accept| &accept.operations);
    operations.into_iter().any(|operation| matches!(operation.r#type(), Type::Launch | Type::LaunchGroup))
}

#[cfg(test)]
mod tests {
    use mesos::v1::{offer::Operation, scheduler::call::Accept};

    use super::*;

    fn accept(operation: Type) -> Call {
        let operations = vec![Operation { r#type: Some(operation as i32), ..Operation::default() }];
        Call { accept: Some(Accept { operations, ..Accept::default() }), ..Call::default() }
    }

    #[test]
    fn is_due_at_the_nth_batch_that_launches() {
        let mut point = Failpoint::new(Some(CrashAt(2)), true);
        let due: Vec<_> = [
            vec![],
            vec![accept(Type::Launch), accept(Type::Launch)],
            vec![accept(Type::Reserve)],
            vec![Call::default(), accept(Type::Launch)],
        ]
        .iter()
        .map(|calls| point.is_due(calls))
        .collect();
        assert_eq!(due, [false, false, false, true]);
    }

    #[test]
    fn is_never_due_after_a_restart_or_when_not_asked_for() {
        for mut point in [Failpoint::new(Some(CrashAt(1)), false), Failpoint::new(None, true)] {
            assert!(!point.is_due(&[accept(Type::Launch)]));
        }
    }
}
