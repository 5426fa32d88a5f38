//! The routes that ask the loop.

use super::*;
use crate::shell::http::tests::{call, topics::Unasked};

/// Calls an API whose loop answers `reply`; what it was asked for.
async fn put(view: &View, path: &str, reply: Reply) -> (Answer, Vec<Command>) {
    let (commands, mut asked) = mpsc::channel(1);
    let shown = watch::channel(Arc::new(view.clone())).1;
    let app = App::new(shown, kafka(Arc::new(Unasked)), commands, Clock::start());
    let answers = async {
        let mut seen = Vec::new();
        while let Some(Input::Command(command, answer)) = asked.recv().await {
            seen.push(command);
            answer.send(reply.clone()).unwrap();
        }
        seen
    };
    // The router, and the app's sender with it, is gone once it has answered.
    let request = format!("PUT {path}");
    tokio::join!(call(api(app), &request), answers)
}

// S-099, D15, D26
#[tokio::test]
async fn a_broker_is_restarted() {
    let view = view(rest::Status::Complete);
    let task = TaskId { broker: BrokerId(1), uuid: Uuid::from_u128(7) };
    for (query, force) in [("", false), ("?force=true", true), ("?force=false&replace=false", false)] {
        let (answer, asked) =
            put(&view, &format!("/v1/brokers/1{query}"), Reply::Restarting(Some(task))).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.text, r#"["broker-1__00000000-0000-0000-0000-000000000007"]"#);
        assert_eq!(asked, [Command::Restart { broker: BrokerId(1), force }]);
    }
    let (answer, _) = put(&view, "/v1/brokers/1", Reply::Restarting(None)).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "[]"), "it never had a task");
}

// D16: the loop is not asked for what makes no sense, nor before there is anything to restart.
#[tokio::test]
async fn what_cannot_be_is_refused() {
    use rest::ErrorCode::{BrokerNotFound, InvalidParameter, NotRegistered, NotSupported};
    let good = view(rest::Status::Complete);
    let new = View { not_registered: Some("no framework id yet".to_owned()), ..good.clone() };
    for (view, path, code, words) in [
        (&good, "/v1/brokers/x", InvalidParameter, "\"x\" is not a broker id"),
        (&good, "/v1/brokers/1?force=yes&forse=true", InvalidParameter, "there is no parameter \"forse\""),
        (&good, "/v1/brokers/1?force=yes&forse=true", InvalidParameter, "force is \"yes\"; true or false"),
        // S-100
        (&good, "/v1/brokers/1?replace=true", NotSupported, "cannot replace a broker yet"),
        (&new, "/v1/brokers/1", NotRegistered, "no framework id yet"),
    ] {
        let (answer, asked) = put(view, path, Reply::NoSuchBroker).await;
        let error = answer.error();
        assert_eq!((error.error_code, asked), (code, Vec::new()), "{path}");
        assert!(error.message.contains(words), "{}", error.message);
    }
    let (answer, _) = put(&good, "/v1/brokers/7", Reply::NoSuchBroker).await;
    assert_eq!(answer.error().error_code, BrokerNotFound);
    assert_eq!(answer.error().message, "broker 7 does not exist; the brokers are 0, 1");
    let alone = call(api(app(&good, Arc::new(Unasked))), "PUT /v1/brokers/1").await.error();
    assert_eq!(alone.message, "the scheduler is stopping");
}

/// Long work never blocks short reads: as many wait for the loop as may, one more is told to come back, and what is
/// answered out of memory is answered all the same.
#[tokio::test]
async fn requests_at_once() {
    let view = view(rest::Status::Complete);
    let (commands, mut asked) = mpsc::channel(limit::WAITING);
    let shown = watch::channel(Arc::new(view)).1;
    let app = App::new(shown, kafka(Arc::new(Unasked)), commands, Clock::start());
    let access = app.access.clone();
    let router = api(app);
    let mut clients = tokio::task::JoinSet::new();
    let mut waiting = Vec::new();
    for _ in 0..limit::WAITING {
        let router = router.clone();
        clients.spawn(async move { call(router, "PUT /v1/brokers/1").await.status });
        let Some(Input::Command(_, answer)) = asked.recv().await else { panic!("a restart is asked for") };
        waiting.push(answer);
    }
    for request in ["PUT /v1/brokers/0", "GET /v1/topics", "GET /v1/groups"] {
        let answer = call(router.clone(), request).await;
        let error = answer.error();
        assert_eq!(
            (error.error_code, answer.header("retry-after")),
            (rest::ErrorCode::Overloaded, Some("1"))
        );
        assert!(error.message.contains("64 requests are waiting"), "{}", error.message);
    }
    for path in [
        "/v1/plan",
        "/v1/brokers/1",
        "/v1/connection",
        "/v1/jobs",
        "/v1/openapi.json",
        "/admin/healthcheck",
        "/admin/ping",
    ] {
        assert_eq!(call(router.clone(), &format!("GET {path}")).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(access.door().refused.overloaded, 3);

    // One that hangs up, and one that is answered, make room.
    waiting.pop().unwrap().send(Reply::Restarting(None)).unwrap();
    assert_eq!(clients.join_next().await.unwrap().unwrap(), StatusCode::OK);
    clients.abort_all();
    while clients.join_next().await.is_some() {}
    let again = tokio::spawn({
        let router = router.clone();
        async move { call(router, "PUT /v1/brokers/1").await.status }
    });
    let Some(Input::Command(_, answer)) = asked.recv().await else { panic!("a restart is asked for") };
    answer.send(Reply::Restarting(None)).unwrap();
    assert_eq!(again.await.unwrap(), StatusCode::OK);
}
