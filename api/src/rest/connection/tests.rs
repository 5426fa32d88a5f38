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

// S-088, S-089: the parts keep key, order and meaning.
#[test]
fn parts() {
    let address = vec!["10.0.0.211:9843".to_owned(), "10.0.0.217:10056".to_owned()];
    golden(&Addresses { address }, &expect![[r#"{"address":["10.0.0.211:9843","10.0.0.217:10056"]}"#]]);
    let dns = vec!["broker-0.kafka.mesos:9843".to_owned()];
    golden(&DnsNames { dns }, &expect![[r#"{"dns":["broker-0.kafka.mesos:9843"]}"#]]);
}
