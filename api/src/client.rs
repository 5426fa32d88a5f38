//! The REST API from the other side: one typed request per route.
//!
//! A refusal is an [`Error::Refused`] with the scheduler's own words. Bodies come back as JSON *values* as well as
//! types, so that a client older than its scheduler can pass on keys it does not know.

use std::{net::IpAddr, time::Duration};

use reqwest::{Method, StatusCode, Url};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    ids::{BrokerId, TaskId},
    rest,
};

mod error;
mod group;
mod job;
mod reassignment;
mod topic;

pub use self::{error::Error, job::Following};

/// Longest body read, in bytes. A plan of a thousand brokers has a third of a megabyte.
const BODY_LIMIT: usize = 16 << 20;

/// Where the API is and how to reach it.
#[derive(Clone)]
pub struct Options {
    /// Below which `/v1/…` is: `http://127.0.0.1:8080` or `https://dcos.example/service/kafka` (D46).
    pub url: String,
    /// Sent as `Authorization: token=<token>` (S-093).
    pub token: Option<String>,
    /// Certificates to trust besides the system's, in PEM (S-095).
    pub ca_pem: Option<Vec<u8>>,
    /// How long a request may take in all.
    pub deadline: Duration,
}

/// Speaks with one scheduler.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<reqwest::header::HeaderValue>,
    deadline: Duration,
}

/// A body, typed and as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    /// As this build understands it.
    pub body: T,
    /// As the scheduler said it.
    pub json: serde_json::Value,
}

impl Client {
    /// A client; nothing is sent yet. Installs a provider of TLS for the process if it has none.
    ///
    /// # Errors
    /// The URL, the token or the certificates are not what they must be.
    pub fn new(options: Options) -> Result<Self, Error> {
        // Fails only if another thread was first, and then there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let invalid = |what, reason: String| Error::Options { what, reason };
        let base: Url =
            options.url.parse().map_err(|error| invalid("URL", format!("{:?}: {error}", options.url)))?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            let reason = format!("{:?} must begin with http:// or https://", options.url);
            return Err(invalid("URL", reason));
        }
        let token = options.token.map(|token| {
            let mut value: reqwest::header::HeaderValue = format!("token={token}").parse().map_err(|_| {
                // The token itself is a secret and is not shown.
                invalid("token", "it holds characters that a header cannot carry".to_owned())
            })?;
            value.set_sensitive(true);
            Ok(value)
        });
        let mut builder = reqwest::Client::builder()
            // A redirect here is a login page, or a service that is not ours.
            .redirect(reqwest::redirect::Policy::none())
            // What is followed lasts longer than a request may, but is not silent that long.
            .read_timeout(options.deadline)
            .timeout(options.deadline);
        if is_this_machine(&base) {
            // A proxy would look for the scheduler on its own machine.
            builder = builder.no_proxy();
        }
        if let Some(pem) = &options.ca_pem {
            let certificates = reqwest::Certificate::from_pem_bundle(pem)
                .map_err(|error| invalid("CA certificate", error::cause(&error)))?;
            builder = builder.tls_certs_merge(certificates);
        }
        let http = builder.build().map_err(|error| invalid("HTTP client", error::cause(&error)))?;
        Ok(Self { http, base, token: token.transpose()?, deadline: options.deadline })
    }

    /// Where requests go.
    pub fn url(&self) -> &Url {
        &self.base
    }

    /// `GET /v1/connection` (S-088).
    ///
    /// # Errors
    /// See [`Error`]; so for every request below.
    pub async fn connection(&self) -> Result<Answer<rest::Connection>, Error> {
        self.get(&["v1", "connection"]).await
    }

    /// `GET /v1/connection/address`.
    pub async fn addresses(&self) -> Result<Answer<rest::Addresses>, Error> {
        self.get(&["v1", "connection", "address"]).await
    }

    /// `GET /v1/connection/dns`.
    pub async fn dns_names(&self) -> Result<Answer<rest::DnsNames>, Error> {
        self.get(&["v1", "connection", "dns"]).await
    }

    /// `GET /v1/brokers` (S-098).
    pub async fn brokers(&self) -> Result<Answer<rest::BrokerList>, Error> {
        self.get(&["v1", "brokers"]).await
    }

    /// `GET /v1/brokers/{id}` (D4).
    pub async fn broker(&self, id: BrokerId) -> Result<Answer<rest::Broker>, Error> {
        self.get(&["v1", "brokers", &id.to_string()]).await
    }

    /// `GET /v1/brokers/{id}/incidents` (D45).
    pub async fn incidents(&self, id: BrokerId) -> Result<Answer<rest::IncidentList>, Error> {
        self.get(&["v1", "brokers", &id.to_string(), "incidents"]).await
    }

    /// `GET /v1/log-dirs`: what brokers keep on their disks; of one broker, and with replicas of one topic alone, where
    /// they are given.
    pub async fn log_dirs(
        &self,
        broker: Option<BrokerId>,
        topic: Option<&str>,
    ) -> Result<Answer<rest::LogDirList>, Error> {
        let broker = broker.map(|id| ("broker", id.to_string()));
        let topic = topic.map(|name| ("topic", name.to_owned()));
        let query: Vec<_> = broker.into_iter().chain(topic).collect();
        self.ask(Method::GET, &["v1", "log-dirs"], &query).await
    }

    /// `PUT /v1/brokers/{id}` (S-099): the task whose broker restarts, at once or when that hurts nobody; with `force` at
    /// once. Empty where the broker never had a task.
    pub async fn restart_broker(&self, id: BrokerId, force: bool) -> Result<Answer<Vec<TaskId>>, Error> {
        let query: &[_] = if force { &[("force", "true".to_owned())] } else { &[] };
        self.ask(Method::PUT, &["v1", "brokers", &id.to_string()], query).await
    }

    /// `GET /v1/plan`. The 503 of a rollout in progress is no error (S-048).
    pub async fn plan(&self) -> Result<Answer<rest::Plan>, Error> {
        let (url, status, body) = self.send(Method::GET, &["v1", "plan"], &[], None).await?;
        if status == StatusCode::SERVICE_UNAVAILABLE
            && let Ok(answer) = read(&url, &body)
        {
            return Ok(answer);
        }
        understand(&url, status, &body)
    }

    /// `GET /v1/plan/status` (S-049).
    pub async fn plan_active(&self) -> Result<Answer<rest::PlanActive>, Error> {
        self.get(&["v1", "plan", "status"]).await
    }

    /// `GET /admin/healthcheck` (S-119). The 500 of a service that is not well is no error.
    pub async fn health(&self) -> Result<Answer<rest::Health>, Error> {
        let (url, status, body) = self.send(Method::GET, &["admin", "healthcheck"], &[], None).await?;
        if status == StatusCode::INTERNAL_SERVER_ERROR
            && let Ok(answer) = read(&url, &body)
        {
            return Ok(answer);
        }
        understand(&url, status, &body)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Answer<T>, Error> {
        let (url, status, body) = self.send(method, path, query, None).await?;
        understand(&url, status, &body)
    }

    /// A request that has a body.
    async fn tell<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        told: &impl Serialize,
    ) -> Result<Answer<T>, Error> {
        let (url, status, body) = self.send(method, path, &[], Some(json(told)?)).await?;
        understand(&url, status, &body)
    }

    async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Answer<T>, Error> {
        self.ask(Method::GET, path, &[]).await
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        told: Option<Vec<u8>>,
    ) -> Result<(Url, StatusCode, Vec<u8>), Error> {
        let (url, response) = self.open(method, path, query, told, self.deadline).await?;
        let status = response.status();
        Ok((url.clone(), status, self.body(&url, response).await?))
    }

    /// Sends a request, with a body of JSON where one is `told`; the answer's body may take until `deadline` to come.
    async fn open(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        told: Option<Vec<u8>>,
        deadline: Duration,
    ) -> Result<(Url, reqwest::Response), Error> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            // `new` has refused URLs that have no path.
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url.clone()).timeout(deadline);
        if let Some(token) = &self.token {
            request = request.header(reqwest::header::AUTHORIZATION, token);
        }
        if let Some(told) = told {
            request = request.header(reqwest::header::CONTENT_TYPE, "application/json").body(told);
        }
        let response = request.send().await.map_err(|error| self.failed(&url, error))?;
        Ok((url, response))
    }

    async fn body(&self, url: &Url, mut response: reqwest::Response) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(url, error))? {
            if body.len() + chunk.len() > BODY_LIMIT {
                let reason = format!("the body is longer than {BODY_LIMIT} bytes");
                return Err(Error::Unreadable { url: url.clone(), reason });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn failed(&self, url: &Url, error: reqwest::Error) -> Error {
        if error.is_timeout() {
            Error::Deadline { url: url.clone(), seconds: self.deadline.as_secs() }
        } else {
            Error::Unreachable { url: url.clone(), reason: error::cause(&error.without_url()) }
        }
    }
}

/// Whether the URL names the machine we run on by a loopback address or name.
fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    // The URL's parser has made names lower case.
    address.map_or_else(
        |_| host == "localhost" || host.ends_with(".localhost"),
        |address| address.to_canonical().is_loopback(),
    )
}

/// A value that goes into a segment of a URL's path, unless it does not survive there.
fn possible<'a>(what: &'static str, name: &'a str) -> Result<&'a str, Error> {
    match name {
        "" | "." | ".." => {
            Err(Error::Options { what, reason: format!("{name:?} cannot stand in the path of a URL") })
        }
        _ => Ok(name),
    }
}

fn json(told: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(told)
        .map_err(|error| Error::Options { what: "request's body", reason: error.to_string() })
}

fn understand<T: DeserializeOwned>(url: &Url, status: StatusCode, body: &[u8]) -> Result<Answer<T>, Error> {
    if status.is_success() { read(url, body) } else { Err(error::refusal(url, status, body)) }
}

fn read<T: DeserializeOwned>(url: &Url, body: &[u8]) -> Result<Answer<T>, Error> {
    let unreadable = |error: serde_json::Error| Error::Unreadable {
        url: url.clone(),
        reason: format!("{error}; it begins with {}", error::excerpt(body)),
    };
    let json: serde_json::Value = serde_json::from_slice(body).map_err(unreadable)?;
    let body = T::deserialize(&json).map_err(unreadable)?;
    Ok(Answer { body, json })
}

#[cfg(test)]
mod tests;
