//! The routes that read the view.

use api::incident::{Cause, End, Incident};
use expect_test::expect;

use super::*;
use crate::shell::http::tests::{call, get_of, topics::Unasked};

// S-088
#[tokio::test]
async fn connection() {
    let answer = get_of(&view(rest::Status::Complete), "/v1/connection").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    expect![[r#"{"address":["10.0.0.211:9843"],"dns":["broker-0.kafka.mesos:9843"],"vip":"broker.kafka.l4lb.thisdcos.directory:9092","zookeeper":"master.mesos:2181/dcos-service-kafka"}"#]]
    .assert_eq(&answer.text);
}

// S-088, S-089: the parts, in the order of the whole.
#[tokio::test]
async fn connection_parts() {
    let view = view(rest::Status::Complete);
    let address = get_of(&view, "/v1/connection/address").await;
    assert_eq!(
        (address.status, address.text.as_str()),
        (StatusCode::OK, r#"{"address":["10.0.0.211:9843"]}"#)
    );
    let dns = get_of(&view, "/v1/connection/dns").await;
    assert_eq!((dns.status, dns.text.as_str()), (StatusCode::OK, r#"{"dns":["broker-0.kafka.mesos:9843"]}"#));
}

// S-098
#[tokio::test]
async fn brokers() {
    let answer = get_of(&view(rest::Status::Complete), "/v1/brokers").await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, r#"{"brokers":["0","1"]}"#));
}

// D4, D16
#[tokio::test]
async fn one_broker() {
    let view = view(rest::Status::Complete);
    let answer = get_of(&view, "/v1/brokers/1").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(serde_json::from_str::<rest::Broker>(&answer.text).unwrap(), view.brokers[1]);

    let unknown = get_of(&view, "/v1/brokers/7").await.error();
    assert_eq!(unknown.error_code, rest::ErrorCode::BrokerNotFound);
    assert_eq!(unknown.message, "broker 7 does not exist; the brokers are 0, 1");

    for id in ["x", "-1", "1.0", "4294967296"] {
        let bad = get_of(&view, &format!("/v1/brokers/{id}")).await.error();
        assert_eq!(bad.error_code, rest::ErrorCode::InvalidParameter, "{id}");
        assert!(bad.message.contains(&format!("{id:?}")), "{}", bad.message);
    }
    let unreadable = get_of(&view, "/v1/brokers/%ff").await.error();
    assert_eq!(unreadable.error_code, rest::ErrorCode::InvalidParameter);
}

pub(super) fn incident() -> Incident {
    Incident {
        asked: None,
        at: 1_700_000_000_000,
        broker: BrokerId(0),
        cause: Cause::Killed,
        config_id: None,
        crash: None,
        disks: Vec::new(),
        end: End::Signal(9),
        generation: 0,
        id: Uuid::from_u128(5),
        memory: None,
        stderr: Vec::new(),
        stdout: vec!["[2026] INFO started".to_owned()],
        summary: "the JVM was ended by SIGKILL after 61.0 s".to_owned(),
        task: TaskId { broker: BrokerId(0), uuid: Uuid::from_u128(1) },
        uptime_ms: 61_000,
        whole: true,
    }
}

// D45, D16
#[tokio::test]
async fn incidents() {
    let view = view(rest::Status::Complete);
    let answer = get_of(&view, "/v1/brokers/0/incidents").await;
    assert_eq!(answer.status, StatusCode::OK);
    expect![[r#"{"incidents":[{"asked":null,"at":1700000000000,"broker":"0","cause":"killed","config_id":null,"crash":null,"disks":[],"end":{"signal":9},"generation":0,"id":"00000000-0000-0000-0000-000000000005","memory":null,"stderr":[],"stdout":["[2026] INFO started"],"summary":"the JVM was ended by SIGKILL after 61.0 s","task":"broker-0__00000000-0000-0000-0000-000000000001","uptime_ms":61000,"whole":true}]}"#]].assert_eq(&answer.text);
    assert_eq!(get_of(&view, "/v1/brokers/1/incidents").await.text, r#"{"incidents":[]}"#);
    let unknown = get_of(&view, "/v1/brokers/7/incidents").await.error();
    assert_eq!(unknown.error_code, rest::ErrorCode::BrokerNotFound);
    let bad = get_of(&view, "/v1/brokers/x/incidents").await.error();
    assert_eq!(bad.error_code, rest::ErrorCode::InvalidParameter);
}

// S-041, S-048: 503 while a rollout is in progress, with the body unchanged.
#[tokio::test]
async fn plan() {
    use rest::Status::{Complete, Error, InProgress, Pending, Waiting};
    for (status, http) in [(Complete, 200), (Waiting, 200), (Error, 200), (Pending, 503), (InProgress, 503)] {
        let answer = get_of(&view(status), "/v1/plan").await;
        let body = format!(r#"{{"errors":[],"phases":[],"status":"{status}"}}"#);
        assert_eq!((answer.status.as_u16(), answer.text), (http, body));
    }
}

// S-046, S-048: a refused configuration while the last valid one is still rolled out.
#[tokio::test]
async fn plan_of_a_refusal_amid_a_rollout() {
    for (phase, http) in [(rest::Status::InProgress, 503), (rest::Status::Complete, 200)] {
        let mut view = view(rest::Status::Error);
        let (id, name) = (Uuid::from_u128(1), "Update to: x".to_owned());
        view.plan.phases.push(rest::Phase { blocks: Vec::new(), id, name, status: phase });
        let answer = get_of(&view, "/v1/plan").await;
        assert_eq!(answer.status.as_u16(), http, "{phase}");
        assert!(answer.text.ends_with(r#""status":"Error"}"#), "{}", answer.text);
    }
}

// S-049, S-050, D3: always 200.
#[tokio::test]
async fn plan_status() {
    let answer = get_of(&view(rest::Status::InProgress), "/v1/plan/status").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.text, r#"{"stage":{"errors":[],"phase_count":0,"status":"InProgress"}}"#);
}

// S-119, D19: 500 with the failing check named.
#[tokio::test]
async fn health() {
    let mut view = view(rest::Status::Complete);
    let well = get_of(&view, "/admin/healthcheck").await;
    assert_eq!(well.status, StatusCode::OK);

    let message = "orders/7 has ISR {0,2} of {0,1,2}".to_owned();
    let check = rest::Check { healthy: false, message };
    view.health.0.insert(rest::CheckName::UnderReplicated, check);
    let ill = get_of(&view, "/admin/healthcheck").await;
    assert_eq!(ill.status, StatusCode::INTERNAL_SERVER_ERROR);
    expect![[r#"{"registered":{"healthy":true,"message":"subscribed"},"under_replicated":{"healthy":false,"message":"orders/7 has ISR {0,2} of {0,1,2}"}}"#]]
    .assert_eq(&ill.text);
}

// D19: while a commit hangs there is no new view, and the last one proves nothing.
#[tokio::test(start_paused = true)]
async fn an_old_view_is_not_healthy() {
    let clock = Clock::start();
    let mut view = view(rest::Status::Complete);
    view.made_at = clock.now();
    let (_sender, receiver) = watch::channel(Arc::new(view));
    let router = api(App::new(receiver, kafka(Arc::new(Unasked)), mpsc::channel(1).0, clock));
    tokio::time::advance(std::time::Duration::from_secs(15)).await;
    assert_eq!(call(router.clone(), "GET /admin/healthcheck").await.status, StatusCode::OK);
    tokio::time::advance(std::time::Duration::from_secs(5)).await;
    let stale = call(router, "GET /admin/healthcheck").await;
    assert_eq!(stale.status, StatusCode::INTERNAL_SERVER_ERROR);
    expect![[r#"{"registered":{"healthy":true,"message":"subscribed"},"store":{"healthy":false,"message":"the scheduler stands still for 20 s, probably in a commit; all that is shown is as old"}}"#]]
    .assert_eq(&stale.text);
}

#[tokio::test]
async fn offers() {
    let mut view = view(rest::Status::InProgress);
    view.offers.push(rest::OfferOutcome {
        agent_id: "a-S0".to_owned(),
        at: 1,
        decision: rest::OfferDecision::Declined,
        evaluations: vec![rest::Evaluation {
            broker: BrokerId(0),
            refusal: Some(rest::Refusal::leaf("mem: 2080 wanted, 512 offered")),
        }],
        hostname: "node-0".to_owned(),
        offer_id: "o-1".to_owned(),
        resources: "mem:512".to_owned(),
    });
    let answer = get_of(&view, "/v1/debug/offers").await;
    let list: rest::OfferList = serde_json::from_str(&answer.text).unwrap();
    assert_eq!((answer.status, list.offers), (StatusCode::OK, view.offers));
}

// D16: not yet registered is 503 with Retry-After; what can be told already, is.
#[tokio::test]
async fn before_registration() {
    let mut view = view(rest::Status::Pending);
    view.not_registered = Some("no master answers".to_owned());
    for path in [
        "/v1/connection",
        "/v1/connection/address",
        "/v1/connection/dns",
        "/v1/brokers",
        "/v1/brokers/0",
        "/v1/topics",
        "/v1/topics/t",
    ] {
        let answer = get_of(&view, path).await;
        let error = answer.error();
        assert_eq!(error.error_code, rest::ErrorCode::NotRegistered, "{path}");
        assert!(error.message.ends_with(": no master answers"), "{}", error.message);
        assert_eq!(answer.header("retry-after"), Some("5"));
    }
    let plan = get_of(&view, "/v1/plan").await;
    assert!(serde_json::from_str::<rest::Plan>(&plan.text).is_ok(), "{}", plan.text);
    assert_eq!(get_of(&view, "/admin/healthcheck").await.status, StatusCode::OK);
}

// D16, D48: unknown routes have a body too; plan commands are not here yet (D1).
#[tokio::test]
async fn no_such_route() {
    for path in ["/", "/v1", "/v2/plan", "/v1/plan/continue", "/v1/plan/", "/v1/topics/t/offset"] {
        let error = get_of(&view(rest::Status::Complete), path).await.error();
        assert_eq!(error.error_code, rest::ErrorCode::RouteNotFound, "{path}");
        assert_eq!(error.message, format!("there is no GET {path}"));
    }
}

// D5: the guide's curl line for a description says POST; 405 says what is taken instead.
#[tokio::test]
async fn no_such_method() {
    let check = async |request: &str, allow: &str| {
        let router = api(app(&view(rest::Status::Complete), Arc::new(Unasked)));
        let answer = call(router, request).await;
        assert_eq!(answer.error().error_code, rest::ErrorCode::MethodNotAllowed, "{request}");
        assert_eq!(answer.header("allow"), Some(allow), "{request}");
    };
    check("POST /v1/topics/topic1", "GET,HEAD,PUT,DELETE").await;
    check("PUT /v1/topics", "GET,HEAD,POST").await;
    check("PUT /v1/plan?cmd=continue", "GET,HEAD").await;
}

// A HEAD has no body, also where it is refused.
#[tokio::test]
async fn head() {
    for (path, status) in [("/v1/brokers", 200), ("/v1/brokers/7", 404)] {
        let router = api(app(&view(rest::Status::Complete), Arc::new(Unasked)));
        let answer = call(router, &format!("HEAD {path}")).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (status, ""), "{path}");
    }
}

// D22: PORT0 serves `/admin/*` alone.
#[tokio::test]
async fn admin_port() {
    let router = || admin(app(&view(rest::Status::Complete), Arc::new(Unasked)));
    let ping = call(router(), "GET /admin/ping").await;
    assert_eq!((ping.status, ping.text.as_str()), (StatusCode::OK, "pong"));
    assert_eq!(call(router(), "GET /admin/healthcheck").await.status, StatusCode::OK);
    assert_eq!(call(router(), "GET /v1/plan").await.error().error_code, rest::ErrorCode::RouteNotFound);
}

// A new view is seen by the next request.
#[tokio::test]
async fn views_are_followed() {
    let (sender, receiver) = watch::channel(Arc::new(view(rest::Status::InProgress)));
    let router = api(App::new(receiver, kafka(Arc::new(Unasked)), mpsc::channel(1).0, Clock::start()));
    assert_eq!(call(router.clone(), "GET /v1/plan").await.status, StatusCode::SERVICE_UNAVAILABLE);
    sender.send(Arc::new(view(rest::Status::Complete))).unwrap();
    assert_eq!(call(router, "GET /v1/plan").await.status, StatusCode::OK);
}

#[tokio::test]
async fn openapi() {
    let answer = get_of(&view(rest::Status::Complete), "/v1/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("application/json")));
    let document: Value = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(document, serde_json::to_value(document::document()).unwrap());
}
