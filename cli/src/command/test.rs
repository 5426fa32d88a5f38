//! `topic producer_test`: follows the job to its end, and stops it on Ctrl-C.
//!
//! A test goes on without us, so whichever way we lose it, the last words say how it is found: by its number once that is
//! known, else among all jobs.

use std::{
    io::{self, IsTerminal, Write},
    pin::pin,
};

use api::{
    client::{Answer, Error, Following},
    rest::{ErrorCode, Job, JobState, Message},
};
use tokio::{
    select,
    signal::ctrl_c,
    time::{Duration, sleep, timeout},
};

use super::{Scheduler, follow::Patience};
use crate::failure::Failure;

/// Pause between two questions, where the connection broke.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a test that is not wanted any more may take to tell its number, by which it is stopped.
const LAST_WORD: Duration = Duration::from_secs(10);
/// What to do about a test that may have begun.
const PERHAPS: &str =
    "if the test has begun all the same, 'GET /v1/jobs' lists it, and 'DELETE /v1/jobs/<id>' stops it";

/// Runs a test of `messages` records and prints the guide's answer (S-107). Progress goes to stderr, where that is a
/// terminal.
pub(super) async fn run(scheduler: &Scheduler, topic: &str, messages: u64) -> Result<(), Failure> {
    let ended = ended(scheduler, topic, messages).await?;
    if ended.state != JobState::Completed {
        return Err(Failure::Job(without_figures(&ended)));
    }
    let body = Message { message: format!("{}\n", ended.message) };
    let json = serde_json::to_value(&body).unwrap_or_default();
    scheduler.show(Ok(Answer { body, json }), |message| message.message.clone())
}

/// The test once it has ended, by itself or by Ctrl-C.
async fn ended(scheduler: &Scheduler, topic: &str, messages: u64) -> Result<Job, Failure> {
    let (mut pressed, mut begin) = (pin!(ctrl_c()), pin!(begin(scheduler, topic, messages)));
    let (job, following) = select! {
        // Polled first, so that Ctrl-C is ours before anything is asked for.
        biased;
        _ = &mut pressed => {
            pressed.set(ctrl_c());
            let begun = select! {
                biased;
                _ = &mut pressed => None,
                begun = timeout(LAST_WORD, &mut begin) => begun.ok(),
            };
            return match begun {
                Some(begun) => stop(scheduler, &begun?.0).await,
                None => Err(Failure::Job(format!(
                    "interrupted, and the scheduler did not say whether the test has begun; {PERHAPS}"
                ))),
            };
        }
        begun = &mut begin => begun?,
    };
    select! {
        ended = follow(scheduler, job.clone(), following) => ended,
        _ = &mut pressed => stop(scheduler, &job).await,
    }
}

/// Asks for a test, and waits for its number.
async fn begin(scheduler: &Scheduler, topic: &str, messages: u64) -> Result<(Job, Following), Failure> {
    let unsure = |error: Error| match error {
        // Sure: nothing was begun, or the scheduler says itself that it does not know.
        Error::Refused { .. } | Error::Options { .. } => Failure::request(error, &scheduler.address),
        error => Failure::Job(format!("{}; {PERHAPS}", Failure::request(error, &scheduler.address))),
    };
    let mut following = scheduler.client.producer_test(topic, messages).await.map_err(unsure)?;
    match following.next().await.map_err(unsure)? {
        Some(job) => Ok((job, following)),
        None => Err(Failure::Job(format!("the scheduler answered without a word about the test; {PERHAPS}"))),
    }
}

/// Stops the test, and gives how it ended. Another Ctrl-C ends the wait for that.
async fn stop(scheduler: &Scheduler, job: &Job) -> Result<Job, Failure> {
    let failed = |why: Failure| lost("the test could not be stopped", job, &why);
    select! {
        stopped = scheduler.client.cancel_job(job.id) => {
            scheduler.answered(stopped).map(|answer| answer.body).map_err(failed)
        }
        _ = ctrl_c() => Err(failed(Failure::Job("interrupted once more".to_owned()))),
    }
}

/// The job once it has ended; where the connection breaks, it is asked for until then.
async fn follow(scheduler: &Scheduler, mut job: Job, mut following: Following) -> Result<Job, Failure> {
    let said = io::stderr().is_terminal();
    while job.state == JobState::Running {
        match following.next().await {
            Ok(Some(next)) => job = next,
            Ok(None) | Err(_) => return ask(scheduler, job, said).await,
        }
        say(said, &job);
    }
    Ok(job)
}

/// The job once it has ended, asked for again and again; a scheduler may be away as long as a restart of it takes.
async fn ask(scheduler: &Scheduler, mut job: Job, said: bool) -> Result<Job, Failure> {
    let mut patience = Patience::default();
    while job.state == JobState::Running {
        let answer = patience.answered(scheduler, scheduler.client.job(job.id).await);
        let failed = |why: Failure| lost("the connection broke, and the test cannot be followed", &job, &why);
        if let Some(answer) = answer.map_err(failed)? {
            job = answer.body;
            say(said, &job);
        }
        if job.state == JobState::Running {
            sleep(PAUSE).await;
        }
    }
    Ok(job)
}

/// The last word on a test that nobody follows any more.
fn lost(what: &str, Job { id, sent, messages, .. }: &Job, why: &Failure) -> Failure {
    let is_gone = |error: &Error| matches!(error, Error::Refused { code, .. } if code == ErrorCode::JobNotFound.as_str());
    let instead = match why {
        // Jobs end with their scheduler.
        Failure::Request { error, .. } if is_gone(error) => {
            "it has ended, and how is not known any more".to_owned()
        }
        _ => format!(
            "it may go on: 'GET /v1/jobs/{id}' says how far it is, and 'DELETE /v1/jobs/{id}' stops it"
        ),
    };
    Failure::Job(format!(
        "{what}: {why}; job {id}, {sent} of {messages} records sent when it was last heard of: {instead}"
    ))
}

fn say(terminal: bool, job: &Job) {
    if terminal && job.state == JobState::Running && !job.message.is_empty() {
        // Progress that nobody can read is no reason to stop.
        let _ = writeln!(io::stderr().lock(), "{} of {}: {}", job.sent, job.messages, job.message);
    }
}

fn without_figures(job: &Job) -> String {
    let how = if job.state == JobState::Cancelled { "was cancelled" } else { "failed" };
    let unanswered = match job.unanswered {
        0 => String::new(),
        count => format!(" ({count} more may have been)"),
    };
    format!("the test {how}; {} of {} records were sent{unanswered}: {}", job.sent, job.messages, job.message)
}

#[cfg(test)]
mod tests {
    use api::{
        client::{Client, Options},
        rest::JobKind,
    };
    use tokio::time::Instant;

    use super::*;
    use crate::address::{Address, Origin};

    fn job() -> Job {
        Job {
            elapsed_ms: 0,
            error_code: None,
            id: uuid::Uuid::from_u128(7),
            kind: JobKind::ProducerTest,
            message: String::new(),
            messages: 10,
            retries: 0,
            sent: 4,
            started_ms: 0,
            state: JobState::Running,
            topic: "t".to_owned(),
            unanswered: 0,
        }
    }

    // A scheduler that stays away has an end, and the test a name by which it is found. Time is virtual.
    #[tokio::test(start_paused = true)]
    async fn patience_with_a_scheduler_that_stays_away() {
        let url = "http://127.0.0.1:1".to_owned();
        let deadline = Duration::from_secs(40);
        let options = Options { url: url.clone(), token: None, ca_pem: None, deadline };
        let address = Address { url, origin: Origin::Flag, token: None, ca_file: None };
        let scheduler = Scheduler { client: Client::new(options).unwrap(), address, table: false };
        let begun = Instant::now();
        let text = ask(&scheduler, job(), false).await.unwrap_err().to_string();
        assert!(begun.elapsed() > Duration::from_secs(60) && begun.elapsed() < Duration::from_secs(150));
        for words in [
            "the connection broke, and the test cannot be followed: ",
            "http://127.0.0.1:1/v1/jobs/00000000-0000-0000-0000-000000000007",
            "; job 00000000-0000-0000-0000-000000000007, 4 of 10 records sent when it was last heard of: it may go on: 'GET ",
        ] {
            assert!(text.contains(words), "{text}");
        }
    }
}
