//! Every end of the JVM is told, and told again until the scheduler has stored it (D45).
//!
//! This stands beside the states: a JVM may end in the middle of a task, and the next one serve, while its incident still
//! waits for the scheduler. It looks at the effects of each event last: an incident that is told is kept here, the
//! terminal update gets its short form, and the exit waits a little for the whole one to be stored.

use std::time::Duration;

use api::incident::{Incident, SHORT_LIMIT};
use uuid::Uuid;

use super::{
    effect::{Effect, ExitCode},
    event::How,
    state::{Jvm, Phase, Task},
    stop::Ending,
};
use crate::diagnosis::{
    Evidence, Wanted, diagnose,
    incident::{Life, incident},
};

/// How long an executor whose task has ended waits for its incident to be stored.
pub const STORED_WAIT: Duration = Duration::from_secs(5);
/// Between two tellings: this, doubled each time, at most [`SLOWEST`].
const AGAIN: Duration = Duration::from_secs(1);
const SLOWEST: Duration = Duration::from_secs(60);
/// Incidents kept in memory; older ones are in the sandbox only.
const KEPT: usize = 4;

/// An end of the JVM, as it is known before anybody looked at what was left.
#[derive(Debug)]
pub(super) struct Death {
    how: How,
    wanted: Wanted,
    /// `None`: a task that is none of ours has no incidents anybody could store.
    life: Option<Life>,
    /// What was to end it, in words.
    asked: Option<String>,
    /// When, in words.
    moment: String,
}

impl Death {
    /// `ending`: what was to end it, if anything was; `asked`: in words.
    pub(super) fn new(
        now: Duration,
        task: &Task,
        jvm: &Jvm,
        asked: Option<(String, Option<&Ending>)>,
        phase: Option<&Phase>,
        how: How,
    ) -> Self {
        let forced = matches!(phase, Some(Phase::Forced));
        let wanted = match &asked {
            None => Wanted::ByNobody,
            Some((_, Some(Ending::Unhealthy(_)))) => Wanted::ByHealthCheck { forced },
            Some((_, Some(Ending::OutOfMemory(said)))) => Wanted::ForMemory { said: said.clone() },
            Some(_) => Wanted::ByRequest { forced },
        };
        let uptime = now.saturating_sub(jvm.since);
        let moment = match phase {
            Some(Phase::Asked { asked, .. }) => {
                format!("{} after SIGTERM", seconds(now.saturating_sub(*asked)))
            }
            Some(_) => "after the grace".to_owned(),
            None => format!("after {}", seconds(uptime)),
        };
        let asked = asked.map(|(words, _)| words);
        let (config_id, generation) = task.runs();
        let life = |task| Life { task, uptime, config_id, generation, asked: asked.clone() };
        Self { how, wanted, life: task.id.parse().ok().map(life), asked, moment }
    }

    /// How the JVM ended, in one line for people; its incident is told.
    pub(super) fn examined(self, evidence: Evidence, out: &mut Vec<Effect>) -> String {
        let Self { how, wanted, life, asked, moment } = self;
        let diagnosis = diagnose(how, wanted, &evidence);
        let mut report = format!("the JVM {how} {moment}");
        if !diagnosis.words.is_empty() {
            report.push_str(": ");
            report.push_str(&diagnosis.words);
        }
        if let Some(life) = life {
            let summary = match asked {
                Some(words) => format!("{words}; {report}"),
                None => report.clone(),
            };
            out.push(Effect::Tell(Box::new(incident(life, how, &diagnosis, summary, evidence))));
        }
        report
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// What is told and not known to be stored.
#[derive(Debug, Default)]
pub(super) struct Untold {
    waiting: Vec<Waiting>,
    /// The end of the JVM that ran last, for the terminal update.
    last: Option<Box<Incident>>,
    /// The exit that waits, and until when.
    leaving: Option<(ExitCode, Duration)>,
}

#[derive(Debug)]
struct Waiting {
    incident: Box<Incident>,
    next: Duration,
    pause: Duration,
}

impl Untold {
    /// The scheduler has stored one.
    pub(super) fn stored(&mut self, id: Uuid) {
        self.waiting.retain(|waiting| waiting.incident.id != id);
    }

    /// When time alone brings the next telling, or the end of the wait.
    pub(super) fn due(&self) -> Option<Duration> {
        let leaving = self.leaving.map(|(_, until)| until);
        self.waiting.iter().map(|waiting| waiting.next).chain(leaving).min()
    }

    /// Looks at what an event led to, and adds what is due.
    pub(super) fn follow(&mut self, now: Duration, out: &mut Vec<Effect>) {
        for effect in &mut *out {
            match effect {
                Effect::Tell(incident) => self.tell(now, incident),
                // Another JVM: what the one before did is no longer the task's story.
                Effect::Spawn => self.last = None,
                Effect::Update(update) if update.state.is_terminal() => {
                    update.incident =
                        self.last.take().map(|incident| incident.within(SHORT_LIMIT)).map(Box::new);
                    // Nothing is missing there, and Mesos delivers it for sure.
                    if let Some(incident) = update.incident.as_ref().filter(|incident| incident.whole) {
                        self.stored(incident.id);
                    }
                }
                _ => {}
            }
        }
        if self.leaves(now, out) {
            return;
        }
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.next <= now) {
            waiting.pause = (waiting.pause * 2).min(SLOWEST);
            waiting.next = now + waiting.pause;
            out.push(Effect::Tell(waiting.incident.clone()));
        }
    }

    fn tell(&mut self, now: Duration, incident: &Incident) {
        self.last = Some(Box::new(incident.clone()));
        if self.waiting.len() == KEPT {
            self.waiting.remove(0);
        }
        self.waiting.push(Waiting { incident: Box::new(incident.clone()), next: now + AGAIN, pause: AGAIN });
    }

    /// Whether the executor leaves now. The first exit waits; one that comes again has waited for longer than we do.
    fn leaves(&mut self, now: Duration, out: &mut Vec<Effect>) -> bool {
        let exit = out.iter().position(|effect| matches!(effect, Effect::Exit(_)));
        match (exit, self.leaving) {
            (Some(at), None) if !self.waiting.is_empty() && out[at] == Effect::Exit(ExitCode::Done) => {
                out.remove(at);
                self.leaving = Some((ExitCode::Done, now + STORED_WAIT));
                false
            }
            (None, Some((code, until))) if self.waiting.is_empty() || now >= until => {
                out.push(Effect::Exit(code));
                true
            }
            (exit, _) => exit.is_some(),
        }
    }
}
