//! The attempts at a change that is the same when it is made twice.

use super::{AdminError, PATIENCE};
use crate::retry::Retry;

/// They remember an answer that was lost: whatever keeps later ones from being made, the change may have been.
#[derive(Debug)]
pub(super) struct Attempts {
    retry: Retry,
    lost: Option<AdminError>,
}

impl Attempts {
    pub(super) fn new() -> Self {
        Self { retry: Retry::new(PATIENCE), lost: None }
    }

    /// The first answer that was lost.
    pub(super) fn lost(&mut self) -> Option<AdminError> {
        self.lost.take()
    }

    /// Waits for the moment of another attempt, after this one failed so.
    ///
    /// # Errors
    /// There is none: Kafka's verdict on what is asked for; what kept all attempts from being made; or the answer that was
    /// lost, if one was.
    pub(super) async fn again(&mut self, error: AdminError) -> Result<(), AdminError> {
        let verdict = matches!(error, AdminError::Refused(_) | AdminError::UnknownTopic(_));
        let passing = error.is_uncertain() || error.is_passing();
        // Nobody to ask, or not the broker meant: that ends only what has not begun.
        if !passing && (verdict || self.lost.is_none()) {
            return Err(error);
        }
        tracing::debug!(%error, "a change is asked for again");
        if !self.retry.again().await {
            return Err(self.lost.take().unwrap_or(error));
        }
        if self.lost.is_none() && error.is_uncertain() {
            self.lost = Some(error);
        }
        Ok(())
    }
}

/// Asks for a change, and again where that may help.
macro_rules! insist {
    ($attempts:expr, $ask:expr) => {
        loop {
            match $ask.await {
                Ok(answer) => break Ok(answer),
                Err(error) => {
                    if let Err(error) = $attempts.again(error).await {
                        break Err(error);
                    }
                }
            }
        }
    };
}
pub(super) use insist;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{client::Error, cluster::NoBroker};

    fn unanswered(call: &'static str) -> AdminError {
        let after = Duration::from_secs(1);
        AdminError::Call(Error::Timeout { address: "h:1".to_owned(), call, after })
    }

    fn lost() -> AdminError {
        unanswered("ElectLeaders")
    }

    fn nobody_answers() -> AdminError {
        AdminError::NoBroker(NoBroker { tried: Vec::new() })
    }

    /// All attempts, `answers` first and then each `last`: what is said in the end, and whether a lost one is remembered.
    async fn check(
        mut answers: Vec<AdminError>,
        last: fn() -> Result<(), AdminError>,
        expect: Result<(), AdminError>,
        remembered: bool,
    ) {
        let case = format!("{answers:?}");
        answers.reverse();
        let mut attempts = Attempts::new();
        let answer: Result<(), AdminError> =
            insist!(attempts, async { answers.pop().map_or_else(last, Err) });
        let words = |answer: Result<(), AdminError>| answer.map_err(|error| error.to_string());
        assert_eq!((words(answer), attempts.lost().is_some()), (words(expect), remembered), "{case}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_lost_is_not_undone_by_what_comes_after_it() {
        let none = || Err(AdminError::NoController);
        let dead = || Err(AdminError::UnknownBroker { broker: 1, live: vec![0] });
        let nobody = || Err(nobody_answers());
        check(vec![lost()], nobody, Err(lost()), false).await;
        check(vec![lost()], none, Err(lost()), false).await;
        check(vec![lost()], dead, Err(lost()), false).await;
        check(vec![AdminError::NoController, lost()], nobody, Err(lost()), false).await;
        check(vec![lost(), nobody_answers(), AdminError::NoController], || Ok(()), Ok(()), true).await;
        // Kafka's own verdict is of the same request.
        let unknown = || Err(AdminError::UnknownTopic("t".parse().unwrap()));
        check(vec![lost()], unknown, unknown(), true).await;
        // Where nothing was sent, nothing is lost.
        check(vec![], nobody, nobody(), false).await;
        check(vec![], none, none(), false).await;
        check(vec![AdminError::NoController], || Ok(()), Ok(()), false).await;
        check(vec![unanswered("Metadata"), unanswered("ApiVersions")], || Ok(()), Ok(()), false).await;
        check(vec![unanswered("Metadata")], none, none(), false).await;
        check(vec![], || Ok(()), Ok(()), false).await;
    }
}
