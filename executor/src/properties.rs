//! Contract → `server.properties` (D37): starts empty, the contract's layers, and ours on top.

use api::launch::{LaunchContract, Metadata};
use overrider::{
    layer::{Change, Layer, apply, differences},
    properties::Properties,
};

/// Name of the layer that holds the reserved keys.
pub const OURS: &str = "executor";

/// The file, and what each key was set to and by which layer.
pub struct ServerProperties {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Old → new, for the log: against the file of the JVM before, where there is one.
    pub changes: Vec<Change>,
}

/// Makes the file of a checked contract. `before`: what the JVM before reads, empty where there is none.
pub fn server_properties(contract: &LaunchContract, before: &Properties) -> ServerProperties {
    let mut layers: Vec<Layer> = contract
        .layers
        .iter()
        .map(|layer| Layer { name: layer.name.clone(), properties: layer.properties.clone() })
        .collect();
    layers.push(ours(contract));
    let mut file = Properties::default();
    apply(&mut file, &layers);
    ServerProperties { bytes: file.to_bytes(), changes: differences(before, &layers) }
}

/// The reserved keys. Paths are relative to the sandbox, the broker's working directory.
fn ours(contract: &LaunchContract) -> Layer {
    let Metadata::ZooKeeper { connect } = &contract.metadata;
    let protocol = contract.protocol.as_str();
    let endpoint = |address: &str| format!("{protocol}://{}:{}", bracketed(address), contract.port);
    let properties = [
        ("broker.id", contract.broker.to_string()),
        // Below the volume, since a disk's own `lost+found` would stop Kafka (D32).
        ("log.dirs", format!("{}/kafka", contract.volume)),
        ("zookeeper.connect", connect.clone()),
        ("listeners", endpoint(&contract.listen_address)),
        ("advertised.listeners", endpoint(&contract.advertised_host)),
    ];
    Layer {
        name: OURS.to_owned(),
        properties: properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    }
}

/// A host as it stands in an endpoint: IPv6 addresses in brackets.
pub fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use api::launch::{RESERVED, reserved};
    use expect_test::expect;

    use super::*;
    use crate::contract::tests::{good, layer};

    // D28, D32, D33, D37
    #[test]
    fn golden() {
        let mut contract = good();
        contract.layers.push(layer("KAFKA_OVERRIDE_*", &[("log.retention.hours", "24")]));
        let made = server_properties(&contract, &Properties::default());
        expect![[r#"
            advertised.listeners=PLAINTEXT://10.0.0.5:9092
            broker.id=1
            listeners=PLAINTEXT://0.0.0.0:9092
            log.dirs=data/kafka
            log.retention.hours=24
            offsets.topic.replication.factor=3
            zookeeper.connect=zk1:2181,zk2:2181/dcos-service-kafka
        "#]]
        .assert_eq(&String::from_utf8(made.bytes).unwrap());
        let lines: Vec<_> = made.changes.iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 7);
        assert_eq!(lines[4], "log.retention.hours: unset → 24 (KAFKA_OVERRIDE_* over service)");
        // D31: the next one is told against this one.
        let before = Properties::parse(server_properties(&contract, &Properties::default()).bytes.as_slice());
        contract.layers.push(layer("again", &[("log.retention.hours", "25")]));
        let next = server_properties(&contract, &before.unwrap());
        let lines: Vec<_> = next.changes.iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["log.retention.hours: 24 → 25 (again over service, KAFKA_OVERRIDE_*)"]);
    }

    #[test]
    fn what_we_set_is_reserved() {
        for key in ours(&good()).properties.keys() {
            assert!(reserved(key).is_some(), "{key} is set by us but missing in {RESERVED:?}");
        }
    }

    #[test]
    fn a_listener_is_called_what_it_speaks() {
        let contract = LaunchContract { protocol: api::launch::Protocol::SaslSsl, ..good() };
        let made = ours(&contract).properties;
        assert_eq!(made["listeners"], "SASL_SSL://0.0.0.0:9092");
        assert_eq!(made["advertised.listeners"], "SASL_SSL://10.0.0.5:9092");
    }

    #[test]
    fn ipv6_stands_in_brackets() {
        let mut contract = good();
        contract.listen_address = "::1".to_owned();
        assert_eq!(ours(&contract).properties["listeners"], "PLAINTEXT://[::1]:9092");
    }
}
