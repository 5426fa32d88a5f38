//! `topic reassign`, `topic reassignments` and `topic cancel-reassignments`.

use std::collections::BTreeMap;

use api::rest::{
    Reassignment, ReassignmentPlan,
    reassignment::{Change, Moving, RefusedPartition, Wish},
};
use tokio::{
    signal::ctrl_c,
    time::{Duration, Instant, sleep},
};

use super::{
    Scheduler,
    follow::{PAUSE, Patience, say},
    topic::none_refused,
};
use crate::{
    args::{Following, Reassign},
    failure::Failure,
    render,
};

/// What to do about partitions that move on after we went.
const ON_THEIR_WAY: &str = "'dcos-kafka topic reassignments' shows how far they are, 'dcos-kafka topic \
                            cancel-reassignments' stops them";

/// How long brokers may take to hear from the controller that a move is over.
const NEWS: Duration = Duration::from_secs(10);

/// Begins to move partitions, says which, and follows them if asked to.
pub(super) async fn start(scheduler: &Scheduler, arguments: &Reassign) -> Result<(), Failure> {
    let wish = arguments.wish().map_err(Failure::Usage)?;
    let answer = scheduler.answered(scheduler.client.reassign(&wish).await)?;
    let changes = answer.body.partitions.clone();
    let limited = answer.body.limited.clone();
    scheduler.show(Ok(answer), render::reassignment)?;
    let begun = changes.iter().filter(|change| change.error.is_none());
    // What moved before we came is waited for as well, once.
    let before = limited.iter().filter(|one| {
        !changes.iter().any(|change| (&change.topic, change.partition) == (&one.topic, one.partition))
    });
    let begun: Vec<&Change> = begun.chain(before).collect();
    if arguments.following.wait && !begun.is_empty() {
        follow(scheduler, Some(&begun), arguments.following).await?;
    }
    none_refused(&changes.iter().filter_map(refusal).collect::<Vec<_>>())
}

/// Shows what is on its way, after all of it has arrived if asked to.
pub(super) async fn list(scheduler: &Scheduler, following: Following) -> Result<(), Failure> {
    if following.wait {
        follow(scheduler, None, following).await?;
    }
    scheduler.show(scheduler.client.reassignments().await, render::reassignments)
}

/// Stops what is on its way, of one topic or of all.
pub(super) async fn cancel(scheduler: &Scheduler, topic: Option<&str>) -> Result<(), Failure> {
    let answer = scheduler.answered(scheduler.client.cancel_reassignments(topic).await)?;
    let refused = answer.body.refused.clone();
    scheduler.show(Ok(answer), render::cancelled)?;
    none_refused(&refused)
}

fn refusal(change: &Change) -> Option<RefusedPartition> {
    let Change { error, partition, topic, .. } = change;
    Some(RefusedPartition { error: error.clone()?, partition: *partition, topic: topic.clone() })
}

/// Returns once these partitions, or all, are on their way no more, and these are where they are to be.
async fn follow(
    scheduler: &Scheduler,
    begun: Option<&[&Change]>,
    following: Following,
) -> Result<(), Failure> {
    let mut said = String::new();
    let given_up = async {
        match following.within {
            Some(within) => sleep(within).await,
            None => std::future::pending().await,
        }
    };
    let how = tokio::select! {
        moved = moved(scheduler, begun, &mut said) => return moved,
        () = given_up => {
            format!("not all is copied after {} s", following.within.unwrap_or_default().as_secs())
        }
        _ = ctrl_c() => "interrupted".to_owned(),
    };
    let last = if said.is_empty() { said } else { format!(" ({said})") };
    Err(Failure::Undone(format!("{how}; the partitions move on{last}: {ON_THEIR_WAY}")))
}

async fn moved(scheduler: &Scheduler, begun: Option<&[&Change]>, said: &mut String) -> Result<(), Failure> {
    // When they were first seen to move no more.
    let mut ended = None;
    let (mut patience, mut progress) = (Patience::default(), Progress::default());
    loop {
        if let Some(answer) = patience.answered(scheduler, scheduler.client.reassignments().await)? {
            let mut moving = answer.body.reassignments;
            moving.retain(|moving| {
                let is =
                    |change: &&Change| (&change.topic, change.partition) == (&moving.topic, moving.partition);
                begun.is_none_or(|begun| begun.iter().any(is))
            });
            if !moving.is_empty() {
                ended = None;
                let line = progress.line(&moving);
                if *said != line {
                    say(std::slice::from_ref(&line));
                    *said = line;
                }
            } else if let Some(begun) = begun {
                // Somebody may have stopped them, or sent them elsewhere.
                let left = scheduler.client.reassign(&look(begun)).await;
                if let Some(left) = patience.answered(scheduler, left)? {
                    let arrived = arrived(begun.len(), &left.body);
                    let since = *ended.get_or_insert_with(Instant::now);
                    if arrived.is_ok() || since.elapsed() > NEWS {
                        return arrived;
                    }
                }
            } else {
                say(&["nothing moves".to_owned()]);
                return Ok(());
            }
        }
        sleep(PAUSE).await;
    }
}

/// How far partitions are that were seen to move; those that move no more have all of it.
#[derive(Debug, Default)]
struct Progress(BTreeMap<(String, u32), Copied>);

/// Bytes, where brokers say how many.
#[derive(Clone, Copy, Debug, Default)]
struct Copied {
    done: Option<u64>,
    total: Option<u64>,
}

impl Progress {
    fn line(&mut self, moving: &[Moving]) -> String {
        for copied in self.0.values_mut() {
            copied.done = copied.total;
        }
        for one in moving {
            let copied = Copied { done: one.bytes_done, total: one.bytes_total };
            self.0.insert((one.topic.clone(), one.partition), copied);
        }
        let partitions = format!("{} of {} partitions move", moving.len(), self.0.len());
        let sum = |of: fn(&Copied) -> Option<u64>| self.0.values().map(of).sum::<Option<u64>>();
        match (sum(|one| one.done), sum(|one| one.total)) {
            (Some(done), Some(total)) => format!("{partitions}: {}", render::share(done, total)),
            _ => format!("{partitions}: not all brokers say how much is copied"),
        }
    }
}

/// Asks which of the partitions are not where they are to be, and changes nothing.
fn look(begun: &[&Change]) -> Reassignment {
    let wish = |change: &&Change| Wish {
        partition: change.partition,
        replicas: change.to.clone(),
        topic: change.topic.clone(),
    };
    Reassignment {
        dry_run: true,
        partitions: Some(begun.iter().map(wish).collect()),
        ..Reassignment::default()
    }
}

/// Whether none of so many partitions is left.
fn arrived(count: usize, left: &ReassignmentPlan) -> Result<(), Failure> {
    if left.partitions.is_empty() {
        say(&[format!("moved: {count} of {count} partitions")]);
        return Ok(());
    }
    let each = left.partitions.iter().map(|change| {
        let (at, instead) = (render::ids(&change.from), render::ids(&change.to));
        format!("{}/{} is on {at} instead of {instead}", change.topic, change.partition)
    });
    Err(Failure::Undone(format!(
        "somebody stopped {} of {count} partitions, or moved them elsewhere: {}",
        left.partitions.len(),
        each.collect::<Vec<_>>().join("; ")
    )))
}

#[cfg(test)]
mod tests;
