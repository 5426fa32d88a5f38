//! A node's children, read again only where they changed: ten thousand names take ten times as long as the word that they
//! are the same.

use std::sync::{Arc, Mutex, PoisonError};

use zookeeper_client::{Client, Error};

use super::absent_is_none;

/// The children of one node, as they were last.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<Last>);

#[derive(Clone, Debug, Default)]
struct Last {
    /// The transactions that made the node and that changed its children last. All servers count them alike, and none
    /// comes twice.
    since: (i64, i64),
    names: Arc<[String]>,
}

impl Names {
    /// The children of the node at `path`, sorted; none where it is not there. Always of the same path.
    pub(super) async fn read(&self, client: &Client, path: &str) -> Result<Arc<[String]>, Error> {
        let Some(stat) = client.check_stat(path).await? else { return Ok(Arc::default()) };
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if last.since == (stat.czxid, stat.pzxid) {
            return Ok(last.names);
        }
        let Some((mut names, stat)) = absent_is_none(client.get_children(path).await)? else {
            return Ok(Arc::default());
        };
        names.sort_unstable();
        let last = Last { since: (stat.czxid, stat.pzxid), names: names.into() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = last.clone();
        Ok(last.names)
    }
}
