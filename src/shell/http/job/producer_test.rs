//! `PUT /v1/topics/{name}?operation=producer-test&messages=…` (S-107, S-108).

use std::time::Duration;

use api::rest::{ErrorCode, Job, JobKind, JobState, Message};
use axum::{
    Json,
    body::{Body, Bytes},
    extract::Query,
    http::{
        Method, Request, StatusCode,
        header::{CONTENT_TYPE, LOCATION},
    },
    response::{IntoResponse, Response},
};
use futures_util::{future::BoxFuture, stream};
use kafka::{
    cluster::AskError,
    producer::{Clock, End, PrepareError, Progress, Share},
    topic::TopicName,
};
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    super::{ApiError, App, cluster, guard::DEADLINE},
    Running, ended,
};

/// What this asks of Kafka.
pub trait Producers: Send + Sync + 'static {
    /// Makes a test ready: the topic exists, and it may be written to.
    fn prepare(&self, topic: TopicName, clock: Clock) -> BoxFuture<'_, Result<Ready, PrepareError>>;
}

/// A test that can begin: sends so many records, at most as fast as its share, until it is told to stop; says about once a
/// second how far it is.
pub type Ready =
    Box<dyn FnOnce(u64, Share, CancellationToken, Report) -> BoxFuture<'static, (Progress, End)> + Send>;
/// Who is told.
pub type Report = Box<dyn FnMut(&Progress) + Send>;

/// How long a request waits for the end of a test. After it the test goes on as a job, and is answered as one: routers do
/// not wait for ever either.
pub(in super::super) const PATIENCE: Duration = Duration::from_secs(240);

/// How long a request may take, where it is one of these: as any other, until the test has begun, and then its patience.
pub(in super::super) fn patience<B>(request: &Request<B>) -> Option<Duration> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(request.uri()).ok()?;
    let is_test = pairs.iter().any(|(key, value)| key == "operation" && value == "producer-test");
    (is_test && request.method() == Method::PUT).then(|| DEADLINE + PATIENCE)
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Asked {
    pub(in super::super) topic: TopicName,
    pub(in super::super) messages: u64,
    /// Whether progress is answered, as a line a second, instead of the end alone.
    pub(in super::super) stream: bool,
}

/// Runs a test. Its answer is the guide's, or, where that is not there in time, its job; with `stream`, its job once a
/// second and once more when it has ended.
pub(in super::super) async fn run(app: &App, asked: Asked) -> Result<Response, ApiError> {
    let stream = asked.stream;
    let job = begin(app, asked).await?;
    if stream {
        return Ok(followed(job));
    }
    match timeout(PATIENCE, ended(job.clone())).await {
        Ok(ended) => whole(ended).map(IntoResponse::into_response),
        Err(_) => Ok(going_on(job.borrow().clone())),
    }
}

async fn begin(app: &App, Asked { topic, messages, .. }: Asked) -> Result<watch::Receiver<Job>, ApiError> {
    let slot = app.jobs.slot()?;
    let (producers, name) = (app.kafka.producers.clone(), topic.clone());
    let started = app.clock.now();
    let since = tokio::time::Instant::now();
    let clock = Clock {
        now: std::sync::Arc::new(move || since.elapsed()),
        epoch: i64::try_from(started.0).unwrap_or(i64::MAX),
    };
    let ready =
        app.slots.change(async move { producers.prepare(name, clock).await }).await?.map_err(refused)?;
    let job = Job {
        elapsed_ms: 0,
        error_code: None,
        id: Uuid::new_v4(),
        kind: JobKind::ProducerTest,
        message: String::new(),
        messages,
        retries: 0,
        sent: 0,
        started_ms: started.0,
        state: JobState::Running,
        topic: topic.to_string(),
        unanswered: 0,
    };
    tracing::info!(job = %job.id, %topic, messages, "producer test begins");
    let (running, entry) = app.jobs.add(job);
    let (share, cancel) = (app.jobs.budget.share(), entry.cancel);
    tokio::spawn(async move {
        let shown = running.0.clone();
        let report = Box::new(move |progress: &Progress| {
            shown.send_modify(|job| {
                told(job, progress);
                job.message = progress.window.window_line(progress.window_elapsed);
            });
        });
        let (progress, end) = ready(messages, share, cancel, report).await;
        finish(&running, &progress, end);
        drop(slot);
    });
    Ok(entry.job)
}

fn told(job: &mut Job, progress: &Progress) {
    job.elapsed_ms = u64::try_from(progress.elapsed.as_millis()).unwrap_or(u64::MAX);
    job.sent = progress.figures.records();
    job.retries = progress.retries;
}

fn finish(Running(shown): &Running, progress: &Progress, end: End) {
    let line = progress.figures.total_line(progress.elapsed);
    shown.send_modify(|job| {
        told(job, progress);
        (job.state, job.message, job.unanswered) = match end {
            End::Completed => (JobState::Completed, line, 0),
            End::Cancelled { unanswered } => (JobState::Cancelled, line, unanswered),
            End::Failed { reason, refused, unanswered } => {
                job.error_code =
                    Some(if refused { ErrorCode::KafkaRefused } else { ErrorCode::KafkaUnavailable });
                (JobState::Failed, format!("{reason}; {line}"), unanswered)
            }
        };
        tracing::info!(
            job = %job.id, topic = job.topic, state = ?job.state, sent = job.sent, retries = job.retries,
            message = job.message, "producer test ended"
        );
    });
}

/// The guide's answer to a test that has ended.
fn whole(ended: Job) -> Result<Json<Message>, ApiError> {
    let Job { message, error_code, id, messages, sent, .. } = ended;
    match ended.state {
        JobState::Completed | JobState::Running => Ok(Json(Message { message: format!("{message}\n") })),
        JobState::Cancelled => {
            let text = format!("job {id} was cancelled after {sent} of {messages} records: {message}");
            Err(ApiError::new(ErrorCode::JobCancelled, text))
        }
        JobState::Failed => {
            let text = format!("job {id} ended after {sent} of {messages} records: {message}");
            Err(ApiError::new(error_code.unwrap_or(ErrorCode::InternalError), text))
        }
    }
}

/// The job that goes on, and where it is found. Its `message` is for who looks at nothing else, as the guide's clients do.
fn going_on(mut job: Job) -> Response {
    // Seen from the topic's path, since what is before `/v1` is the router's.
    let location = format!("../jobs/{}", job.id);
    let so_far = Some(&job.message).filter(|message| !message.is_empty());
    job.message = format!(
        "the test is not over after {} s and goes on: GET /v1/jobs/{} says how far it is, DELETE stops it{}",
        PATIENCE.as_secs(),
        job.id,
        so_far.map(|line| format!("; the last second: {line}")).unwrap_or_default()
    );
    (StatusCode::ACCEPTED, [(LOCATION, location)], Json(job)).into_response()
}

/// The job at once, then as it changes, until it has ended. A client that reads slowly misses what is outdated.
fn followed(job: watch::Receiver<Job>) -> Response {
    let lines = stream::unfold(Some((job, true)), |state| async move {
        let (mut job, first) = state?;
        if !first {
            job.changed().await.ok()?;
        }
        let now = job.borrow_and_update().clone();
        // Proof: a job has neither maps nor numbers that JSON lacks.
        let mut line = serde_json::to_vec(&now).unwrap_or_default();
        line.push(b'\n');
        let next = (now.state == JobState::Running).then_some((job, false));
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(line)), next))
    });
    ([(CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response()
}

/// One JSON object on each line.
pub(in super::super) const NDJSON: &str = "application/x-ndjson";

fn refused(error: PrepareError) -> ApiError {
    let code = match &error {
        PrepareError::NoTopic(_) => ErrorCode::TopicNotFound,
        PrepareError::Topic { error, .. } if error.retriable => ErrorCode::KafkaUnavailable,
        PrepareError::Ask(AskError::NoBroker(error)) => cluster::of_nobody(error),
        PrepareError::Ask(AskError::NoController) => ErrorCode::KafkaUnavailable,
        PrepareError::Ask(AskError::Call(kafka::client::Error::Refused { source, .. }))
            if source.retriable =>
        {
            ErrorCode::KafkaUnavailable
        }
        PrepareError::Ask(AskError::Call(kafka::client::Error::Refused { .. }))
        | PrepareError::Topic { .. } => ErrorCode::KafkaRefused,
        PrepareError::Ask(AskError::Call(error)) if error.is_login_refused() => ErrorCode::KafkaLoginRefused,
        PrepareError::Ask(AskError::Call(_)) => ErrorCode::KafkaUnavailable,
    };
    ApiError::caused(code, &error)
}

/// For the document: one that goes on without its request.
pub(in super::super) fn goes_on() -> Job {
    let id = example().id;
    let message = format!(
        "the test is not over after 240 s and goes on: GET /v1/jobs/{id} says how far it is, DELETE stops it"
    );
    Job { elapsed_ms: 240_000, message, messages: 10_000_000, sent: 8_512_004, ..example() }
}

/// For the document.
pub(in super::super) fn example() -> Job {
    Job {
        elapsed_ms: 5_012,
        error_code: None,
        id: Uuid::from_u128(0x7f3c_1f6e_5d3c_4d2e_9b57_7a3d_0b0f_1c55),
        kind: JobKind::ProducerTest,
        message:
            "61440 records sent, 61317.4 records/sec (59.88 MB/sec), 8.1 ms avg latency, 31.0 ms max latency."
                .to_owned(),
        messages: 1_000_000,
        retries: 0,
        sent: 304_112,
        started_ms: 1_764_104_090_500,
        state: JobState::Running,
        topic: "topic1".to_owned(),
        unanswered: 0,
    }
}
