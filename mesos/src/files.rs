//! Reading a file out of an executor's sandbox, through the agent that holds it (mesos-v1-http 9.4).

use std::time::Duration;

use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;

use crate::scheduler::{BuildError, Masters, builder};

/// Longest answer of a master to the question where an agent is. It lists every resource of it.
const AGENT_LIMIT: usize = 4 << 20;

/// Asks masters and agents.
#[derive(Clone, Debug)]
pub struct Files {
    http: reqwest::Client,
    masters: Masters,
}

/// Which file of which sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The agent that holds it.
    pub agent_id: String,
    /// Whose executor.
    pub framework_id: String,
    /// Which executor; of several runs the latest is meant.
    pub executor_id: String,
    /// The file's name in the sandbox.
    pub name: String,
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// No master told where the agent is.
    #[error("no master says where agent {agent_id} is: {why}")]
    NoAgent {
        /// Which.
        agent_id: String,
        /// What the last one asked said.
        why: String,
    },
    /// The agent does not give the file.
    #[error("agent {address} does not give the file: {why}")]
    NotGiven {
        /// Where it is.
        address: String,
        /// What it said.
        why: String,
    },
}

impl Files {
    /// Reads through these masters' agents; each question may take as long as `limit`.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(masters: Masters, limit: Duration) -> Result<Self, BuildError> {
        // A master that does not lead says by a redirect who does.
        let http = builder().timeout(limit).build()?;
        Ok(Self { http, masters })
    }

    /// The whole file, which may have at most `longest` bytes.
    ///
    /// # Errors
    /// The agent is not known or not there, or does not give the file.
    pub async fn read(&self, wanted: &Wanted, longest: usize) -> Result<Vec<u8>, FilesError> {
        let address = self.agent(&wanted.agent_id).await?;
        let not_given = |why| FilesError::NotGiven { address: address.clone(), why };
        let Wanted { framework_id, executor_id, name, .. } = wanted;
        let path = format!("/frameworks/{framework_id}/executors/{executor_id}/runs/latest/{name}");
        let url = Url::parse_with_params(&format!("http://{address}/files/download"), [("path", path)]);
        let url = url.map_err(|error| not_given(error.to_string()))?;
        self.get(url, longest).await.map_err(not_given)
    }

    /// `host:port` of an agent, by the first master that knows it.
    async fn agent(&self, agent_id: &str) -> Result<String, FilesError> {
        let mut why = String::new();
        for master in self.masters.urls() {
            let mut url = master.clone();
            url.set_path(&format!("{}/slaves", url.path().trim_end_matches('/')));
            url.query_pairs_mut().append_pair("slave_id", agent_id);
            match self.get(url, AGENT_LIMIT).await {
                Ok(body) => match address(&body, agent_id) {
                    Some(address) => return Ok(address),
                    None => why = format!("{master} does not know it"),
                },
                Err(error) => why = format!("{master}: {error}"),
            }
        }
        Err(FilesError::NoAgent { agent_id: agent_id.to_owned(), why })
    }

    async fn get(&self, url: Url, longest: usize) -> Result<Vec<u8>, String> {
        let failed = |error: reqwest::Error| error.without_url().to_string();
        let response = self.http.get(url).send().await.map_err(failed)?;
        let status = response.status();
        let body = body(response, longest).await?;
        match status {
            StatusCode::OK => Ok(body),
            _ => Err(format!("{status} {}", String::from_utf8_lossy(&body[..body.len().min(200)]))),
        }
    }
}

async fn body(mut response: Response, longest: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| error.without_url().to_string())? {
        if body.len() + chunk.len() > longest {
            return Err(format!("the answer is longer than {longest} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Where a master's list says that the agent is: behind the `@` of its pid.
fn address(slaves: &[u8], agent_id: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Slaves {
        slaves: Vec<Slave>,
    }
    #[derive(Deserialize)]
    struct Slave {
        id: String,
        pid: String,
    }
    let list: Slaves = serde_json::from_slice(slaves).ok()?;
    let slave = list.slaves.into_iter().find(|slave| slave.id == agent_id)?;
    slave.pid.split_once('@').map(|(_, address)| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_s_address_is_in_its_pid() {
        let body = br#"{"slaves":[{"id":"A-S0","pid":"slave(1)@10.0.0.4:5051","port":5051},{"id":"A-S1","pid":"slave(1)@10.0.0.5:5051"}]}"#;
        assert_eq!(address(body, "A-S1").as_deref(), Some("10.0.0.5:5051"));
        assert_eq!(address(body, "A-S2"), None);
        for odd in [&b"{}"[..], b"nonsense", br#"{"slaves":[{"id":"A-S1","pid":"odd"}]}"#] {
            assert_eq!(address(odd, "A-S1"), None);
        }
    }
}
