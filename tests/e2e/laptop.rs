//! The laptop cluster as a user meets it: up, the commands it prints, configure, status, stop (D47, S-012…S-016).

use std::{process::Command, time::Duration};

use local::laptop::home::Part;
use nix::sys::signal::Signal;

use crate::{
    cluster::{Cluster, FREE, all_running, text},
    eventually::eventually,
};

/// Runs a line as the user would type it, in the directory where `up` printed it.
fn shell(cluster: &Cluster, line: &str) -> String {
    let output =
        Command::new("sh").args(["-c", line]).current_dir(cluster.data().parent().unwrap()).output().unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{line}: {}\n{out}{err}", output.status);
    out
}

// S-012…S-016 and D47 in one life of a cluster: a start takes long, so it is shared.
#[tokio::test(flavor = "multi_thread")]
async fn quick_start() {
    let cluster = Cluster::new(&[]);
    let printed = cluster.up(&FREE);

    // S-014, S-016, S-088: three brokers, named `kafka`, in the guide's shape.
    let (json, commands) = printed.split_once("\n}\n").unwrap();
    let connection: serde_json::Value = serde_json::from_str(&format!("{json}\n}}")).unwrap();
    assert_eq!(connection["address"].as_array().unwrap().len(), 3, "{connection}");
    assert!(connection["dns"][0].as_str().unwrap().starts_with("broker-0.kafka.mesos:"), "{connection}");
    assert_eq!(connection["vip"], "broker.kafka.l4lb.thisdcos.directory:9092");
    assert!(connection["zookeeper"].as_str().unwrap().ends_with("/dcos-service-kafka"), "{connection}");

    // The three commands, just as they are printed. S-013: a topic without flags; S-015: what goes in comes out.
    let commands: Vec<&str> = commands.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let [create, produce, consume] = commands[..] else { panic!("three commands: {commands:?}") };
    assert!(create.ends_with(" topic create topic1"), "{create}");
    let created: serde_json::Value = serde_json::from_str(&shell(&cluster, create)).unwrap();
    assert_eq!(created["message"], "Output: Created topic \"topic1\".\n"); // S-104
    shell(&cluster, produce);
    assert_eq!(shell(&cluster, consume), "hello\n");
    crate::topics::guide(&cluster).await;

    let status = cluster.run(&["status"]);
    assert!(status.status.success());
    assert!(text(&status.stdout).contains("broker-2         running"), "{}", text(&status.stdout));

    // A second one does not start beside it.
    let second = cluster.run(&FREE);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("already running"), "{}", text(&second.stderr));

    configure(&cluster).await;

    // D47: `stop` also works when kafka-local itself was killed, and leaves no process behind.
    cluster.part(Part::Supervisor).signal(Signal::SIGKILL);
    let stopped = cluster.run(&["stop"]);
    assert!(stopped.status.success());
    assert_eq!(cluster.processes(), Vec::<String>::new());
    assert_eq!(cluster.run(&["status"]).status.code(), Some(1));

    // D47: the data stays, and the next start, which needs to be told nothing, picks it up.
    let printed = cluster.up(&[]);
    let consume = printed.lines().find(|line| line.contains("console-consumer")).unwrap();
    assert_eq!(shell(&cluster, consume), "hello\n");
    assert!(cluster.run(&["stop"]).status.success());
    assert_eq!(cluster.processes(), Vec::<String>::new());
}

/// D47: `configure` restarts the scheduler alone.
async fn configure(cluster: &Cluster) {
    let before = (cluster.part(Part::Scheduler), cluster.jvms(), cluster.part(Part::Mesos));
    assert_eq!(before.1.len(), 3);

    // S-046: a refused change is said in the guide's words, and the last valid configuration serves on.
    let refused = cluster.run(&["configure", "BROKER_COUNT=2"]);
    assert_eq!(refused.status.code(), Some(1));
    let words =
        "Validation error on field \"BROKER_COUNT\": Decreasing this value (from 3 to 2) is not supported.";
    assert!(text(&refused.stderr).contains(words), "{}", text(&refused.stderr));

    // What the scheduler would not even start with is not tried.
    let nonsense = cluster.run(&["configure", "BROKER_CPUS=many"]);
    assert_eq!(nonsense.status.code(), Some(1));
    assert!(
        text(&nonsense.stderr).contains("nothing was changed")
            && text(&nonsense.stderr).contains("BROKER_CPUS")
    );

    let accepted = cluster.run(&["configure", "BROKER_COUNT=", "FRAMEWORK_FAILOVER_TIMEOUT_SEC=1000000"]);
    assert!(accepted.status.success());
    cluster.complete().await;
    let brokers = eventually("all brokers run", Duration::from_secs(60), async || {
        let brokers = cluster.brokers(3).await;
        if all_running(&brokers) { Ok(brokers) } else { Err(brokers) }
    });
    assert_eq!(brokers.await.len(), 3);
    let after = (cluster.part(Part::Scheduler), cluster.jvms(), cluster.part(Part::Mesos));
    assert_ne!(before.0, after.0, "the scheduler was restarted");
    assert_eq!((before.1, before.2), (after.1, after.2), "nothing else was");
}
