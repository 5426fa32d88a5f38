//! Many nodes at once.

use std::sync::atomic::{AtomicBool, Ordering};

use zookeeper_client::{Client, Error, MultiReadResult, Stat};

use super::absent_is_none;

/// Nodes in one request: with the longest topic's name well below the 1 MiB that ZooKeeper takes and gives
/// (`jute.maxbuffer`).
const AT_ONCE: usize = 500;

/// A node's content, `None` where it is not there.
pub(super) type Node = Option<(Vec<u8>, Stat)>;

/// How many nodes are read: by one request, which ZooKeeper has since 3.6 and which wakes us once for all of them; or by
/// one each, all under way before the first is waited for.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// A server was too old for the one request.
    each: AtomicBool,
}

impl Reader {
    /// The nodes at `paths`, in their order.
    pub(super) async fn read(&self, client: &Client, paths: &[String]) -> Result<Vec<Node>, Error> {
        if !self.each.load(Ordering::Relaxed) {
            match together(client, paths).await {
                Err(Error::Unimplemented) => self.each.store(true, Ordering::Relaxed),
                result => return result,
            }
        }
        // Requests leave when they are made.
        let asked: Vec<_> = paths.iter().map(|path| client.get_data(path)).collect();
        let mut nodes = Vec::with_capacity(paths.len());
        for node in asked {
            nodes.push(absent_is_none(node.await)?);
        }
        Ok(nodes)
    }
}

async fn together(client: &Client, paths: &[String]) -> Result<Vec<Node>, Error> {
    let mut nodes = Vec::with_capacity(paths.len());
    for paths in paths.chunks(AT_ONCE) {
        let mut reader = client.new_multi_reader();
        for path in paths {
            reader.add_get_data(path)?;
        }
        for node in reader.commit().await? {
            nodes.push(match node {
                MultiReadResult::Data { data, stat } => Some((data, stat)),
                MultiReadResult::Error { err } => absent_is_none(Err(err))?,
                _ => return Err(Error::MarshallingError),
            });
        }
    }
    // One answer to each, or it is not known whose they are.
    if nodes.len() == paths.len() { Ok(nodes) } else { Err(Error::MarshallingError) }
}
