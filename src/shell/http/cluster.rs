//! What the routes ask of Kafka: one trait for each kind of route, so that a test stands in for that one alone.

use std::sync::Arc;

use super::{administration::Administration, job::producer_test::Producers, topic::Topics};

mod administration;
mod producers;
mod real;
mod refused;
mod topics;

pub use real::Real;
pub(super) use refused::{of_call, of_nobody};

/// Who is asked.
#[derive(Clone)]
pub struct Kafka {
    /// By the routes for administrators.
    pub administration: Arc<dyn Administration>,
    /// By `/v1/topics`.
    pub topics: Arc<dyn Topics>,
    /// By producer tests.
    pub producers: Arc<dyn Producers>,
}

impl Kafka {
    /// A real cluster for everything.
    pub fn new(real: Arc<Real>) -> Self {
        Self { administration: real.clone(), topics: real.clone(), producers: real }
    }
}
