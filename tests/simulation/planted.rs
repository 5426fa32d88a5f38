//! Faults planted into the scheduler, to see that the checker finds them. The scheduler's own code knows nothing of
//! them: each is a lie told to it, or a change of what its shell does with its effects.

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// ACKNOWLEDGE leaves before the commit.
    AcknowledgeBeforeStore,
    /// ACCEPT leaves before the commit.
    AcceptBeforeStore,
    /// A launch is taken for lost at once, and made again.
    DoubleLaunch,
    /// After a restart, launches are taken for lost without asking Mesos.
    RelaunchBeforeReconciliation,
    /// The record of a home let go is never written.
    LeakedClaim,
    /// An operator's restart does not wait for the others, though nobody said that it need not.
    UngatedRestart,
    /// Incidents are never written.
    LostIncident,
    /// A broker is restarted that nobody wanted restarted, once all is done.
    UnaskedRestart,
}

impl Planted {
    pub const ALL: [Self; 8] = [
        Self::AcknowledgeBeforeStore,
        Self::AcceptBeforeStore,
        Self::DoubleLaunch,
        Self::RelaunchBeforeReconciliation,
        Self::LeakedClaim,
        Self::UngatedRestart,
        Self::LostIncident,
        Self::UnaskedRestart,
    ];

    /// By its name.
    pub fn named(name: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|planted| format!("{planted:?}") == name)
            .expect("the name of a planted fault")
    }

    /// The records that are never written.
    pub fn lost(self) -> Option<&'static str> {
        match self {
            Self::LeakedClaim => Some("released/"),
            Self::LostIncident => Some("incidents/"),
            _ => None,
        }
    }

    /// The invariants that may find it.
    pub fn invariants(self) -> &'static [&'static str] {
        match self {
            Self::AcknowledgeBeforeStore => &["no acknowledge before store"],
            Self::AcceptBeforeStore => &["no call rests on an unstored write"],
            Self::DoubleLaunch | Self::RelaunchBeforeReconciliation => &["one live task per broker"],
            Self::LeakedClaim => &["no reservation leaks once converged"],
            Self::LostIncident => &["no call rests on an unstored write", "no acknowledge before store"],
            Self::UnaskedRestart => &["a converged cluster is left alone"],
            Self::UngatedRestart => {
                &["at most one broker is down by our hand", "none is below min ISR by our hand"]
            }
        }
    }
}
