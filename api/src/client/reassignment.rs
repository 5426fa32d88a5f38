//! `/v1/reassignments`.

use reqwest::Method;

use super::{Answer, Client, Error};
use crate::rest;

impl Client {
    /// `GET /v1/reassignments`: partitions on their way, and how far each is.
    ///
    /// # Errors
    /// See [`Error`]; so for every request below.
    pub async fn reassignments(&self) -> Result<Answer<rest::ReassignmentList>, Error> {
        self.get(&["v1", "reassignments"]).await
    }

    /// `POST /v1/reassignments`: begins to move partitions, or tells how it would (`dry_run`). Kafka may refuse single
    /// partitions: they have an `error` in the answer.
    pub async fn reassign(&self, wish: &rest::Reassignment) -> Result<Answer<rest::ReassignmentPlan>, Error> {
        self.tell(Method::POST, &["v1", "reassignments"], wish).await
    }

    /// `DELETE /v1/reassignments`: stops what is on its way, of one topic or of all; each partition keeps the replicas it
    /// had.
    pub async fn cancel_reassignments(&self, topic: Option<&str>) -> Result<Answer<rest::Cancelled>, Error> {
        let query: Vec<_> = topic.map(|name| ("topic", name.to_owned())).into_iter().collect();
        self.ask(Method::DELETE, &["v1", "reassignments"], &query).await
    }
}
