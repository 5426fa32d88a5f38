//! A broker's registration, `/brokers/ids/<id>`: an ephemeral node that lives as long as its JVM's ZooKeeper session.

use std::fmt;

use serde::Deserialize;

/// A ZooKeeper session, the owner of ephemeral nodes. Printed as ZooKeeper prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(pub i64);

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// Where clients reach a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The listener's name, for example `PLAINTEXT`.
    pub listener: String,
    /// Host name or address, IPv6 without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl Endpoint {
    /// `host:port`, as clients are configured with; IPv6 in brackets.
    pub fn address(&self) -> String {
        address(&self.host, self.port)
    }
}

/// `host:port`, IPv6 in brackets.
pub(crate) fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// One broker as it registered itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The broker's id.
    pub broker: u32,
    /// Its advertised listeners, at least one, in its own order.
    pub endpoints: Vec<Endpoint>,
    /// When it registered, in milliseconds since 1970, by its own clock.
    pub since: Option<u64>,
    /// The session that keeps it registered.
    pub owner: Owner,
}

impl Registration {
    /// The first listener.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoints[0] // parse refuses a registration without any
    }

    /// Whether one of its listeners is this address (`host:port`; the host in any case).
    pub fn serves(&self, address: &str) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.address().eq_ignore_ascii_case(address))
    }
}

/// A registration that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not the JSON brokers write.
    #[error("not a broker's registration")]
    Json(#[source] serde_json::Error),
    /// One of its endpoints is not of the form `LISTENER://host:port`.
    #[error("endpoint {0:?} is not of the form LISTENER://host:port")]
    Endpoint(String),
    /// It names no address at all.
    #[error("it names no endpoint")]
    NoEndpoint,
}

/// Reads a registration; every version Kafka ever wrote (1 to 5).
///
/// # Errors
/// Where the bytes are no registration, or one without an address.
pub fn parse(broker: u32, json: &[u8], owner: Owner) -> Result<Registration, Error> {
    #[derive(Deserialize)]
    struct Record {
        #[serde(default)]
        endpoints: Vec<String>,
        // Only of use where there are no endpoints: null and -1 when no listener is plain text.
        host: Option<String>,
        port: Option<i64>,
        timestamp: Option<serde_json::Value>,
    }
    let record: Record = serde_json::from_slice(json).map_err(Error::Json)?;
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for text in &record.endpoints {
        endpoints.push(endpoint(text).ok_or_else(|| Error::Endpoint(text.clone()))?);
    }
    if endpoints.is_empty() {
        let port = record.port.and_then(|port| u16::try_from(port).ok());
        let (Some(host), Some(port)) = (record.host, port) else { return Err(Error::NoEndpoint) };
        endpoints.push(Endpoint { listener: "PLAINTEXT".to_owned(), host, port });
    }
    // A text in all versions seen, but nobody promises it.
    let since = record.timestamp.and_then(|value| match value {
        serde_json::Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    });
    Ok(Registration { broker, endpoints, since, owner })
}

fn endpoint(text: &str) -> Option<Endpoint> {
    let (listener, address) = text.split_once("://")?;
    let (host, port) = address.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if listener.is_empty() || host.is_empty() {
        return None;
    }
    Some(Endpoint { listener: listener.to_owned(), host: host.to_owned(), port: port.parse().ok()? })
}

/// Entry point for a fuzzer: whatever a broker's node and a partition's hold, reading ends, and a registration has an
/// endpoint.
///
/// # Panics
/// When that does not hold.
pub fn fuzz(bytes: &[u8]) {
    if let Ok(registration) = parse(1, bytes, Owner(7)) {
        assert!(!registration.endpoint().address().is_empty(), "a registration without an address");
    }
    let _no_panic = (crate::partition::parse_state(bytes), crate::partition::parse_assignment(bytes));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As Kafka 3.9.2 wrote it.
    const NOW: &str = r#"{"features":{},"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://127.0.0.1:23092"],"jmx_port":-1,"port":23092,"host":"127.0.0.1","version":5,"timestamp":"1795414317476"}"#;

    fn check(json: &str, expect: Result<&[&str], &str>) {
        match (parse(1, json.as_bytes(), Owner(9)), expect) {
            (Ok(registration), Ok(addresses)) => {
                let found: Vec<_> = registration.endpoints.iter().map(Endpoint::address).collect();
                assert_eq!(found, addresses, "{json}");
            }
            (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
            (got, expect) => panic!("{json}: {got:?} where {expect:?} is right"),
        }
    }

    #[test]
    fn every_version() {
        check(NOW, Ok(&["127.0.0.1:23092"]));
        check(
            r#"{"version":1,"host":"a.example","port":9092,"jmx_port":-1,"timestamp":"1"}"#,
            Ok(&["a.example:9092"]),
        );
        check(
            r#"{"version":4,"host":null,"port":-1,"endpoints":["TLS://b:9093","IN://[::1]:9094"]}"#,
            Ok(&["b:9093", "[::1]:9094"]),
        );
        check(r#"{"version":4,"host":null,"port":-1,"endpoints":[]}"#, Err("no endpoint"));
        check(r#"{"version":4,"endpoints":["b:9093"]}"#, Err("\"b:9093\""));
        check(r#"{"version":4,"endpoints":["TLS://b:99999"]}"#, Err("99999"));
        check("[]", Err("not a broker's registration"));
        check("", Err("not a broker's registration"));
    }

    #[test]
    fn the_rest_of_it() {
        let registration = parse(7, NOW.as_bytes(), Owner(0x0100_000c_f476_0001)).unwrap();
        assert_eq!(registration.broker, 7);
        assert_eq!(registration.since, Some(1_795_414_317_476));
        assert_eq!(registration.owner.to_string(), "0x100000cf4760001");
        assert_eq!(registration.endpoint().listener, "PLAINTEXT");
        assert!(registration.serves("127.0.0.1:23092"));
        assert!(!registration.serves("127.0.0.1:2309"));
        assert!(!registration.serves("127.0.0.2:23092"));
    }

    proptest! {
        /// Any text as JSON, and a real record with some bytes changed: read or refused.
        #[test]
        fn changed_bytes(
            text in any::<String>(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            fuzz(text.as_bytes());
            let mut bytes = NOW.as_bytes().to_vec();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            fuzz(&bytes);
            if let Ok(registration) = parse(0, &bytes, Owner(0)) {
                prop_assert!(!registration.endpoints.is_empty());
                let own = registration.endpoint().address();
                prop_assert!(registration.serves(&own));
            }
        }
    }
}
