//! ZooKeeper connection strings, as Kafka takes them.

use super::InvalidConnect;

/// All that is wrong with a connection string: `host:port[,host:port…][/chroot]`, the port optional (2181).
pub(super) fn check(connect: &str) -> Result<(), InvalidConnect> {
    let (hosts, chroot) = match connect.find('/') {
        Some(at) => connect.split_at(at),
        None => (connect, ""),
    };
    let mut reasons = Vec::new();
    if let Some((scheme, _)) = connect.split_once("://") {
        reasons.push(format!("no {scheme}:// goes before the hosts"));
        return Err(InvalidConnect { connect: connect.to_owned(), reasons });
    }
    for host in hosts.split(',') {
        if let Some(reason) = wrong_host(host) {
            reasons.push(reason);
        }
    }
    if !matches!(chroot, "" | "/") {
        for part in chroot.split('/').skip(1) {
            if part.is_empty() {
                reasons.push(format!("{chroot:?} has an empty part"));
            } else if part == "." || part == ".." || part.contains([',', '\0']) {
                reasons.push(format!("{part:?} can't be part of a path; the chroot follows the last host"));
            }
        }
    }
    if reasons.is_empty() { Ok(()) } else { Err(InvalidConnect { connect: connect.to_owned(), reasons }) }
}

fn wrong_host(text: &str) -> Option<String> {
    let bracketed = text.starts_with('[');
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !bracketed || host.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    if host.is_empty() {
        return Some(format!("{text:?} names no host"));
    }
    if host.contains(char::is_whitespace) {
        return Some(format!("{text:?} holds a blank"));
    }
    if host.contains(':') && !(bracketed && host.ends_with(']')) {
        return Some(format!("{text:?} has several colons; an IPv6 address goes in brackets"));
    }
    let port = port?;
    let valid = port.parse::<u16>().is_ok_and(|port| port > 0);
    (!valid).then(|| format!("{port:?} is no port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(connect: &str, expect: &[&str]) {
        let reasons = check(connect).err().map(|error| error.reasons).unwrap_or_default();
        assert_eq!(reasons.len(), expect.len(), "{connect}: {reasons:?}");
        for (reason, expect) in reasons.iter().zip(expect) {
            assert!(reason.contains(expect), "{connect}: {reason:?} should say {expect:?}");
        }
    }

    #[test]
    fn connection_strings() {
        wrong("master.mesos:2181", &[]);
        wrong("master.mesos:2181/dcos-service-kafka", &[]);
        wrong("a:2181,b:2181,c/x/y", &[]);
        wrong("127.0.0.1:2181/", &[]);
        wrong("[::1]:2181/kafka", &[]);
        wrong("[::1]", &[]);
        wrong("", &["names no host"]);
        wrong("a:2181,", &["names no host"]);
        wrong("a:0,b:x,c:99999", &["\"0\"", "\"x\"", "\"99999\""]);
        wrong("::1:2181", &["brackets"]);
        wrong("a b:2181", &["blank"]);
        wrong("a:2181/x//y", &["empty part"]);
        wrong("a:2181/x/", &["empty part"]);
        wrong("a:2181/x,b:2181/x", &["follows the last host"]);
        wrong("zk://a:2181/x", &["no zk:// goes before"]);
    }
}
