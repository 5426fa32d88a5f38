//! The `server.properties` keys that the service sets itself (D37), and the option that sets each.
//!
//! The scheduler refuses them as `KAFKA_OVERRIDE_*`; the executor writes them last. Both read this one table.

/// Key, or prefix where it ends in a dot, and what to use instead of overriding it.
pub const RESERVED: &[(&str, &str)] = &[
    ("broker.id", "the service numbers its brokers, from 0 to BROKER_COUNT - 1"),
    ("log.dirs", "the log directory is on the broker's volume, sized by BROKER_DISK and DISK_TYPE"),
    ("log.dir", "the log directory is on the broker's volume, sized by BROKER_DISK and DISK_TYPE"),
    ("zookeeper.connect", "use KAFKA_ZOOKEEPER_URI"),
    ("listeners", "use BROKER_PORT and BROKER_LISTEN_ADDRESS"),
    ("port", "use BROKER_PORT"),
    ("host.name", "use BROKER_LISTEN_ADDRESS"),
    ("advertised.", "use BROKER_PORT and KAFKA_ADVERTISE_HOST_IP"),
];

/// What to use instead of overriding `key`, if the service sets it itself; `None` for a key that users may set.
pub fn reserved(key: &str) -> Option<&'static str> {
    let matches = |name: &str| if name.ends_with('.') { key.starts_with(name) } else { key == name };
    RESERVED.iter().find(|(name, _)| matches(name)).map(|&(_, instead)| instead)
}

#[cfg(test)]
mod tests {
    use super::*;

    // D37
    #[test]
    fn exactly_our_own_keys_are_reserved() {
        for key in
            "broker.id log.dirs log.dir zookeeper.connect listeners advertised.listeners port host.name \
                    advertised.host.name advertised.port"
                .split_whitespace()
        {
            assert!(reserved(key).is_some(), "{key}");
        }
        for key in "broker.id.generation.enable log.retention.hours zookeeper.connection.timeout.ms \
                    listener.security.protocol.map advertised"
            .split_whitespace()
        {
            assert_eq!(reserved(key), None, "{key}");
        }
    }
}
