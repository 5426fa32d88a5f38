//! `topic producer_test`: what becomes of a test whose client goes, or is cut off.

use std::time::Duration;

use axum::{body::Body, routing::put};
use futures_util::{StreamExt, stream};
use tokio::{sync::Notify, time::timeout};

use super::{administration::interrupt, *};

const JOB: &str = "00000000-0000-0000-0000-000000000007";
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

fn job(state: &str, sent: u64) -> String {
    format!(
        r#"{{"elapsed_ms":71,"error_code":null,"id":"{JOB}","kind":"producer-test","message":"{sent} records sent","messages":9,"retries":0,"sent":{sent},"started_ms":1,"state":"{state}","topic":"t","unanswered":0}}"#
    )
}

/// How a scheduler begins a test.
#[derive(Clone, Copy)]
enum Begins {
    /// It says so when it is let, and then nothing more.
    Once,
    /// It never answers.
    Never,
    /// It says so, and the connection breaks.
    Broken,
}

/// A scheduler that is asked for a test, and answers a question for it, or for its end, so.
struct Scheduler {
    stub: Stub,
    asked: Arc<Notify>,
    go: Arc<Notify>,
}

async fn scheduler(begins: Begins, answer: fn() -> (StatusCode, String)) -> Scheduler {
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (told, let_go) = (asked.clone(), go.clone());
    let begin = move || async move {
        told.notify_one();
        match begins {
            Begins::Once => let_go.notified().await,
            Begins::Never => std::future::pending().await,
            Begins::Broken => {}
        }
        let line = stream::iter([Ok(job("Running", 4) + "\n")]);
        let broken = stream::once(async {
            // The line is on its way before.
            tokio::task::yield_now().await;
            Err(std::io::Error::other("broken"))
        });
        match begins {
            Begins::Broken => Body::from_stream(line.chain(broken)),
            _ => Body::from_stream(line.chain(stream::pending())),
        }
    };
    let router = Router::new().route("/v1/topics/t", put(begin)).route(
        &format!("/v1/jobs/{JOB}"),
        get(move || async move { answer() }).delete(move || async move { answer() }),
    );
    Scheduler { stub: Stub::serve(router).await, asked, go }
}

impl Scheduler {
    /// Runs a test, during which `meanwhile` is done; Ctrl-C is pressed by what it is given.
    async fn test(&self, meanwhile: impl AsyncFnOnce(&dyn Fn())) -> Run {
        let mut command = program(Path::new("/nonexistent"));
        command.args(["topic", "producer_test", "t", "9", "--url", &self.stub.url()]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        timeout(LONG, self.asked.notified()).await.unwrap();
        meanwhile(&|| interrupt(&child)).await;
        let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
        let Output { status, stdout, stderr } = timeout(LONG, ended).await.unwrap().unwrap();
        let text =
            |bytes| String::from_utf8(bytes).unwrap().replace(&self.stub.address.to_string(), "host:1");
        Run { code: status.code(), out: text(stdout), err: text(stderr) }
    }
}

fn cancelled() -> (StatusCode, String) {
    (StatusCode::OK, job("Cancelled", 5))
}

// Pressed before the test has told its number, Ctrl-C stops it as soon as it has.
#[tokio::test(flavor = "multi_thread")]
async fn interrupted_before_it_has_a_number() {
    let scheduler = scheduler(Begins::Once, cancelled).await;
    let run = scheduler
        .test(async |press| {
            press();
            scheduler.go.notify_one();
        })
        .await;
    run.fails(
        1,
        expect![[r#"
            error: the test was cancelled; 5 of 9 records were sent: 5 records sent
        "#]],
    );
}

// Where it never tells, that has an end, and is said.
#[tokio::test(flavor = "multi_thread")]
async fn interrupted_and_not_answered() {
    let scheduler = scheduler(Begins::Never, cancelled).await;
    let unknown = expect![[r#"
        error: interrupted, and the scheduler did not say whether the test has begun; if the test has begun all the same, 'GET /v1/jobs' lists it, and 'DELETE /v1/jobs/<id>' stops it
    "#]];
    scheduler.test(async |press| press()).await.fails(1, unknown);
}

// A test that cannot be stopped is named, with how it is found.
#[tokio::test(flavor = "multi_thread")]
async fn not_to_be_stopped() {
    let scheduler = scheduler(Begins::Once, || error(500, "InternalError", "it failed")).await;
    let run = scheduler
        .test(async |press| {
            scheduler.go.notify_one();
            press();
        })
        .await;
    run.fails(
        1,
        expect![[r#"
            error: the test could not be stopped: it failed (InternalError, request r-1); job 00000000-0000-0000-0000-000000000007, 4 of 9 records sent when it was last heard of: it may go on: 'GET /v1/jobs/00000000-0000-0000-0000-000000000007' says how far it is, and 'DELETE /v1/jobs/00000000-0000-0000-0000-000000000007' stops it
        "#]],
    );
}

// Where the connection breaks the test is asked for; one that a restarted scheduler does not know has ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection() {
    let completed = scheduler(Begins::Broken, || (StatusCode::OK, job("Completed", 9))).await;
    completed.test(async |_| {}).await.prints(expect![[r#"
        {
            "message": "9 records sent\n"
        }
    "#]]);
    let restarted = scheduler(Begins::Broken, || error(404, "JobNotFound", "there is no such job")).await;
    restarted.test(async |_| {}).await.fails(
        1,
        expect![[r#"
            error: the connection broke, and the test cannot be followed: there is no such job (JobNotFound, request r-1); job 00000000-0000-0000-0000-000000000007, 4 of 9 records sent when it was last heard of: it has ended, and how is not known any more
        "#]],
    );
}
