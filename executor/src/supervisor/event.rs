//! What happens to the supervisor.

use std::{fmt, time::Duration};

use api::{ids::TaskId, launch::LaunchContract};
use uuid::Uuid;

use crate::{contract::Problems, diagnosis::Evidence};

/// Everything that can happen. Times are durations, tasks and reasons are texts: nothing of Mesos' wire comes in.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The agent accepted us; comes again after each of its restarts.
    Subscribed {
        /// Whether the framework has the capability TASK_KILLING_STATE.
        killing: bool,
    },
    /// The agent hands us a task.
    Launch(Box<Launch>),
    /// The answer to [`Effect::Prepare`](super::Effect::Prepare): the timeout of the broker's ZooKeeper session, or what stands in the way.
    Prepared(Result<Duration, String>),
    /// The answer to [`Effect::Look`](super::Effect::Look).
    Registration(Registered),
    /// The answer to [`Effect::Spawn`](super::Effect::Spawn): the JVM's pid, or why there is none.
    Spawned(Result<u32, String>),
    /// The broker is registered under this ZooKeeper session of its own.
    Session(i64),
    /// A readiness probe: `Err` says what is still missing, in words that stay the same while it does.
    Ready(Result<(), String>),
    /// A health check whose result counts.
    Checked {
        /// Its verdict.
        healthy: bool,
        /// What it saw.
        message: String,
    },
    /// So many failures in a row that the broker must go (S-086).
    Unhealthy {
        /// Names the last one.
        reason: String,
        /// Whether it does not even answer: SIGTERM will hardly reach it either.
        silent: bool,
    },
    /// The JVM's log says that it is out of memory, of a kind for which it does not end itself: in its words.
    OutOfMemory(String),
    /// The scheduler wants the JVM restarted in the same task, with this contract (D31).
    Restart {
        /// Whose.
        task: TaskId,
        /// What is to run; not checked yet.
        contract: Box<LaunchContract>,
    },
    /// The scheduler wants a task killed.
    Kill {
        /// Which.
        task: String,
        /// The kill policy's grace, if the call brings one.
        grace: Option<Duration>,
    },
    /// The agent, or its absence, ends this executor.
    Shutdown {
        /// Why.
        reason: String,
        /// How long the JVM may take.
        grace: Duration,
    },
    /// A signal to this process: its name.
    Signalled(&'static str),
    /// The JVM ended.
    Exited(How),
    /// The answer to [`Effect::Examine`](super::Effect::Examine): what the JVM that ended left behind.
    Examined(Box<Evidence>),
    /// The answer to [`Effect::Sweep`](super::Effect::Sweep).
    Swept {
        /// Processes that even SIGKILL did not end (stuck in the kernel).
        left: usize,
    },
    /// The answer to [`Effect::Forget`](super::Effect::Forget), whether or not it could be done.
    Forgotten,
    /// The agent has a terminal update, or never will.
    Acknowledged {
        /// Whose.
        task: String,
    },
    /// The scheduler has stored an incident (D45).
    IncidentStored {
        /// Which.
        id: Uuid,
    },
    /// Time passes; sent when [`Supervisor::due`](super::Supervisor::due) says, and of no meaning before.
    Tick,
}

/// A task to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    /// Its id.
    pub task: String,
    /// What its data says.
    pub contract: Result<LaunchContract, Problems>,
    /// Its kill policy's grace.
    pub grace: Option<Duration>,
}

/// Who is registered under the broker's id, or has its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// Nobody: the id is free.
    Nobody,
    /// Nobody, but the broker's port is taken: whoever has it may be this broker about to register, or still at work.
    Listening {
        /// Where.
        address: String,
    },
    /// Somebody whose session still lives.
    Other {
        /// Host, port and session.
        owner: String,
    },
    /// ZooKeeper did not say.
    Unknown {
        /// Why.
        why: String,
    },
}

/// Exit code or signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Exited with this code.
    Code(i32),
    /// Was ended by this signal.
    Signal(i32),
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(number) => match nix::sys::signal::Signal::try_from(number) {
                Ok(signal) => write!(f, "was ended by {signal}"),
                Err(_) => write!(f, "was ended by signal {number}"),
            },
        }
    }
}
