//! Whether limits are looked after: what was found last, and since when it is so.

use std::sync::{Mutex, MutexGuard, PoisonError};

use api::rest::LimitsUntended;

use crate::event::Timestamp;

/// What the keeper of limits found, for whoever asks.
#[derive(Debug, Default)]
pub(in crate::shell) struct Care(Mutex<Option<LimitsUntended>>);

impl Care {
    /// Why limits are not looked after, if they are not.
    pub(in crate::shell) fn untended(&self) -> Option<LimitsUntended> {
        self.state().clone()
    }

    /// Takes in a look, and why it failed if it did: since the first of those in a row, for the reason of the last; a
    /// warning only where the one before went well.
    pub(super) fn looked(&self, now: Timestamp, failed: Option<String>) {
        let mut state = self.state();
        match (state.as_mut(), failed) {
            (None, None) => {}
            (None, Some(message)) => {
                tracing::warn!(
                    error = message,
                    "limits on replication could not be looked after; it is tried again, and GET /v1/reassignments shows \
                     whether it goes well"
                );
                *state = Some(LimitsUntended { message, since_ms: now.0 });
            }
            (Some(known), Some(message)) => {
                tracing::debug!(error = message, "limits on replication could still not be looked after");
                known.message = message;
            }
            (Some(_), None) => {
                tracing::info!("limits on replication are looked after again");
                *state = None;
            }
        }
    }

    /// Nothing panics while it is held.
    fn state(&self) -> MutexGuard<'_, Option<LimitsUntended>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::log::tests::Logged;

    // One warning however often it fails, whatever it says; another only after it went well.
    #[test]
    fn a_change_is_said_once() {
        let logged = Logged::default();
        let _logging = tracing::subscriber::set_default(logged.subscriber());
        let care = Care::default();
        let why = |text: &str| Some(text.to_owned());
        care.looked(Timestamp(1), None);
        assert_eq!(care.untended(), None);
        for (now, text) in [(2, "nobody"), (3, "nobody"), (4, "the lists of topic t")] {
            care.looked(Timestamp(now), why(text));
            let expect = LimitsUntended { message: text.to_owned(), since_ms: 2 };
            assert_eq!(care.untended(), Some(expect));
        }
        care.looked(Timestamp(5), None);
        assert_eq!(care.untended(), None);
        care.looked(Timestamp(6), why("nobody"));
        assert_eq!(care.untended().map(|untended| untended.since_ms), Some(6));
        let lines = logged.lines();
        let count = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
        assert_eq!((count("WARN"), count("are looked after again")), (2, 1), "{lines:#?}");
    }
}
