//! One cluster of each kind, and all that is asked of one: to start it takes longer than most of that.

use crate::{
    admin::{STEADY, administration},
    cluster::{Kind, RealCluster, Setup},
    faults::an_answer_is_right_or_says_that_it_does_not_know,
    kraft::topics_without_zookeeper,
    producer::records_said_sent_are_those_stored,
    proxy::Proxy,
    topics::a_topics_life,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_with_zookeeper() {
    let proxy = Proxy::listen(3).await;
    let mut real = start(Kind::ZooKeeper, Some(proxy.ports())).await;
    a_topics_life(&mut real).await;
    administration(&real).await;
    an_answer_is_right_or_says_that_it_does_not_know(&mut real, proxy).await;
    records_said_sent_are_those_stored(&mut real).await;
}

#[tokio::test]
async fn an_old_kafka_with_zookeeper() {
    let mut real = start(Kind::Old, None).await;
    a_topics_life(&mut real).await;
    administration(&real).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_with_kraft() {
    let proxy = Proxy::listen(3).await;
    let mut real = start(Kind::KRaft, Some(proxy.ports())).await;
    a_topics_life(&mut real).await;
    administration(&real).await;
    an_answer_is_right_or_says_that_it_does_not_know(&mut real, proxy).await;
    topics_without_zookeeper(&mut real).await;
}

async fn start(kind: Kind, advertised: Option<Vec<u16>>) -> RealCluster {
    RealCluster::start(&Setup { extra: STEADY.to_owned(), advertised, ..Setup::of(kind) }).await
}
