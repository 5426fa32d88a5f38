//! `/v1/jobs`: work that takes longer than a request may, such as a producer test (S-107).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ErrorCode;

/// One job, as it is: also each line of a producer test that is followed (`stream=true`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Job {
    /// Since it began, in milliseconds; of one that has ended, how long it took.
    pub elapsed_ms: u64,
    /// Of one that failed: what a request would have been refused with.
    pub error_code: Option<ErrorCode>,
    /// Names it in `/v1/jobs/{id}`.
    pub id: Uuid,
    /// What it does.
    pub kind: JobKind,
    /// In the words of `kafka-producer-perf-test.sh`: of a running test the last second, of one that has ended all of
    /// it. Of one that failed also why.
    pub message: String,
    /// Records that were asked for.
    pub messages: u64,
    /// Batches that were sent again, because a broker failed or another became leader.
    pub retries: u64,
    /// Records that Kafka has acknowledged.
    pub sent: u64,
    /// When it began, in milliseconds since 1970.
    pub started_ms: u64,
    /// How far it is.
    pub state: JobState,
    /// The topic it is about.
    pub topic: String,
    /// Records that were sent, but not acknowledged before it ended early: Kafka may have them.
    pub unanswered: u64,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// Measures how fast a topic takes records (S-107, S-108).
    ProducerTest,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum JobState {
    /// It is at work.
    Running,
    /// It has done what was asked for.
    Completed,
    /// It was stopped, by `DELETE /v1/jobs/{id}` or with the scheduler.
    Cancelled,
    /// It could not go on; `message` says why.
    Failed,
}

/// `GET /v1/jobs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JobList {
    /// Jobs that have ended and are not shown any more, since the scheduler started; the last 20 are.
    pub forgotten: u64,
    /// The latest first.
    pub jobs: Vec<Job>,
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::rest::golden;

    #[test]
    fn jobs() {
        let job = Job {
            elapsed_ms: 142,
            error_code: None,
            id: Uuid::from_u128(7),
            kind: JobKind::ProducerTest,
            message: "10 records sent".to_owned(),
            messages: 10,
            retries: 0,
            sent: 10,
            started_ms: 1_764_104_090_500,
            state: JobState::Completed,
            topic: "topic1".to_owned(),
            unanswered: 0,
        };
        let list = JobList { forgotten: 2, jobs: vec![job] };
        golden(
            &list,
            &expect![[
                r#"{"forgotten":2,"jobs":[{"elapsed_ms":142,"error_code":null,"id":"00000000-0000-0000-0000-000000000007","kind":"producer-test","message":"10 records sent","messages":10,"retries":0,"sent":10,"started_ms":1764104090500,"state":"Completed","topic":"topic1","unanswered":0}]}"#
            ]],
        );
    }
}
