//! `/v1/groups`.

use super::{Answer, Client, Error, possible};
use crate::rest;

impl Client {
    /// `GET /v1/groups`: all consumer groups.
    ///
    /// # Errors
    /// See [`Error`]; so for every request below.
    pub async fn groups(&self) -> Result<Answer<rest::GroupList>, Error> {
        self.get(&["v1", "groups"]).await
    }

    /// `GET /v1/groups/{group}`: its members, and how far it is behind in each partition.
    pub async fn group(&self, name: &str) -> Result<Answer<rest::Group>, Error> {
        self.get(&["v1", "groups", possible("group name", name)?]).await
    }
}
