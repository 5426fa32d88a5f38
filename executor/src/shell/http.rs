//! One HTTP GET, as far as a health check needs it: the status, redirects followed. The body is not read.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, lookup_host},
    time::timeout,
};

use crate::http::{Head, Parsed, parse, target};

/// Most bytes of an answer's head.
const HEAD: usize = 32 * 1024;
/// Most redirects followed.
const REDIRECTS: usize = 10;

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub(super) enum GetError {
    #[error("{host} can't be reached")]
    Connect { host: String, source: std::io::Error },
    #[error("{host} broke off")]
    Io { host: String, source: std::io::Error },
    #[error("{host} does not answer as HTTP does")]
    NotHttp { host: String },
    #[error("it redirects to {to:?}, which is not http")]
    Redirect { to: String },
    #[error("more than {REDIRECTS} redirects")]
    Redirects,
    #[error("no answer within {} ms", .after.as_millis())]
    Late { after: Duration },
}

/// The status that `path` on `host` (`address:port`) ends in, all within `limit`.
pub(super) async fn status(host: &str, path: &str, limit: Duration) -> Result<u16, GetError> {
    let follow = async {
        let (mut host, mut path) = (host.to_owned(), path.to_owned());
        for _ in 0..=REDIRECTS {
            let head = get(&host, &path).await?;
            match head.location.filter(|_| (300..400).contains(&head.status)) {
                None => return Ok(head.status),
                Some(to) => (host, path) = target(&host, &path, &to).ok_or(GetError::Redirect { to })?,
            }
        }
        Err(GetError::Redirects)
    };
    timeout(limit, follow).await.unwrap_or(Err(GetError::Late { after: limit }))
}

async fn get(host: &str, path: &str) -> Result<Head, GetError> {
    let named = || host.to_owned();
    let connect = |source| GetError::Connect { host: named(), source };
    let addresses: Vec<SocketAddr> = lookup_host(host).await.map_err(connect)?.collect();
    let mut socket = TcpStream::connect(&*addresses).await.map_err(connect)?;
    let io = |source| GetError::Io { host: named(), source };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: kafka-executor\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.map_err(io)?;
    let mut bytes = Vec::new();
    loop {
        match parse(&bytes) {
            Parsed::Head(head) => return Ok(head),
            Parsed::More if bytes.len() < HEAD => {}
            Parsed::More | Parsed::Other => return Err(GetError::NotHttp { host: named() }),
        }
        if socket.read_buf(&mut bytes).await.map_err(io)? == 0 {
            return Err(GetError::NotHttp { host: named() });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use tokio::net::TcpListener;

    use super::*;

    /// Answers each connection with the next of `answers`.
    async fn server(answers: Vec<String>) -> (String, tokio::task::JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let serve = async move {
            for answer in answers {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                let _asked = socket.read(&mut request).await.unwrap();
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
            std::future::pending().await
        };
        (host, tokio::task::JoinSet::from_iter([serve]))
    }

    #[tokio::test]
    async fn a_status_where_redirects_end() {
        let to = |path: &str| format!("HTTP/1.1 301 x\r\nLocation: {path}\r\n\r\n");
        let ok = || "HTTP/1.1 200 OK\r\n\r\n".to_owned();
        let (host, _served) = server(vec![to("/b"), to("c"), ok()]).await;
        let limit = Duration::from_secs(20);
        assert_eq!(status(&host, "/a", limit).await.unwrap(), 200);
        let (host, _served) = server(vec![to("/a"); REDIRECTS + 1]).await;
        let error = status(&host, "/a", limit).await.unwrap_err();
        assert!(matches!(error, GetError::Redirects), "{error}");
        let (host, _served) = server(vec![to("https://x/")]).await;
        let error = status(&host, "/a", limit).await.unwrap_err();
        assert_eq!(error.to_string(), "it redirects to \"https://x/\", which is not http");
    }

    #[tokio::test]
    async fn no_status() {
        let limit = Duration::from_secs(20);
        let (host, _served) = server(vec!["220 ready\r\n".to_owned()]).await;
        assert!(matches!(status(&host, "/", limit).await, Err(GetError::NotHttp { .. })));
        let (host, _served) = server(vec![format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(2 * HEAD))]).await;
        assert!(matches!(status(&host, "/", limit).await, Err(GetError::NotHttp { .. })));
        let (host, _served) = server(vec![]).await;
        let error = status(&host, "/", Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(error.to_string(), "no answer within 50 ms");
        assert!(matches!(status("127.0.0.1:1", "/", limit).await, Err(GetError::Connect { .. })));
    }
}
