//! Answers of an HTTP server, as far as a health check needs them: status, and where a redirect leads. Pure.

/// What of an answer matters here.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// Three digits.
    pub status: u16,
    /// Where it leads, as it is written.
    pub location: Option<String>,
}

/// What the beginning of an answer is.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A whole head.
    Head(Head),
    /// Its end has not come yet.
    More,
    /// No HTTP.
    Other,
}

/// The head at the front of `bytes`; those of 100 to 199 only announce the next.
pub fn parse(mut bytes: &[u8]) -> Parsed {
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
pub fn target(host: &str, path: &str, to: &str) -> Option<(String, String)> {
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

/// Entry point for a fuzzer: whatever the bytes, reading ends, and a place that is redirected to can stand in a request.
///
/// # Panics
/// When that does not hold.
pub fn fuzz(bytes: &[u8]) {
    let redirect = [b"HTTP/1.1 302 Found\r\nLocation: ", bytes, b"\r\n\r\n"].concat();
    for answer in [bytes, &redirect] {
        if let Parsed::Head(Head { status, location }) = parse(answer) {
            assert!((200..1000).contains(&status) || status < 100, "{status}");
            let place = location.and_then(|to| target("h:1", "/a/b", &to));
            let sound = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
            assert!(place.is_none_or(|(host, path)| sound(&host) && sound(&path) && path.starts_with('/')));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        #[test]
        fn bytes_that_nobody_sent(bytes in prop::collection::vec(any::<u8>(), 0..300), text in ".{0,40}") {
            fuzz(&bytes);
            fuzz(&[b"HTTP/1.1 200 OK\r\n", &bytes[..]].concat());
            fuzz(text.as_bytes());
        }
    }
}
