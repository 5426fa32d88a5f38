//! Why there is no subscription.

use std::time::Duration;

/// Why a subscription ended or was not made. Trying again may help, except for [`Disconnect::Fatal`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Disconnect {
    /// No connection or no answer.
    #[error("{master} cannot be reached: {cause}")]
    Unreachable {
        /// Address of the master.
        master: String,
        /// What went wrong.
        cause: String,
    },
    /// The master says that it is not ready or nobody leads (404, 5xx).
    #[error("{master} is not ready: {status} {text}")]
    NotReady {
        /// Address of the master.
        master: String,
        /// HTTP status.
        status: u16,
        /// What it says.
        text: String,
    },
    /// The master sends us elsewhere, but not to a place one can go.
    #[error("{master} redirects to {location:?}, which leads nowhere")]
    BadRedirect {
        /// Address of the master.
        master: String,
        /// The `Location` it gives.
        location: String,
    },
    /// Masters send us around in a circle.
    #[error("more than {hops} redirects, the last one to {master}")]
    TooManyRedirects {
        /// Redirects followed.
        hops: usize,
        /// Where the last one led.
        master: String,
    },
    /// The answer is not what a Mesos master says.
    #[error("{master} does not answer as a Mesos master: {what}")]
    NotMesos {
        /// Address of the master.
        master: String,
        /// What is odd.
        what: String,
    },
    /// The master ended the stream.
    #[error("{master} ended the stream")]
    StreamEnded {
        /// Address of the master.
        master: String,
    },
    /// The stream broke or cannot be read.
    #[error("the stream from {master} broke: {cause}")]
    StreamBroken {
        /// Address of the master.
        master: String,
        /// What went wrong.
        cause: String,
    },
    /// Nothing came for five heartbeats.
    #[error("{master} was silent for {} s", after.as_secs_f64())]
    Silent {
        /// Address of the master.
        master: String,
        /// How long.
        after: Duration,
    },
    /// The answer to a call shows that the subscription is gone.
    #[error("a call failed: {cause}")]
    CallFailed {
        /// What went wrong.
        cause: String,
    },
    /// There will be no further attempt.
    #[error(transparent)]
    Fatal(#[from] Fatal),
}

/// Why subscribing again would be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// Another scheduler subscribed with our framework id. To subscribe again would take it back from it, for ever.
    #[error("another scheduler took over this framework id")]
    FailedOver,
    /// The framework id was torn down, or its failover timeout passed. It cannot be used again.
    #[error("the framework has been removed: its id is dead")]
    Removed,
    /// The master refuses the subscription by an ERROR event.
    #[error("the master refuses the framework: {message}")]
    Rejected {
        /// What the master says.
        message: String,
    },
    /// The master refuses the SUBSCRIBE call: a fault of ours, or a permission that is missing.
    #[error("{master} refuses SUBSCRIBE: {status} {text}")]
    Refused {
        /// Address of the master.
        master: String,
        /// HTTP status.
        status: u16,
        /// What it says.
        text: String,
    },
}

impl Fatal {
    /// What an ERROR event means. The two texts are exact in all versions of Mesos.
    pub(super) fn of_error(message: &str) -> Self {
        if message.contains("Framework failed over") {
            Fatal::FailedOver
        } else if message.contains("Framework has been removed") {
            Fatal::Removed
        } else {
            Fatal::Rejected { message: message.to_owned() }
        }
    }
}
