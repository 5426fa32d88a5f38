//! Whether a failed question is asked again: a few times, more and more slowly, within one deadline.
#![expect(clippy::disallowed_methods, reason = "a question has a deadline, and a client keeps it")]

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The first pause; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest pause: an election of a leader or a controller takes about that.
const LONGEST: Duration = Duration::from_millis(800);

/// The attempts at one question.
#[derive(Debug)]
pub(crate) struct Retry {
    deadline: Instant,
    pause: Duration,
}

impl Retry {
    /// No attempt begins later than `within` from now.
    pub(crate) fn new(within: Duration) -> Self {
        Self { deadline: Instant::now() + within, pause: PAUSE }
    }

    /// Waits for the moment of another attempt; false, at once, where there is none.
    pub(crate) async fn again(&mut self) -> bool {
        if Instant::now() + self.pause > self.deadline {
            return false;
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ever_slower_until_the_deadline() {
        let start = Instant::now();
        let mut retry = Retry::new(Duration::from_secs(4));
        let mut at = Vec::new();
        while retry.again().await {
            at.push(start.elapsed().as_millis());
        }
        assert_eq!(at, [50, 150, 350, 750, 1550, 2350, 3150, 3950]);
    }
}
