//! One HTTP GET, as far as a health check needs it: the status, redirects followed. The body is not read.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, lookup_host},
    time::timeout,
};

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

/// What of an answer matters here.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    location: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    Head(Head),
    /// Its end has not come yet.
    More,
    /// No HTTP.
    Other,
}

/// The head at the front of `bytes`; those of 100 to 199 only announce the next.
fn parse(mut bytes: &[u8]) -> Parsed {
    loop {
        // Enough to tell, before a whole head is waited for.
        let first = &bytes[..bytes.len().min(5)];
        if !b"HTTP/".starts_with(first) {
            return Parsed::Other;
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Parsed::More;
        };
        let head = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).filter(|status| status.len() == 3);
        match status.and_then(|status| status.parse().ok()) {
            None => return Parsed::Other,
            Some(100..200) => bytes = &bytes[end + 4..],
            Some(status) => {
                let named = |line: &str| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("location").then(|| value.trim().to_owned())
                };
                return Parsed::Head(Head { status, location: lines.find_map(named) });
            }
        }
    }
}

/// Where a redirect leads: host with port, and path. `None`: to another scheme, or to no place at all.
fn target(host: &str, path: &str, to: &str) -> Option<(String, String)> {
    let sound = |host: &str, path: &str| {
        let text = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        (text(host) && text(path)).then(|| (host.to_owned(), path.to_owned()))
    };
    let to = to.split('#').next().unwrap_or_default();
    if let Some(rest) = to.strip_prefix("http://") {
        let cut = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(cut);
        let path = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
        let authority = authority.rsplit('@').next().filter(|authority| !authority.is_empty())?;
        let with_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        return match with_port {
            true => sound(authority, &path),
            false => sound(&format!("{authority}:80"), &path),
        };
    }
    if to.starts_with("//") || to.split('/').next()?.contains(':') {
        return None;
    }
    if to.starts_with('/') {
        return sound(host, to);
    }
    let directory = path.split('?').next()?.rsplit_once('/')?.0;
    sound(host, &format!("{directory}/{to}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use proptest::prelude::*;
    use tokio::net::TcpListener;

    use super::*;

    fn head(status: u16, location: Option<&str>) -> Parsed {
        Parsed::Head(Head { status, location: location.map(str::to_owned) })
    }

    #[test]
    fn heads() {
        for (bytes, expect) in [
            ("HTTP/1.1 200 OK\r\n\r\nbody", head(200, None)),
            ("HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\n", head(404, None)),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 x\r\n\r\n", head(204, None)),
            ("HTTP/1.1 302 Found\r\nLOCATION:  /other \r\n\r\n", head(302, Some("/other"))),
            ("HTTP/1.1 200\r\n\r\n", head(200, None)),
            ("HTTP/1.1 20", Parsed::More),
            ("HT", Parsed::More),
            ("", Parsed::More),
            ("HTTP/1.1 2000 x\r\n\r\n", Parsed::Other),
            ("HTTP/1.1\r\n\r\n", Parsed::Other),
            ("SSH-2.0-OpenSSH", Parsed::Other),
        ] {
            assert_eq!(parse(bytes.as_bytes()), expect, "{bytes:?}");
        }
    }

    #[test]
    fn redirects() {
        for (to, expect) in [
            ("/b?c", Some(("h:1", "/b?c"))),
            ("b", Some(("h:1", "/a/b"))),
            ("http://x/b", Some(("x:80", "/b"))),
            ("http://x:8080", Some(("x:8080", "/"))),
            ("http://x?q#f", Some(("x:80", "/?q"))),
            ("http://u:p@[::1]:9/", Some(("[::1]:9", "/"))),
            ("https://x/", None),
            ("ftp:x", None),
            ("//x/", None),
            ("http://", None),
            ("/a b", None),
            ("/a\r\nX: y", None),
        ] {
            let found = target("h:1", "/a/start?x", to);
            let found = found.as_ref().map(|(host, path)| (host.as_str(), path.as_str()));
            assert_eq!(found, expect, "{to:?}");
        }
    }

    proptest! {
        /// Whatever a server sends is read or refused, and a place it redirects to can stand in a request.
        #[test]
        fn bytes_that_nobody_sent(bytes in prop::collection::vec(any::<u8>(), 0..300), text in ".{0,40}") {
            parse(&bytes);
            parse(&[b"HTTP/1.1 200 OK\r\n", &bytes[..]].concat());
            let answer = format!("HTTP/1.1 302 Found\r\nLocation: {text}\r\n\r\n");
            if let Parsed::Head(Head { location: Some(to), .. }) = parse(answer.as_bytes())
                && let Some((host, path)) = target("h:1", "/", &to)
            {
                prop_assert!(!host.contains(char::is_whitespace) && !path.contains(char::is_whitespace));
            }
        }
    }

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
