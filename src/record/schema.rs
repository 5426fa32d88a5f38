//! Which form the stored records have.

use serde::{Deserialize, Serialize};

/// The form this build writes, and the only one it reads. Grows when a record changes meaning; an added field with a
/// default does not need it (so a task's `restart` and a broker's `forced`, which are written only where there is one).
pub(super) const VERSION: u32 = 1;

/// The record that says so. It must never change.
#[derive(Serialize, Deserialize)]
pub(super) struct Schema {
    pub(super) version: u32,
}

/// The schema record of this build.
pub(super) fn current() -> Schema {
    Schema { version: VERSION }
}
