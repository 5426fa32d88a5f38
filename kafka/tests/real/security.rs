//! A real broker whose listener takes TLS with SASL alone: who gets in, and what the others are told.

use std::{fs, time::Duration};

use kafka::{
    client::{
        Connection, Error, Options, Topics,
        security::{Mechanism, Sasl, Tls},
    },
    cluster::{AskError, ChangeError, Cluster},
};

use crate::{
    LIMIT,
    admin::STEADY,
    certificates::Certificates,
    cluster::{Kind, RealCluster, Setup},
    deletion::deletion_is_disabled,
    harness::{Tool, until},
};

const PASSWORD: &str = "open sesame";

fn options(authority: &str, mechanism: Mechanism, password: &str) -> Options {
    let mut options = Options::new("test", LIMIT);
    options.security.tls = Some(Tls::new(Some(authority.as_bytes())).unwrap());
    options.security.sasl = Some(Sasl { mechanism, user: "alice".to_owned(), password: password.to_owned() });
    options
}

#[tokio::test]
async fn tls_and_sasl() {
    let certificates = Certificates::of(&["127.0.0.1"]);
    let (authority, store) = (&certificates.authority, certificates.keystore());
    let dir = tempfile::tempdir().unwrap();
    let keystore = dir.path().join("broker.pem");
    fs::write(&keystore, store).unwrap();
    let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    let extra = format!(
        "{STEADY}listener.security.protocol.map=CLIENT:SASL_SSL,INTERNAL:PLAINTEXT\n\
         ssl.keystore.type=PEM\nssl.keystore.location={}\n\
         listener.name.client.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n\
         listener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
         user_alice=\"{PASSWORD}\";\n\
         listener.name.client.scram-sha-256.sasl.jaas.config={scram}\n\
         listener.name.client.scram-sha-512.sasl.jaas.config={scram}\ndelete.topic.enable=false\n",
        keystore.display()
    );
    let cluster = RealCluster::start(&Setup { brokers: 1, extra, ..Setup::of(Kind::ZooKeeper) }).await;
    let node = &cluster.nodes[0];
    let credentials = ["SCRAM-SHA-256", "SCRAM-SHA-512"]
        .map(|mechanism| format!("{mechanism}=[iterations=4096,password={PASSWORD}]"))
        .join(",");
    let made = Tool::start(
        cluster.kind.version(),
        "kafka.admin.ConfigCommand",
        &[
            "--bootstrap-server",
            &node.internal,
            "--alter",
            "--entity-type",
            "users",
            "--entity-name",
            "alice",
            "--add-config",
            &credentials,
        ],
    )
    .end();
    assert!(made.success, "{made:?}");
    deletion_is_disabled(&cluster).await;

    for mechanism in [Mechanism::Plain, Mechanism::ScramSha256, Mechanism::ScramSha512] {
        // The broker hears of new credentials a moment later.
        let mut connection = until("to be let in", async || {
            Connection::connect(&node.address, &options(authority, mechanism, PASSWORD)).await.ok()
        })
        .await;
        assert!(connection.metadata(Topics::None).await.unwrap().brokers.contains_key(&0));

        let wrong = options(authority, mechanism, "guess");
        let error = Connection::connect(&node.address, &wrong).await.unwrap_err();
        assert!(matches!(error, Error::Sasl { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("does not let in alice by") && !text.contains("guess"), "{text}");
        assert!(!format!("{wrong:?}").contains("guess"));
        // Whoever asks the cluster is told the same, at once: a second try would end alike.
        let nobody = Cluster::new([node.address.clone()], wrong);
        let error = nobody.metadata(Topics::None).await.unwrap_err();
        assert!(matches!(&error, AskError::NoBroker(error) if error.is_login_refused()), "{error}");
        let begun = std::time::Instant::now();
        let error = nobody.delete_topic(&"t".parse().unwrap()).await.unwrap_err();
        assert!(matches!(&error, ChangeError::NoBroker(error) if error.is_login_refused()), "{error}");
        // A second try, and more, would be made for ten seconds.
        assert!(begun.elapsed() < Duration::from_millis(9_500), "{:?}", begun.elapsed());
    }
    let other = Certificates::of(&["127.0.0.1"]).authority;
    let error =
        Connection::connect(&node.address, &options(&other, Mechanism::Plain, PASSWORD)).await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error}");
    // TLS to a plain listener, and plain to one of TLS.
    let error = Connection::connect(&node.internal, &options(authority, Mechanism::Plain, PASSWORD))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Tls { .. } | Error::Timeout { .. }), "{error}");
    let error = Connection::connect(&node.address, &Options::new("test", LIMIT)).await.unwrap_err();
    assert!(matches!(error, Error::Closed { .. } | Error::Io { .. } | Error::Frame { .. }), "{error}");
}
