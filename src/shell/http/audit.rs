//! The audit log: one line for each request that would change something, done or refused, at the target `audit`. It says
//! who asked; what they proved it with is not known here.

use std::net::IpAddr;

use axum::http::{Method, StatusCode};

use super::{gate::Caller, shown::shown};

/// A change that was asked for. Its line is written with the answer, or when nobody waits for one any more.
pub(super) struct Entry {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) caller: Caller,
    pub(super) client: Option<IpAddr>,
    pub(super) request_id: String,
    status: Option<StatusCode>,
}

impl Entry {
    pub(super) fn new(
        (method, path, query): (&Method, &str, &str),
        caller: Caller,
        client: Option<IpAddr>,
        request_id: String,
    ) -> Self {
        let [method, path, query] = [method.as_str(), path, query].map(|text| shown(text).into_owned());
        Self { method, path, query, caller, client, request_id, status: None }
    }

    /// Writes the line.
    pub(super) fn answered(mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Self { method, path, query, caller, request_id, .. } = self;
        let client =
            self.client.map_or_else(|| "unknown".to_owned(), |client| client.to_canonical().to_string());
        // What the loop or Kafka was asked for goes on when its client hangs up.
        let status = self.status.as_ref().map_or("none, the client hung up", StatusCode::as_str);
        tracing::info!(
            target: "audit",
            method, path, query, who = %caller, role = caller.role(), client, request_id, status,
            "change"
        );
    }
}
