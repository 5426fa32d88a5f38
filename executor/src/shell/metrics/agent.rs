//! The Jolokia agent in the JVM: how it is let in, and how it is asked.
//!
//! It listens on loopback, where everybody on the machine may knock. So it takes a password that is made for each JVM
//! and stands in a file that only its user may read (an argument would show in `/proc`), and its policy lets nobody do
//! more than read attributes, with or without the password. No discovery: nothing else listens.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use uuid::Uuid;

use super::super::broker::chain;
use crate::{
    command::{METRICS_AGENT_POLICY, METRICS_AGENT_PROPERTIES},
    metrics::kafka::{Answer, LONGEST, answer, request},
};

/// Longest an answer may take. It takes some ten milliseconds, and more while the JVM collects garbage.
const LIMIT: Duration = Duration::from_secs(2);
const USER: &str = "executor";
/// Reading attributes, by POST: all that is ever asked.
const POLICY: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
                      <restrict><commands><command>read</command></commands>\
                      <http><method>post</method></http></restrict>\n";

/// Where one JVM's agent is, and how it knows us.
#[derive(Debug)]
pub(super) struct Access {
    address: SocketAddr,
    authorization: String,
}

/// Writes the agent's files for the next JVM.
///
/// # Errors
/// They cannot be written, or there is no port. The JVM must then start without the agent: it would not start with it.
pub(super) fn admit(sandbox: &Path) -> io::Result<Access> {
    // Free now, and of the range that is for nobody in particular. If it is taken before the JVM gets there, the agent
    // says so and the broker runs without.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let password = Uuid::new_v4().simple().to_string();
    let properties = format!(
        "host={}\nport={}\nuser={USER}\npassword={password}\npolicyLocation=file:{METRICS_AGENT_POLICY}\n\
         discoveryEnabled=false\nhistoryMaxEntries=0\ndebug=false\n",
        address.ip(),
        address.port()
    );
    write(&sandbox.join(METRICS_AGENT_POLICY), POLICY)?;
    write(&sandbox.join(METRICS_AGENT_PROPERTIES), &properties)?;
    let authorization = format!("Basic {}", BASE64_STANDARD.encode(format!("{USER}:{password}")));
    Ok(Access { address, authorization })
}

/// A new file, for its owner alone.
fn write(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

/// Asks for everything.
///
/// # Errors
/// In words, why there is no answer of use in time.
pub(super) async fn ask(access: &Access) -> Result<Answer, String> {
    let asked = timeout(LIMIT, exchange(access)).await;
    let bytes = asked.map_err(|_| format!("the metrics agent did not answer within {LIMIT:?}"))??;
    answer(&bytes).map_err(|error| error.to_string())
}

async fn exchange(access: &Access) -> Result<Bytes, String> {
    let failed =
        |what: &str, error: &dyn std::error::Error| format!("the metrics agent {what}: {}", chain(error));
    let socket = TcpStream::connect(access.address).await.map_err(|error| failed("is not there", &error))?;
    let handshake = http1::Builder::new().max_buf_size(LONGEST).handshake(TokioIo::new(socket));
    let (mut sender, connection) = handshake.await.map_err(|error| failed("hung up", &error))?;
    let request = Request::post("/jolokia/?includeRequest=false")
        .header(header::HOST, access.address.to_string())
        .header(header::AUTHORIZATION, &access.authorization)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close")
        .body(Full::new(Bytes::from_static(request().as_bytes())));
    let request = request.map_err(|error| failed("cannot be asked", &error))?;
    let answer = async move {
        let response = sender.send_request(request).await.map_err(|error| failed("hung up", &error))?;
        if response.status() != StatusCode::OK {
            return Err(format!("the metrics agent answers {}", response.status()));
        }
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        Ok(body.map_err(|error| failed("says too much, or broke off", &*error))?.to_bytes())
    };
    // The connection is what moves the bytes; what goes wrong with it the answer shows.
    let (answer, _ended) = tokio::join!(answer, connection);
    answer
}

#[cfg(test)]
#[path = "agent/tests.rs"]
mod tests;
