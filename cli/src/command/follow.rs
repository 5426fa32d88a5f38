//! `plan show --wait` and `broker restart --wait`: asks until all is done, and says on stderr what changes meanwhile.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::Duration,
};

use api::{
    client::{Answer, Error},
    ids::BrokerId,
    rest::{self, Status},
};
use tokio::time::{Instant, sleep, timeout};

use super::Scheduler;
use crate::failure::Failure;

/// Pause between two questions.
pub(super) const PAUSE: Duration = Duration::from_millis(500);
/// How long the scheduler may be away. A restart of it, by Marathon too, takes less.
const PATIENCE: Duration = Duration::from_secs(60);

/// The plan once it is Complete.
pub(super) async fn until_complete(
    scheduler: &Scheduler,
    within: Option<Duration>,
) -> Result<Answer<rest::Plan>, Failure> {
    let mut progress = Progress::default();
    let following = follow(scheduler, &mut progress);
    let Some(within) = within else { return following.await };
    match timeout(within, following).await {
        Ok(result) => result,
        Err(_) => {
            let status = progress.status.map_or("not known".to_owned(), |status| status.to_string());
            Err(Failure::Plan(format!(
                "the plan is not Complete after {} s but {status}; 'plan show --table' says what it waits for",
                within.as_secs()
            )))
        }
    }
}

async fn follow(scheduler: &Scheduler, progress: &mut Progress) -> Result<Answer<rest::Plan>, Failure> {
    let mut patience = Patience::default();
    loop {
        if let Some(answer) = patience.answered(scheduler, scheduler.client.plan().await)? {
            say(&progress.lines(&answer.body));
            match answer.body.status {
                Status::Complete => return Ok(answer),
                Status::Error => return Err(Failure::Plan(refused(&answer.body))),
                Status::Pending | Status::InProgress | Status::Waiting => {}
            }
        }
        sleep(PAUSE).await;
    }
}

/// Returns once a broker that was asked to restart waits for nothing any more: it runs what is wanted, in sync.
pub(super) async fn until_restarted(
    scheduler: &Scheduler,
    id: BrokerId,
    within: Option<Duration>,
) -> Result<(), Failure> {
    let mut said = String::new();
    let following = restarted(scheduler, id, &mut said);
    let Some(within) = within else { return following.await };
    match timeout(within, following).await {
        Ok(result) => result,
        Err(_) => Err(Failure::Plan(format!("broker {id} is not back after {} s: {said}", within.as_secs()))),
    }
}

async fn restarted(scheduler: &Scheduler, id: BrokerId, said: &mut String) -> Result<(), Failure> {
    let mut patience = Patience::default();
    loop {
        if let Some(answer) = patience.answered(scheduler, scheduler.client.broker(id).await)? {
            let Some(wait) = answer.body.waiting else {
                say(&[format!("broker-{id}: serving and in sync")]);
                return Ok(());
            };
            if *said != wait.message {
                say(&[format!("broker-{id}: {}", wait.message)]);
                *said = wait.message;
            }
        }
        sleep(PAUSE).await;
    }
}

/// How long the scheduler has been away.
#[derive(Debug, Default)]
pub(super) struct Patience(Option<Instant>);

impl Patience {
    /// The answer, or none from a scheduler that restarts and has not been away for too long.
    pub(super) fn answered<T>(
        &mut self,
        scheduler: &Scheduler,
        answer: Result<Answer<T>, Error>,
    ) -> Result<Option<Answer<T>>, Failure> {
        match answer {
            Ok(answer) => {
                self.0 = None;
                Ok(Some(answer))
            }
            Err(error) if is_passing(&error) => {
                let since = *self.0.get_or_insert_with(|| {
                    say(&[format!("the scheduler does not answer, waiting for it: {error}")]);
                    Instant::now()
                });
                if since.elapsed() > PATIENCE {
                    return Err(Failure::request(error, &scheduler.address));
                }
                Ok(None)
            }
            Err(error) => Err(Failure::request(error, &scheduler.address)),
        }
    }
}

/// Whether a scheduler that restarts could look like this, itself or through a proxy.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Unreachable { .. } | Error::Deadline { .. } => true,
        Error::Refused { status, .. } | Error::Unexpected { status, .. } => {
            matches!(status, 500 | 502 | 503 | 504)
        }
        Error::Options { .. } | Error::Unreadable { .. } => false,
    }
}

fn refused(plan: &rest::Plan) -> String {
    format!("the configuration is refused, the last valid one serves on: {}", plan.errors.join("; "))
}

pub(super) fn say(lines: &[String]) {
    let mut stderr = io::stderr().lock();
    for line in lines {
        // Progress that nobody can read is no reason to stop.
        let _ = writeln!(stderr, "{line}");
    }
}

/// What was said of the plan so far.
#[derive(Debug, Default)]
struct Progress {
    status: Option<Status>,
    blocks: BTreeMap<String, String>,
}

impl Progress {
    /// What to say about `plan` that was not said yet: each block as it changes, then the whole.
    fn lines(&mut self, plan: &rest::Plan) -> Vec<String> {
        let mut lines = Vec::new();
        for block in plan.phases.iter().flat_map(|phase| &phase.blocks) {
            let line = line(block);
            let said = self.blocks.insert(block.name.clone(), line.clone());
            // A block that was done before we came is no news.
            let old_news = said.is_none() && block.status == Status::Complete;
            if said.as_ref() != Some(&line) && !old_news {
                lines.push(line);
            }
        }
        if self.status.replace(plan.status) != Some(plan.status) {
            let more = match plan.status {
                Status::Waiting => ": it waits for the operator's word",
                _ => "",
            };
            lines.push(format!("plan: {}{more}", plan.status));
        }
        lines
    }
}

fn line(block: &rest::Block) -> String {
    let waiting = block.waiting.as_ref().map(|wait| wait.message.as_str()).filter(|text| {
        // The message may hold it already.
        !block.message.contains(text)
    });
    let status = block.status.as_str();
    // `broker-0: InProgress: Broker-0 is InProgress` says it twice.
    let detail =
        block.message.split_once(&format!(" is {status}")).map_or(block.message.as_str(), |(_, rest)| rest);
    let detail = detail.trim_start_matches([':', ' ', ',']);
    let parts = [Some(status), Some(detail).filter(|text| !text.is_empty()), waiting];
    format!("{}: {}", block.name, parts.into_iter().flatten().collect::<Vec<_>>().join(": "))
}

#[cfg(test)]
mod tests;
