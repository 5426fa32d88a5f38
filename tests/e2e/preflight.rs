//! What stands in the way is said before anything starts.

use std::net::TcpListener;

use crate::cluster::{Cluster, text};

// Issue 3: a port in use, too little memory or disk, no Java: said clearly, before anything starts, all at once.
#[test]
fn everything_in_the_way_is_said_before_anything_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let cluster =
        Cluster::new(&[("JAVA_HOME", "/nowhere"), ("BROKER_DISK", "1000000000"), ("BROKER_MEM", "little")]);
    let arguments = [
        "--master-port",
        &port,
        "--zookeeper-port",
        "0",
        "--agent-port",
        "0",
        "--api-port",
        "0",
        "--broker-ports",
        "0",
        "--heap",
        "1000000000",
    ];
    let output = cluster.run(&arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    for part in [
        "nothing was started",
        &format!("port {port}, wanted for the Mesos master, is in use by"),
        &format!("(pid {})", std::process::id()),
        "--master-port",
        "too little memory",
        "too little disk",
        "no Java: JAVA_HOME is /nowhere",
        "Validation error on field \"BROKER_MEM\"",
    ] {
        assert!(said.contains(part), "{part:?} is missing in:\n{said}");
    }
    assert_eq!(cluster.processes(), Vec::<String>::new());
    // Nothing is remembered of a start that was none.
    assert!(!cluster.data().join("kafka-local.json").exists());
}

#[test]
fn mistakes_are_said_all_at_once() {
    let cluster = Cluster::new(&[("BROKER_COUNT", "three"), ("PORT1", "99999")]);
    let output = cluster.run(&[]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("BROKER_COUNT is \"three\"") && said.contains("PORT1 is \"99999\""), "{said}");
    assert_eq!(cluster.run(&["configure", "broker-count=3"]).status.code(), Some(2));
}
