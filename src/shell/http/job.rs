//! `/v1/jobs`: work that takes longer than a request may. It goes on when its client hangs up, so that a proxy's
//! patience does not cut off a test of minutes: what it found is read here, and what is not wanted any more is stopped
//! here.
//!
//! Bounds: [`RUNNING`] at work, one more is answered 503 `Overloaded`; the last [`registry::KEPT`] that ended are kept.
//! Jobs are not stored: with the scheduler they end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::rest::{ErrorCode, Job, JobList, JobState};
use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use kafka::producer::{Budget, RATE};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::registry::{Entry, Registry};
use super::{ApiError, App, document::refusals};

pub(super) mod producer_test;
mod registry;

refusals! {
    /// Of [`list`].
    List = [];
    /// Of [`show`] and [`cancel`].
    One = [InvalidParameter, JobNotFound];
}

/// Jobs at work at once. Each has at least a quarter of the rate of all producer tests, and holds five batches on the
/// way to each broker at most.
pub(super) const RUNNING: usize = 4;

/// All jobs of this process.
#[derive(Clone, Debug)]
pub(crate) struct Jobs {
    registry: Arc<Mutex<Registry>>,
    slots: Arc<Semaphore>,
    budget: Budget,
    stop: CancellationToken,
}

impl Jobs {
    /// None yet; all end with `stop`.
    pub(crate) fn new(stop: CancellationToken) -> Self {
        Self {
            registry: Arc::default(),
            slots: Arc::new(Semaphore::new(RUNNING)),
            budget: Budget::new(RATE),
            stop,
        }
    }

    /// Room for one more.
    fn slot(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.slots).try_acquire_owned().map_err(|_| {
            let message = format!(
                "{RUNNING} jobs are at work, and no more may be; GET /v1/jobs lists them, DELETE /v1/jobs/<id> stops one"
            );
            ApiError::new(ErrorCode::Overloaded, message)
        })
    }

    /// Keeps a job that begins.
    fn add(&self, job: Job) -> (Running, Entry) {
        let (shown, job) = watch::channel(job);
        let entry = Entry { job, cancel: self.stop.child_token() };
        self.registry().add(entry.clone());
        (Running(shown), entry)
    }

    fn find(&self, id: Result<Path<Uuid>, PathRejection>) -> Result<Entry, ApiError> {
        let Path(id) = id?;
        let unknown = || {
            let message = format!("there is no job {id}; GET /v1/jobs lists those there are");
            ApiError::new(ErrorCode::JobNotFound, message)
        };
        self.registry().find(id).ok_or_else(unknown)
    }

    /// Nothing panics while it is held.
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows how a job is. One that is dropped while at work has failed: its task panicked.
#[derive(Debug)]
struct Running(watch::Sender<Job>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_if_modified(|job| {
            let broken = job.state == JobState::Running;
            if broken {
                job.state = JobState::Failed;
                job.error_code = Some(ErrorCode::InternalError);
                job.message = "the scheduler failed on this job; its log has the details".to_owned();
            }
            broken
        });
    }
}

/// Waits for the end of a job.
async fn ended(mut job: watch::Receiver<Job>) -> Job {
    // Its sender is only gone once it has ended.
    let _ = job.wait_for(|job| job.state != JobState::Running).await;
    let job = job.borrow();
    job.clone()
}

/// The jobs at work, and the last 20 that ended.
#[utoipa::path(
    get, path = "/v1/jobs", tag = "jobs",
    responses(
        (status = 200, description = "The latest first", body = JobList,
         example = json!({"forgotten": 0, "jobs": [producer_test::example()]})),
        List,
    ),
)]
pub(super) async fn list(State(app): State<App>) -> Json<JobList> {
    Json(app.jobs.registry().list())
}

/// One job: how far it is, and what it found.
#[utoipa::path(
    get, path = "/v1/jobs/{id}", tag = "jobs",
    params(("id" = Uuid, Path, description = "The job", example = "7f3c1f6e-5d3c-4d2e-9b57-7a3d0b0f1c55")),
    responses(
        (status = 200, description = "As it is", body = Job, example = json!(producer_test::example())),
        One,
    ),
)]
pub(super) async fn show(
    State(app): State<App>,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<Job>, ApiError> {
    let entry = app.jobs.find(id)?;
    let job = entry.job.borrow();
    Ok(Json(job.clone()))
}

/// Stops a job, and answers how it ended. One that has ended already is answered as it is.
#[utoipa::path(
    delete, path = "/v1/jobs/{id}", tag = "jobs",
    params(("id" = Uuid, Path, description = "The job", example = "7f3c1f6e-5d3c-4d2e-9b57-7a3d0b0f1c55")),
    responses(
        (status = 200, description = "It has ended", body = Job, example = json!(producer_test::example())),
        One,
    ),
)]
pub(super) async fn cancel(
    State(app): State<App>,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<Job>, ApiError> {
    let entry = app.jobs.find(id)?;
    entry.cancel.cancel();
    Ok(Json(ended(entry.job).await))
}

#[cfg(test)]
mod tests;
