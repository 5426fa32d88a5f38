//! `/v1/jobs`, and the producer test, which is one.

use std::time::Duration;

use reqwest::{Method, Url};
use uuid::Uuid;

use super::{Answer, BODY_LIMIT, Client, Error, error, topic::topic};
use crate::rest::{Job, JobList};

/// How long a test is followed on one connection; longer than one takes, if it is not given up because nothing comes.
const FOLLOWED: Duration = Duration::from_secs(86_400);

/// A job that is followed: a line each time something is new.
#[derive(Debug)]
pub struct Following {
    url: Url,
    response: reqwest::Response,
    /// What has come of the next line.
    line: Vec<u8>,
}

impl Client {
    /// `PUT /v1/topics/{name}?operation=producer-test&stream=true` (S-107): begins a test of so many records. Where the
    /// connection breaks later on, the test goes on: [`Client::job`] says how far it is.
    ///
    /// # Errors
    /// See [`Error`]; so for every request below.
    pub async fn producer_test(&self, name: &str, messages: u64) -> Result<Following, Error> {
        let query = [
            ("operation", "producer-test".to_owned()),
            ("messages", messages.to_string()),
            ("stream", "true".to_owned()),
        ];
        let path = ["v1", "topics", topic(name)?];
        let (url, response) = self.open(Method::PUT, &path, &query, None, FOLLOWED).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(Following { url, response, line: Vec::new() });
        }
        let body = self.body(&url, response).await?;
        Err(error::refusal(&url, status, &body))
    }

    /// `GET /v1/jobs`.
    pub async fn jobs(&self) -> Result<Answer<JobList>, Error> {
        self.get(&["v1", "jobs"]).await
    }

    /// `GET /v1/jobs/{id}`.
    pub async fn job(&self, id: Uuid) -> Result<Answer<Job>, Error> {
        self.get(&["v1", "jobs", &id.to_string()]).await
    }

    /// `DELETE /v1/jobs/{id}`: stops it, and gives how it ended.
    pub async fn cancel_job(&self, id: Uuid) -> Result<Answer<Job>, Error> {
        self.ask(Method::DELETE, &["v1", "jobs", &id.to_string()], &[]).await
    }
}

impl Following {
    /// How the job is, once there is something new; `None` once it has ended. May be dropped while it waits.
    ///
    /// # Errors
    /// The connection broke, or what came is no job.
    pub async fn next(&mut self) -> Result<Option<Job>, Error> {
        loop {
            if let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.line.drain(..=end).collect();
                return super::read(&self.url, &line).map(|answer| Some(answer.body));
            }
            if self.line.len() > BODY_LIMIT {
                let reason = format!("a line is longer than {BODY_LIMIT} bytes");
                return Err(Error::Unreadable { url: self.url.clone(), reason });
            }
            let chunk = self.response.chunk().await.map_err(|broken| Error::Unreachable {
                url: self.url.clone(),
                reason: error::cause(&broken.without_url()),
            })?;
            match chunk {
                Some(chunk) => self.line.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}
