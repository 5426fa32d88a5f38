//! What Kafka keeps in ZooKeeper, read; and a dead JVM's registration, removed (D38).
//!
//! A [`ZooKeeper`] connects at the first question, again by itself when the connection or its session ends, and never
//! blocks longer than its limit. All it does may be done twice, so what a broken connection leaves open is asked again.
#![expect(clippy::disallowed_methods, reason = "a question has a deadline, and a client keeps it")]

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use tokio::sync::Mutex;
use zookeeper_client::{Client, SessionState, Stat};

pub use self::error::{Error, InvalidConnect};
use self::{
    names::Names,
    nodes::{Node, Reader},
};
use crate::{
    partition::{self, TopicState},
    registration::{self, Owner, Registration},
};

mod connect;
mod error;
mod names;
mod nodes;

/// The active controller's node.
pub const CONTROLLER: &str = "/controller";
const IDS: &str = "/brokers/ids";
const TOPICS: &str = "/brokers/topics";
/// A node for each topic whose deletion Kafka has accepted. It and the topic's own stay until the last replica is gone, for
/// as long as one of its brokers is down; brokers have forgotten the topic by then. (Only a topic that is being reassigned is
/// not: Kafka begins once the move is over.)
const DELETED: &str = "/admin/delete_topics";
/// Partitions whose states are read with their topic, before it is known how many there are: that spares most topics a
/// round trip.
const FIRST: u32 = 16;

/// Longest a question takes unless [`ZooKeeper::limit`] says otherwise.
pub const LIMIT: Duration = Duration::from_secs(5);

/// Kafka's part of an ensemble. Cheap to make; one per process is enough.
#[derive(Debug)]
pub struct ZooKeeper {
    connect: String,
    session_timeout: Duration,
    limit: Duration,
    client: Mutex<Option<Client>>,
    reader: Reader,
    topics: Names,
}

/// Who the controller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Controller {
    /// Its broker.
    pub broker: u32,
    /// The session that keeps it so.
    pub owner: Owner,
}

/// What became of a node that was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone, by this call.
    Yes,
    /// It was not there.
    Absent,
    /// It belongs to another session (0: to none), so it stays.
    OwnedBy(Owner),
}

/// Where a broker registers.
pub fn registration_path(broker: u32) -> String {
    format!("{IDS}/{broker}")
}

impl ZooKeeper {
    /// Kafka at `connect`: `host:port[,host:port…][/chroot]`, as in `zookeeper.connect`. `session_timeout` is how long a
    /// server that fell silent is believed in. Connects later.
    ///
    /// # Errors
    /// Where `connect` is not of that form; all that is wrong with it.
    pub fn new(connect: &str, session_timeout: Duration) -> Result<Self, InvalidConnect> {
        connect::check(connect)?;
        let (connect, client) = (connect.to_owned(), Mutex::new(None));
        let (reader, topics) = (Reader::default(), Names::default());
        Ok(Self { connect, session_timeout, limit: LIMIT, client, reader, topics })
    }

    /// The same with another limit for each question.
    #[must_use]
    pub fn limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// The connection string it was made with.
    pub fn connection_string(&self) -> &str {
        &self.connect
    }

    /// All live brokers' registrations, by id. None where Kafka was never there.
    ///
    /// # Errors
    /// No answer of use, or a registration that can't be read.
    pub async fn registrations(&self) -> Result<BTreeMap<u32, Registration>, Error> {
        let children = self.children("list registrations", IDS).await?;
        let ids: Vec<u32> = children.iter().filter_map(|child| child.parse().ok()).collect();
        let paths: Vec<_> = ids.iter().copied().map(registration_path).collect();
        let nodes = self.nodes("read registrations", &paths).await?;
        let found = ids.into_iter().zip(nodes).filter_map(|(id, node)| {
            let (data, stat) = node?;
            Some(read(id, &data, stat).map(|registration| (id, registration)))
        });
        found.collect()
    }

    /// One broker's registration, `None` where it has none.
    ///
    /// # Errors
    /// No answer of use, or a registration that can't be read.
    pub async fn registration(&self, broker: u32) -> Result<Option<Registration>, Error> {
        let node = self.node("read a registration", &registration_path(broker)).await?;
        node.map(|(data, stat)| read(broker, &data, stat)).transpose()
    }

    /// The active controller, `None` where there is none.
    ///
    /// # Errors
    /// No answer of use, or a node that can't be read.
    pub async fn controller(&self) -> Result<Option<Controller>, Error> {
        #[derive(serde::Deserialize)]
        struct Record {
            brokerid: i64,
        }
        let Some((data, stat)) = self.node("read the controller", CONTROLLER).await? else { return Ok(None) };
        let record: Record = serde_json::from_slice(&data).map_err(|error| malformed(CONTROLLER, error))?;
        // A KRaft controller that took over a migrating cluster writes −1 at times.
        let broker = u32::try_from(record.brokerid).ok();
        Ok(broker.map(|broker| Controller { broker, owner: Owner(stat.ephemeral_owner) }))
    }

    /// All topics' names, sorted, as brokers have them: without those whose deletion is accepted (S-102, S-109). None
    /// where Kafka was never there.
    ///
    /// # Errors
    /// No answer of use.
    pub async fn topics(&self) -> Result<Vec<String>, Error> {
        let list = |client: Client| async move {
            // The deleted first: read after the topics, one could be missing that has only just ended.
            let deleted = client.list_children(DELETED);
            tokio::try_join!(async { absent_is_none(deleted.await) }, self.topics.read(&client, TOPICS))
        };
        let (deleted, topics) = self.within("list topics", list).await?;
        let deleted = HashSet::<String>::from_iter(deleted.into_iter().flatten());
        Ok(topics.iter().filter(|topic| !deleted.contains(*topic)).cloned().collect())
    }

    /// One topic with its partitions' states (S-103), `None` where there is no such topic, or its deletion is accepted.
    ///
    /// # Errors
    /// No answer of use, or a node that can't be read.
    pub async fn topic(&self, topic: &str) -> Result<Option<TopicState>, Error> {
        let (path, deleted) = (format!("{TOPICS}/{topic}"), format!("{DELETED}/{topic}"));
        let state_path = |number: u32| format!("{path}/partitions/{number}/state");
        let paths: Vec<_> = [deleted, path.clone()].into_iter().chain((0..FIRST).map(state_path)).collect();
        let mut nodes = self.nodes("read a topic", &paths).await?.into_iter();
        let (None, Some((data, _))) = (nodes.next().flatten(), nodes.next().flatten()) else {
            return Ok(None);
        };
        let assignment = partition::parse_assignment(&data).map_err(|error| malformed(&path, error))?;
        let mut states: BTreeMap<u32, _> = (0..).zip(nodes).collect();
        let others: Vec<u32> = assignment.keys().copied().filter(|number| *number >= FIRST).collect();
        let paths: Vec<_> = others.iter().copied().map(state_path).collect();
        states.extend(others.into_iter().zip(self.nodes("read a topic's partitions", &paths).await?));
        let read = states.into_iter().filter_map(|(number, node)| {
            let (data, _) = node.filter(|_| assignment.contains_key(&number))?;
            let state = partition::parse_state(&data).map_err(|error| malformed(&state_path(number), error));
            Some(state.map(|state| (number, state)))
        });
        let states = read.collect::<Result<_, _>>()?;
        Ok(Some(TopicState { assignment, states }))
    }

    /// Deletes the ephemeral node at `path` ([`registration_path`], [`CONTROLLER`]) if `owner` keeps it (D38).
    ///
    /// ZooKeeper can't compare the owner itself, only the content's version; so between our look and our deletion that
    /// session must not end *and* another write the node anew. Callers know the owner's JVM dead and start the next
    /// one only after this returns.
    ///
    /// # Errors
    /// No answer of use; the node may then be there or not, and the call can be repeated.
    pub async fn delete_if_owner(&self, path: &str, owner: Owner) -> Result<Deleted, Error> {
        self.within("delete a node", |client: Client| async move {
            let Some(stat) = client.check_stat(path).await? else { return Ok(Deleted::Absent) };
            if stat.ephemeral_owner != owner.0 || owner.0 == 0 {
                return Ok(Deleted::OwnedBy(Owner(stat.ephemeral_owner)));
            }
            // A request made without a connection would be kept and sent whenever there is one again: too late.
            if client.state() != SessionState::SyncConnected {
                return Err(zookeeper_client::Error::ConnectionLoss);
            }
            match client.delete(path, Some(stat.version)).await {
                Ok(()) => Ok(Deleted::Yes),
                Err(zookeeper_client::Error::NoNode) => Ok(Deleted::Absent),
                // Written again since: look again.
                Err(zookeeper_client::Error::BadVersion) => Err(zookeeper_client::Error::ConnectionLoss),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// None where there is no such node.
    async fn children(&self, doing: &'static str, path: &str) -> Result<Vec<String>, Error> {
        let list = |client: Client| async move { absent_is_none(client.list_children(path).await) };
        Ok(self.within(doing, list).await?.unwrap_or_default())
    }

    /// The nodes at `paths`, in their order.
    async fn nodes(&self, doing: &'static str, paths: &[String]) -> Result<Vec<Node>, Error> {
        self.within(doing, |client: Client| async move { self.reader.read(&client, paths).await }).await
    }

    async fn node(&self, doing: &'static str, path: &str) -> Result<Node, Error> {
        self.within(doing, |client: Client| async move { absent_is_none(client.get_data(path).await) }).await
    }

    /// Runs `work` within the limit, connecting first where needed; again after the connection or session was lost.
    async fn within<T, F>(&self, doing: &'static str, work: impl Fn(Client) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, zookeeper_client::Error>>,
    {
        let started = Instant::now();
        let mut last = None;
        let attempts = async {
            loop {
                let attempt = match self.client().await {
                    Ok(client) => work(client).await,
                    Err(error) => Err(error),
                };
                match attempt {
                    Err(error) if lost(&error) => last = Some(error),
                    result => return result,
                }
                // Refused connections fail at once; a little patience keeps this from spinning.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        match tokio::time::timeout(self.limit, attempts).await {
            Ok(result) => {
                result.map_err(|source| Error::Failed { connect: self.connect.clone(), doing, source })
            }
            Err(_) => {
                let (connect, after) = (self.connect.clone(), started.elapsed());
                Err(Error::Timeout { connect, doing, after, source: last })
            }
        }
    }

    /// The client there is, or a new one where its session has ended.
    async fn client(&self) -> Result<Client, zookeeper_client::Error> {
        let mut slot = self.client.lock().await;
        if let Some(client) = slot.as_ref().filter(|client| !client.state().is_terminated()) {
            return Ok(client.clone());
        }
        *slot = None;
        let connector = Client::connector().with_session_timeout(self.session_timeout).with_fail_eagerly();
        let client = connector.connect(&self.connect).await?;
        *slot = Some(client.clone());
        Ok(client)
    }
}

/// What the next attempt may mend.
fn lost(error: &zookeeper_client::Error) -> bool {
    use zookeeper_client::Error as E;
    matches!(
        error,
        E::ConnectionLoss
            | E::SessionExpired
            | E::SessionMoved
            | E::ClientClosed
            | E::NoHosts
            | E::Timeout
            | E::Throttled
            // What the client says of a server that fell silent; ZooKeeper's own refusals have variants of their own.
            | E::Custom(_)
    )
}

fn absent_is_none<T>(
    result: Result<T, zookeeper_client::Error>,
) -> Result<Option<T>, zookeeper_client::Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(zookeeper_client::Error::NoNode) => Ok(None),
        Err(error) => Err(error),
    }
}

fn read(broker: u32, data: &[u8], stat: Stat) -> Result<Registration, Error> {
    registration::parse(broker, data, Owner(stat.ephemeral_owner))
        .map_err(|error| malformed(&registration_path(broker), error))
}

fn malformed(path: &str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Malformed { path: path.to_owned(), source: Box::new(source) }
}

#[cfg(test)]
mod tests;
