#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

use api::launch::{Metrics as Given, StatsdTags};
use tower::ServiceExt as _;

use super::*;
use crate::contract::tests::good;

fn settings(contract: &LaunchContract, environment: &[(&str, &str)]) -> Settings {
    let environment = environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Settings::new(contract, Path::new("/sandbox"), &environment)
}

// S-010, D23
#[test]
fn the_contract_s_server_wins_and_else_the_agent_s() {
    let agent = [("STATSD_UDP_HOST", "10.0.0.9"), ("STATSD_UDP_PORT", "8126")];
    assert_eq!(settings(&good(), &[]).statsd, None);
    assert_eq!(settings(&good(), &agent).statsd.as_deref(), Some("10.0.0.9:8126"));
    assert_eq!(settings(&good(), &agent[..1]).statsd.as_deref(), Some("10.0.0.9:8125"));
    assert_eq!(settings(&good(), &[("STATSD_UDP_HOST", "::1")]).statsd.as_deref(), Some("[::1]:8125"));
    assert_eq!(settings(&good(), &[("STATSD_UDP_HOST", "")]).statsd, None);
    let metrics = Given {
        statsd: Some("statsd.example:1".to_owned()),
        prefix: "team.kafka".to_owned(),
        tags: StatsdTags::Dogstatsd,
    };
    let ours = settings(&LaunchContract { metrics, ..good() }, &agent);
    assert_eq!(ours.statsd.as_deref(), Some("statsd.example:1"));
    assert_eq!((ours.identity.prefix.as_str(), ours.identity.tags), ("team.kafka", StatsdTags::Dogstatsd));
    assert_eq!(settings(&good(), &[]).identity.prefix, "kafka", "an older contract's prefix is the service");
    assert_eq!((ours.volume, ours.broker), ("/sandbox/data".into(), "127.0.0.1:9092".to_owned()));
}

// D39
#[test]
fn a_jar_that_is_none_stops_no_broker() {
    let sandbox = tempfile::tempdir().unwrap();
    let (metrics, _task) = Metrics::new(watch::channel(View::default()).1, Arc::default());
    let bare = JvmCommand {
        program: "java".into(),
        arguments: vec!["kafka.Kafka".to_owned()],
        environment: BTreeMap::new(),
    };
    let agent = || metrics.command(&bare, sandbox.path()).0.arguments.len() == 2;
    assert!(!agent(), "nothing is known yet");
    let contract = LaunchContract { metrics_agent: Some("metrics-agent.jar".to_owned()), ..good() };
    metrics.follow(settings(&contract, &[]));
    assert!(!agent(), "there is no jar");
    std::fs::write(sandbox.path().join("metrics-agent.jar"), "<html>not found</html>").unwrap();
    assert!(!agent(), "it is none");
    std::fs::write(sandbox.path().join("metrics-agent.jar"), "PK\x03\x04").unwrap();
    assert!(agent());
    metrics.follow(settings(&good(), &[]));
    assert!(!agent(), "not asked for");
}

async fn get_metrics(routes: Router, path: &str, accept: &str) -> (u16, String, String) {
    let request = hyper::Request::get(path).header("accept", accept).body(axum::body::Body::empty());
    let response = routes.oneshot(request.unwrap()).await.unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, kind, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn shown_as_json_or_as_prometheus_has_it() {
    let (view, viewed) = watch::channel(View { state: "running", ..View::default() });
    let (metrics, task) = Metrics::new(viewed, Arc::default());
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(task);
    assert_eq!(get_metrics(metrics.routes(), "/admin/metrics", "*/*").await.0, 503);
    let volume = tempfile::tempdir().unwrap();
    let contract = LaunchContract { listen_address: "127.0.0.1".to_owned(), port: 1, ..good() };
    std::fs::create_dir(volume.path().join("data")).unwrap();
    metrics.follow(Settings::new(&contract, volume.path(), &BTreeMap::new()));
    metrics.shown.clone().wait_for(Option::is_some).await.unwrap();
    let prometheus = [
        ("/admin/metrics", "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
        ("/admin/metrics?format=prometheus", "*/*"),
    ];
    for (path, accept) in prometheus {
        let (status, kind, body) = get_metrics(metrics.routes(), path, accept).await;
        assert_eq!((status, kind.as_str()), (200, "text/plain; version=0.0.4"));
        assert!(body.contains("\nkafka_jvm_up{service=\"kafka\",broker=\"1\"} 0\n"), "{body}");
    }
    for (path, accept) in [("/admin/metrics", "*/*"), ("/admin/metrics?format=json", "text/plain")] {
        let (status, kind, body) = get_metrics(metrics.routes(), path, accept).await;
        assert_eq!((status, kind.as_str()), (200, "application/json"));
        let json: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(json["broker"], 1);
        assert_eq!(json["metrics"]["health.healthy"]["value"], 1.0);
        assert!(json["metrics"]["volume.free_bytes"]["value"].as_f64().unwrap() > 0.0, "{json}");
        assert_eq!(json["notes"]["statsd"], "no server is set");
        assert_eq!(json["notes"]["agent"], "BROKER_METRICS_AGENT_URI is not set");
    }
    drop(view);
}
