//! Do others fail in the same way? Asked just before a broker is ended (D29): where its peers cannot serve either,
//! something that all of them need is away, and a restart of this one only adds to the trouble.
//!
//! Two are asked, as this one was: those whose ids follow its own, so that not everybody asks the same two. They are
//! live ones, registered now; those that were last seen in the metadata only where ZooKeeper does not say who is live: of
//! one that is not registered it is known that it is gone, and its silence says nothing of ours. A cluster of one broker
//! has no peers, and nobody to excuse it.

use std::{collections::BTreeMap, time::Duration};

use kafka::zookeeper::ZooKeeper;
use tokio::time::timeout;

use crate::{
    check::{Failure, Target, answers, registered},
    policy::Excuse,
};

/// So many are asked.
const COUNT: usize = 2;

/// What a peer said.
pub type Looked = (u32, Result<(), Failure>);

/// Looks at the peers of `own`, as it was looked at itself, each within `limit`. `known`: the brokers of the last metadata.
pub async fn look(
    zookeeper: &ZooKeeper,
    own: &Target,
    known: &BTreeMap<u32, String>,
    limit: Duration,
) -> Vec<Looked> {
    let registered = timeout(limit, zookeeper.registrations()).await;
    let live = match registered {
        Ok(Ok(found)) => Some(found.iter().map(|(id, found)| (*id, found.endpoint().address())).collect()),
        // Then ZooKeeper is the trouble, and those known are good enough.
        Ok(Err(_)) | Err(_) => None,
    };
    let looks = choose(own.broker, live.as_ref(), known).into_iter().map(|target| async move {
        let target = Target { secured: own.secured, ..target };
        let looked = one(zookeeper, &target, limit).await;
        (target.broker, looked)
    });
    let mut looks: Vec<_> = looks.collect();
    // At most two, so both at once.
    match (looks.pop(), looks.pop()) {
        (Some(last), Some(first)) => {
            let (first, last) = tokio::join!(first, last);
            vec![first, last]
        }
        (Some(only), None) => vec![only.await],
        _ => Vec::new(),
    }
}

async fn one(zookeeper: &ZooKeeper, target: &Target, limit: Duration) -> Result<(), Failure> {
    answers(target, None, limit).await?;
    // It answers; where ZooKeeper does not say more in time, that is what is known of it.
    timeout(limit, registered(zookeeper, target)).await.map_or(Ok(()), |found| found.map(drop))
}

/// Whom to look at. `live`: the brokers registered, if ZooKeeper said.
fn choose(own: u32, live: Option<&BTreeMap<u32, String>>, known: &BTreeMap<u32, String>) -> Vec<Target> {
    let brokers = live.unwrap_or(known);
    // Round the ring of ids, ours left out.
    let later = brokers.range(own.saturating_add(1)..);
    let others = later.chain(brokers.range(..own)).filter(|(id, _)| **id != own);
    let target = |(broker, address): (&u32, &String)| Target {
        broker: *broker,
        advertised: address.clone(),
        address: address.clone(),
        secured: None,
    };
    others.take(COUNT).map(target).collect()
}

/// What that excuses: all that were asked fail as this broker does.
pub fn excuse(own: &Failure, peers: &[Looked]) -> Option<Excuse> {
    let alike = |(_, looked): &Looked| matches!(looked, Err(failure) if failure.way() == own.way());
    let all = !peers.is_empty() && peers.iter().all(alike);
    all.then(|| Excuse::PeersFailToo(peers.iter().map(|(id, _)| *id).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brokers(ids: &[u32]) -> BTreeMap<u32, String> {
        ids.iter().map(|id| (*id, format!("host-{id}:9092"))).collect()
    }

    fn chosen<'a>(own: u32, live: impl Into<Option<&'a [u32]>>, known: &[u32]) -> Vec<u32> {
        choose(own, live.into().map(brokers).as_ref(), &brokers(known))
            .iter()
            .map(|target| target.broker)
            .collect()
    }

    #[test]
    fn two_that_follow() {
        assert_eq!(chosen(1, &[0, 1, 2, 3][..], &[]), [2, 3]);
        assert_eq!(chosen(3, &[0, 1, 2, 3][..], &[]), [0, 1]);
        assert_eq!(chosen(u32::MAX, &[5, u32::MAX][..], &[]), [5]);
        assert_eq!(chosen(1, &[1][..], &[1]), [0; 0], "it is alone");
    }

    /// D29: where ZooKeeper says who is live, nobody else's silence excuses.
    #[test]
    fn the_dead_are_asked_only_where_nobody_knows_that_they_are() {
        assert_eq!(chosen(1, &[0, 1][..], &[0, 1, 2]), [0], "2 is gone");
        assert_eq!(chosen(1, &[1][..], &[0, 1, 2]), [0; 0], "all others are gone");
        assert_eq!(chosen(1, &[][..], &[0, 1, 2]), [0; 0], "all are gone, ours too");
        assert_eq!(chosen(1, None, &[0, 1, 2]), [2, 0], "ZooKeeper is away");
    }

    fn silent() -> Failure {
        Failure::Silent { address: "a:1".to_owned(), after: Duration::from_secs(1) }
    }

    fn closed() -> Failure {
        Failure::Port { address: "a:1".to_owned(), source: std::io::ErrorKind::ConnectionRefused.into() }
    }

    /// D29, both halves.
    #[test]
    fn only_the_same_failure_of_all_that_were_asked_excuses() {
        let both = [(2, Err(silent())), (3, Err(silent()))];
        assert_eq!(excuse(&silent(), &both), Some(Excuse::PeersFailToo(vec![2, 3])));
        assert_eq!(excuse(&closed(), &both), None, "they fail, but otherwise");
        assert_eq!(excuse(&silent(), &[(2, Err(silent()))]), Some(Excuse::PeersFailToo(vec![2])));
        for other in [Ok(()), Err(closed())] {
            assert_eq!(excuse(&silent(), &[(2, Err(silent())), (3, other)]), None);
        }
        assert_eq!(excuse(&silent(), &[]), None, "nobody was asked");
        // A hanging process whose queue is full does not even take connections, and refuses none.
        let full = Failure::Port { address: "a:1".to_owned(), source: std::io::ErrorKind::TimedOut.into() };
        assert!(excuse(&full, &both).is_some());
    }
}
