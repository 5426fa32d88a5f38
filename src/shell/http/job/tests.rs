//! Jobs with a Kafka that takes records when the test says so.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::{Arc, Mutex};

use api::rest::{self, JobKind};
use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, StatusCode},
    response::Response,
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use kafka::{
    producer::{Clock, End, Figures, PrepareError, Progress, Share},
    topic::TopicName,
};
use tokio::sync::Notify;
use tower::ServiceExt;

use super::{
    super::{
        api,
        tests::{app_with, call, view},
    },
    producer_test::{Producers, Ready, Report},
    *,
};

pub(super) fn job(number: u128, state: JobState) -> Job {
    Job { id: Uuid::from_u128(number), state, ..producer_test::example() }
}

/// A topic `topic1` that takes one record each time it is let; others do not exist.
#[derive(Default)]
struct Slow {
    go: Arc<Notify>,
    rates: Arc<Mutex<Vec<u64>>>,
    fail: bool,
}

impl Producers for Slow {
    fn prepare(&self, topic: TopicName, _: Clock) -> BoxFuture<'_, Result<Ready, PrepareError>> {
        if topic.as_str() != "topic1" {
            return async { Err(PrepareError::NoTopic(topic)) }.boxed();
        }
        let (go, rates, fail) = (self.go.clone(), self.rates.clone(), self.fail);
        let ready: Ready = Box::new(move |messages, share: Share, cancel, mut report: Report| {
            async move {
                let mut progress = Progress::default();
                while progress.figures.records() < messages {
                    tokio::select! {
                        () = go.notified() => {}
                        () = cancel.cancelled() => return (progress, End::Cancelled { unanswered: 2 }),
                    }
                    if fail {
                        let reason = "partition 0: TOPIC_AUTHORIZATION_FAILED".to_owned();
                        return (progress, End::Failed { reason, refused: true, unanswered: 1 });
                    }
                    rates.lock().unwrap().push(share.rate());
                    progress.figures.record(1, 1024, std::time::Duration::from_millis(13));
                    progress.window = Figures::default();
                    progress.window.record(1, 1024, std::time::Duration::from_millis(13));
                    progress.elapsed += std::time::Duration::from_millis(71);
                    report(&progress);
                }
                (progress, End::Completed)
            }
            .boxed()
        });
        async { Ok(ready) }.boxed()
    }
}

fn router(slow: &Arc<Slow>) -> Router {
    api(app_with(&view(rest::Status::Complete), slow.clone()))
}

const TEST: &str = "/v1/topics/topic1?operation=producer-test&messages=2";

async fn asked(router: Router) -> super::super::tests::Answer {
    call(router, &format!("PUT {TEST}")).await
}

async fn follow(router: &Router) -> Response {
    let request = Request::put(format!("{TEST}&stream=true")).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    response
}

// The header asks for lines as the parameter does; who takes JSON as well gets that, and the parameter has the last word.
#[tokio::test]
async fn lines_by_accept() {
    let slow = Arc::new(Slow::default());
    for (accept, more, lines) in [
        ("application/x-ndjson", "", true),
        ("text/plain, Application/X-NDJSON;q=0.9", "", true),
        ("application/x-ndjson", "&stream=false", false),
        ("application/json, application/x-ndjson", "", false),
        ("*/*", "", false),
        ("*/*", "&stream=true", true),
    ] {
        let request = Request::put(format!("{TEST}{more}")).header("accept", accept);
        let asked = router(&slow).oneshot(request.body(Body::empty()).unwrap());
        let go_on = async {
            loop {
                slow.go.notify_one();
                tokio::task::yield_now().await;
            }
        };
        let answer = tokio::select! {
            answer = asked => answer.unwrap(),
            never = go_on => never,
        };
        let kind = if lines { "application/x-ndjson" } else { "application/json" };
        assert_eq!(answer.headers()["content-type"], kind, "{accept} {more}");
    }
}

fn line(bytes: &Bytes) -> Job {
    assert!(bytes.ends_with(b"\n"));
    serde_json::from_slice(bytes).unwrap()
}

/// S-107: the guide's body, as soon as all is sent.
#[tokio::test]
async fn the_guides_answer() {
    let slow = Arc::new(Slow::default());
    let router = router(&slow);
    let asked = tokio::spawn(asked(router.clone()));
    slow.go.notify_one();
    until(async || slow.rates.lock().unwrap().len() == 1).await;
    slow.go.notify_one();
    let answer = asked.await.unwrap();
    assert_eq!(
        answer.text,
        r#"{"message":"2 records sent, 14.084507 records/sec (0.01 MB/sec), 13.00 ms avg latency, 13.00 ms max latency, 13 ms 50th, 13 ms 95th, 13 ms 99th, 13 ms 99.9th.\n"}"#
    );
    // Alone, it had the whole rate (S-108).
    assert_eq!(*slow.rates.lock().unwrap(), [100_000, 100_000]);
    let list: JobList = serde_json::from_str(&call(router, "GET /v1/jobs").await.text).unwrap();
    assert_eq!((list.jobs.len(), list.jobs[0].state, list.jobs[0].sent), (1, JobState::Completed, 2));
    assert_eq!((list.jobs[0].kind, list.jobs[0].topic.as_str()), (JobKind::ProducerTest, "topic1"));
}

#[tokio::test]
async fn progress_is_a_line_each() {
    let slow = Arc::new(Slow::default());
    let router = router(&slow);
    let mut lines = follow(&router).await.into_body().into_data_stream();
    let first = line(&lines.next().await.unwrap().unwrap());
    assert_eq!((first.state, first.sent, first.messages), (JobState::Running, 0, 2));
    slow.go.notify_one();
    let second = line(&lines.next().await.unwrap().unwrap());
    assert_eq!((second.state, second.sent, second.id), (JobState::Running, 1, first.id));
    assert!(second.message.starts_with("1 records sent, "), "{}", second.message);
    slow.go.notify_one();
    let mut last = line(&lines.next().await.unwrap().unwrap());
    if last.state == JobState::Running {
        last = line(&lines.next().await.unwrap().unwrap());
    }
    assert_eq!((last.state, last.sent), (JobState::Completed, 2));
    assert!(last.message.ends_with("99.9th."), "{}", last.message);
    assert!(lines.next().await.is_none());
}

/// A client that hangs up takes nothing with it: the job is there, and is stopped by whoever asks for that.
#[tokio::test]
async fn it_outlives_its_client_and_is_cancelled() {
    let slow = Arc::new(Slow::default());
    let router = router(&slow);
    let mut lines = follow(&router).await.into_body().into_data_stream();
    let id = line(&lines.next().await.unwrap().unwrap()).id;
    drop(lines);
    slow.go.notify_one();
    let path = format!("/v1/jobs/{id}");
    until(async || {
        let job: Job =
            serde_json::from_str(&call(router.clone(), &format!("GET {path}")).await.text).unwrap();
        assert_eq!(job.state, JobState::Running);
        job.sent == 1
    })
    .await;
    for _ in 0..2 {
        let answer = call(router.clone(), &format!("DELETE {path}")).await;
        let job: Job = serde_json::from_str(&answer.text).unwrap();
        assert_eq!((job.state, job.sent, job.unanswered), (JobState::Cancelled, 1, 2));
    }
    let unknown = call(router.clone(), &format!("GET /v1/jobs/{}", Uuid::from_u128(9))).await.error();
    assert_eq!(unknown.error_code, ErrorCode::JobNotFound);
    assert_eq!(call(router, "GET /v1/jobs/x").await.error().error_code, ErrorCode::InvalidParameter);
}

/// S-107, S-108: a test that takes longer than its request may is no failure, and nothing is lost of it: the answer is its
/// job and where that is. However the query spells it. Time is virtual: it moves on when all wait.
#[tokio::test(start_paused = true)]
async fn a_long_test_outlives_its_request() {
    for query in ["operation=producer-test&messages=2", "messages=2&stream=false&operation=producer%2Dtest"] {
        let slow = Arc::new(Slow::default());
        let router = router(&slow);
        slow.go.notify_one();
        let begun = tokio::time::Instant::now();
        let answer = call(router.clone(), &format!("PUT /v1/topics/topic1?{query}")).await;
        assert_eq!(begun.elapsed().as_secs(), producer_test::PATIENCE.as_secs(), "{query}");
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        let job: Job = serde_json::from_str(&answer.text).unwrap();
        assert_eq!((job.state, job.sent, job.messages, job.error_code), (JobState::Running, 1, 2, None));
        let words = [format!("GET /v1/jobs/{}", job.id), "; the last second: 1 records sent, ".to_owned()];
        assert!(words.iter().all(|words| job.message.contains(words)), "{}", job.message);
        // From the topic's path, wherever a router has put that.
        let place = format!("../jobs/{}", job.id);
        assert_eq!(answer.headers["location"], place.as_str());
        slow.go.notify_one();
        let path = format!("GET /v1/topics/{place}").replace("topics/../", "");
        until(async || {
            let job: Job = serde_json::from_str(&call(router.clone(), &path).await.text).unwrap();
            (job.state, job.sent) == (JobState::Completed, 2)
        })
        .await;
    }
}

/// Bounded: no more than four, which share the rate; a fifth is told so, and comes in when one has ended.
#[tokio::test]
async fn four_share_the_rate_and_a_fifth_waits_outside() {
    let slow = Arc::new(Slow::default());
    let router = router(&slow);
    let mut bodies = Vec::new();
    for _ in 0..RUNNING {
        bodies.push(follow(&router).await.into_body().into_data_stream());
    }
    slow.go.notify_one();
    until(async || !slow.rates.lock().unwrap().is_empty()).await;
    assert_eq!(*slow.rates.lock().unwrap(), [25_000]);
    let refused = call(router.clone(), &format!("PUT {TEST}")).await.error();
    assert_eq!(refused.error_code, ErrorCode::Overloaded);
    assert!(refused.message.contains("DELETE /v1/jobs/<id>"), "{}", refused.message);
    let id = line(&bodies[0].next().await.unwrap().unwrap()).id;
    call(router.clone(), &format!("DELETE /v1/jobs/{id}")).await;
    until(async || follow_if_room(&router).await).await;
}

async fn follow_if_room(router: &Router) -> bool {
    let request = Request::put(format!("{TEST}&stream=true")).body(Body::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap().status().is_success()
}

/// D16: who waits for figures is told why there are none.
#[tokio::test]
async fn ends_without_figures() {
    let slow = Arc::new(Slow { fail: true, ..Slow::default() });
    let failing = router(&slow);
    slow.go.notify_one();
    let error = call(failing.clone(), &format!("PUT {TEST}")).await.error();
    assert_eq!(error.error_code, ErrorCode::KafkaRefused);
    assert!(error.message.contains("TOPIC_AUTHORIZATION_FAILED; 0 records sent"), "{}", error.message);

    let slow = Arc::new(Slow::default());
    let router = router(&slow);
    let asked = tokio::spawn(asked(router.clone()));
    let mut id = None;
    until(async || {
        let list: JobList = serde_json::from_str(&call(router.clone(), "GET /v1/jobs").await.text).unwrap();
        id = list.jobs.first().map(|job| job.id);
        id.is_some()
    })
    .await;
    call(router.clone(), &format!("DELETE /v1/jobs/{}", id.unwrap())).await;
    assert_eq!(asked.await.unwrap().error().error_code, ErrorCode::JobCancelled);

    let nowhere = "PUT /v1/topics/nowhere?operation=producer-test&messages=2";
    assert_eq!(call(router, nowhere).await.error().error_code, ErrorCode::TopicNotFound);
}

/// D16: what it takes is said where it is wrong.
#[tokio::test]
async fn bad_requests() {
    let router = router(&Arc::new(Slow::default()));
    for (query, words) in [
        ("operation=producer-test", "the parameter messages is missing"),
        ("operation=producer-test&messages=0", "a whole number from 1 to 10000000 is expected"),
        ("operation=producer-test&messages=10000001", "a whole number from 1 to 10000000 is expected"),
        ("operation=producer-test&messages=1&stream=yes", "true or false is expected"),
        ("operation=producer-test&messages=1&partitions=2", "partitions"),
    ] {
        let error = call(router.clone(), &format!("PUT /v1/topics/topic1?{query}")).await.error();
        assert_eq!(error.error_code, ErrorCode::InvalidParameter, "{query}");
        assert!(error.message.contains(words), "{query}: {}", error.message);
    }
}

/// A job whose task panicked has failed, and does not seem to be at work for ever.
#[tokio::test]
async fn a_panic_is_a_failure() {
    let jobs = Jobs::new(CancellationToken::new());
    let (running, entry) = jobs.add(job(1, JobState::Running));
    drop(running);
    let ended = ended(entry.job).await;
    assert_eq!((ended.state, ended.error_code), (JobState::Failed, Some(ErrorCode::InternalError)));
}

async fn until(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..10_000 {
        if holds().await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("waited in vain");
}
