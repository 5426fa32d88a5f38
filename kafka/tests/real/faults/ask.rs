//! A call: which request of its is stopped, what it says, and when that is wrong.

use std::{collections::BTreeSet, fmt, time::Duration};

use futures_util::future::BoxFuture;
use kafka::{
    client::Error,
    cluster::{AdminError, AskError, Cluster},
    reassign::Assignment,
    topic::{TopicName, TopicPartition},
};
use kafka_protocol::messages::ApiKey;

use super::truth::{State, Truth};

/// Short, since some faults are waited out; a request that takes longer on a slow machine is an answer not known.
pub(super) const LIMIT: Duration = Duration::from_millis(1500);
/// How many records stand in partition 0 of a topic that has some.
pub(super) const RECORDS: u64 = 3;
/// The setting that is changed, and what it is changed to, or was.
pub(super) const SETTING: (&str, &str) = ("retention.ms", "3600000");
/// How far a group has read.
pub(super) const COMMITTED: u64 = 1;

type Run = fn(Cluster, Place) -> BoxFuture<'static, Said>;

/// A call.
pub(super) struct Ask {
    pub(super) name: &'static str,
    /// The request that is stopped, and how many of them pass before.
    pub(super) key: ApiKey,
    pub(super) pass: usize,
    /// What is there before.
    pub(super) before: Before,
    pub(super) run: Run,
    /// Why what was said is wrong.
    pub(super) judge: fn(&Case) -> Result<(), String>,
}

/// What is there of a call's topic. The broker asked leads partition 0 unless it says otherwise, another leads partition 1,
/// and each has a replica of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    Topic,
    /// With [`RECORDS`] in partition 0.
    Records,
    /// These, and a group that the broker asked coordinates has read [`COMMITTED`].
    Read,
    /// It has [`SETTING`].
    Set,
    /// Another is to lead partition 0.
    Led,
    /// No replica on the last of the brokers.
    Two,
    /// That, and partition 0 is on its way there from the second, for minutes.
    Moving,
}

/// Where a call is made.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) name: TopicName,
    /// The one asked, and the two others.
    pub(super) brokers: [u32; 3],
    /// Read by nobody unless it is [`Before::Read`].
    pub(super) group: String,
    /// Whether KRaft keeps the topics: they are asked of brokers, then.
    pub(super) kraft: bool,
}

impl Place {
    pub(super) fn partition(&self) -> TopicPartition {
        TopicPartition { topic: self.name.clone(), number: 0 }
    }

    /// Partition 0 on the broker asked and the second, or the third.
    pub(super) fn on(&self, third: bool) -> Assignment {
        let [asked, second, last] = self.brokers;
        Assignment::from([(self.partition(), vec![asked, if third { last } else { second }])])
    }
}

/// What the client said of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It is done, or this is so: words, in the order of the answer.
    Done(String),
    /// It is not done, and nothing was changed.
    NotDone(String),
    /// It may or may not be.
    Unknown(String),
}

impl Said {
    pub(super) fn words(words: impl IntoIterator<Item = String>) -> Self {
        Self::Done(words.into_iter().collect::<Vec<_>>().join(" "))
    }

    pub(super) fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown(_))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, text) = match self {
            Self::Done(text) => ("done", text),
            Self::NotDone(text) => ("not done", text),
            Self::Unknown(text) => ("unknown", text),
        };
        write!(f, "{word}: {}", text.chars().take(100).collect::<String>())
    }
}

/// What was said, and what is so.
pub(super) struct Case<'a> {
    pub(super) said: &'a Said,
    pub(super) place: &'a Place,
    pub(super) before: &'a Truth,
    pub(super) after: &'a Truth,
    /// The broker that was down for a while.
    pub(super) down: Option<i32>,
}

impl Case<'_> {
    /// How many partitions the topic has afterwards.
    pub(super) fn partitions(&self) -> usize {
        self.after.topics.get(self.place.name.as_str()).map_or(0, Vec::len)
    }

    /// Partition 0 of the topic.
    pub(super) fn first<'a>(&self, truth: &'a Truth) -> &'a State {
        &truth.topics[self.place.name.as_str()][0]
    }

    /// Who leads partition 0.
    pub(super) fn leader(&self, truth: &Truth) -> i32 {
        self.first(truth).leader
    }

    /// Whether partition 0 is where it was, or is to be, and going nowhere.
    pub(super) fn lies(&self, third: bool) -> bool {
        let expected: BTreeSet<i32> =
            self.place.on(third)[&self.place.partition()].iter().map(|id| id.cast_signed()).collect();
        self.first(self.after).replicas.iter().copied().collect::<BTreeSet<_>>() == expected && !self.moves()
    }

    /// Whether partition 0 is on its way.
    pub(super) fn moves(&self) -> bool {
        self.after.moving.contains_key(&self.place.partition().to_string())
    }

    /// Whether it is done, or untouched, exactly if that was said.
    pub(super) fn went(&self, done: bool, untouched: bool) -> Result<(), String> {
        match self.said {
            Said::Done(_) if !done => Err("it is not done".to_owned()),
            Said::NotDone(_) if !untouched => Err("something was done".to_owned()),
            _ => Ok(()),
        }
    }

    pub(super) fn same(&self, truth: &str) -> Result<(), String> {
        match self.said {
            Said::Done(said) if said != truth => Err(format!("it is {truth}")),
            _ => Ok(()),
        }
    }

    /// What was so before the request and still is must be said, but for what `excused` says of; what was so at neither
    /// time must not, but for what is `allowed`.
    pub(super) fn told(
        &self,
        before: &BTreeSet<String>,
        after: &BTreeSet<String>,
        excused: impl Fn(&str) -> bool,
        allowed: impl Fn(&str) -> bool,
    ) -> Result<(), String> {
        let Said::Done(said) = self.said else { return Ok(()) };
        let said: BTreeSet<String> = said.split_whitespace().map(str::to_owned).collect();
        let unsaid = before.intersection(after).find(|one| !said.contains(*one) && !excused(one));
        if let Some(unsaid) = unsaid {
            return Err(format!("it does not say {unsaid}, which was so all the while"));
        }
        let so = before | after;
        match said.difference(&so).find(|one| !allowed(one)) {
            Some(other) => Err(format!("it says {other}, which was never so; of {so:?} it might be said")),
            None => Ok(()),
        }
    }
}

pub(super) fn asked(error: &AskError) -> Said {
    match error {
        AskError::NoBroker(error) => Said::NotDone(error.to_string()),
        AskError::NoController => Said::NotDone(error.to_string()),
        AskError::Call(error) => called(error),
    }
}

/// A request that was never sent has done nothing.
pub(super) fn called(error: &Error) -> Said {
    if error.is_uncertain() { Said::Unknown(error.to_string()) } else { Said::NotDone(error.to_string()) }
}

pub(super) fn administered(error: &AdminError) -> Said {
    if error.is_uncertain() { Said::Unknown(error.to_string()) } else { Said::NotDone(error.to_string()) }
}
