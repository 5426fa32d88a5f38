use expect_test::expect;

use super::*;
use crate::rest::golden;

// S-014, S-088
#[test]
fn body() {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    golden(
        &Connection {
            address: texts(&["10.0.0.211:9843", "10.0.0.217:10056"]),
            dns: texts(&["broker-0.kafka.mesos:9843", "broker-1.kafka.mesos:10056"]),
            vip: "broker.kafka.l4lb.thisdcos.directory:9092".to_owned(),
            zookeeper: "master.mesos:2181/dcos-service-kafka".to_owned(),
        },
        &expect![[
            r#"{"address":["10.0.0.211:9843","10.0.0.217:10056"],"dns":["broker-0.kafka.mesos:9843","broker-1.kafka.mesos:10056"],"vip":"broker.kafka.l4lb.thisdcos.directory:9092","zookeeper":"master.mesos:2181/dcos-service-kafka"}"#
        ]],
    );
}
