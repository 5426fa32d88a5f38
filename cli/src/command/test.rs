//! `topic producer_test`: follows the job to its end, and stops it on Ctrl-C.

use std::io::{self, IsTerminal, Write};

use api::{
    client::{Answer, Following},
    rest::{Job, JobState, Message},
};
use tokio::{
    signal::ctrl_c,
    time::{Duration, sleep},
};

use super::Scheduler;
use crate::failure::Failure;

/// Pause between two questions, where the connection broke.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs a test of `messages` records and prints the guide's answer (S-107). Progress goes to stderr, where that is a
/// terminal.
pub(super) async fn run(scheduler: &Scheduler, topic: &str, messages: u64) -> Result<(), Failure> {
    let following = scheduler.answered(scheduler.client.producer_test(topic, messages).await)?;
    let mut last = None;
    let ended = tokio::select! {
        ended = follow(scheduler, following, &mut last) => ended?,
        _ = ctrl_c() => match last {
            Some(Job { id, .. }) => scheduler.answered(scheduler.client.cancel_job(id).await)?.body,
            None => return Err(Failure::Job("interrupted before the test had a number; 'GET /v1/jobs' lists it".to_owned())),
        },
    };
    if ended.state != JobState::Completed {
        return Err(Failure::Job(without_figures(&ended)));
    }
    let body = Message { message: format!("{}\n", ended.message) };
    let json = serde_json::to_value(&body).unwrap_or_default();
    scheduler.show(Ok(Answer { body, json }), |message| message.message.clone())
}

/// The job once it has ended; where the connection breaks, it is asked for until then.
async fn follow(
    scheduler: &Scheduler,
    mut following: Following,
    last: &mut Option<Job>,
) -> Result<Job, Failure> {
    let said = io::stderr().is_terminal();
    let broken = loop {
        match following.next().await {
            Ok(Some(job)) if job.state != JobState::Running => return Ok(job),
            Ok(Some(job)) => {
                say(said, &job);
                *last = Some(job);
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    match (last, broken) {
        (Some(job), _) => loop {
            *job = scheduler.answered(scheduler.client.job(job.id).await)?.body;
            if job.state != JobState::Running {
                return Ok(job.clone());
            }
            say(said, job);
            sleep(PAUSE).await;
        },
        (None, Some(error)) => Err(Failure::request(error, &scheduler.address)),
        (None, None) => Err(Failure::Job("the scheduler answered without a word about the test".to_owned())),
    }
}

fn say(terminal: bool, job: &Job) {
    if terminal && !job.message.is_empty() {
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
